//! The only place with SQL: one method is one transaction and writes its own outbox row.

mod key_repository;
mod revocation_repository;
mod session_repository;
mod user_repository;

pub use key_repository::KeyRepository;
pub use revocation_repository::RevocationRepository;
pub use session_repository::SessionRepository;
pub use user_repository::{NotDone, UserRepository};
