//! From each error of an account to status and stable code.

use crate::controllers::errors::unauthorized;
use crate::services::error::AccountError as E;
use http::StatusCode as S;
use runtime::Problem;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        match error {
            E::Invalid(fields) => fields
                .into_iter()
                .fold(Self::invalid(), |problem, (field, why)| problem.field(field, why)),
            E::InvalidCredentials => unauthorized("invalid_credentials", detail),
            E::ReauthenticationRequired => unauthorized("reauthentication_required", detail),
            E::Gone => unauthorized("unauthenticated", detail),
            E::EmailTaken => Self::new(S::CONFLICT, "email_taken", detail),
            E::NotFound => Self::new(S::NOT_FOUND, "user_not_found", detail),
            E::Stale => Self::new(S::PRECONDITION_FAILED, "stale", detail),
            E::NoPassword => Self::new(S::CONFLICT, "no_password", detail),
            E::LastAdmin => Self::new(S::CONFLICT, "last_admin", detail),
            E::Failed(failure) => failure.into(),
        }
    }
}
