//! Writes init segments and the heads of media segments.

pub(crate) mod init;
pub(crate) mod moof;
pub(crate) mod plan;
