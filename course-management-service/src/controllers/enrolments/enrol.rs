//! `POST /{course_id}/enrolments`

use super::documents::EnrolmentDocument;
use crate::controllers::state::Api;
use crate::models::enrolments::pasted_list::Named;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{CourseId, UserId};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use runtime::{Json, PathId, Problem, ProblemDocument};
use serde::Deserialize;
use utoipa::ToSchema;

/// Whom to enrol: by default the caller.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEnrolment)]
pub(crate) struct Body {
    /// The course's code, if people join it by code; in upper or lower case.
    code: Option<String>,
    /// Another user, for those who teach the course.
    user_id: Option<UserId>,
    /// Another user's e-mail address, for those who teach the course.
    email: Option<String>,
}

/// Enrols the caller as a learner, or somebody else, for those who teach the course. A member stays what they are.
#[utoipa::path(
    post, path = "/{course_id}/enrolments", operation_id = "enrol", tag = "courses", request_body = Option<Body>,
    params(("course_id" = CourseId, Path)),
    responses(
        (status = 200, description = "The person was a member already.", body = EnrolmentDocument),
        (status = 201, description = "The person is a learner from now on.", body = EnrolmentDocument),
        (status = 403, description = "`code_required`, `wrong_code`, `enrolment_closed`, `removed_from_course` or `assistant_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`, or `no_account`", body = ProblemDocument),
        (status = 409, description = "`course_ended`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 429, description = "`rate_limited`: too many wrong codes, or the caller has joined and left courses too often; `too_many_enrolments`: the caller has enrolled as many people today as one may.", body = ProblemDocument),
    )
)]
pub(crate) async fn enrol(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    body: Option<Json<Body>>,
) -> Result<Response, Problem> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let act = (id, &asker);
    let admission = match (body.code, body.user_id, body.email) {
        (code, None, None) => api.enrolments.join(act, code.as_deref()).await?,
        (None, Some(user), None) => api.enrolments.enrol(act, Named::User(user)).await?,
        (None, None, Some(email)) => api.enrolments.enrol(act, Named::Address(email)).await?,
        _ => return Err(Problem::invalid().field("body", "must name at most one of `code`, `user_id` and `email`")),
    };
    let status = if admission.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let document = EnrolmentDocument::from(admission);
    Ok((status, [(CACHE_CONTROL, "no-store")], Json(document)).into_response())
}
