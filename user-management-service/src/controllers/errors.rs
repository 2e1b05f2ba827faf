//! What any request can meet, as status and stable code; the tables of the subjects are in their folders.

use crate::services::error::Failure;
use http::StatusCode as S;
use http::header::WWW_AUTHENTICATE;
use runtime::Problem;
use std::time::Duration;

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        let problem = |status, code| Self::new(status, code, detail.clone());
        match failure {
            Failure::Limited(wait) => problem(S::TOO_MANY_REQUESTS, "rate_limited").retry_after(whole_seconds(wait)),
            Failure::Busy => problem(S::SERVICE_UNAVAILABLE, "busy").retry_after(1),
            Failure::NotStored => problem(S::SERVICE_UNAVAILABLE, "unavailable").retry_after(5),
            Failure::StorageFull => problem(S::INSUFFICIENT_STORAGE, "storage_full"),
            Failure::Unavailable(_) => {
                tracing::error!(error = %failure, "the database of accounts does not answer");
                let detail = "the database does not answer; try again";
                Self::new(S::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(5)
            }
            Failure::Internal(_) => {
                tracing::error!(error = %failure, "a request about an account failed");
                Self::internal()
            }
        }
    }
}

/// 401 with the challenge that HTTP demands.
pub(super) fn unauthorized(code: &'static str, detail: String) -> Problem {
    Problem::new(S::UNAUTHORIZED, code, detail).header(WWW_AUTHENTICATE, "Bearer realm=\"moocflix\"")
}

/// Rounded up, so that a client that waits this long is not early.
pub(super) fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
