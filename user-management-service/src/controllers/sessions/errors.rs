//! From each error of a sign-in to status and stable code, and to the codes of OAuth 2.0's token endpoint.

use crate::controllers::errors::{unauthorized, whole_seconds};
use crate::controllers::sessions::documents::TokenError;
use crate::services::error::{Failure, SessionError as E};
use http::StatusCode as S;
use runtime::Problem;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        match error {
            E::InvalidCredentials => unauthorized("invalid_credentials", detail),
            E::Deactivated => Self::new(S::FORBIDDEN, "account_deactivated", detail),
            E::InvalidGrant => Self::new(S::BAD_REQUEST, "invalid_grant", detail),
            E::Failed(failure) => failure.into(),
        }
    }
}

impl From<E> for TokenError {
    fn from(error: E) -> Self {
        match error {
            E::InvalidGrant | E::InvalidCredentials | E::Deactivated => {
                Self::new("invalid_grant", &E::InvalidGrant.to_string())
            }
            E::Failed(Failure::Limited(wait)) => Self::limited(whole_seconds(wait)),
            E::Failed(Failure::StorageFull) => Self::storage_full(),
            E::Failed(Failure::NotStored) => Self::unavailable(5),
            E::Failed(failure) => {
                tracing::error!(error = %failure, "a refresh failed");
                Self::unavailable(5)
            }
        }
    }
}
