//! `GET /`

use super::documents::CourseDocument;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::CourseId;
use contracts::text::{MAX_TITLE, is_deceptive};
use http::header::CACHE_CONTROL;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, Problem, ProblemDocument, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which courses to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Only courses whose title or description contains this text, in upper or lower case; at most 200 characters.
    q: Option<String>,
    /// Instead of all published courses, those in which the caller has a role: a learner's published and archived ones,
    /// and every course that the caller teaches.
    mine: Option<bool>,
}

/// A page of courses, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CoursePage {
    items: Vec<CourseDocument>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Lists published courses, or the caller's own. Closed courses are listed for their members only, unless everyone may
/// watch them.
#[utoipa::path(
    get, path = "/", operation_id = "listCourses", tag = "courses", params(Parameters, PageParameters),
    responses(
        (status = 200, description = "One page, newest first.", body = CoursePage),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_courses(
    State(api): State<Api>,
    asker: Asker,
    Query(parameters): Query<Parameters>,
    page: PageRequest<CourseId>,
) -> Result<Response, Problem> {
    let text = parameters.q.unwrap_or_default();
    if text.chars().count() > MAX_TITLE {
        return Err(Problem::invalid().field("q", "must have at most 200 characters"));
    }
    if text.chars().any(is_deceptive) {
        return Err(Problem::invalid().field("q", "must not contain control characters"));
    }
    let mine = parameters.mine.unwrap_or(false);
    let found = api.courses.list(&asker, (&text, mine), &page).await?;
    let view = CoursePage {
        items: found.items.into_iter().map(CourseDocument::from).collect(),
        next_cursor: found.next_cursor,
    };
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(view)).into_response())
}
