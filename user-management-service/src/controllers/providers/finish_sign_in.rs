//! `GET /providers/{name}/callback`

use super::errors::explanation;
use crate::controllers::sessions::cookie;
use crate::controllers::state::Api;
use crate::services::error::ProviderError;
use crate::services::provider_service::Answer;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::{Problem, ProblemDocument, Query};

/// The address of this route, by the platform's and the provider's name.
pub(crate) fn address(platform: &str, provider: &str) -> String {
    format!(
        "{}/api/v1/users/providers/{provider}/callback",
        platform.trim_end_matches('/')
    )
}

/// Where a provider sends the browser back to. It goes on to the page: signed in, or with the reason why not in the query
/// (`sign_in_problem`, `provider`).
#[utoipa::path(
    get, path = "/providers/{name}/callback", operation_id = "finishSignIn", tag = "users",
    params(
        ("name" = String, Path, description = "The provider's name."),
        ("code" = Option<String>, Query, description = "What the provider gives tokens for."),
        ("state" = Option<String>, Query, description = "What the sign-in was begun with."),
        ("iss" = Option<String>, Query, description = "The provider's issuer."),
        ("error" = Option<String>, Query, description = "Why the provider signs nobody in."),
    ),
    responses(
        (status = 303, description = "To the page (`Location`)."),
        (status = 404, description = "`provider_not_found`", body = ProblemDocument),
    )
)]
pub(crate) async fn finish_sign_in(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(answer): Query<Answer>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let address = &api.public_address;
    let kept = cookie::read_begun(address, &headers);
    let (wish, result) = api.providers.finish(&name, answer, kept).await;
    let wish = wish.unwrap_or_default();
    let (location, token) = match result {
        Ok(signed_in) => {
            let token = cookie::keep(address, &signed_in.refresh_token.text(), signed_in.refresh_life);
            (wish.return_to.unwrap_or_else(|| "/".to_owned()), token)
        }
        Err(error @ ProviderError::NotFound) => return Err(error.into()),
        Err(error) => {
            tracing::info!(provider = name, %error, "a provider signed nobody in");
            (explanation(&name, &error, &wish), None)
        }
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(
        LOCATION,
        HeaderValue::try_from(location).map_err(|_| Problem::internal())?,
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address of this answer holds the code.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in [token, cookie::clear_begun(address)].into_iter().flatten() {
        headers.append(SET_COOKIE, cookie);
    }
    Ok(response)
}
