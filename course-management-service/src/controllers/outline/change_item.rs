//! `PATCH` and `DELETE /{course_id}/modules/{module_id}/items/{item_id}`

use crate::controllers::courses::documents::{self, CourseDetails};
use crate::controllers::fields::Fields;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::Response;
use contracts::{CourseId, ItemId, ModuleId, text};
use http::StatusCode;
use runtime::conditional::IfMatch;
use runtime::{Json, PathIds, Problem, ProblemDocument};
use serde::Deserialize;
use utoipa::ToSchema;

/// The item's new title.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CourseItemUpdate)]
pub(crate) struct Body {
    /// One line, 1 to 200 characters.
    title: String,
}

type Place = PathIds<(CourseId, ModuleId, ItemId)>;

/// Gives an item another title, for the course's editors; the lecture keeps its own.
#[utoipa::path(
    patch, path = "/{course_id}/modules/{module_id}/items/{item_id}", operation_id = "renameItem", tag = "courses",
    request_body = Body,
    params(
        ("course_id" = CourseId, Path),
        ("module_id" = ModuleId, Path),
        ("item_id" = ItemId, Path),
        ("If-Match" = Option<String>, Header, description = "The course's `ETag` that the change is based on."),
    ),
    responses(
        (status = 200, description = "The course.", body = CourseDetails),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`, `module_not_found` or `item_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn rename_item(
    State(api): State<Api>,
    asker: Asker,
    PathIds((id, module, item)): Place,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let mut fields = Fields::default();
    let title = fields.check("title", text::title(&body.title)).unwrap_or_default();
    fields.finish()?;
    let view = api
        .outlines
        .rename_item((id, &asker), (module, item), &if_match, &title);
    Ok(documents::course(StatusCode::OK, view.await?))
}

/// Removes an item, for the course's editors; the lecture stays.
#[utoipa::path(
    delete, path = "/{course_id}/modules/{module_id}/items/{item_id}", operation_id = "removeItem", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        ("module_id" = ModuleId, Path),
        ("item_id" = ItemId, Path),
        ("If-Match" = Option<String>, Header, description = "The course's `ETag` that the change is based on."),
    ),
    responses(
        (status = 204, description = "Removed."),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`, `module_not_found` or `item_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
    )
)]
pub(crate) async fn remove_item(
    State(api): State<Api>,
    asker: Asker,
    PathIds((id, module, item)): Place,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    api.outlines
        .remove_item((id, &asker), (module, item), &if_match)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
