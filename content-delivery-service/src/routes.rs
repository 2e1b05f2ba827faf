//! The URL table: a line for each route, with its policy.

use crate::controllers::playback::{
    end_playback, heartbeat, media_reply, serve_index, serve_init, serve_playlist, serve_segment, stream_video,
};
use crate::controllers::state::Api;
use crate::controllers::uploads::tus::{TUS_RESUMABLE, VERSION};
use crate::controllers::uploads::{cancel_upload, describe_uploads, resume_upload, show_usage, upload_video};
use crate::controllers::videos::{
    delete_video, fetch_video, list_audit, list_videos, request_transcode, show_access, update_video, watch_events,
};
use crate::controllers::watching::{record_watch, show_watch};
use crate::middlewares::validate_stream;
use crate::services::course_service::CourseService;
use crate::services::lecture_answers::LectureAnswers;
use crate::services::stream_service::StreamService;
use crate::services::watch_answers::WatchAnswers;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method};
use media_store::media_path::MediaResource;
use runtime::{Access, Authenticator, Policy, Questions, Routes, Table, note_row};
use std::convert::Infallible;
use std::sync::Arc;
use tower::service_fn;
use utoipa_axum::routes;

const PREFIX: &str = "/api/v1/content";
/// What stands before a lecture's id.
const LECTURES: &str = "/api/v1/content/";
/// The bearer of an upload's owner, or the upload's own key `?k=`.
const UPLOAD_KEY: Access = Access::ByService("upload_key");
/// Everybody for a lecture that everybody may watch, otherwise the bearer of somebody who may, or of a client that reads.
const MAY_SEE: Policy = Access::ByService("lecture_access").with_right("lecture_watch_or_client_read");
/// The same, or the bearer of a client that opens streams for its users.
const MAY_WATCH: Policy = Access::ByService("lecture_access").with_right("lecture_watch_or_client_stream");
/// The bearer of somebody who may watch the lecture.
const WATCH: Policy = Access::SignedIn.with_right("lecture_watch");
/// The bearer of the lecture's owner or of an admin.
const ADMINISTER: Policy = Access::SignedIn.with_right("lecture_administer");
/// The bearer of an admin, or of a client that may ask who may watch.
const ASK_ACCESS: Policy = Access::AdminOrScope("content:access").with_right("client_access");
/// The playback token in the path.
const PLAYBACK_TOKEN: Access = Access::ByService("playback_token");

/// Uploads and lectures.
#[rustfmt::skip]
pub(crate) fn videos(api: Api, authenticator: &Authenticator) -> Routes {
    let fast = api.clone();
    Table::new(PREFIX, authenticator)
        .row(Method::POST, "/upload", Access::Instructor, routes!(upload_video::upload_video))
        .row(Method::OPTIONS, "/upload", Access::Public, routes!(describe_uploads::describe_uploads))
        .row(Method::HEAD, "/upload/{video_id}", UPLOAD_KEY, routes!(resume_upload::show_upload))
        .row(Method::PATCH, "/upload/{video_id}", UPLOAD_KEY, routes!(resume_upload::resume_upload))
        .row(Method::DELETE, "/upload/{video_id}", UPLOAD_KEY, routes!(cancel_upload::cancel_upload))
        .row(Method::POST, "/upload/{video_id}", UPLOAD_KEY, routes!(cancel_upload::override_method))
        .row(Method::GET, "/", Access::SignedIn, routes!(list_videos::list_videos))
        .row(Method::GET, "/usage", Access::SignedIn, routes!(show_usage::show_usage))
        .row(Method::GET, "/audit", Access::Admin, routes!(list_audit::list_audit))
        .row(Method::GET, "/{video_id}", MAY_SEE, routes!(fetch_video::fetch_video))
        .row(Method::PATCH, "/{video_id}", ADMINISTER, routes!(update_video::update_video))
        .row(Method::GET, "/{video_id}/events", WATCH, routes!(watch_events::watch_events))
        .row(Method::GET, "/{video_id}/access", ASK_ACCESS, routes!(show_access::show_access))
        .row(Method::POST, "/{video_id}/watch", WATCH, routes!(record_watch::record_watch))
        .row(Method::GET, "/{video_id}/watch", WATCH, routes!(show_watch::show_watch))
        .row(Method::POST, "/{video_id}/transcode", ADMINISTER, routes!(request_transcode::request_transcode))
        .row(Method::GET, "/{video_id}/transcode", ADMINISTER, routes!(request_transcode::show_transcode))
        .row(Method::DELETE, "/{video_id}/delete", ADMINISTER, routes!(delete_video::delete_video))
        .with_state(api)
        .around(|router| router.layer(from_fn(speak_tus)))
        .with_fast_path(LECTURES, move |head| {
            // A client of tus reads headers that only the router adds.
            let speaks_tus = head.headers.contains_key(TUS_RESUMABLE);
            (!speaks_tus).then(|| fetch_video::send_kept(&fast, head)).flatten()
        })
}

const INDEX: &str = "/p/{token}/{video_id}/index.m3u8";
const PLAYLIST: &str = "/p/{token}/{video_id}/{generation}/{rendition}/media.m3u8";
const INIT: &str = "/p/{token}/{video_id}/{generation}/{rendition}/init.mp4";
const SEGMENT: &str = "/p/{token}/{video_id}/{generation}/{rendition}/{segment}";
const HEARTBEAT: &str = "/p/{token}/{video_id}/heartbeat";
const END: &str = "/p/{token}/{video_id}/end";

/// Streams and the media plane: every path below `/p/` is checked before anything else, also one that names nothing. The
/// check has read the path, so no router reads it again. What needs no router is answered before it, by the same check.
#[rustfmt::skip]
pub(crate) fn playback(courses: CourseService, streams: &StreamService, authenticator: &Authenticator) -> Routes {
    let plane = Table::unguarded("")
        .row(Method::GET, INDEX, PLAYBACK_TOKEN, routes!(serve_index::serve_index))
        .row(Method::GET, PLAYLIST, PLAYBACK_TOKEN, routes!(serve_playlist::serve_playlist))
        .row(Method::GET, INIT, PLAYBACK_TOKEN, routes!(serve_init::serve_init))
        .row(Method::GET, SEGMENT, PLAYBACK_TOKEN, routes!(serve_segment::serve_segment))
        .row(Method::POST, HEARTBEAT, PLAYBACK_TOKEN, routes!(heartbeat::heartbeat))
        .row(Method::POST, END, PLAYBACK_TOKEN, routes!(end_playback::end_playback))
        .with_state(streams.clone())
        .around(|_| {
            let streams = streams.clone();
            let checked = move |request| {
                let check = validate_stream::check(streams.clone(), request, control);
                async move { Ok::<_, Infallible>(check.await) }
            };
            Router::new().route_service("/p/{*path}", service_fn(checked))
        });
    let fast = streams.clone();
    let plane = plane.with_fast_media("/p/", move |head| media_reply::send_fast(&fast, head, row));
    Table::new(PREFIX, authenticator)
        .row(Method::GET, "/{video_id}/stream", MAY_WATCH, routes!(stream_video::stream_video))
        .with_state(courses)
        .merge(plane)
}

/// What other services ask about lectures.
pub(crate) fn questions(lectures: LectureAnswers, watches: WatchAnswers) -> Questions {
    Questions::none()
        .lectures(Arc::new(lectures))
        .watching(Arc::new(watches))
}

/// The row of the media plane that a resource belongs to.
const fn row(resource: &MediaResource) -> &'static str {
    match resource {
        MediaResource::Index => INDEX,
        MediaResource::Playlist(..) => PLAYLIST,
        MediaResource::Init(..) => INIT,
        MediaResource::NumberedInit(..) | MediaResource::Part(..) | MediaResource::Segment(..) => SEGMENT,
        MediaResource::Heartbeat => HEARTBEAT,
        MediaResource::End => END,
    }
}

/// The controller of each row of the media plane.
async fn control(streams: StreamService, request: Request, resource: MediaResource) -> Response {
    note_row(&request, row(&resource));
    let streams = State(streams);
    match resource {
        MediaResource::Index => serve_index::serve_index(streams, request).await,
        MediaResource::Playlist(..) => serve_playlist::serve_playlist(streams, request).await,
        MediaResource::Init(..) => serve_init::serve_init(streams, request).await,
        MediaResource::NumberedInit(..) | MediaResource::Part(..) | MediaResource::Segment(..) => {
            serve_segment::serve_segment(streams, request).await
        }
        MediaResource::Heartbeat => heartbeat::heartbeat().await.into_response(),
        MediaResource::End => end_playback::end_playback(streams, request).await,
    }
}

/// Adds the tus version to every reply to a tus request, also to errors.
async fn speak_tus(request: Request, next: Next) -> Response {
    let speaks = request.headers().contains_key(TUS_RESUMABLE);
    let mut response = next.run(request).await;
    if speaks {
        response
            .headers_mut()
            .insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    }
    response
}
