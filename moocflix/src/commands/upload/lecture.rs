//! A lecture as the command reads it from the server.

use serde::Deserialize;

/// The fields of a lecture that the command reads.
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
    pub(super) renditions: Vec<RenditionState>,
}

/// The fields of a rendition that the command reads.
#[derive(Debug, Deserialize)]
pub(super) struct RenditionState {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) progress: f64,
}

/// Why a lecture or a rendition failed.
#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    pub(super) code: String,
    pub(super) message: String,
}

impl Lecture {
    /// Whether the lecture won't become ready: every missing rendition has failed.
    pub(super) fn is_stuck(&self) -> bool {
        let settled = |one: &RenditionState| matches!(one.state.as_str(), "ready" | "failed");
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
                .map(|state| RenditionState {
                    name: "240p".to_owned(),
                    state: (*state).to_owned(),
                    progress: 0.5,
                })
                .collect(),
        }
    }

    #[test]
    fn a_lecture_whose_missing_renditions_failed_is_stuck() {
        assert!(lecture(&["ready", "failed"]).is_stuck());
        assert!(!lecture(&["encoding", "failed"]).is_stuck());
        assert!(!lecture(&["ready", "waiting"]).is_stuck());
        assert!(!lecture(&[]).is_stuck());
    }
}
