//! A lecture as the command reads it from the server.

use serde::Deserialize;

/// What is read of a lecture.
#[derive(Debug, Deserialize)]
pub(super) struct Lecture {
    pub(super) status: String,
    #[serde(default)]
    pub(super) reason: Option<Reason>,
    #[serde(default)]
    pub(super) progress: f64,
    #[serde(default)]
    pub(super) time_left: Option<u64>,
    #[serde(default)]
    pub(super) renditions: Vec<Rendition>,
}

/// What is read of a rendition.
#[derive(Debug, Deserialize)]
pub(super) struct Rendition {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) progress: f64,
}

/// Why it failed.
#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    pub(super) code: String,
    pub(super) message: String,
}

impl Lecture {
    /// Whether it won't become ready: everything that is missing has failed.
    pub(super) fn is_stuck(&self) -> bool {
        let settled = |one: &Rendition| matches!(one.state.as_str(), "ready" | "failed");
        self.renditions.iter().all(settled) && self.renditions.iter().any(|one| one.state == "failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lecture(states: &[&str]) -> Lecture {
        Lecture {
            status: "playable".to_owned(),
            reason: None,
            progress: 0.5,
            time_left: None,
            renditions: states
                .iter()
                .map(|state| Rendition {
                    name: "240p".to_owned(),
                    state: (*state).to_owned(),
                    progress: 0.5,
                })
                .collect(),
        }
    }

    #[test]
    fn a_lecture_of_which_the_rest_has_failed_is_not_waited_for() {
        assert!(lecture(&["ready", "failed"]).is_stuck());
        assert!(!lecture(&["encoding", "failed"]).is_stuck());
        assert!(!lecture(&["ready", "waiting"]).is_stuck());
        assert!(!lecture(&[]).is_stuck());
    }
}
