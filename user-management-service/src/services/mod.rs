//! What the service does, in domain words; nothing here knows HTTP.

pub(crate) mod account_service;
pub(crate) mod act_service;
pub(crate) mod client_service;
pub(crate) mod directory;
pub(crate) mod error;
pub(crate) mod identities;
pub(crate) mod key_service;
pub(crate) mod provider_service;
pub(crate) mod refusals;
pub(crate) mod revocation_service;
pub(crate) mod session_service;
pub(crate) mod tokens;
