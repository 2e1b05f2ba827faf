//! What any request can meet, as status and stable code; the tables of the subjects are in their folders.

use crate::services::error::{Denied, Failure};
use http::StatusCode as S;
use http::header::WWW_AUTHENTICATE;
use runtime::Problem;
use std::error::Error;

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let problem = |status, code| Self::new(status, code, denied.to_string());
        match denied {
            Denied::NotFound => problem(S::NOT_FOUND, "video_not_found"),
            Denied::NotEntitled => problem(S::FORBIDDEN, "not_entitled"),
            Denied::Deleted => problem(S::GONE, "video_deleted"),
            Denied::Unauthenticated | Denied::NoKey | Denied::KeySpent => {
                problem(S::UNAUTHORIZED, "unauthenticated").header(WWW_AUTHENTICATE, "Bearer realm=\"moocflix\"")
            }
            Denied::AdminRequired => problem(S::FORBIDDEN, "admin_required"),
            Denied::InstructorRequired => problem(S::FORBIDDEN, "instructor_required"),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let problem = |status, code| Self::new(status, code, failure.to_string());
        match &failure {
            Failure::StorageFull => problem(S::INSUFFICIENT_STORAGE, "storage_full"),
            Failure::Unanswered(_) => {
                tracing::warn!(error = %failure, "a request about a lecture has to be repeated");
                let detail = "something that this needs does not answer; try again";
                Self::new(S::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1)
            }
            Failure::Unavailable(_) => problem(S::SERVICE_UNAVAILABLE, "unavailable").retry_after(1),
            Failure::Database(_) | Failure::Store(_) | Failure::Internal(_) => {
                tracing::error!(error = %with_causes(&failure), "a request failed");
                Self::internal()
            }
        }
    }
}

/// An error with its causes, for the log.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
