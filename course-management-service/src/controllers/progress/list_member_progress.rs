//! `GET /{course_id}/members/progress`

use super::csv::{BEGINNING, CSV, line};
use super::documents::MemberProgressDocument;
use crate::controllers::state::Api;
use crate::services::access_service::Asker;
use crate::services::error::EnrolmentError;
use crate::services::progress_service::MemberProgress;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{CourseId, EnrolmentId};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use runtime::page::{PageParameters, PageRequest};
use runtime::{Json, PathId, Problem, ProblemDocument, accept};
use serde::Serialize;
use std::future::ready;
use utoipa::ToSchema;

const HEADINGS: [&str; 6] = ["user_id", "name", "completed", "of", "seconds", "last_watched_at"];

/// A page of members with how far they are, in the order in which they first joined.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseMemberProgressPage)]
pub(crate) struct MemberProgressPage {
    items: Vec<MemberProgressDocument>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Lists how far the members of a course are, for those who teach it; as `text/csv`, all of them at once.
#[utoipa::path(
    get, path = "/{course_id}/members/progress", operation_id = "listMemberProgress", tag = "courses",
    params(
        ("course_id" = CourseId, Path),
        PageParameters,
        ("Accept" = Option<String>, Header, description = "`text/csv` asks for all members as a table")
    ),
    responses(
        (status = 200, description = "One page, or the table of all members.", content(
            (MemberProgressPage = "application/json"),
            (String = "text/csv"),
        )),
        (status = 403, description = "`assistant_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn list_member_progress(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    page: PageRequest<EnrolmentId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let rules = [(CACHE_CONTROL, "no-store"), (VARY, "Accept")];
    if accept::names(&headers, &ACCEPT, CSV) {
        let mut pages = Box::pin(api.progress.of_all_members(id, asker));
        // What is wrong with the request shows at the first page; a later error cuts the table off.
        let first = pages.try_next().await?.unwrap_or_default();
        let begin = [BEGINNING, &line(&HEADINGS), &lines(first)].concat();
        let begin = stream::once(ready(Ok(begin)));
        let table = Body::from_stream(begin.chain(pages.inspect_err(cut_off).map_ok(lines)));
        let kind = [
            (CONTENT_TYPE, "text/csv; charset=utf-8"),
            (CONTENT_DISPOSITION, "attachment; filename=\"progress.csv\""),
        ];
        return Ok((rules, kind, table).into_response());
    }
    let found = api.progress.of_members((id, &asker), &page).await?;
    let view = MemberProgressPage {
        items: found.items.into_iter().map(MemberProgressDocument::from).collect(),
        next_cursor: found.next_cursor,
    };
    Ok((rules, Json(view)).into_response())
}

fn cut_off(error: &EnrolmentError) {
    tracing::error!(%error, "a table of progress was cut off");
}

fn lines(members: Vec<MemberProgress>) -> String {
    let mut text = String::new();
    for member in members.into_iter().map(MemberProgressDocument::from) {
        let watched = member.last_watched_at.map(|at| at.to_string()).unwrap_or_default();
        text += &line(&[
            &member.user_id.to_string(),
            member.name.as_deref().unwrap_or_default(),
            &member.completed.to_string(),
            &member.of.to_string(),
            &member.seconds.to_string(),
            &watched,
        ]);
    }
    text
}
