//! `GET /{videoId}`: a lecture.

use crate::controllers::state::Uploads;
use crate::models::videos::video_document::VideoDocument;
use crate::services::error::ContentError;
use crate::services::video_service::Viewer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use runtime::conditional::{IfNoneMatch, edits_tag};
use runtime::{Caller, Json, PathId, ProblemDocument};

/// Shows a lecture to its owner and to admins.
#[utoipa::path(
    get,
    path = "/{video_id}",
    operation_id = "fetchVideo",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 200, description = "The lecture.", body = VideoDocument),
        (status = 404, description = "There is no such lecture for the caller.", body = ProblemDocument),
        (status = 410, description = "It was deleted.", body = ProblemDocument),
    )
)]
pub(crate) async fn fetch_video(
    State(state): State<Uploads>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    if_none_match: IfNoneMatch,
) -> Result<Response, ContentError> {
    let viewer = viewer(&caller);
    let video = state.videos.find(id, viewer).await?;
    let etag = edits_tag(video.version, video.changes);
    let document = state.videos.show(video, viewer).await?;
    // Bytes that come and encoders at work are shown, and no row of the lecture changes.
    let mut response = if if_none_match.has(&etag) && !document.is_moving() {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(document).into_response()
    };
    tag(&mut response, etag);
    Ok(response)
}

pub(super) fn viewer(caller: &Caller) -> Viewer {
    Viewer {
        user: caller.user_id,
        is_admin: caller.is_admin(),
    }
}

pub(super) fn tag(response: &mut Response, etag: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ETAG, etag);
}
