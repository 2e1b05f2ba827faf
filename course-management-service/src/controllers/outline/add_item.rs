//! `POST /{course_id}/modules/{module_id}/items`

use super::documents::{Added, added};
use crate::controllers::courses::documents::ItemKind;
use crate::controllers::fields::Fields;
use crate::controllers::requests::Named;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use crate::services::error::CourseError;
use axum::extract::State;
use axum::response::Response;
use contracts::{CourseId, ModuleId, VideoId, text};
use runtime::conditional::IfMatch;
use runtime::{Json, PathIds, Problem, ProblemDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The item to add.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCourseItem)]
pub(crate) struct Body {
    /// What it is.
    kind: ItemKind,
    /// The lecture, which the caller may administer.
    content_id: VideoId,
    /// One line, 1 to 200 characters; the lecture's title by default.
    #[serde(default)]
    title: Option<String>,
}

/// Adds a lecture at the end of a module, for the course's editors. Only who administers a lecture may add it.
#[utoipa::path(
    post, path = "/{course_id}/modules/{module_id}/items", operation_id = "addItem", tag = "courses",
    request_body = Body,
    params(
        ("course_id" = CourseId, Path),
        ("module_id" = ModuleId, Path),
        ("If-Match" = Option<String>, Header, description = "The course's `ETag` that the addition is based on; a repeated request is not compared."),
        ("Idempotency-Key" = Option<String>, Header, description = "For 30 days, a repeated request with the same key adds no second item."),
    ),
    responses(
        (status = 201, description = "The item's id, with the course's `ETag`.", body = Added),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found` or `module_not_found`", body = ProblemDocument),
        (status = 409, description = "`too_many`: the course has as many items as it may.", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`, or `idempotency_mismatch`", body = ProblemDocument),
    )
)]
pub(crate) async fn add_item(
    State(api): State<Api>,
    asker: Asker,
    PathIds((id, module)): PathIds<(CourseId, ModuleId)>,
    named: Named,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let request = named.request(&asker, &format!("addItem {id} {module}"), &body)?;
    let title = body.checked_title()?;
    // The kind is checked when it is read: there is only one.
    let Body {
        kind: ItemKind::Video,
        content_id,
        ..
    } = body;
    let item = api
        .outlines
        .add_item((id, &asker), module, (content_id, title), (&if_match, request));
    let (item, view) = item.await?;
    Ok(added(item, &view))
}

impl Body {
    fn checked_title(&self) -> Result<Option<String>, CourseError> {
        let mut fields = Fields::default();
        let title = self
            .title
            .as_deref()
            .map(|title| fields.check("title", text::title(title)));
        fields.finish()?;
        Ok(title.flatten())
    }
}
