//! `GET /{video_id}/access`

use crate::controllers::state::Api;
use crate::services::access_service::Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{Timestamp, UserId, VideoId};
use http::header::CACHE_CONTROL;
use runtime::{Json, PathId, Problem, ProblemDocument, Query};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Whom the question is about.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// The user's id; a text that is no id has no account.
    user: String,
}

/// Whether somebody may watch a lecture, and why.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LectureAccess)]
pub(crate) struct AccessDocument {
    /// Whether they may watch it now.
    allowed: bool,
    /// What decides it: `owner`, `admin`, `course` or `shared`; `not_open` if a course will let or has let them watch, `nothing`,
    /// `no_account`, `account_deactivated`, `not_found` or `video_deleted`.
    reason: &'static str,
    /// When the right ends; null if it is not known to end.
    until: Option<Timestamp>,
}

impl From<Answer> for AccessDocument {
    fn from(answer: Answer) -> Self {
        Self {
            allowed: answer.is_allowed,
            reason: answer.reason,
            until: answer.until,
        }
    }
}

/// Shows whether a user may watch a lecture, to admins and to clients with the scope `content:access`; an unknown lecture is
/// one that nobody may watch.
#[utoipa::path(
    get,
    path = "/{video_id}/access",
    operation_id = "showAccess",
    tag = "content",
    params(("video_id" = String, Path, description = "The lecture; an id of none is answered as well"), Parameters),
    responses(
        (status = 200, description = "The answer.", body = AccessDocument),
        (status = 403, description = "`admin_required`, `scope_required`", body = ProblemDocument),
        (status = 422, description = "A parameter is wrong.", body = ProblemDocument),
    )
)]
pub(crate) async fn show_access(
    State(api): State<Api>,
    id: Result<PathId<VideoId>, Problem>,
    Query(Parameters { user }): Query<Parameters>,
) -> Result<Response, Problem> {
    let id = id.ok().map(|PathId(id)| id);
    // The nil id is nobody's.
    let user = UserId::from(Uuid::try_parse(&user).unwrap_or_default());
    let answer = AccessDocument::from(api.videos.access(id, user).await?);
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}
