//! WHEP: a viewer's session.
//!
//! Source: draft-ietf-wish-whep-04

pub(crate) mod change_viewing;
pub(crate) mod describe_watching;
pub(crate) mod end_viewing;
pub(crate) mod start_watching;
