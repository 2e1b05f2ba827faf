//! `POST /live`

use super::documents::{self, LiveDocument};
use crate::services::live_service::LiveService;
use axum::extract::State;
use axum::response::Response;
use backing::once::Request;
use broadcasts::models::broadcast::NewBroadcast;
use contracts::{CourseId, Timestamp, text};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::{Caller, Json, Problem, ProblemDocument};
use serde::{Deserialize, Serialize};

/// The lecture to announce or to begin.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewLiveLecture)]
pub(crate) struct Body {
    /// One line, 1 to 200 characters.
    title: String,
    /// At most 5,000 characters; may have several lines.
    #[serde(default)]
    description: Option<String>,
    /// When it is to begin; nobody has to wait for that time.
    #[serde(default)]
    starts_at: Option<Timestamp>,
    /// The course that it is for, which is only kept as a note: the course's own routes make the lecture an item.
    #[serde(default)]
    course_id: Option<CourseId>,
}

/// Announces a live lecture, which begins when it is first published.
#[utoipa::path(
    post,
    path = "/live",
    operation_id = "createLive",
    tag = "live",
    request_body = Body,
    params(("Idempotency-Key" = Option<String>, Header, description = "For 30 days, a repeated request with the same key gets the same lecture.")),
    responses(
        (status = 201, description = "The lecture, with an `ETag`.", body = LiveDocument, links(
            ("fetchLive" = (operation_id = "fetchLive", parameters(("video_id" = "$response.body#/id")))),
            ("updateLive" = (operation_id = "updateLive", parameters(("video_id" = "$response.body#/id")))),
            ("endLive" = (operation_id = "endLive", parameters(("video_id" = "$response.body#/id")))),
        )),
        (status = 403, description = "`instructor_required`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`, or `idempotency_mismatch`", body = ProblemDocument),
    )
)]
pub(crate) async fn create_live(
    State(live): State<LiveService>,
    caller: Caller,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let request = named_request(&headers, &caller, &body)?;
    let title = text::title(&body.title).map_err(|what| Problem::invalid().field("title", what))?;
    let description = text::description(body.description.as_deref().unwrap_or_default());
    let description = description.map_err(|what| Problem::invalid().field("description", what))?;
    let new = NewBroadcast {
        owner: caller.user_id,
        title,
        description,
        course_id: body.course_id,
        starts_at: body.starts_at,
    };
    let view = live.create(&new, request.as_ref()).await?;
    let location = format!("/api/v1/content/live/{}", view.broadcast.id);
    let mut response = documents::live(StatusCode::CREATED, view, &headers);
    let location = HeaderValue::from_str(&location).map_err(|_| Problem::internal())?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// The request under the name that its client gave it.
fn named_request(headers: &HeaderMap, caller: &Caller, body: &Body) -> Result<Option<Request>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let malformed = |what: &str| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_header",
            format!("Idempotency-Key {what}"),
        )
    };
    if keys.next().is_some() {
        return Err(malformed("was sent twice"));
    }
    let key = key
        .to_str()
        .map_err(|_| malformed("must have printable ASCII characters"))?;
    let body = serde_json::to_string(body).map_err(|_| Problem::internal())?;
    let request = Request::new(&caller.user_id.to_string(), key, &["createLive", &body]);
    request.map(Some).map_err(malformed)
}
