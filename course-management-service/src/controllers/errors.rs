//! What any request can meet, as status and stable code; the tables of the subjects are in their folders.

use crate::services::error::{Denied, Failure};
use contracts::CourseRole;
use http::StatusCode as S;
use http::header::WWW_AUTHENTICATE;
use runtime::Problem;
use std::error::Error;

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let problem = |status, code| Self::new(status, code, denied.to_string());
        match denied {
            Denied::NotFound => problem(S::NOT_FOUND, "course_not_found"),
            Denied::Unauthenticated => {
                problem(S::UNAUTHORIZED, "unauthenticated").header(WWW_AUTHENTICATE, "Bearer realm=\"moocflix\"")
            }
            Denied::RoleRequired(CourseRole::Learner) => problem(S::FORBIDDEN, "learner_required"),
            Denied::RoleRequired(CourseRole::Assistant) => problem(S::FORBIDDEN, "assistant_required"),
            Denied::RoleRequired(CourseRole::Editor) => problem(S::FORBIDDEN, "editor_required"),
            Denied::RoleRequired(CourseRole::Owner) => problem(S::FORBIDDEN, "owner_required"),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match &failure {
            Failure::StorageFull => Self::new(S::INSUFFICIENT_STORAGE, "storage_full", failure.to_string()),
            Failure::Unavailable(_) => {
                tracing::warn!(error = %failure, "a request about a course has to be repeated");
                let detail = "something that this needs does not answer; try again";
                Self::new(S::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1)
            }
            Failure::Database(_) | Failure::Internal(_) => {
                let cause = failure.source().map(ToString::to_string).unwrap_or_default();
                tracing::error!(error = %failure, cause, "a request about a course failed");
                Self::internal()
            }
        }
    }
}
