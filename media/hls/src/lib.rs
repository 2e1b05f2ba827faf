//! HLS playlists as text.
//!
//! A [`Multivariant`] playlist lists the renditions of a lecture, a [`MediaPlaylist`] the segments of one rendition.
//! Both are written by their [`std::fmt::Display`]. What a person named (a track's name, a file's language) may hold
//! anything: it is cleaned when written, so that it can never end a quote or begin a line.
//!
//! Source: RFC 8216, and draft-pantos-hls-rfc8216bis where it says more

mod media;
mod multivariant;
mod text;

pub use media::{Kind, MediaPlaylist, MediaSegment};
pub use multivariant::{AudioRendition, Multivariant, Variant};
