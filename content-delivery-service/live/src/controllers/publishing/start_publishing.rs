//! `POST /live/{video_id}/whip`

use crate::controllers::state::Api;
use crate::controllers::{elsewhere, errors, sdp};
use crate::nodes::Pass;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use contracts::questions::live::{PublishAsked, Publisher};
use http::HeaderMap;
use runtime::{AuthError, Authenticator, PathId, Principal, Problem, ProblemDocument, Query, bearer, user_required};
use serde::Deserialize;

/// What the address has that another node sends a publisher to.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sent {
    /// Stands for the bearer, once and for a minute.
    ticket: Option<String>,
}

/// Publishes a lecture by WebRTC (WHIP): H.264 and Opus, in up to four layers. Whoever publishes it until now is out.
#[utoipa::path(
    post,
    path = "/live/{video_id}/whip",
    operation_id = "startPublishing",
    tag = "live",
    params(("video_id" = VideoId, Path, description = "The lecture"), Sent),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses(
        (status = 201, description = "The answer; `Location` is the session, `ETag` its ICE, `Link` the servers that help to connect", content_type = "application/sdp", body = String),
        (status = 307, description = "Another node holds the lecture: send the same offer to `Location`, within a minute and without the bearer"),
        (status = 400, description = "The offer can't be read (`malformed_sdp`)", body = ProblemDocument),
        (status = 401, description = "Neither a valid access token nor the lecture's stream key (`unauthenticated`), or a ticket that is no good (`ticket_refused`)", body = ProblemDocument),
        (status = 403, description = "The lecture is somebody else's (`not_entitled`), or has not begun and its owner's files take as much space as they may (`quota_exceeded`)", body = ProblemDocument),
        (status = 404, description = "No such lecture (`video_not_found`)", body = ProblemDocument),
        (status = 409, description = "The lecture has ended, or never was live (`live_ended`)", body = ProblemDocument),
        (status = 410, description = "Deleted (`video_deleted`)", body = ProblemDocument),
        (status = 415, description = "Not `application/sdp` (`unsupported_media_type`)", body = ProblemDocument),
        (status = 422, description = "Nothing in the offer works here (`unsupported_offer`)", body = ProblemDocument),
        (status = 503, description = "Not now; `Retry-After` says when (`unavailable`)", body = ProblemDocument),
        (status = 507, description = "The lecture has not begun, and there is no space for a recording (`storage_full`)", body = ProblemDocument)
    )
)]
pub(crate) async fn start_publishing(
    State(api): State<Api>,
    video: Result<PathId<VideoId>, Problem>,
    Query(sent): Query<Sent>,
    request: Request,
) -> Response {
    start(&api, video, sent.ticket, request)
        .await
        .unwrap_or_else(|problem| sdp::open_to_all(problem.into_response()))
}

async fn start(
    api: &Api,
    video: Result<PathId<VideoId>, Problem>,
    ticket: Option<String>,
    request: Request,
) -> Result<Response, Problem> {
    let publisher = match &ticket {
        Some(ticket) => sent(api, video.as_ref().ok(), ticket)?,
        None => publisher(&api.authenticator, request.headers()).await?,
    };
    let PathId(video) = video?;
    let asked = PublishAsked {
        video: Some(video),
        publisher,
    };
    let grant = api.door.publish(asked).await;
    let grant = grant
        .map_err(|error| errors::unanswered(&error))?
        .map_err(errors::refused)?;
    let offer = sdp::read_offer(request).await?;
    if ticket.is_none() {
        let pass = Pass::Publish(video, grant.publisher.clone());
        if let Some(url) = elsewhere::way(api, video, pass).await? {
            return sdp::elsewhere(&url);
        }
    }
    let opened = api.sessions.publish(&grant, &offer).await;
    let opened = opened.map_err(|error| errors::not_opened(&error))?;
    let path = format!("/api/v1/content/live/{video}/whip/{}", opened.id.simple());
    sdp::answer(api, opened, &elsewhere::location(api, &path, ticket.is_some()))
}

/// Who was sent here by another node.
fn sent(api: &Api, video: Option<&PathId<VideoId>>, ticket: &str) -> Result<Publisher, Problem> {
    match elsewhere::redeem(api, ticket)? {
        Pass::Publish(of, publisher) if video == Some(&PathId(of)) => Ok(publisher),
        Pass::Publish(..) | Pass::Watch(_) => Err(errors::ticket_refused()),
    }
}

/// Who has sent the bearer: a person, or whoever has a stream key.
async fn publisher(authenticator: &Authenticator, headers: &HeaderMap) -> Result<Publisher, Problem> {
    let bearer = bearer(headers)?;
    match authenticator.verify(bearer).await {
        Ok(Principal::User(caller)) => Ok(Publisher::Person((&caller).into())),
        Ok(Principal::Client { .. }) => Err(user_required()),
        // No access token at all, since those have three parts.
        Err(AuthError::Invalid) if !bearer.contains('.') => Ok(Publisher::Key(bearer.to_owned())),
        Err(error) => Err(error.into()),
    }
}
