//! How replies about parts of an outline look on the wire.

use crate::controllers::courses::documents::tag;
use crate::services::course_service::View;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use runtime::Json;
use runtime::conditional::version_tag;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What was added to a course.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddedToCourse)]
pub(crate) struct Added {
    /// Its id.
    id: Uuid,
}

/// The reply to an addition: the new id, with the course's `ETag`.
pub(crate) fn added(id: impl Into<Uuid>, view: &View) -> Response {
    let mut response = (StatusCode::CREATED, Json(Added { id: id.into() })).into_response();
    tag(&mut response, version_tag(view.course.course.version));
    response
}
