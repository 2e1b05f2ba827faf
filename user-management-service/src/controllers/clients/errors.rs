//! From each error of a client to status and stable code.

use crate::controllers::errors::unauthorized;
use crate::services::error::ClientError as E;
use http::StatusCode as S;
use runtime::Problem;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        match error {
            E::Invalid(fields) => fields
                .into_iter()
                .fold(Self::invalid(), |problem, (field, why)| problem.field(field, why)),
            E::ReauthenticationRequired => unauthorized("reauthentication_required", detail),
            E::NotFound => Self::new(S::NOT_FOUND, "client_not_found", detail),
            E::InvalidClient => unauthorized("invalid_client", detail),
            E::InvalidScope => Self::new(S::BAD_REQUEST, "invalid_scope", detail),
            E::Failed(failure) => failure.into(),
        }
    }
}
