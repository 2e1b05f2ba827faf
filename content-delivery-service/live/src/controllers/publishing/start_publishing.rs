//! `POST /live/{video_id}/whip`

use crate::controllers::person::person;
use crate::controllers::state::Api;
use crate::controllers::{errors, sdp};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use contracts::questions::live::{PublishAsked, Publisher};
use http::HeaderMap;
use runtime::{AuthError, Authenticator, PathId, Principal, Problem, ProblemDocument, bearer, user_required};

/// Publishes a lecture by WebRTC (WHIP): H.264 and Opus, in up to four layers. Whoever publishes it until now is out.
#[utoipa::path(
    post,
    path = "/live/{video_id}/whip",
    operation_id = "startPublishing",
    tag = "live",
    params(("video_id" = VideoId, Path, description = "The lecture")),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses(
        (status = 201, description = "The answer; `Location` is the session, `ETag` its ICE, `Link` the servers that help to connect", content_type = "application/sdp", body = String),
        (status = 400, description = "The offer can't be read (`malformed_sdp`)", body = ProblemDocument),
        (status = 401, description = "Neither a valid access token nor the lecture's stream key (`unauthenticated`)", body = ProblemDocument),
        (status = 403, description = "The lecture is somebody else's (`not_entitled`)", body = ProblemDocument),
        (status = 404, description = "No such lecture (`video_not_found`)", body = ProblemDocument),
        (status = 409, description = "The lecture has ended, or never was live (`live_ended`)", body = ProblemDocument),
        (status = 410, description = "Deleted (`video_deleted`)", body = ProblemDocument),
        (status = 415, description = "Not `application/sdp` (`unsupported_media_type`)", body = ProblemDocument),
        (status = 422, description = "Nothing in the offer works here (`unsupported_offer`)", body = ProblemDocument),
        (status = 503, description = "Not now; `Retry-After` says when (`unavailable`)", body = ProblemDocument)
    )
)]
pub(crate) async fn start_publishing(
    State(api): State<Api>,
    video: Result<PathId<VideoId>, Problem>,
    request: Request,
) -> Response {
    start(&api, video, request)
        .await
        .unwrap_or_else(|problem| sdp::open_to_all(problem.into_response()))
}

async fn start(api: &Api, video: Result<PathId<VideoId>, Problem>, request: Request) -> Result<Response, Problem> {
    let publisher = publisher(&api.authenticator, request.headers()).await?;
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
    let opened = api.sessions.publish(&grant, &offer).await;
    let opened = opened.map_err(|error| errors::not_opened(&error))?;
    let location = format!("/api/v1/content/live/{video}/whip/{}", opened.id.simple());
    sdp::answer(api, opened, &location)
}

/// Who has sent the bearer: a person, or whoever has a stream key.
async fn publisher(authenticator: &Authenticator, headers: &HeaderMap) -> Result<Publisher, Problem> {
    let bearer = bearer(headers)?;
    match authenticator.verify(bearer).await {
        Ok(Principal::User(caller)) => Ok(Publisher::Person(person(caller))),
        Ok(Principal::Client { .. }) => Err(user_required()),
        // No access token at all, since those have three parts.
        Err(AuthError::Invalid) if !bearer.contains('.') => Ok(Publisher::Key(bearer.to_owned())),
        Err(error) => Err(error.into()),
    }
}
