//! Live lectures, without I/O.
//!
//! A publisher's protocol (WebRTC, RTMP) turns what it receives into [`Frame`]s; packagers and viewers take them from there.

mod frame;
pub mod packager;
pub mod webrtc;

pub use frame::{Format, Frame, H264, Track};
