//! One file for each route of live lectures.

pub(crate) mod create_live;
mod documents;
pub(crate) mod end_live;
mod errors;
pub(crate) mod fetch_live;
pub(crate) mod list_live;
pub(crate) mod rotate_key;
pub(crate) mod show_attendance;
pub(crate) mod update_live;
