//! How courses look on the wire.

use crate::models::courses::course::Joining;
use crate::models::outline::module::{Item, Module};
use crate::services::course_service::View;
use axum::response::{IntoResponse, Response};
use contracts::{CourseAccess, CourseId, CourseRole, CourseStatus, ItemId, ModuleId, Timestamp, UserId, VideoId};
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use runtime::Json;
use runtime::conditional::version_tag;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A course.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Course)]
pub(crate) struct CourseDocument {
    id: CourseId,
    /// One line.
    title: String,
    /// May have several lines, may be empty.
    description: String,
    status: CourseStatus,
    access: CourseAccess,
    join: Joining,
    /// The code to join with, for those who teach the course; null for others, and unless people join by code. An
    /// invitation link is the course's page with this code.
    code: Option<String>,
    /// When its lectures open; null if they are open as soon as it is published.
    opens_at: Option<Timestamp>,
    /// When it ends; null if it doesn't.
    ends_at: Option<Timestamp>,
    /// How much of a lecture somebody must have seen to have completed it there: the course's own share, or else the
    /// installation's.
    #[schema(minimum = 0.1, maximum = 1)]
    completed_share: f64,
    owner_id: UserId,
    /// Whether a lecture that the caller may watch by this course is live now.
    live: bool,
    /// The caller's role; null if the caller is no member.
    my_role: Option<CourseRole>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A course with its outline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseDetails)]
pub(crate) struct CourseDetails {
    #[serde(flatten)]
    course: CourseDocument,
    /// The modules in their order.
    modules: Vec<ModuleDocument>,
}

/// A part of a course.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseModuleDetails)]
pub(crate) struct ModuleDocument {
    id: ModuleId,
    /// One line.
    title: String,
    /// When learners may watch it; null if they may as soon as the course is open.
    opens_at: Option<Timestamp>,
    /// The items in their order.
    items: Vec<ItemDocument>,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CourseItemKind)]
pub(crate) enum ItemKind {
    /// A lecture.
    Video,
}

/// One entry of a module.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseItemDetails)]
pub(crate) struct ItemDocument {
    id: ItemId,
    kind: ItemKind,
    /// The lecture; null as long as the caller may not watch it by this course.
    content_id: Option<VideoId>,
    /// One line.
    title: String,
    /// The lecture's status, or `deleted`; null as long as the caller may not watch it by this course.
    state: Option<String>,
    /// When a lecture with the status `scheduled` is to begin; null if that was not announced.
    starts_at: Option<Timestamp>,
}

impl From<View> for CourseDetails {
    fn from(mut view: View) -> Self {
        let modules = std::mem::take(&mut view.modules);
        let modules = modules.into_iter().map(|module| shown(module, &view)).collect();
        Self {
            modules,
            course: view.into(),
        }
    }
}

impl From<View> for CourseDocument {
    fn from(view: View) -> Self {
        let course = view.course.course;
        Self {
            id: course.id,
            title: course.title,
            description: course.description,
            status: course.status,
            access: course.access,
            join: course.joining,
            code: course.code.filter(|_| view.teaches),
            opens_at: course.opens_at,
            ends_at: course.ends_at,
            completed_share: view.completed_share,
            owner_id: course.owner_id,
            live: view.is_live,
            my_role: view.course.role,
            created_at: course.created_at,
            updated_at: course.updated_at,
        }
    }
}

fn shown(module: Module, view: &View) -> ModuleDocument {
    let may_watch = view.shows(module.opens_at);
    let item = |item: Item| ItemDocument {
        id: item.id,
        kind: ItemKind::Video,
        content_id: Some(item.video_id).filter(|_| may_watch),
        title: item.title,
        starts_at: item.state.starts_at().filter(|_| may_watch),
        state: Some(item.state.as_str().to_owned()).filter(|_| may_watch),
    };
    ModuleDocument {
        id: module.id,
        title: module.title,
        opens_at: module.opens_at,
        items: module.items.into_iter().map(item).collect(),
    }
}

/// The reply that shows a course with its outline.
pub(crate) fn course(status: StatusCode, view: View) -> Response {
    let etag = version_tag(view.course.course.version);
    let mut response = (status, Json(CourseDetails::from(view))).into_response();
    tag(&mut response, etag);
    response
}

/// Adds a course's `ETag`, for caches that ask again each time.
pub(crate) fn tag(response: &mut Response, etag: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ETAG, etag);
}
