//! `GET /`

use super::documents;
use crate::controllers::state::Api;
use crate::services::error::AccountError;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use runtime::{Json, Problem, ProblemDocument, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Accounts on a page when the request does not say.
const PAGE: usize = 20;
/// The most accounts on a page.
const MOST: usize = 100;

/// Which accounts to list, and where to start.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// The beginning of an e-mail address, in upper or lower case; a whole address lists that account first.
    #[serde(default)]
    email: String,
    /// How many accounts to return, 1 to 100; 20 by default.
    #[param(value_type = Option<i32>)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of accounts, sorted by e-mail address.
#[derive(Serialize, ToSchema)]
#[schema(as = UserPage)]
pub(crate) struct UserPage {
    /// The accounts.
    items: Vec<documents::UserDocument>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Lists accounts, for admins.
#[utoipa::path(
    get, path = "/", operation_id = "listUsers", tag = "users", params(Filter),
    responses(
        (status = 200, description = "A page of accounts.", body = UserPage),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_users(State(api): State<Api>, Query(filter): Query<Filter>) -> Result<Response, Problem> {
    let limit = filter.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(AccountError::Invalid(vec![("limit", "must be 1 to 100")]).into());
    }
    let after = match &filter.cursor {
        None => String::new(),
        Some(cursor) => read(cursor).ok_or(AccountError::Invalid(vec![("cursor", "is not a cursor of this list")]))?,
    };
    let page = api.accounts.list(&filter.email, &after, limit).await?;
    let view = UserPage {
        items: page.users.into_iter().map(documents::UserDocument::from).collect(),
        next_cursor: page.next.map(|key| URL_SAFE_NO_PAD.encode(key)),
    };
    let mut response = Json(view).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn read(cursor: &str) -> Option<String> {
    let key = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    (!key.contains('\0')).then_some(key)
}
