//! Why a request has no principal.

use crate::Problem;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

/// Why a request has no principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no bearer.
    #[error("this needs an access token, sent as `Authorization: Bearer …`")]
    Missing,
    /// There is more than one `Authorization` header.
    #[error("there is more than one Authorization header")]
    Ambiguous,
    /// No known issuer made the token, or it is not in order.
    #[error("the access token is not valid")]
    Invalid,
    /// The token was valid until its time ran out.
    #[error("the access token has expired")]
    Expired,
    /// The sign-in has ended, or the account has changed since.
    #[error("the sign-in of this access token has ended")]
    Revoked,
    /// The account of the token can't be looked up at the moment.
    #[error("the account of this access token can't be looked up at the moment; try again")]
    Unavailable,
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let challenge = match error {
            AuthError::Ambiguous => {
                return Self::new(StatusCode::BAD_REQUEST, "ambiguous_credentials", error.to_string());
            }
            AuthError::Unavailable => {
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", error.to_string());
                return problem.retry_after(5);
            }
            AuthError::Missing => "Bearer realm=\"moocflix\"".to_owned(),
            AuthError::Invalid | AuthError::Expired | AuthError::Revoked => {
                format!("Bearer realm=\"moocflix\", error=\"invalid_token\", error_description=\"{error}\"")
            }
        };
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", error.to_string()).header(WWW_AUTHENTICATE, challenge)
    }
}
