//! `POST /{course_id}/modules`

use super::documents::{Added, added};
use crate::controllers::fields::Fields;
use crate::controllers::requests::Named;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::Response;
use contracts::{CourseId, Timestamp, text};
use runtime::conditional::IfMatch;
use runtime::{Json, PathId, Problem, ProblemDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The module to add.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCourseModule)]
pub(crate) struct Body {
    /// One line, 1 to 200 characters.
    title: String,
    /// When learners may watch it; by default, as soon as the course is open.
    #[serde(default)]
    opens_at: Option<Timestamp>,
}

/// Adds a module at the end of a course, for its editors.
#[utoipa::path(
    post, path = "/{course_id}/modules", operation_id = "addModule", tag = "courses", request_body = Body,
    params(
        ("course_id" = CourseId, Path),
        ("If-Match" = Option<String>, Header, description = "The course's `ETag` that the addition is based on; a repeated request is not compared."),
        ("Idempotency-Key" = Option<String>, Header, description = "For 30 days, a repeated request with the same key adds no second module."),
    ),
    responses(
        (status = 201, description = "The module's id, with the course's `ETag`.", body = Added),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 409, description = "`too_many`: the course has as many modules as it may.", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`, or `idempotency_mismatch`", body = ProblemDocument),
    )
)]
pub(crate) async fn add_module(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    named: Named,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let request = named.request(&asker, &format!("addModule {id}"), &body)?;
    let mut fields = Fields::default();
    let title = fields.check("title", text::title(&body.title)).unwrap_or_default();
    fields.finish()?;
    let module = api
        .outlines
        .add_module((id, &asker), (&title, body.opens_at), (&if_match, request));
    let (module, view) = module.await?;
    Ok(added(module, &view))
}
