//! Playlists as bytes, each with its strong entity tag.

use crate::media_bytes::{MediaBytes, MediaKind};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use std::fmt::Write as _;

/// Digits in quotation marks.
pub(super) const TAG_LENGTH: usize = 18;

/// A playlist, behind its entity tag: a hash of its text.
#[derive(Debug, Clone)]
pub(super) struct TaggedPlaylist(Bytes);

impl TaggedPlaylist {
    pub(super) fn new(text: &str) -> Self {
        let hash = digest(&SHA256, text.as_bytes());
        let mut out = String::with_capacity(TAG_LENGTH + text.len());
        out.push('"');
        for byte in hash.as_ref().iter().take(TAG_LENGTH / 2 - 1) {
            // Writing to a string can't fail.
            let _ = write!(out, "{byte:02x}");
        }
        out.push('"');
        out.push_str(text);
        Self(Bytes::from(out))
    }

    pub(super) fn media(&self, growing: bool) -> MediaBytes {
        let behind = TAG_LENGTH.min(self.0.len());
        MediaBytes {
            kind: if growing {
                MediaKind::GrowingPlaylist
            } else {
                MediaKind::Playlist
            },
            is_packed: false,
            tag: self.0.slice(..behind),
            bytes: self.0.slice(behind..),
        }
    }
}
