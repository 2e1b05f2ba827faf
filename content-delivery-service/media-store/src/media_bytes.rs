//! Bytes of the media plane, ready to be sent.

use bytes::Bytes;

/// What bytes of the media plane are, which decides their content type and how long they may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A playlist of something that is complete.
    Playlist,
    /// A playlist that changes while its lecture is encoded.
    GrowingPlaylist,
    /// Video bytes that never change under their URL.
    Video,
    /// Audio bytes that never change under their URL.
    Audio,
}

/// A whole playlist, init segment or segment.
#[derive(Debug, Clone)]
pub struct MediaBytes {
    /// What they are.
    pub kind: MediaKind,
    /// The bytes themselves; clones share the memory.
    pub bytes: Bytes,
    /// Their strong entity tag, without the quotation marks.
    pub tag: String,
}
