//! What decides who may watch a lecture: its owner, and the courses that have it, with their members; the rule that weighs
//! them; and the token of those who may.
//!
//! The tables of courses follow the events of course-management: each event of a known sequence replaces all earlier ones
//! of its aggregate (ADR 12, ADR 13).
//!
//! `services` → `repositories` → `models`.

pub mod metric;
pub mod models;
pub mod repositories;
pub mod services;
