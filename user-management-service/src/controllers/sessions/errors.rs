//! From each error of a sign-in to status and stable code, and to the codes of OAuth 2.0's token endpoint.

use crate::controllers::errors::{unauthorized, whole_seconds};
use crate::controllers::sessions::documents::TokenError;
use crate::services::error::{ClientError, Failure, SessionError as E};
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

impl From<ClientError> for TokenError {
    fn from(error: ClientError) -> Self {
        let detail = error.to_string();
        match error {
            ClientError::InvalidClient => Self::invalid_client(&detail),
            ClientError::InvalidScope => Self::new("invalid_scope", &detail),
            ClientError::Failed(failure) => failure.into(),
            ClientError::Invalid(_) | ClientError::NotFound | ClientError::ReauthenticationRequired => {
                Self::new("invalid_request", &detail)
            }
        }
    }
}

impl From<Failure> for TokenError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Limited(wait) => Self::limited(whole_seconds(wait)),
            Failure::StorageFull => Self::storage_full(),
            Failure::NotStored => Self::unavailable(5),
            failure => {
                tracing::error!(error = %failure, "a request for a token failed");
                Self::unavailable(5)
            }
        }
    }
}

impl From<E> for TokenError {
    fn from(error: E) -> Self {
        match error {
            E::InvalidGrant | E::InvalidCredentials | E::Deactivated => {
                Self::new("invalid_grant", &E::InvalidGrant.to_string())
            }
            E::Failed(failure) => failure.into(),
        }
    }
}
