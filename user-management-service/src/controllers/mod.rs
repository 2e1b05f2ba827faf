//! One folder a subject, in it one file a route: read the request, call a service, shape the reply.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod clients;
pub(crate) mod errors;
pub(crate) mod keys;
pub(crate) mod providers;
pub(crate) mod sessions;
pub(crate) mod state;
