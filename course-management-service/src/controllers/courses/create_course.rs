//! `POST /`

use super::documents::{self, CourseDetails};
use crate::controllers::fields::Fields;
use crate::controllers::requests::Named;
use crate::controllers::state::Api;
use crate::models::courses::course::{Joining, NewCourse, check_share};
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::Response;
use contracts::{CourseAccess, CourseId, Timestamp, text};
use http::StatusCode;
use runtime::{Json, Problem, ProblemDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The course to create.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCourse)]
pub(crate) struct Body {
    /// One line, 1 to 200 characters.
    title: String,
    /// At most 5,000 characters; may have several lines.
    #[serde(default)]
    description: Option<String>,
    /// Who may watch while it is published; `enrolled` by default.
    #[serde(default)]
    access: Option<CourseAccess>,
    /// How people become learners by themselves; `self` by default.
    #[serde(default)]
    join: Option<Joining>,
    /// When its lectures open.
    #[serde(default)]
    opens_at: Option<Timestamp>,
    /// When it ends; later than it opens.
    #[serde(default)]
    ends_at: Option<Timestamp>,
    /// How much of a lecture somebody must have seen to have completed it there; the installation's share by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0.1, maximum = 1)]
    completed_share: Option<f64>,
}

/// Creates a course, which is a draft until it is published. The caller owns it.
#[utoipa::path(
    post, path = "/", operation_id = "createCourse", tag = "courses", request_body = Body,
    params(("Idempotency-Key" = Option<String>, Header, description = "For 30 days, a repeated request with the same key gets the same course.")),
    responses(
        (status = 201, description = "The course, with an `ETag`.", body = CourseDetails, links(
            ("fetchCourse" = (operation_id = "fetchCourse", parameters(("course_id" = "$response.body#/id")))),
            ("updateCourse" = (operation_id = "updateCourse", parameters(("course_id" = "$response.body#/id")))),
            ("addModule" = (operation_id = "addModule", parameters(("course_id" = "$response.body#/id")))),
            ("enrol" = (operation_id = "enrol", parameters(("course_id" = "$response.body#/id")))),
            ("listMembers" = (operation_id = "listMembers", parameters(("course_id" = "$response.body#/id")))),
            ("deleteCourse" = (operation_id = "deleteCourse", parameters(("course_id" = "$response.body#/id")))),
        )),
        (status = 403, description = "`instructor_required`", body = ProblemDocument),
        (status = 409, description = "`too_many`: the caller owns as many courses as one may.", body = ProblemDocument),
        (status = 422, description = "`invalid_request`, or `idempotency_mismatch`", body = ProblemDocument),
    )
)]
pub(crate) async fn create_course(
    State(api): State<Api>,
    asker: Asker,
    named: Named,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let request = named.request(&asker, "createCourse", &body)?;
    let mut fields = Fields::default();
    let title = fields.check("title", text::title(&body.title));
    let description = text::description(body.description.as_deref().unwrap_or_default());
    let description = fields.check("description", description);
    let share = body
        .completed_share
        .and_then(|share| fields.check("completed_share", check_share(share)));
    fields.finish()?;
    let new = NewCourse {
        id: CourseId::generate(),
        owner_id: asker.user,
        title: title.unwrap_or_default(),
        description: description.unwrap_or_default(),
        access: body.access.unwrap_or(CourseAccess::Enrolled),
        joining: body.join.unwrap_or(Joining::Oneself),
        code: None,
        opens_at: body.opens_at,
        ends_at: body.ends_at,
        completed_share: share,
    };
    let view = api.courses.create(&asker, new, request).await?;
    Ok(documents::course(StatusCode::CREATED, view))
}
