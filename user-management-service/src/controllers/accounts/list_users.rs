//! `GET /`

use super::documents;
use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, Problem, ProblemDocument, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which accounts to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// The beginning of an e-mail address, in upper or lower case; a whole address lists that account first.
    #[serde(default)]
    email: String,
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
    get, path = "/", operation_id = "listUsers", tag = "users", params(Filter, PageParameters),
    responses(
        (status = 200, description = "A page of accounts.", body = UserPage),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_users(
    State(api): State<Api>,
    Query(filter): Query<Filter>,
    page: PageRequest<String>,
) -> Result<Response, Problem> {
    let page = api.accounts.list(&filter.email, &page).await?;
    let view = UserPage {
        items: page.items.into_iter().map(documents::UserDocument::from).collect(),
        next_cursor: page.next_cursor,
    };
    let mut response = Json(view).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
