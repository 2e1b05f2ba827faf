//! WHIP: a publisher's session.
//!
//! Source: RFC 9725

pub(crate) mod change_publication;
pub(crate) mod describe_publishing;
pub(crate) mod end_publication;
pub(crate) mod start_publishing;
