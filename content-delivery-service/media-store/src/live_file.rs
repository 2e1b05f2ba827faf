//! Files of live lectures: which of them a path names, and what their answers say of them.

use crate::media_bytes::{MediaBytes, MediaKind};
use crate::media_path::MediaResource;
use broadcasts::models::recording::GENERATION;
use bytes::Bytes;
use contracts::questions::live::{LiveFile, LiveMedia};
use contracts::{RenditionName, VideoId};

/// The file of a live lecture that a path may name. A multivariant playlist has the same path whatever its lecture is.
#[must_use]
pub fn named_by(resource: &MediaResource) -> Option<LiveFile> {
    Some(match resource {
        MediaResource::Index => LiveFile::Index,
        MediaResource::Playlist(GENERATION, name) => LiveFile::Playlist(name.clone()),
        MediaResource::NumberedInit(GENERATION, name, n) => LiveFile::Init(name.clone(), *n),
        MediaResource::Segment(GENERATION, name, n) => LiveFile::Segment(name.clone(), *n),
        MediaResource::Part(GENERATION, name, n, part) => LiveFile::Part(name.clone(), *n, *part),
        _ => return None,
    })
}

/// The file that a path names, if it is media that this node has in memory.
#[must_use]
pub fn at_once(live: &dyn LiveMedia, video: VideoId, resource: &MediaResource) -> Option<MediaBytes> {
    let file = named_by(resource)?;
    let bytes = live.in_memory(video, &file)?;
    Some(media(&file, bytes, None))
}

/// A file as it is sent: compressed, if there is that.
#[must_use]
pub fn media(file: &LiveFile, bytes: Bytes, packed: Option<Bytes>) -> MediaBytes {
    MediaBytes {
        kind: kind(file),
        is_packed: packed.is_some(),
        tag: tag(file, bytes.len()),
        bytes: packed.unwrap_or(bytes),
    }
}

/// What a file has in it.
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

/// The entity tag of a file with this many bytes. A playlist has none: it is another one with each part.
fn tag(file: &LiveFile, length: usize) -> Bytes {
    let name = match file {
        LiveFile::Index | LiveFile::Playlist(_) => return Bytes::new(),
        LiveFile::Init(name, n) => format!("\"{GENERATION}-{name}-i{n}-{length:x}\""),
        LiveFile::Segment(name, n) => format!("\"{GENERATION}-{name}-{n}-{length:x}\""),
        LiveFile::Part(name, n, part) => format!("\"{GENERATION}-{name}-{n}.{part}-{length:x}\""),
    };
    Bytes::from(name)
}
