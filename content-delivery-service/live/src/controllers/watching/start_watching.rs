//! `POST /live/{video_id}/whep`

use crate::controllers::state::Api;
use crate::controllers::{elsewhere, errors, sdp};
use crate::nodes::Pass;
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

/// What the address may have.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Link {
    /// The key of the lecture's link: whoever has it may watch, signed in or not.
    s: Option<String>,
    /// Another node has sent the viewer here: stands for all rights, once and for a minute.
    ticket: Option<String>,
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
        (status = 307, description = "Another node holds the lecture: send the same offer to `Location`, within a minute and without the bearer"),
        (status = 400, description = "The offer can't be read (`malformed_sdp`)", body = ProblemDocument),
        (status = 401, description = "No valid sign-in, and no public lecture (`unauthenticated`), or a ticket that is no good (`ticket_refused`)", body = ProblemDocument),
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
    if let Some(ticket) = link.ticket {
        let started = sent(&api, video.ok(), &ticket, request).await;
        return started.unwrap_or_else(|problem| sdp::open_to_all(problem.into_response()));
    }
    let headers = request.headers().clone();
    let asked = async {
        let viewer = viewer(&api, &headers).await?;
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
            is_full: !api.sessions.has_place(video),
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
        Principal::User(caller) => Ok(Some((&caller).into())),
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
    let begun = async {
        let offer = sdp::read_offer(request).await?;
        match elsewhere::way(api, video, Pass::Watch(watch.clone())).await? {
            Some(url) => sdp::elsewhere(&url),
            None => open(api, &watch, &offer, false).await,
        }
    };
    let begun = begun.await;
    or_leave(api, watch, begun).await
}

/// Goes on with a viewer whom another node has sent here.
async fn sent(api: &Api, video: Option<PathId<VideoId>>, ticket: &str, request: Request) -> Result<Response, Problem> {
    let watch = match elsewhere::redeem(api, ticket)? {
        Pass::Watch(watch) if video == Some(PathId(watch.video)) => watch,
        Pass::Watch(_) | Pass::Publish(..) => return Err(errors::ticket_refused()),
    };
    let begun = async {
        let living = api.door.living(vec![watch.clone()]).await;
        if living.map_err(|error| errors::unanswered(&error))?.is_empty() {
            return Err(errors::ticket_refused());
        }
        let offer = sdp::read_offer(request).await?;
        open(api, &watch, &offer, true).await
    };
    let begun = begun.await;
    or_leave(api, watch, begun).await
}

async fn open(api: &Api, watch: &Watch, offer: &str, by_ticket: bool) -> Result<Response, Problem> {
    let opened = api.sessions.watch(watch.clone(), offer).await;
    let opened = opened.map_err(|error| errors::not_opened(&error))?;
    let path = format!("/p/{}/{}/whep/{}", watch.token, watch.video, opened.id.simple());
    sdp::answer(api, opened, &elsewhere::location(api, &path, by_ticket))
}

/// Without a session, the playback ends.
async fn or_leave(api: &Api, watch: Watch, begun: Result<Response, Problem>) -> Result<Response, Problem> {
    if begun.is_err()
        && let Err(error) = api.door.leave(watch).await
    {
        tracing::debug!(%error, "a playback ends by itself later");
    }
    begun
}
