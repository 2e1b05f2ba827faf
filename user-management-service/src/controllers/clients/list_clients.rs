//! `GET /clients`

use super::documents::ClientDocument;
use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::ClientId;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, Problem, ProblemDocument};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of clients, in the order in which they were made.
#[derive(Serialize, ToSchema)]
#[schema(as = ClientPage)]
pub(crate) struct ClientPage {
    /// The clients.
    items: Vec<ClientDocument>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Lists clients, for admins.
#[utoipa::path(
    get, path = "/clients", operation_id = "listClients", tag = "users", params(PageParameters),
    responses(
        (status = 200, description = "A page of clients.", body = ClientPage),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_clients(State(api): State<Api>, page: PageRequest<ClientId>) -> Result<Response, Problem> {
    let found = api.clients.list(&page).await?;
    let view = ClientPage {
        items: found.items.into_iter().map(ClientDocument::from).collect(),
        next_cursor: found.next_cursor,
    };
    let mut response = Json(view).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
