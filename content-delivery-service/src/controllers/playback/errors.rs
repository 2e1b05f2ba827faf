//! From each error of opening a stream to status and stable code.

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
            E::Failed(failure) => failure.into(),
        }
    }
}
