//! Errors of live lectures as status and stable code.

use crate::services::error::LiveError;
use backing::DbError;
use contracts::questions::live::Refused;
use http::StatusCode as S;
use http::header::WWW_AUTHENTICATE;
use runtime::Problem;

impl From<LiveError> for Problem {
    fn from(error: LiveError) -> Self {
        let problem = |status, code| Self::new(status, code, error.to_string());
        match &error {
            LiveError::Refused(refused) => of_refusal(*refused),
            LiveError::Stale => problem(S::PRECONDITION_FAILED, "stale"),
            LiveError::Begun => problem(S::CONFLICT, "live_begun"),
            LiveError::KeyReused => problem(S::UNPROCESSABLE_ENTITY, "idempotency_mismatch"),
            LiveError::Database(DbError::Full) => problem(S::INSUFFICIENT_STORAGE, "storage_full"),
            LiveError::Database(DbError::Unavailable(_)) | LiveError::Unanswered(_) => {
                tracing::warn!(%error, "a request about a live lecture has to be repeated");
                let detail = "something that this needs does not answer; try again";
                Self::new(S::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1)
            }
            LiveError::Database(_) => {
                tracing::error!(%error, "a request about a live lecture failed");
                Self::internal()
            }
        }
    }
}

fn of_refusal(refused: Refused) -> Problem {
    let problem = |status, code| Problem::new(status, code, refused.to_string());
    match refused {
        Refused::Unauthenticated => {
            problem(S::UNAUTHORIZED, "unauthenticated").header(WWW_AUTHENTICATE, "Bearer realm=\"moocflix\"")
        }
        Refused::NotFound => problem(S::NOT_FOUND, "video_not_found"),
        Refused::NotEntitled => problem(S::FORBIDDEN, "not_entitled"),
        Refused::Deleted => problem(S::GONE, "video_deleted"),
        Refused::Ended => problem(S::CONFLICT, "live_ended"),
        Refused::NotLive => problem(S::CONFLICT, "not_live"),
        Refused::TooManySessions | Refused::Crowded => problem(S::TOO_MANY_REQUESTS, "too_many_sessions"),
        Refused::QuotaExceeded => problem(S::FORBIDDEN, "quota_exceeded"),
        Refused::StorageFull => problem(S::INSUFFICIENT_STORAGE, "storage_full"),
        Refused::Full => problem(S::SERVICE_UNAVAILABLE, "webrtc_full"),
    }
}
