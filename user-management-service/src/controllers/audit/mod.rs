//! The audit: admins read what was done to accounts.

pub(crate) mod list_audit;
