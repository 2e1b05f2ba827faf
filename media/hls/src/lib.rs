//! HLS playlists as text.
//!
//! A [`Multivariant`] playlist lists the renditions of a lecture, a [`MediaPlaylist`] the segments of one rendition.
//! Both implement [`std::fmt::Display`]. A live lecture has a [`GroupedMultivariant`] and playlists made of [`LiveSegment`]s. Names from people (a track's name, a file's language) may contain anything: they
//! are cleaned when written, so that they can never end a quote or start a line.
//!
//! Source: RFC 8216, and draft-pantos-hls-rfc8216bis where it goes further

mod live;
mod media;
mod multivariant;
mod text;

pub use live::{LiveHeader, LivePart, LiveParts, LiveSegment, LiveWhole, PreloadHint, RenditionReport};
pub use media::{Kind, MediaPlaylist, MediaSegment};
pub use multivariant::{AudioRendition, GroupedMultivariant, Multivariant, Variant};
