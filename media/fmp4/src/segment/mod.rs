//! Writing of init segments and of the heads of media segments.

pub(crate) mod init;
pub(crate) mod moof;
