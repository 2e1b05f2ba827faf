//! From each error of a sign-in with a provider to status and stable code, and to what the page is told.

use crate::services::error::{Failure, ProviderError as E};
use crate::services::provider_service::Wish;
use http::StatusCode as S;
use runtime::Problem;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let (code, detail) = (code(&error), error.to_string());
        match error {
            E::NotFound => Self::new(S::NOT_FOUND, code, detail),
            E::Elsewhere => Self::invalid().field("return_to", "must be a path of the page"),
            E::Cancelled | E::Expired | E::Deactivated => Self::new(S::FORBIDDEN, code, detail),
            E::Unavailable(_) => Self::new(S::SERVICE_UNAVAILABLE, code, "the provider does not answer").retry_after(5),
            E::Wrong(_) => Self::new(S::BAD_GATEWAY, code, detail),
            E::Failed(failure) => failure.into(),
        }
    }
}

/// The code by which the page explains to a person why they are not signed in.
const fn code(error: &E) -> &'static str {
    match error {
        E::NotFound => "provider_not_found",
        E::Elsewhere => "invalid_request",
        E::Cancelled => "sign_in_cancelled",
        E::Expired => "sign_in_expired",
        E::Unavailable(_) => "provider_unavailable",
        E::Wrong(_) => "provider_failed",
        E::Deactivated => "account_deactivated",
        E::Failed(Failure::StorageFull) => "storage_full",
        E::Failed(_) => "unavailable",
    }
}

/// The page's address with the reason in its query.
pub(super) fn explanation(provider: &str, error: &E, wish: &Wish) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("sign_in_problem", code(error))
        .append_pair("provider", provider);
    if let Some(path) = &wish.return_to {
        query.append_pair("return_to", path);
    }
    format!("/?{}", query.finish())
}
