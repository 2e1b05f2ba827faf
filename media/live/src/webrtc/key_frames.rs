//! When to ask for a key frame: at most twice a second, and again until one comes.

use std::time::{Duration, Instant};

/// The shortest time between two requests for a key frame of one layer.
const EVERY: Duration = Duration::from_millis(500);

/// The requests for key frames of one layer.
#[derive(Debug, Default)]
pub(super) struct KeyFrames {
    wanted: bool,
    asked: Option<Instant>,
}

impl KeyFrames {
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// Notes that one has come.
    pub(super) fn came(&mut self) {
        self.wanted = false;
    }

    /// Whether to ask now; the answer "yes" counts as a request.
    pub(super) fn ask(&mut self, now: Instant) -> bool {
        let due = self.wanted && self.asked.is_none_or(|asked| now.duration_since(asked) >= EVERY);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// When to ask again, unless a key frame comes before.
    pub(super) fn due(&self) -> Option<Instant> {
        self.asked.filter(|_| self.wanted).map(|asked| asked + EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_half_a_second_apart_and_end_with_a_key_frame() {
        let (mut requests, begin) = (KeyFrames::default(), Instant::now());
        assert!(!requests.ask(begin), "nobody wants one");
        requests.want();
        assert!(requests.ask(begin));
        requests.want();
        assert!(!requests.ask(begin + Duration::from_millis(499)));
        assert_eq!(requests.due(), Some(begin + EVERY));
        assert!(requests.ask(begin + EVERY));
        requests.came();
        assert!(!requests.ask(begin + Duration::from_secs(5)));
        assert_eq!(requests.due(), None);
    }
}
