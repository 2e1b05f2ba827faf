//! `POST /live/{video_id}/whep`

use crate::controllers::person::person;
use crate::controllers::state::Api;
use crate::controllers::{errors, sdp};
use crate::sessions::{OpenError, Opened};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use contracts::questions::live::{Bearer, Watch, WatchAsked};
use http::HeaderMap;
use http::header::{AUTHORIZATION, USER_AGENT};
use runtime::{
    AuthError, ClientAddress, PathId, Principal, Problem, ProblemDocument, Query, RequestId, bearer, user_required,
};
use serde::Deserialize;

/// What a lecture's link adds to the address.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Link {
    /// The key of the lecture's link: whoever has it may watch, signed in or not.
    s: Option<String>,
}

/// Watches a live lecture by WebRTC (WHEP): opens a playback session, as a stream does, and a session of WebRTC with it.
#[utoipa::path(
    post,
    path = "/live/{video_id}/whep",
    operation_id = "startWatching",
    tag = "live",
    params(("video_id" = VideoId, Path, description = "The lecture"), Link),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses(
        (status = 201, description = "The answer; `Location` is the session, `ETag` its ICE, `Link` the servers that help to connect", content_type = "application/sdp", body = String),
        (status = 400, description = "The offer can't be read (`malformed_sdp`)", body = ProblemDocument),
        (status = 401, description = "No valid sign-in, and no public lecture (`unauthenticated`)", body = ProblemDocument),
        (status = 403, description = "Listed, but not open to the caller now (`not_entitled`)", body = ProblemDocument),
        (status = 404, description = "No such lecture (`video_not_found`)", body = ProblemDocument),
        (status = 409, description = "Nobody publishes it at the moment (`not_live`), or it has ended (`live_ended`)", body = ProblemDocument),
        (status = 410, description = "Deleted (`video_deleted`)", body = ProblemDocument),
        (status = 415, description = "Not `application/sdp` (`unsupported_media_type`)", body = ProblemDocument),
        (status = 422, description = "Nothing in the offer works here (`unsupported_offer`)", body = ProblemDocument),
        (status = 429, description = "Playing in too many places (`too_many_sessions`)", body = ProblemDocument),
        (status = 503, description = "As many watch by WebRTC as may (`webrtc_full`), or not now (`unavailable`)", body = ProblemDocument)
    )
)]
pub(crate) async fn start_watching(
    State(api): State<Api>,
    video: Result<PathId<VideoId>, Problem>,
    Query(link): Query<Link>,
    id: RequestId,
    from: ClientAddress,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let asked = async {
        let viewer = viewer(&api, &headers).await?;
        if !api.sessions.has_place() {
            return Err(errors::not_opened(&OpenError::Full));
        }
        // Without a sign-in, a malformed id is no more telling than an unknown one.
        let video = match video {
            Ok(PathId(video)) => video,
            Err(_) if viewer.is_none() => return Err(AuthError::Missing.into()),
            Err(problem) => return Err(problem),
        };
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Ok::<_, Problem>(WatchAsked {
            video,
            viewer,
            link: link.s,
            user_agent: text(USER_AGENT).unwrap_or_default().to_owned(),
            network: from.subnet(),
            request: id.as_str().to_owned(),
        })
    };
    let asked = asked.await;
    let started = match asked {
        Ok(asked) => start(&api, asked, request).await,
        Err(problem) => Err(problem),
    };
    started.unwrap_or_else(|problem| sdp::open_to_all(problem.into_response()))
}

async fn viewer(api: &Api, headers: &HeaderMap) -> Result<Option<Bearer>, Problem> {
    if !headers.contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    match api.authenticator.verify(bearer(headers)?).await? {
        Principal::User(caller) => Ok(Some(person(caller))),
        Principal::Client { .. } => Err(user_required()),
    }
}

async fn start(api: &Api, asked: WatchAsked, request: Request) -> Result<Response, Problem> {
    let video = asked.video;
    let grant = api.door.watch(asked).await;
    let grant = grant
        .map_err(|error| errors::unanswered(&error))?
        .map_err(errors::refused)?;
    let watch = Watch {
        video,
        token: grant.token,
    };
    match open(api, &watch, request).await {
        Ok(opened) => {
            let location = format!("/p/{}/{video}/whep/{}", watch.token, opened.id.simple());
            sdp::answer(api, opened, &location)
        }
        Err(problem) => {
            if let Err(error) = api.door.leave(watch).await {
                tracing::debug!(%error, "a playback ends by itself later");
            }
            Err(problem)
        }
    }
}

async fn open(api: &Api, watch: &Watch, request: Request) -> Result<Opened, Problem> {
    let offer = sdp::read_offer(request).await?;
    let opened = api.sessions.watch(watch.clone(), &offer).await;
    opened.map_err(|error| errors::not_opened(&error))
}
