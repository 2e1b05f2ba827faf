//! Files of live lectures: which of them a path names, and what their answers say of them.

use crate::media_bytes::MediaKind;
use crate::media_path::MediaResource;
use broadcasts::models::recording::GENERATION;
use bytes::Bytes;
use contracts::RenditionName;
use contracts::questions::live::LiveFile;

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

/// What a file has in it.
#[must_use]
pub fn kind(file: &LiveFile) -> MediaKind {
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
#[must_use]
pub fn tag(file: &LiveFile, length: usize) -> Bytes {
    let name = match file {
        LiveFile::Index | LiveFile::Playlist(_) => return Bytes::new(),
        LiveFile::Init(name, n) => format!("\"{GENERATION}-{name}-i{n}-{length:x}\""),
        LiveFile::Segment(name, n) => format!("\"{GENERATION}-{name}-{n}-{length:x}\""),
        LiveFile::Part(name, n, part) => format!("\"{GENERATION}-{name}-{n}.{part}-{length:x}\""),
    };
    Bytes::from(name)
}
