//! Sign-ins: opened by a password, continued by refresh tokens, ended by a logout.

pub(crate) mod client;
pub(crate) mod cookie;
pub(crate) mod documents;
pub(crate) mod errors;
pub(crate) mod fields;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod refresh_token;
pub(crate) mod revoke_token;
