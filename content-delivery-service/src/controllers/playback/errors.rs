//! From each error of opening a stream to status and stable code.

use super::documents::LiveSessionDocument;
use crate::services::error::PlaybackError as E;
use http::StatusCode as S;
use runtime::Problem;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        match error {
            E::Denied(denied) => denied.into(),
            E::NotPlayable { retry_after } => Self::new(S::CONFLICT, "not_playable", detail).retry_after(retry_after),
            E::VideoFailed(_) => Self::new(S::CONFLICT, "video_failed", detail),
            E::TooManySessions(live) => {
                let live: Vec<_> = live.into_iter().map(LiveSessionDocument::from).collect();
                let sessions = serde_json::to_value(live).unwrap_or_default();
                Self::new(S::TOO_MANY_REQUESTS, "too_many_sessions", detail).member("sessions", sessions)
            }
            // The sessions are other people's.
            E::Crowded => Self::new(S::TOO_MANY_REQUESTS, "too_many_sessions", detail)
                .member("sessions", serde_json::Value::Array(Vec::new()))
                .retry_after(10),
            E::Failed(failure) => failure.into(),
        }
    }
}
