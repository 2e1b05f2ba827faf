//! The URL table: a line for each route, with its policy. What a role in a course allows is checked by the services.

use crate::controllers::audit::list_audit;
use crate::controllers::courses::{
    change_status, create_course, delete_course, fetch_course, list_courses, renew_code, update_course,
};
use crate::controllers::enrolments::{end_enrolment, enrol, enrol_list, list_members, set_role};
use crate::controllers::outline::{add_item, add_module, change_item, change_module, lecture_courses, order_outline};
use crate::controllers::progress::{list_member_progress, show_progress};
use crate::controllers::state::Api;
use crate::services::course_answers::CourseAnswers;
use http::Method;
use runtime::{Access, Authenticator, Policy, Questions, Routes, Table};
use std::sync::Arc;
use utoipa_axum::routes;

const PREFIX: &str = "/api/v1/courses";
/// Everybody for a public course, otherwise a bearer; the course is one that they may know of, or they are a client that reads.
const COURSE_ACCESS: Policy = Access::ByService("course_access").with_right("course_seen_or_client_read");
/// Those who may know of the course; what they may do for others there depends on their role in it.
const SEEN: Policy = Access::SignedIn.with_right("course_seen");
/// Assistants of the course, its editors, its owner, and admins.
const ASSISTANT: Policy = Access::SignedIn.with_right("course_assistant");
/// Editors of the course, its owner, and admins.
const EDITOR: Policy = Access::SignedIn.with_right("course_editor");
/// The course's owner, and admins.
const OWNER: Policy = Access::SignedIn.with_right("course_owner");
/// The lecture's owner, and admins.
const LECTURE: Policy = Access::SignedIn.with_right("lecture_administer");
/// As long as a list of the longest addresses.
const LIST_BYTES: usize = 192 * 1_024;
/// As long as an order of the most items.
const OUTLINE_BYTES: usize = 128 * 1_024;

#[rustfmt::skip]
pub(crate) fn routes(api: Api, authenticator: &Authenticator) -> Routes {
    let (list, outline) = (ASSISTANT.with_body_limit(LIST_BYTES), EDITOR.with_body_limit(OUTLINE_BYTES));
    Table::new(PREFIX, authenticator)
        .row(Method::POST, "/", Access::Instructor, routes!(create_course::create_course))
        .row(Method::GET, "/", Access::SignedIn, routes!(list_courses::list_courses))
        .row(Method::GET, "/audit", Access::Admin, routes!(list_audit::list_audit))
        .row(Method::GET, "/{course_id}", COURSE_ACCESS, routes!(fetch_course::fetch_course))
        .row(Method::PATCH, "/{course_id}", EDITOR, routes!(update_course::update_course))
        .row(Method::DELETE, "/{course_id}", OWNER, routes!(delete_course::delete_course))
        .row(Method::POST, "/{course_id}/publish", EDITOR, routes!(change_status::publish_course))
        .row(Method::POST, "/{course_id}/unpublish", EDITOR, routes!(change_status::unpublish_course))
        .row(Method::POST, "/{course_id}/archive", EDITOR, routes!(change_status::archive_course))
        .row(Method::POST, "/{course_id}/code", EDITOR, routes!(renew_code::renew_code))
        .row(Method::PUT, "/{course_id}/outline", outline, routes!(order_outline::order_outline))
        .row(Method::POST, "/{course_id}/modules", EDITOR, routes!(add_module::add_module))
        .row(Method::PATCH, "/{course_id}/modules/{module_id}", EDITOR, routes!(change_module::change_module))
        .row(Method::DELETE, "/{course_id}/modules/{module_id}", EDITOR, routes!(change_module::remove_module))
        .row(Method::POST, "/{course_id}/modules/{module_id}/items", EDITOR, routes!(add_item::add_item))
        .row(Method::PATCH, "/{course_id}/modules/{module_id}/items/{item_id}", EDITOR, routes!(change_item::rename_item))
        .row(Method::DELETE, "/{course_id}/modules/{module_id}/items/{item_id}", EDITOR, routes!(change_item::remove_item))
        .row(Method::GET, "/lectures/{video_id}", LECTURE, routes!(lecture_courses::list_courses_of_lecture))
        .row(Method::DELETE, "/{course_id}/lectures/{video_id}", LECTURE, routes!(lecture_courses::take_lecture_out))
        .row(Method::POST, "/{course_id}/enrolments", SEEN, routes!(enrol::enrol))
        .row(Method::POST, "/{course_id}/enrolments/list", list, routes!(enrol_list::enrol_list))
        .row(Method::DELETE, "/{course_id}/enrolments/{user_id}", SEEN, routes!(end_enrolment::end_enrolment))
        .row(Method::GET, "/{course_id}/members", ASSISTANT, routes!(list_members::list_members))
        .row(Method::GET, "/{course_id}/members/progress", ASSISTANT, routes!(list_member_progress::list_member_progress))
        .row(Method::GET, "/{course_id}/progress", SEEN, routes!(show_progress::show_progress))
        .row(Method::PUT, "/{course_id}/members/{user_id}", OWNER, routes!(set_role::set_role))
        .with_state(api)
}

/// What other services ask about courses.
pub(crate) fn questions(courses: CourseAnswers) -> Questions {
    Questions::none().courses(Arc::new(courses))
}
