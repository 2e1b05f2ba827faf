//! `GET /{videoId}`: a lecture.

use super::documents::{VideoDocument, tag, tag_for};
use crate::controllers::state::Api;
use crate::controllers::visitor::{Link, Named, Read, Visitor};
use crate::models::videos::overview::Audience;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::VideoId;
use entitlements::models::rights::{Asker, Visit};
use entitlements::services::kept_lectures::Shown;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use runtime::conditional::IfNoneMatch;
use runtime::{FastAnswer, Json, Principal, Problem, ProblemDocument, Query, RequestHead, bearer};

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
    let reading = api.kept.begin();
    let (situation, audience) = api.videos.may_watch(id, Visit { asker, key }).await?;
    if audience != Audience::Handlers
        && let Some((shown, document)) = api.kept.document(situation.version, (id, asker))
    {
        let etag = tag_for(audience, shown.version);
        if let Some(reading) = reading {
            api.kept.keep(reading, (id, asker), situation.grounds, shown);
        }
        return Ok(reply(document, etag, &if_none_match).map(Body::from));
    }
    let video = api.videos.at(id, &situation).await?;
    let version = (video.version, video.changes);
    let etag = tag_for(audience, version);
    let (policy, duration) = (video.policy_version, video.duration());
    let document = VideoDocument::shown(api.videos.seen(video, asker).await?, audience);
    if audience != Audience::Handlers
        && document.is_ready()
        && let Some(reading) = reading
        && let Ok(bytes) = serde_json::to_vec(&document)
    {
        let document = Bytes::from(bytes);
        let shown = Shown {
            document: Some(document.clone()),
            version,
            policy,
            duration,
        };
        api.kept.keep(reading, (id, asker), situation.grounds, shown);
        return Ok(reply(document, etag, &if_none_match).map(Body::from));
    }
    // Incoming bytes and encoders at work show, although no row of the lecture changes.
    let mut response = if if_none_match.has(&etag) && !document.is_moving() {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(document).into_response()
    };
    tag(&mut response, etag);
    Ok(response)
}

/// The row of [`fetch_video`].
const ROW: &str = "/api/v1/content/{video_id}";

/// Replies to somebody who may watch a lecture that was shown a moment ago, before the router is asked. A request is left to
/// the router if it has a query or `Cache-Control`, or asks for what is not kept.
pub(crate) fn send_kept(api: &Api, head: RequestHead<'_>) -> Option<FastAnswer> {
    let headers = head.headers;
    let is_plain = head.method == Method::GET && head.query.is_empty();
    if !is_plain || headers.contains_key(CACHE_CONTROL) {
        return None;
    }
    let id = head.path.strip_prefix(ROW.strip_suffix("{video_id}")?)?;
    let id: VideoId = id.parse().ok()?;
    let asker = if headers.contains_key(AUTHORIZATION) {
        match api.authenticator.recognize(bearer(headers).ok()?)? {
            Principal::User(caller) => Some(Asker::from(&caller)),
            Principal::Client { .. } => return None,
        }
    } else {
        None
    };
    let (_, shown) = api.kept.find(id, asker)?;
    let document = shown.document?;
    let audience = if asker.is_some() {
        Audience::Watchers
    } else {
        Audience::Everybody
    };
    let etag = tag_for(audience, shown.version);
    Some(FastAnswer::now(ROW, reply(document, etag, &IfNoneMatch::of(headers))))
}

/// The reply with a ready lecture, which has another tag whenever it looks different.
fn reply(document: Bytes, etag: HeaderValue, if_none_match: &IfNoneMatch) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::new());
    if if_none_match.has(&etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        *response.body_mut() = document;
    }
    tag(&mut response, etag);
    response
}
