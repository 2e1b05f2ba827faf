//! One folder a subject, in it one file a route: read the request, call a service, shape the reply.

pub(crate) mod errors;
pub(crate) mod playback;
pub(crate) mod state;
pub(crate) mod uploads;
pub(crate) mod videos;
pub(crate) mod visitor;
pub(crate) mod watching;
