//! How far people have watched lectures: what their players report, and what is known of it.
//!
//! `repositories` → `models`. Who may report, and who may ask, the content service decides.

pub mod models;
pub mod repositories;
