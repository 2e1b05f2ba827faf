//! Playlists, compressed once for all who read them.

use bytes::Bytes;
use contracts::questions::live::LiveReply;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

/// A playlist as it is now.
pub(super) struct Listing {
    plain: Bytes,
    packed: OnceLock<Option<Bytes>>,
}

impl Listing {
    pub(super) fn reply(&self) -> LiveReply {
        LiveReply::File {
            bytes: self.plain.clone(),
            packed: self.packed.get_or_init(|| pack(&self.plain)).clone(),
        }
    }
}

/// The last listing of a playlist.
#[derive(Default)]
pub(super) struct Listed(Option<Arc<Listing>>);

impl Listed {
    /// The listing of these bytes: the same one as long as the packager returns the same bytes.
    pub(super) fn of(&mut self, plain: Bytes) -> Arc<Listing> {
        let same = self
            .0
            .as_ref()
            .filter(|it| it.plain.as_ptr() == plain.as_ptr() && it.plain.len() == plain.len());
        if let Some(same) = same {
            return Arc::clone(same);
        }
        let listing = Arc::new(Listing {
            plain,
            packed: OnceLock::new(),
        });
        self.0 = Some(Arc::clone(&listing));
        listing
    }
}

fn pack(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::new(5));
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
