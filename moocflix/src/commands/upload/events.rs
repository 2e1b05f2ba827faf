//! Reads server-sent events as they arrive.
//!
//! Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use anyhow::{Result, ensure};

/// The limit of one event's length.
const LONGEST: usize = 1_024 * 1_024;

/// The incomplete rest of an event stream.
#[derive(Debug, Default)]
pub(super) struct Events {
    bytes: Vec<u8>,
}

impl Events {
    /// Takes bytes as they arrive and returns the data of the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>> {
        self.bytes.extend(bytes.iter().copied().filter(|byte| *byte != b'\r'));
        let mut whole = Vec::new();
        while let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.bytes.drain(..end + 2).collect();
            whole.extend(data(&String::from_utf8_lossy(&event)));
        }
        ensure!(self.bytes.len() <= LONGEST, "the server sent an endless event");
        Ok(whole)
    }
}

/// The lines of data; `None` for a comment.
fn data(event: &str) -> Option<String> {
    let lines: Vec<&str> = event
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_from_pieces_and_comments_left_out() {
        let stream =
            "event: video\ndata: {\"ä\":1}\n\n: still here\n\nevent: video\r\ndata:a\r\ndata: b\r\n\r\ndata: half";
        for length in 1..stream.len() {
            let mut events = Events::default();
            let data: Vec<String> = stream
                .as_bytes()
                .chunks(length)
                .flat_map(|part| events.push(part).expect("short events"))
                .collect();
            assert_eq!(data, ["{\"ä\":1}", "a\nb"], "in pieces of {length}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_not_kept() {
        let mut events = Events::default();
        let part = vec![b'x'; LONGEST / 2];
        assert!(events.push(&part).is_ok() && events.push(&part).is_ok());
        assert!(events.push(&part).is_err());
    }
}
