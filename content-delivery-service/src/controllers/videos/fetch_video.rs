//! `GET /{videoId}`: a lecture.

use super::documents::{VideoDocument, tag, tag_for};
use crate::controllers::state::Api;
use crate::controllers::visitor::{Link, Named, Read, Visitor};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use entitlements::models::rights::{Asker, Visit};
use http::StatusCode;
use runtime::conditional::IfNoneMatch;
use runtime::{Json, Problem, ProblemDocument, Query};

/// Shows a lecture to those who may watch it; only its owner and admins see its upload and its file. Nobody has to sign in
/// for a lecture of a public course or by its link, and then sees no owner. A client with the scope `content:read` sees every
/// lecture as admins do.
#[utoipa::path(
    get,
    path = "/{video_id}",
    operation_id = "fetchVideo",
    tag = "content",
    params(("video_id" = VideoId, Path), Link),
    responses(
        (status = 200, description = "The lecture.", body = VideoDocument),
        (status = 401, description = "`unauthenticated`: this is not public, or there is no such lecture.", body = ProblemDocument),
        (status = 403, description = "`not_entitled`: it is listed, but not open to the caller now; `scope_required`.", body = ProblemDocument),
        (status = 404, description = "There is no such lecture that the caller may see.", body = ProblemDocument),
        (status = 410, description = "The lecture was deleted.", body = ProblemDocument),
    )
)]
pub(crate) async fn fetch_video(
    State(api): State<Api>,
    Named { visitor, video: id, .. }: Named<Read>,
    Query(link): Query<Link>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let asker = match &visitor {
        Visitor::Nobody => None,
        Visitor::Person(caller) => Some(Asker::from(caller)),
        Visitor::Client { .. } => Some(Asker::of_client()),
    };
    let key = link.s.as_deref();
    let (video, audience) = api.videos.watched(id, Visit { asker, key }).await?;
    let etag = tag_for(audience, &video);
    let document = VideoDocument::shown(api.videos.seen(video, asker).await?, audience);
    // Incoming bytes and encoders at work show, although no row of the lecture changes.
    let mut response = if if_none_match.has(&etag) && !document.is_moving() {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(document).into_response()
    };
    tag(&mut response, etag);
    Ok(response)
}
