//! The outline of a course: modules, items, and their order.

pub(crate) mod add_item;
pub(crate) mod add_module;
pub(crate) mod change_item;
pub(crate) mod change_module;
pub(crate) mod documents;
pub(crate) mod lecture_courses;
pub(crate) mod order_outline;
