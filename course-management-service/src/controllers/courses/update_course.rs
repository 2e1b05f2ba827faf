//! `PATCH /{course_id}`

use super::documents::{self, CourseDetails};
use crate::controllers::fields::{Fields, present};
use crate::controllers::state::Api;
use crate::models::courses::course::{CourseChange, Joining, check_share};
use crate::services::access_service::Asker;
use crate::services::error::CourseError;
use axum::extract::State;
use axum::response::Response;
use contracts::{CourseAccess, CourseId, Timestamp, text};
use http::StatusCode;
use runtime::conditional::IfMatch;
use runtime::{Json, PathId, Problem, ProblemDocument};
use serde::Deserialize;
use utoipa::ToSchema;

/// The fields to change: an absent field stays, `null` clears a time, and returns a share to the installation's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CourseUpdate)]
pub(crate) struct Body {
    /// One line, 1 to 200 characters.
    title: Option<String>,
    /// At most 5,000 characters; may have several lines.
    description: Option<String>,
    /// Who may watch while it is published.
    access: Option<CourseAccess>,
    /// How people become learners by themselves; a course that they join by code gets one.
    join: Option<Joining>,
    /// When its lectures open.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    opens_at: Option<Option<Timestamp>>,
    /// When it ends; later than it opens.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Timestamp>)]
    ends_at: Option<Option<Timestamp>>,
    /// How much of a lecture somebody must have seen to have completed it there. It counts at once, also for what was
    /// watched before.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = 0.1, maximum = 1)]
    completed_share: Option<Option<f64>>,
}

/// Changes a course, for its editors.
#[utoipa::path(
    patch, path = "/{course_id}", operation_id = "updateCourse", tag = "courses", request_body = Body,
    params(
        ("course_id" = CourseId, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that the change is based on."),
    ),
    responses(
        (status = 200, description = "The changed course.", body = CourseDetails),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn update_course(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let change = body.check()?;
    let view = api.courses.update((id, &asker), &if_match, &change).await?;
    Ok(documents::course(StatusCode::OK, view))
}

impl Body {
    fn check(self) -> Result<CourseChange, CourseError> {
        let mut fields = Fields::default();
        let title = self.title.map(|title| fields.check("title", text::title(&title)));
        let description = self
            .description
            .map(|words| fields.check("description", text::description(&words)));
        let share = self
            .completed_share
            .map(|share| share.and_then(|share| fields.check("completed_share", check_share(share))));
        fields.finish()?;
        Ok(CourseChange {
            title: title.flatten(),
            description: description.flatten(),
            access: self.access,
            joining: self.join,
            opens_at: self.opens_at,
            ends_at: self.ends_at,
            completed_share: share,
        })
    }
}
