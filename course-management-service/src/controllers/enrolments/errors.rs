//! From each error of a membership to status and stable code.

use crate::services::error::EnrolmentError as E;
use http::StatusCode as S;
use runtime::Problem;
use std::time::Duration;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        match error {
            E::Denied(denied) => denied.into(),
            E::BadField(field, why) => Self::invalid().field(field, why),
            E::NoMember => Self::new(S::NOT_FOUND, "user_not_found", detail),
            E::NoAccount => Self::new(S::NOT_FOUND, "no_account", detail),
            E::CodeRequired => Self::new(S::FORBIDDEN, "code_required", detail),
            E::WrongCode => Self::new(S::FORBIDDEN, "wrong_code", detail),
            E::Closed => Self::new(S::FORBIDDEN, "enrolment_closed", detail),
            E::Removed => Self::new(S::FORBIDDEN, "removed_from_course", detail),
            E::Ended => Self::new(S::CONFLICT, "course_ended", detail),
            E::Stale => Self::new(S::PRECONDITION_FAILED, "stale", detail),
            E::OwnerStays => Self::new(S::CONFLICT, "owner_stays", detail),
            E::TooManyOwned(_) => Self::new(S::CONFLICT, "too_many", detail),
            E::TooManyTries(wait) | E::TooManyChanges(wait) => {
                Self::new(S::TOO_MANY_REQUESTS, "rate_limited", detail).retry_after(whole_seconds(wait))
            }
            E::TooManyLines(_, wait) => {
                Self::new(S::TOO_MANY_REQUESTS, "too_many_enrolments", detail).retry_after(whole_seconds(wait))
            }
            E::Failed(failure) => failure.into(),
        }
    }
}

/// Rounded up, so that a client that waits this long is not early.
fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
