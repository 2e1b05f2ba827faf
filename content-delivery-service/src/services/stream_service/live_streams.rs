//! Media of lectures that are live: from the node that holds them, or else from what is stored.

use super::StreamService;
use super::open_playbacks::OpenPlayback;
use broadcasts::models::recording::GENERATION;
use bytes::Bytes;
use contracts::RenditionName;
use contracts::questions::live::{LiveFile, LiveReply, Reload};
use media_store::media_bytes::{MediaBytes, MediaKind};
use media_store::media_path::MediaResource;
use media_store::store::MediaError;

/// What a request says besides its path.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    /// What it waits for.
    pub(crate) reload: Reload,
    /// Whether its client understands gzip.
    pub(crate) unpacks: bool,
}

/// The file of a live lecture that a path may name. A multivariant playlist has the same path whatever its lecture is.
pub(super) fn live_file(resource: &MediaResource) -> Option<LiveFile> {
    Some(match resource {
        MediaResource::Index => LiveFile::Index,
        MediaResource::Playlist(GENERATION, name) => LiveFile::Playlist(name.clone()),
        MediaResource::NumberedInit(GENERATION, name, n) => LiveFile::Init(name.clone(), *n),
        MediaResource::Segment(GENERATION, name, n) => LiveFile::Segment(name.clone(), *n),
        MediaResource::Part(GENERATION, name, n, part) => LiveFile::Part(name.clone(), *n, *part),
        _ => return None,
    })
}

impl StreamService {
    pub(super) async fn live(
        &self,
        open: &OpenPlayback,
        (resource, file): (&MediaResource, LiveFile),
        asked: Asked,
    ) -> Result<MediaBytes, MediaError> {
        let video = open.claims.video;
        let (bytes, packed) = match self.0.live.read(video, &file, asked.reload).await {
            LiveReply::Elsewhere => return self.0.media.media(video, resource).await,
            LiveReply::File { bytes, packed } => (bytes, packed.filter(|_| asked.unpacks)),
            LiveReply::Missing => return Err(MediaError::NoSuchResource),
            LiveReply::TooFar => return Err(MediaError::TooFar),
            LiveReply::Late => return Err(MediaError::Late),
        };
        // It may have ended while its player waited.
        if !open.lives(self.0.clock.now()) {
            return Err(MediaError::Ended);
        }
        let kind = kind(&file);
        Ok(MediaBytes {
            kind,
            is_packed: packed.is_some(),
            tag: tag(&file, bytes.len()),
            bytes: packed.unwrap_or(bytes),
        })
    }
}

fn kind(file: &LiveFile) -> MediaKind {
    let of = |name: &RenditionName| {
        if name.is_sound() {
            MediaKind::Audio
        } else {
            MediaKind::Video
        }
    };
    match file {
        LiveFile::Index | LiveFile::Playlist(_) => MediaKind::LivePlaylist,
        LiveFile::Init(name, _) | LiveFile::Segment(name, _) | LiveFile::Part(name, ..) => of(name),
    }
}

/// A playlist has no tag: it is another one with each part.
fn tag(file: &LiveFile, length: usize) -> Bytes {
    let name = match file {
        LiveFile::Index | LiveFile::Playlist(_) => return Bytes::new(),
        LiveFile::Init(name, n) => format!("\"{GENERATION}-{name}-i{n}-{length:x}\""),
        LiveFile::Segment(name, n) => format!("\"{GENERATION}-{name}-{n}-{length:x}\""),
        LiveFile::Part(name, n, part) => format!("\"{GENERATION}-{name}-{n}.{part}-{length:x}\""),
    };
    Bytes::from(name)
}
