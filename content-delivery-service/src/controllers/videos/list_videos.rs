//! `GET /`

use super::documents::VideoDocument;
use crate::controllers::state::Api;
use crate::models::videos::overview::Audience;
use crate::services::video_service::Selection;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use entitlements::models::rights::Asker;
use http::header::CACHE_CONTROL;
use renditions::models::lecture::Status;
use runtime::page::{PageParameters, PageRequest};
use runtime::{Caller, Json, Problem, ProblemDocument, Query};
use serde::{Deserialize, Serialize};

/// Whose lectures to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Owner {
    /// The caller's.
    Me,
    /// Everybody's; for admins.
    All,
}

/// Which lectures are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// `me` by default; only admins may ask for `all`.
    #[param(inline)]
    owner: Option<Owner>,
    /// Only lectures that failed or that have a failed rendition.
    failed: Option<bool>,
    /// Only lectures of this status.
    status: Option<Status>,
    /// The lectures of this course that the caller may watch, in the order of its outline. Takes neither `owner` nor
    /// `failed`.
    course_id: Option<String>,
    /// The lectures that others share with everyone who is signed in, newest first. Takes nothing else but the page.
    shared: Option<bool>,
}

/// One page of lectures, newest first or in the order of a course.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub(crate) struct VideoPage {
    items: Vec<VideoDocument>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Lists the caller's own lectures, those of a course, those that others share, or everybody's for admins.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "listVideos",
    tag = "content",
    params(Parameters, PageParameters),
    responses(
        (status = 200, description = "One page.", body = VideoPage),
        (status = 403, description = "`admin_required`: only admins see everybody's lectures.", body = ProblemDocument),
        (status = 422, description = "A parameter is wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn list_videos(
    State(api): State<Api>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
    page: PageRequest<VideoId>,
) -> Result<Response, Problem> {
    let asker = Asker::from(&caller);
    let view = match parameters.course_id.as_deref() {
        _ if parameters.shared == Some(true) => shared(&api, asker, &parameters, page).await?,
        Some(course) => of_course(&api, asker, course, &parameters, page).await?,
        None => own(&api, asker, &parameters, page).await?,
    };
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(view)).into_response())
}

async fn own(
    api: &Api,
    asker: Asker,
    parameters: &Parameters,
    page: PageRequest<VideoId>,
) -> Result<VideoPage, Problem> {
    let selection = Selection {
        everyone: parameters.owner == Some(Owner::All),
        failed: parameters.failed.unwrap_or(false),
        status: parameters.status,
        page,
    };
    let found = api.videos.list(asker, selection).await?;
    Ok(VideoPage {
        items: found.items.into_iter().map(VideoDocument::from).collect(),
        next_cursor: found.next_cursor,
    })
}

async fn shared(
    api: &Api,
    asker: Asker,
    parameters: &Parameters,
    page: PageRequest<VideoId>,
) -> Result<VideoPage, Problem> {
    for (field, is_given) in [
        ("owner", parameters.owner.is_some()),
        ("failed", parameters.failed.is_some()),
        ("status", parameters.status.is_some()),
        ("course_id", parameters.course_id.is_some()),
    ] {
        if is_given {
            return Err(Problem::invalid().field(field, "can't be used with `shared`"));
        }
    }
    let found = api.videos.list_shared(asker, page).await?;
    let shown = |overview| VideoDocument::shown(overview, Audience::Watchers);
    Ok(VideoPage {
        items: found.items.into_iter().map(shown).collect(),
        next_cursor: found.next_cursor,
    })
}

/// A course that does not exist, or of which the caller may watch nothing, has an empty list.
async fn of_course(
    api: &Api,
    asker: Asker,
    course: &str,
    parameters: &Parameters,
    page: PageRequest<VideoId>,
) -> Result<VideoPage, Problem> {
    for (field, is_given) in [
        ("owner", parameters.owner.is_some()),
        ("failed", parameters.failed.is_some()),
    ] {
        if is_given {
            return Err(Problem::invalid().field(field, "can't be used with `course_id`"));
        }
    }
    let Ok(course) = course.parse() else {
        return Ok(VideoPage::default());
    };
    let found = api
        .videos
        .list_of_course(asker, course, (parameters.status, page))
        .await?;
    let shown = |(overview, audience)| VideoDocument::shown(overview, audience);
    Ok(VideoPage {
        items: found.items.into_iter().map(shown).collect(),
        next_cursor: found.next_cursor,
    })
}
