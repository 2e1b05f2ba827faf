//! The URL table of live lectures.

use crate::controllers::{create_live, end_live, fetch_live, list_live, rotate_key, show_attendance, update_live};
use crate::services::live_service::LiveService;
use http::Method;
use runtime::{Access, Authenticator, Policy, Routes, Table};
use utoipa_axum::routes;

const PREFIX: &str = "/api/v1/content";
/// The bearer of somebody who may watch the lecture.
const WATCH: Policy = Access::SignedIn.with_right("lecture_watch");
/// The bearer of the lecture's owner or of an admin.
const ADMINISTER: Policy = Access::SignedIn.with_right("lecture_administer");

/// Live lectures.
#[rustfmt::skip]
pub fn routes(live: LiveService, authenticator: &Authenticator) -> Routes {
    Table::new(PREFIX, authenticator)
        .row(Method::POST, "/live", Access::Instructor, routes!(create_live::create_live))
        .row(Method::GET, "/live", Access::SignedIn, routes!(list_live::list_live))
        .row(Method::GET, "/live/{video_id}", WATCH, routes!(fetch_live::fetch_live))
        .row(Method::PATCH, "/live/{video_id}", ADMINISTER, routes!(update_live::update_live))
        .row(Method::POST, "/live/{video_id}/key", ADMINISTER, routes!(rotate_key::rotate_key))
        .row(Method::POST, "/live/{video_id}/end", ADMINISTER, routes!(end_live::end_live))
        .row(Method::GET, "/live/{video_id}/attendance", ADMINISTER, routes!(show_attendance::show_attendance))
        .with_state(live)
}
