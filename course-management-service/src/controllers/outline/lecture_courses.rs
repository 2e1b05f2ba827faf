//! `GET /lectures/{video_id}` and `DELETE /{course_id}/lectures/{video_id}`

use crate::controllers::state::Api;
use crate::models::courses::course::CourseOf;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{CourseAccess, CourseId, CourseRole, CourseStatus, UserId, VideoId};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, PathId, PathIds, Problem, ProblemDocument};
use serde::Serialize;
use utoipa::ToSchema;

/// A course that has a lecture, as the lecture's owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LectureCourse)]
pub(crate) struct LectureCourse {
    id: CourseId,
    /// One line.
    title: String,
    status: CourseStatus,
    access: CourseAccess,
    owner_id: UserId,
    /// The caller's role; null if the caller is no member.
    my_role: Option<CourseRole>,
}

impl From<CourseOf> for LectureCourse {
    fn from(found: CourseOf) -> Self {
        let course = found.course;
        Self {
            id: course.id,
            title: course.title,
            status: course.status,
            access: course.access,
            owner_id: course.owner_id,
            my_role: found.role,
        }
    }
}

/// A page of the courses that have a lecture, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LectureCoursePage {
    items: Vec<LectureCourse>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Lists the courses that have a lecture, drafts too, for the lecture's owner: also those in which the owner has no role.
#[utoipa::path(
    get, path = "/lectures/{video_id}", operation_id = "listCoursesOfLecture", tag = "courses",
    params(("video_id" = VideoId, Path), PageParameters),
    responses(
        (status = 200, description = "One page, newest first.", body = LectureCoursePage),
        (status = 404, description = "`video_not_found`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_courses_of_lecture(
    State(api): State<Api>,
    asker: Asker,
    PathId(video): PathId<VideoId>,
    page: PageRequest<CourseId>,
) -> Result<Response, Problem> {
    let found = api.outlines.courses_of((video, &asker), &page).await?;
    let view = LectureCoursePage {
        items: found.items.into_iter().map(LectureCourse::from).collect(),
        next_cursor: found.next_cursor,
    };
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(view)).into_response())
}

/// Takes a lecture out of a course, for the lecture's owner, who needs no role in the course: all its items with this
/// lecture are removed. Those who watch it by the course are cut off; the lecture stays.
#[utoipa::path(
    delete, path = "/{course_id}/lectures/{video_id}", operation_id = "takeLectureOut", tag = "courses",
    params(("course_id" = CourseId, Path), ("video_id" = VideoId, Path)),
    responses(
        (status = 204, description = "Taken out."),
        (status = 404, description = "`video_not_found`, or `item_not_found` for a course without the lecture", body = ProblemDocument),
    )
)]
pub(crate) async fn take_lecture_out(
    State(api): State<Api>,
    asker: Asker,
    PathIds((course, video)): PathIds<(CourseId, VideoId)>,
) -> Result<StatusCode, Problem> {
    api.outlines.take_out((course, &asker), video).await?;
    Ok(StatusCode::NO_CONTENT)
}
