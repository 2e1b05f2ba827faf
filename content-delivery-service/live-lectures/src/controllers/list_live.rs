//! `GET /live`

use super::documents::LiveDocument;
use crate::services::live_service::LiveService;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Caller, Json, Problem, ProblemDocument};
use serde::Serialize;

/// One page of live lectures, the latest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LivePage {
    items: Vec<LiveDocument>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Lists the caller's own live lectures, also those that have ended.
#[utoipa::path(
    get,
    path = "/live",
    operation_id = "listLive",
    tag = "live",
    params(PageParameters),
    responses(
        (status = 200, description = "One page.", body = LivePage),
        (status = 422, description = "A parameter is wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn list_live(
    State(live): State<LiveService>,
    caller: Caller,
    headers: HeaderMap,
    page: PageRequest<VideoId>,
) -> Result<Response, Problem> {
    let found = live.list(caller.user_id, page).await?;
    let items = found.items.into_iter().map(|view| LiveDocument::new(view, &headers));
    let page = LivePage {
        items: items.collect(),
        next_cursor: found.next_cursor,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(page)).into_response())
}
