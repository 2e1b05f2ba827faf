//! The names of this crate's metrics; the service describes them.

/// Hashes that were computed.
pub const PASSWORD_HASHES: &str = "moocflix_password_hashes_total";
/// Tries that wait for a worker.
pub const PASSWORD_HASH_WAITING: &str = "moocflix_password_hash_waiting";
/// Tries that were refused because too many were waiting.
pub const PASSWORD_HASH_REFUSED: &str = "moocflix_password_hash_refused_total";
/// Requests that a limit refused, by the limit.
pub const REFUSED: &str = "moocflix_users_refused_total";
