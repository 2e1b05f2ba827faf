//! From each error of a lecture to status and stable code.

use crate::services::error::VideoError as E;
use http::StatusCode as S;
use runtime::Problem;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        match error {
            E::Denied(denied) => denied.into(),
            E::NotUploaded => Self::new(S::CONFLICT, "not_uploaded", detail),
            E::UnknownRenditions(places) => places.into_iter().fold(Self::invalid(), |problem, place| {
                problem.field(format!("renditions[{place}]"), "is not a rendition of this lecture")
            }),
            E::TooManyStreams => Self::new(S::TOO_MANY_REQUESTS, "too_many_event_streams", detail).retry_after(5),
            E::Stale => Self::new(S::PRECONDITION_FAILED, "stale", detail),
            E::BadField(field, message) => Self::invalid().field(field, message),
            E::Failed(failure) => failure.into(),
        }
    }
}
