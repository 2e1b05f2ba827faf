//! `GET /providers/{name}/sign-in`

use super::errors::explanation;
use crate::controllers::sessions::cookie;
use crate::controllers::state::Api;
use crate::models::sessions::return_path::is_ours;
use crate::services::provider_service::{PATIENCE, Wish};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::{Problem, ProblemDocument, Query};
use serde::Deserialize;
use utoipa::IntoParams;

/// What the person wants.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Where to go then, a path of the page; `/` without one.
    return_to: Option<String>,
    /// Restores a deactivated account.
    #[serde(default)]
    reactivate: bool,
    /// Lets the provider ask for the password again, for what needs a sign-in of the last 10 minutes.
    #[serde(default)]
    fresh: bool,
}

/// Sends the browser to a provider, which sends it back to the page. If that is not possible, a browser goes back to the page
/// with the reason in the query (`sign_in_problem`, `provider`), and a program gets a problem document.
#[utoipa::path(
    get, path = "/providers/{name}/sign-in", operation_id = "beginSignIn", tag = "users",
    params(("name" = String, Path, description = "The provider's name."), Parameters),
    responses(
        (status = 303, description = "To the provider, or back to the page (`Location`)."),
        (status = 404, description = "`provider_not_found`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 502, description = "`provider_failed`", body = ProblemDocument),
        (status = 503, description = "`provider_unavailable`", body = ProblemDocument),
    )
)]
pub(crate) async fn begin_sign_in(
    State(api): State<Api>,
    Path(name): Path<String>,
    Query(given): Query<Parameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wish = Wish {
        return_to: given.return_to,
        reactivate: given.reactivate,
        fresh: given.fresh,
    };
    let (location, kept) = match api.providers.begin(&name, wish.clone()).await {
        Ok((url, kept)) => (url.to_string(), Some(kept)),
        Err(error) if is_a_browser(&headers) => {
            // An address that is not the page's goes no further.
            let wish = Wish {
                return_to: wish.return_to.filter(|path| is_ours(path)),
                ..wish
            };
            (explanation(&name, &error, &wish), None)
        }
        Err(error) => return Err(error.into()),
    };
    let location = HeaderValue::try_from(location).map_err(|_| Problem::internal())?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let cookie = kept.and_then(|kept| cookie::keep_begun(&api.public_address, &kept, PATIENCE));
    if let Some(cookie) = cookie {
        headers.append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Whether somebody sees the answer: browsers ask for a page by name when they follow a link.
fn is_a_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|kinds| kinds.to_str().ok());
    accepted.is_some_and(|kinds| kinds.contains("text/html"))
}
