//! One folder a subject, in it one file a route: read the request, ask the door, shape the reply.

pub(crate) mod elsewhere;
pub(crate) mod errors;
pub(crate) mod publishing;
pub(crate) mod sdp;
pub(crate) mod session_path;
pub(crate) mod state;
pub(crate) mod watching;
