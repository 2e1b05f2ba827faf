//! Signing in with OpenID Connect providers.

pub(crate) mod begin_sign_in;
pub(crate) mod errors;
pub(crate) mod finish_sign_in;
pub(crate) mod list_providers;
