//! What decides who may watch a lecture: its owner, and the courses that have it, with their members; and the token of those
//! who do.
//!
//! The tables of courses follow the events of course-management: each event of a known sequence replaces all earlier ones
//! of its aggregate (ADR 12, ADR 13). The rule itself is the content service's.
//!
//! `services` → `repositories` → `models`.

pub mod models;
pub mod repositories;
pub mod services;
