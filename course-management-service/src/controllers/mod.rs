//! One folder a subject, in it one file a route: read the request, call a service, shape the reply.

pub(crate) mod audit;
pub(crate) mod courses;
pub(crate) mod enrolments;
pub(crate) mod errors;
pub(crate) mod fields;
pub(crate) mod outline;
pub(crate) mod progress;
pub(crate) mod requests;
pub(crate) mod state;
