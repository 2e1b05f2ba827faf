//! `GET /providers/{name}/sign-in`

use crate::controllers::sessions::cookie;
use crate::controllers::state::Api;
use crate::services::provider_service::{PATIENCE, Wish};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderValue, StatusCode};
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

/// Sends the browser to a provider, which sends it back to the page.
#[utoipa::path(
    get, path = "/providers/{name}/sign-in", operation_id = "beginSignIn", tag = "users",
    params(("name" = String, Path, description = "The provider's name."), Parameters),
    responses(
        (status = 303, description = "To the provider (`Location`)."),
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
) -> Result<Response, Problem> {
    let wish = Wish {
        return_to: given.return_to,
        reactivate: given.reactivate,
        fresh: given.fresh,
    };
    let (url, kept) = api.providers.begin(&name, wish).await?;
    let location = HeaderValue::try_from(url.as_str()).map_err(|_| Problem::internal())?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie::keep_begun(&api.public_address, &kept, PATIENCE) {
        headers.append(SET_COOKIE, cookie);
    }
    Ok(response)
}
