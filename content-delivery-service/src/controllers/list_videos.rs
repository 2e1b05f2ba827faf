//! `GET /`: the caller's own lectures, or everybody's for admins.

use super::fetch_video::viewer;
use super::state::Uploads;
use crate::models::video_document::VideoDocument;
use crate::services::error::ContentError;
use crate::services::video_service::Selection;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use renditions::models::lecture::Status;
use runtime::{Caller, Json, ProblemDocument, Query};
use serde::{Deserialize, Serialize};

const USUAL: usize = 20;
const MOST: usize = 100;

/// Whose lectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Owner {
    /// The caller's.
    Me,
    /// Everybody's; for admins.
    All,
}

/// Which lectures are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The caller's own unless told; everybody's for admins alone.
    #[param(inline)]
    owner: Option<Owner>,
    /// Those alone that failed, or of which a rendition did.
    failed: Option<bool>,
    /// Those of one status alone.
    status: Option<Status>,
    /// Those of one course alone; courses are not there yet, so a given one has no lectures.
    course_id: Option<String>,
    /// How many, 1 to 100; 20 unless told.
    limit: Option<usize>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// One page of lectures, the latest first.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(crate) struct VideoPage {
    items: Vec<VideoDocument>,
    /// Asks for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// Lists the caller's own lectures, or everybody's for admins.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "listVideos",
    tag = "content",
    params(Parameters),
    responses(
        (status = 200, description = "One page, the latest first.", body = VideoPage),
        (status = 403, description = "`admin_required`: only admins see everybody's.", body = ProblemDocument),
        (status = 422, description = "A parameter is wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn list_videos(
    State(state): State<Uploads>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ContentError> {
    let limit = parameters.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(ContentError::BadField("limit", "must be 1 to 100"));
    }
    let selection = Selection {
        everyone: parameters.owner == Some(Owner::All),
        failed: parameters.failed.unwrap_or(false),
        status: parameters.status,
        limit,
        cursor: parameters.cursor.as_deref(),
    };
    let found = state.videos.list(viewer(&caller), selection).await?;
    let page = match parameters.course_id {
        Some(_) => VideoPage::default(),
        None => VideoPage {
            items: found.items,
            next_cursor: found.next_cursor,
        },
    };
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(page)).into_response())
}
