//! HLS playlists as text.
//!
//! A [`Multivariant`] playlist lists the renditions of a lecture, a [`MediaPlaylist`] the segments of one rendition.
//! Both implement [`std::fmt::Display`]. Names from people (a track's name, a file's language) may contain anything: they
//! are cleaned when written, so that they can never end a quote or start a line.
//!
//! Source: RFC 8216, and draft-pantos-hls-rfc8216bis where it goes further

mod media;
mod multivariant;
mod text;

pub use media::{Kind, MediaPlaylist, MediaSegment};
pub use multivariant::{AudioRendition, Multivariant, Variant};
