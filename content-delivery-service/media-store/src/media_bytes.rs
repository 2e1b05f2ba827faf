//! Bytes of the media plane, ready to be sent.

use bytes::Bytes;

/// What bytes of the media plane are, which decides their content type and how long they may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// A playlist of something that is complete.
    Playlist,
    /// A playlist that changes while its lecture is encoded.
    GrowingPlaylist,
    /// A playlist of a lecture that is live: players wait for its next version.
    LivePlaylist,
    /// Video bytes that never change under their URL.
    Video,
    /// Audio bytes that never change under their URL.
    Audio,
}

impl MediaKind {
    /// The name of the format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Playlist | Self::GrowingPlaylist | Self::LivePlaylist => "application/vnd.apple.mpegurl",
            Self::Video => "video/mp4",
            Self::Audio => "audio/mp4",
        }
    }

    /// How long browsers may keep it, and how long caches that are shared behind the check.
    #[must_use]
    pub const fn cache_rules(self) -> (&'static str, &'static str) {
        match self {
            Self::Playlist => ("private, max-age=60", "public, max-age=60"),
            // Less than half of any target duration of something that grows.
            Self::GrowingPlaylist => ("private, max-age=1", "public, max-age=1"),
            // A shared cache asks once for all who wait.
            Self::LivePlaylist => ("no-cache", "public, max-age=1"),
            Self::Video | Self::Audio => (
                "private, max-age=31536000, immutable",
                "public, max-age=31536000, immutable",
            ),
        }
    }
}

/// A whole playlist, init segment or segment.
#[derive(Debug, Clone)]
pub struct MediaBytes {
    /// What they are.
    pub kind: MediaKind,
    /// The bytes themselves; clones share the memory.
    pub bytes: Bytes,
    /// Whether they are compressed with gzip.
    pub is_packed: bool,
    /// Their strong entity tag, as it stands in a header, or nothing; clones share the memory.
    pub tag: Bytes,
}

impl AsRef<[u8]> for MediaBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
