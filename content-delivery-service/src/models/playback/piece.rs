//! Bytes of the media plane, ready to be sent.

use bytes::Bytes;

/// What a piece holds, which decides its content type and how long it may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// A playlist of something that is complete.
    Playlist,
    /// A playlist that changes while its lecture is encoded.
    GrowingPlaylist,
    /// Video bytes that never change under their URL.
    Video,
    /// Audio bytes that never change under their URL.
    Audio,
}

/// A playlist, an init segment or a segment.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// What it holds.
    pub(crate) kind: PieceKind,
    /// The whole of it; clones share the memory.
    pub(crate) bytes: Bytes,
    /// Its strong entity tag, without the quotation marks.
    pub(crate) tag: String,
}
