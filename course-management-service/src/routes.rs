//! The URL table: a line for each route, with its policy. What a role in a course allows is checked by the services.

use crate::controllers::audit::list_audit;
use crate::controllers::courses::{
    change_status, create_course, delete_course, fetch_course, list_courses, renew_code, update_course,
};
use crate::controllers::enrolments::{end_enrolment, enrol, enrol_list, list_members, set_role};
use crate::controllers::outline::{add_item, add_module, change_item, change_module, order_outline};
use crate::controllers::state::Api;
use http::Method;
use runtime::{Access, Authenticator, Routes, Table};
use utoipa_axum::routes;

const PREFIX: &str = "/api/v1/courses";
/// Everybody for a public course, otherwise a bearer.
const COURSE_ACCESS: Access = Access::ByService("course_access");
/// As long as a list of the longest addresses.
const LIST_BYTES: usize = 192 * 1_024;
/// As long as an order of the most items.
const OUTLINE_BYTES: usize = 128 * 1_024;

#[rustfmt::skip]
pub(crate) fn routes(api: Api, authenticator: &Authenticator) -> Routes {
    let (list, outline) = (Access::SignedIn.with_body_limit(LIST_BYTES), Access::SignedIn.with_body_limit(OUTLINE_BYTES));
    Table::new(PREFIX, authenticator)
        .row(Method::POST, "/", Access::Instructor, routes!(create_course::create_course))
        .row(Method::GET, "/", Access::SignedIn, routes!(list_courses::list_courses))
        .row(Method::GET, "/audit", Access::Admin, routes!(list_audit::list_audit))
        .row(Method::GET, "/{course_id}", COURSE_ACCESS, routes!(fetch_course::fetch_course))
        .row(Method::PATCH, "/{course_id}", Access::SignedIn, routes!(update_course::update_course))
        .row(Method::DELETE, "/{course_id}", Access::SignedIn, routes!(delete_course::delete_course))
        .row(Method::POST, "/{course_id}/publish", Access::SignedIn, routes!(change_status::publish_course))
        .row(Method::POST, "/{course_id}/unpublish", Access::SignedIn, routes!(change_status::unpublish_course))
        .row(Method::POST, "/{course_id}/archive", Access::SignedIn, routes!(change_status::archive_course))
        .row(Method::POST, "/{course_id}/code", Access::SignedIn, routes!(renew_code::renew_code))
        .row(Method::PUT, "/{course_id}/outline", outline, routes!(order_outline::order_outline))
        .row(Method::POST, "/{course_id}/modules", Access::SignedIn, routes!(add_module::add_module))
        .row(Method::PATCH, "/{course_id}/modules/{module_id}", Access::SignedIn, routes!(change_module::change_module))
        .row(Method::DELETE, "/{course_id}/modules/{module_id}", Access::SignedIn, routes!(change_module::remove_module))
        .row(Method::POST, "/{course_id}/modules/{module_id}/items", Access::SignedIn, routes!(add_item::add_item))
        .row(Method::PATCH, "/{course_id}/modules/{module_id}/items/{item_id}", Access::SignedIn, routes!(change_item::rename_item))
        .row(Method::DELETE, "/{course_id}/modules/{module_id}/items/{item_id}", Access::SignedIn, routes!(change_item::remove_item))
        .row(Method::POST, "/{course_id}/enrolments", Access::SignedIn, routes!(enrol::enrol))
        .row(Method::POST, "/{course_id}/enrolments/list", list, routes!(enrol_list::enrol_list))
        .row(Method::DELETE, "/{course_id}/enrolments/{user_id}", Access::SignedIn, routes!(end_enrolment::end_enrolment))
        .row(Method::GET, "/{course_id}/members", Access::SignedIn, routes!(list_members::list_members))
        .row(Method::PUT, "/{course_id}/members/{user_id}", Access::SignedIn, routes!(set_role::set_role))
        .with_state(api)
}
