//! From each error of a course to status and stable code.

use crate::services::error::CourseError as E;
use http::StatusCode as S;
use runtime::Problem;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        match error {
            E::Denied(denied) => denied.into(),
            E::Invalid(fields) => fields
                .into_iter()
                .fold(Self::invalid(), |problem, (field, why)| problem.field(field, why)),
            E::NoModule => Self::new(S::NOT_FOUND, "module_not_found", detail),
            E::NoItem => Self::new(S::NOT_FOUND, "item_not_found", detail),
            E::NoLecture => Self::new(S::NOT_FOUND, "video_not_found", detail),
            E::Stale => Self::new(S::PRECONDITION_FAILED, "stale", detail),
            E::NoPrecondition => Self::new(S::PRECONDITION_REQUIRED, "precondition_required", detail),
            E::Incomplete(missing) => {
                let problem = Self::new(S::CONFLICT, "course_incomplete", detail);
                missing
                    .into_iter()
                    .fold(problem, |problem, (field, why)| problem.field(field, why))
            }
            E::NoDraft => Self::new(S::CONFLICT, "not_a_draft", detail),
            E::NoCode => Self::new(S::CONFLICT, "no_code", detail),
            E::TooMany(..) => Self::new(S::CONFLICT, "too_many", detail),
            E::KeyReused => Self::new(S::UNPROCESSABLE_ENTITY, "idempotency_mismatch", detail),
            E::Failed(failure) => failure.into(),
        }
    }
}
