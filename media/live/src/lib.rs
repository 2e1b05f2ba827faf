//! Live lectures, without I/O.
//!
//! A publisher's protocol (WebRTC, RTMP) turns what it receives into [`Frame`]s; packagers and viewers take them from there.

pub mod flv;
mod frame;
pub mod h264;
pub mod packager;
pub mod rtmp;
pub mod sound;
pub mod webrtc;

pub use frame::{Format, Frame, H264, Track};
