//! Files of live lectures: which of them a path names, what a query waits for, and what their answers say of them.

use crate::media_bytes::{MediaBytes, MediaKind};
use crate::media_path::MediaResource;
use broadcasts::models::recording::GENERATION;
use bytes::Bytes;
use contracts::questions::live::{LiveFile, LiveMedia, Reload};
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

/// What a player adds to a live playlist's address, if it makes sense; other parameters have no meaning here.
///
/// Source: draft-pantos-hls-rfc8216bis, 6.2.5.2
#[must_use]
pub fn reload(query: &str) -> Option<Reload> {
    let mut reload = Reload::default();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "_HLS_msn" => reload.sequence = Some(value.parse().ok()?),
            "_HLS_part" => reload.part = Some(value.parse().ok()?),
            "_HLS_skip" => reload.skip = matches!(value, "YES" | "v2"),
            _ => {}
        }
    }
    let part_alone = reload.part.is_some() && reload.sequence.is_none();
    (!part_alone).then_some(reload)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_waits_for_a_segment_or_a_part_of_it() {
        let read = |query| reload(query).map(|it| (it.sequence, it.part, it.skip));
        assert_eq!(read(""), Some((None, None, false)));
        assert_eq!(read("_HLS_msn=7&_HLS_part=0"), Some((Some(7), Some(0), false)));
        assert_eq!(read("x=1&_HLS_msn=7&_HLS_skip=YES"), Some((Some(7), None, true)));
        for wrong in ["_HLS_part=1", "_HLS_msn=-1", "_HLS_msn=", "_HLS_msn=1&_HLS_part=x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
