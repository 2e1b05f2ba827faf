//! `GET /{video_id}/stream`

use super::documents::{PlaybackDocument, TooManySessions};
use crate::controllers::visitor::{Link, Named, Stream, Visitor};
use crate::services::course_service::CourseService;
use crate::services::error::Denied;
use crate::services::stream_service::opening::{OnBehalf, Opened, Opening};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{PlaybackId, UserId, VideoId};
use entitlements::models::device::device;
use entitlements::models::session::HEARTBEAT_INTERVAL;
use http::header::{ACCEPT, CACHE_CONTROL, LOCATION, REFERRER_POLICY, USER_AGENT, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use runtime::{ClientAddress, Json, Problem, ProblemDocument, Query, RequestId, accept};
use serde::Deserialize;

/// How the session is opened.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The caller's session that ends, so that this one takes its place.
    take_over: Option<PlaybackId>,
    /// Whom a client opens the session for; required of clients, and refused from people.
    user: Option<UserId>,
}

/// What a new member sends, in case the enrolment is not known here yet.
const ENROLMENT_RECEIPT: HeaderName = HeaderName::from_static("enrolment-receipt");

/// Opens a playback session for those who may watch the lecture; nobody has to sign in for one of a public course or
/// that they have the link of. A client with the scope `content:stream` opens one for the user whom it names, of any lecture
/// that can be played.
#[utoipa::path(
    get,
    path = "/{video_id}/stream",
    operation_id = "streamVideo",
    tag = "content",
    params(
        ("video_id" = VideoId, Path, description = "The lecture"),
        Link,
        Parameters,
        ("Accept" = Option<String>, Header, description = "`application/json` asks for the session itself"),
        ("Enrolment-Receipt" = Option<String>, Header, description = "The `receipt` of an enrolment of the last two minutes")
    ),
    responses(
        (status = 200, description = "The session, asked for by `Accept: application/json`", body = PlaybackDocument),
        (status = 307, description = "To the HLS multivariant playlist"),
        (status = 401, description = "No valid sign-in, and no public lecture (`unauthenticated`)", body = ProblemDocument),
        (status = 403, description = "Listed, but not open to the caller now (`not_entitled`); a client without the scope (`scope_required`)", body = ProblemDocument),
        (status = 404, description = "No such lecture (`video_not_found`)", body = ProblemDocument),
        (status = 409, description = "Not yet playable (`not_playable`) or never (`video_failed`)", body = ProblemDocument),
        (status = 410, description = "Deleted (`video_deleted`)", body = ProblemDocument),
        (status = 422, description = "A parameter is wrong (`invalid_request`)", body = ProblemDocument),
        (status = 429, description = "Playing in too many places (`too_many_sessions`)", body = TooManySessions, content_type = "application/problem+json")
    )
)]
pub(crate) async fn stream_video(
    State(courses): State<CourseService>,
    Named { visitor, video, .. }: Named<Stream>,
    Query(link): Query<Link>,
    request: RequestId,
    from: ClientAddress,
    Query(Parameters { take_over, user }): Query<Parameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let opening = Opening {
        video,
        device: device(text(&USER_AGENT).unwrap_or_default()),
        network: from.subnet(),
        take_over,
        key: link.s,
    };
    let receipt = text(&ENROLMENT_RECEIPT);
    let opened = match (visitor, user) {
        (Visitor::Client { .. }, Some(user)) if user.0.is_nil() => {
            return Err(Problem::invalid().field("user", "names nobody"));
        }
        (Visitor::Client { id: client, token }, Some(user)) => {
            let of = OnBehalf { client, token, user };
            courses.streams().open_on_behalf(of, &request, &opening).await?
        }
        (Visitor::Client { .. }, None) => {
            return Err(Problem::invalid().field("user", "must be the user whom a client opens the session for"));
        }
        (Visitor::Nobody, Some(_)) => return Err(Denied::Unauthenticated.into()),
        (Visitor::Person(_), Some(_)) => {
            return Err(Problem::invalid().field("user", "is only taken from clients"));
        }
        (Visitor::Person(caller), None) => courses.open(Some(&caller), &request, &opening, receipt).await?,
        (Visitor::Nobody, None) => courses.open(None, &request, &opening, receipt).await?,
    };
    // Players accept anything; only a client that names JSON gets it.
    let mut response = answer(video, &opened, accept::names(&headers, &ACCEPT, "application/json"));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

fn answer(video: VideoId, opened: &Opened, json: bool) -> Response {
    let base = format!("/p/{}/{video}", opened.token);
    let hls_url = format!("{base}/index.m3u8");
    if !json {
        return (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, hls_url)]).into_response();
    }
    Json(PlaybackDocument {
        session_id: opened.id,
        hls_url,
        dash_url: None,
        expires_at: opened.expires_at,
        heartbeat_url: format!("{base}/heartbeat"),
        heartbeat_interval: HEARTBEAT_INTERVAL.as_secs(),
        end_url: format!("{base}/end"),
    })
    .into_response()
}
