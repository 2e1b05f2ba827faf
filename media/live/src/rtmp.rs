//! RTMP, as far as a publisher needs it: bytes in, bytes out, and what the publisher wants.
//!
//! A [`Connection`] goes through the simple handshake, answers commands until the publisher names its stream, and hands out
//! the tags that follow. Whoever holds the socket decides whether the publisher may publish.
//!
//! Nothing that a peer sends is trusted: messages, values and chunk streams are limited, and wrong bytes lead to an error.
//!
//! Source: Adobe's Real Time Messaging Protocol 1.0

mod amf;
mod chunks;
mod commands;
mod connection;

pub use connection::{Connection, Event, Refusal};

/// Why a connection can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtmpError {
    /// The peer speaks another protocol or version.
    #[error("the peer does not speak RTMP")]
    Handshake,
    /// A message, or something in it, is larger than allowed.
    #[error("{0} is too large")]
    TooLarge(&'static str),
    /// The bytes contradict the protocol.
    #[error("{0}")]
    Malformed(&'static str),
}
