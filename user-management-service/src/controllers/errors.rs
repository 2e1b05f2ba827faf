//! One table from what went wrong to status and stable code.

use crate::services::error::UserError;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use runtime::Problem;
use std::time::Duration;

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        let (status, code) = match &error {
            UserError::Invalid(fields) => {
                return fields
                    .iter()
                    .fold(Self::invalid(), |problem, (field, why)| problem.field(*field, *why));
            }
            UserError::InvalidCredentials => (StatusCode::UNAUTHORIZED, "invalid_credentials"),
            UserError::Deactivated => (StatusCode::FORBIDDEN, "account_deactivated"),
            UserError::ReauthenticationRequired => (StatusCode::UNAUTHORIZED, "reauthentication_required"),
            UserError::EmailTaken => (StatusCode::CONFLICT, "email_taken"),
            UserError::NotFound => (StatusCode::NOT_FOUND, "user_not_found"),
            UserError::Gone => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            UserError::Stale => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
            UserError::LastAdmin => (StatusCode::CONFLICT, "last_admin"),
            UserError::Limited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            UserError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            UserError::InvalidGrant => (StatusCode::BAD_REQUEST, "invalid_grant"),
            UserError::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "storage_full"),
            UserError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            UserError::Internal(_) => {
                tracing::error!(%error, "a request about an account failed");
                return Self::internal();
            }
        };
        let detail = match &error {
            UserError::Unavailable(_) => {
                tracing::error!(%error, "the database of accounts is away");
                "the database does not answer; try again".to_owned()
            }
            told => told.to_string(),
        };
        let problem = Self::new(status, code, detail);
        match error {
            UserError::Limited(wait) => problem.retry_after(whole_seconds(wait)),
            UserError::Busy => problem.retry_after(2),
            UserError::Unavailable(_) => problem.retry_after(5),
            _ if status == StatusCode::UNAUTHORIZED => problem.header(WWW_AUTHENTICATE, "Bearer realm=\"moocflix\""),
            _ => problem,
        }
    }
}

/// Rounded up: who waits exactly so long is let in.
pub(crate) fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
