//! `PATCH` and `DELETE /{course_id}/modules/{module_id}`

use crate::controllers::courses::documents::{self, CourseDetails};
use crate::controllers::fields::{Fields, present};
use crate::controllers::state::Api;
use crate::models::outline::module::ModuleChange;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::Response;
use contracts::{CourseId, ModuleId, Timestamp, text};
use http::StatusCode;
use runtime::conditional::IfMatch;
use runtime::{Json, PathIds, Problem, ProblemDocument};
use serde::Deserialize;
use utoipa::ToSchema;

/// The fields to change: an absent field stays, `null` clears the time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CourseModuleUpdate)]
pub(crate) struct Body {
    /// One line, 1 to 200 characters.
    title: Option<String>,
    /// When learners may watch it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    opens_at: Option<Option<Timestamp>>,
}

/// Changes a module, for the course's editors.
#[utoipa::path(
    patch, path = "/{course_id}/modules/{module_id}", operation_id = "changeModule", tag = "courses",
    request_body = Body,
    params(
        ("course_id" = CourseId, Path),
        ("module_id" = ModuleId, Path),
        ("If-Match" = Option<String>, Header, description = "The course's `ETag` that the change is based on."),
    ),
    responses(
        (status = 200, description = "The course.", body = CourseDetails),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found` or `module_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn change_module(
    State(api): State<Api>,
    asker: Asker,
    PathIds((id, module)): PathIds<(CourseId, ModuleId)>,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    let title = body.title.map(|title| fields.check("title", text::title(&title)));
    fields.finish()?;
    let change = ModuleChange {
        title: title.flatten(),
        opens_at: body.opens_at,
    };
    let view = api.outlines.change_module((id, &asker), module, &if_match, &change);
    Ok(documents::course(StatusCode::OK, view.await?))
}

/// Removes a module with its items, for the course's editors; the lectures stay.
#[utoipa::path(
    delete, path = "/{course_id}/modules/{module_id}", operation_id = "removeModule", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        ("module_id" = ModuleId, Path),
        ("If-Match" = Option<String>, Header, description = "The course's `ETag` that the change is based on."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found` or `module_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
    )
)]
pub(crate) async fn remove_module(
    State(api): State<Api>,
    asker: Asker,
    PathIds((id, module)): PathIds<(CourseId, ModuleId)>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    api.outlines.remove_module((id, &asker), module, &if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}
