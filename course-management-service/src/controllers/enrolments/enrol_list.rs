//! `POST /{course_id}/enrolments/list`

use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use crate::services::enrolment_service::Fate;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::CourseId;
use http::header::CACHE_CONTROL;
use runtime::{Json, PathId, Problem, ProblemDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A pasted list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EnrolmentList)]
pub(crate) struct Body {
    /// An e-mail address or a user id in each line, at most 500; `Ada <ada@example.org>` is an address, too. Empty lines
    /// don't count.
    text: String,
}

/// What became of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentListResult)]
pub(crate) struct Outcome {
    /// The lines in their order, without empty ones.
    lines: Vec<LineDocument>,
}

/// What became of a line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentListLine)]
pub(crate) struct LineDocument {
    /// The line as it was pasted.
    line: String,
    result: LineResult,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EnrolmentLineResult)]
pub(crate) enum LineResult {
    /// The person is a learner from now on.
    Enrolled,
    /// The person was a member already.
    AlreadyEnrolled,
    /// No account has this address or id. Nothing is kept; an invitation link helps.
    NoAccount,
    /// The line has neither an address nor an id.
    Malformed,
    /// Another line names the same person.
    Repeated,
}

impl From<Fate> for LineResult {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Enrolled => Self::Enrolled,
            Fate::Already => Self::AlreadyEnrolled,
            Fate::NoAccount => Self::NoAccount,
            Fate::NoAddress => Self::Malformed,
            Fate::Repeated => Self::Repeated,
        }
    }
}

/// Enrols the people of a pasted list as learners, for those who teach the course, and reports on each line.
#[utoipa::path(
    post, path = "/{course_id}/enrolments/list", operation_id = "enrolList", tag = "courses", request_body = Body,
    params(("course_id" = CourseId, Path)),
    responses(
        (status = 200, description = "What became of each line.", body = Outcome),
        (status = 403, description = "`assistant_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 429, description = "`too_many_enrolments`: with these lines, the caller would enrol more people today than one may; nobody was enrolled.", body = ProblemDocument),
    )
)]
pub(crate) async fn enrol_list(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let fates = api.enrolments.enrol_list((id, &asker), &body.text).await?;
    let line = |(line, fate): (String, Fate)| LineDocument {
        line,
        result: fate.into(),
    };
    let outcome = Outcome {
        lines: fates.into_iter().map(line).collect(),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(outcome)).into_response())
}
