//! Recordings of live lectures: complete ones, and those whose node is not this one, as far as they are stored.

use super::MediaError;
use super::tagged_playlist::TaggedPlaylist;
use crate::media_bytes::MediaBytes;
use broadcasts::models::recording::{GENERATION, Recording};
use broadcasts::repositories::recording_repository::RecordingRepository;
use bytes::Bytes;
use contracts::{ObjectKey, RenditionName, VideoId};
use live::packager::{Packager, Rendition, Settings};
use moka::future::Cache;
use moka::ops::compute::Op;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How old a recording that may grow is when it is served.
const FRESH: Duration = Duration::from_secs(1);
const BYTES: u64 = 64 << 20;
/// About how much memory a segment takes, including its playlist's lines.
const SEGMENT_BYTES: usize = 256;

/// Recordings by video.
#[derive(Clone)]
pub(super) struct Recordings {
    repository: RecordingRepository,
    kept: Cache<VideoId, Arc<Kept>>,
}

/// What was read of a video: nothing if it is no live lecture, which it can't become.
struct Kept {
    recording: Option<Recording>,
    index: Option<TaggedPlaylist>,
    playlists: HashMap<Rendition, TaggedPlaylist>,
    read_at: Instant,
}

impl Kept {
    fn new(recording: Option<Recording>) -> Self {
        let mut kept = Self {
            index: None,
            playlists: HashMap::new(),
            read_at: Instant::now(),
            recording,
        };
        let state = kept.recording.as_ref().and_then(Recording::state);
        let Some(state) = state else { return kept };
        let settings = Settings {
            generation: GENERATION,
            delta_updates: false,
            answers_requests: true,
        };
        let mut packager = Packager::restore(settings, state);
        let is_complete = kept.is_complete();
        if is_complete {
            packager.end();
        }
        let text = |bytes: &Bytes| {
            let text = String::from_utf8_lossy(bytes);
            let text = if is_complete {
                text.into_owned()
            } else {
                without_parts(&text)
            };
            TaggedPlaylist::new(&text)
        };
        kept.index = packager.multivariant().as_ref().map(text);
        for rendition in packager.renditions() {
            if let Some(playlist) = packager.playlist(rendition, false) {
                kept.playlists.insert(rendition, text(&playlist));
            }
        }
        kept
    }

    fn is_complete(&self) -> bool {
        self.recording.as_ref().is_none_or(|recording| recording.is_complete)
    }

    fn is_good(&self) -> bool {
        self.is_complete() || self.read_at.elapsed() < FRESH
    }

    fn weight(&self) -> u32 {
        let renditions = self.recording.iter().flat_map(|it| it.renditions.values());
        let bytes: usize = renditions
            .map(|it| it.segments.len() * SEGMENT_BYTES + it.inits.len() * 2_048)
            .sum();
        u32::try_from(256 + bytes).unwrap_or(u32::MAX)
    }
}

impl Recordings {
    pub(super) fn new(repository: RecordingRepository) -> Self {
        let kept = Cache::builder()
            .max_capacity(BYTES)
            .weigher(|_, kept: &Arc<Kept>| kept.weight());
        Self {
            repository,
            kept: kept.build(),
        }
    }

    pub(super) async fn forget(&self, video: VideoId) {
        self.kept.invalidate(&video).await;
    }

    /// The multivariant playlist; none if the video is no live lecture.
    pub(super) async fn index(&self, video: VideoId) -> Result<Option<MediaBytes>, MediaError> {
        let kept = self.read(video).await?;
        match (&kept.recording, &kept.index) {
            (None, _) => Ok(None),
            (Some(_), Some(index)) => Ok(Some(index.media(!kept.is_complete()))),
            (Some(_), None) => Err(MediaError::NoSuchResource),
        }
    }

    /// A rendition's playlist.
    pub(super) async fn playlist(&self, video: VideoId, name: &RenditionName) -> Result<MediaBytes, MediaError> {
        let kept = self.read(video).await?;
        let playlist = parse(name)?;
        let playlist = kept.playlists.get(&playlist).ok_or(MediaError::NoSuchResource)?;
        Ok(playlist.media(!kept.is_complete()))
    }

    /// An init segment.
    pub(super) async fn init(&self, video: VideoId, name: &RenditionName, number: u32) -> Result<Bytes, MediaError> {
        let rendition = parse(name)?;
        self.find(video, |recording| {
            let (_, bytes) = recording.renditions.get(&rendition)?.inits.get(&number)?;
            Some(bytes.clone())
        })
        .await
    }

    /// The object of a segment, and its length.
    pub(super) async fn locate(
        &self,
        video: VideoId,
        name: &RenditionName,
        sequence: u32,
    ) -> Result<(ObjectKey, u64), MediaError> {
        let rendition = parse(name)?;
        self.find(video, |recording| {
            let segment = recording.renditions.get(&rendition)?.segments.get(&sequence)?;
            let key = ObjectKey::LiveSegment {
                video,
                rendition: name.clone(),
                sequence,
                lease: segment.lease,
            };
            (!segment.state.is_gap()).then_some((key, segment.state.bytes))
        })
        .await
    }

    async fn find<T>(&self, video: VideoId, pick: impl Fn(&Recording) -> Option<T>) -> Result<T, MediaError> {
        // What was stored once is never changed.
        let known = self.kept.get(&video).await;
        let found = known.and_then(|kept| kept.recording.as_ref().and_then(&pick));
        if let Some(found) = found {
            return Ok(found);
        }
        let kept = self.read(video).await?;
        kept.recording.as_ref().and_then(pick).ok_or(MediaError::NoSuchResource)
    }

    /// The recording as it is stored now, read once for all requests that wait for it.
    async fn read(&self, video: VideoId) -> Result<Arc<Kept>, MediaError> {
        if let Some(kept) = self.kept.get(&video).await
            && kept.is_good()
        {
            return Ok(kept);
        }
        let read = self.kept.entry(video).and_try_compute_with(|known| async move {
            if known.is_some_and(|known| known.value().is_good()) {
                return Ok(Op::Nop);
            }
            let recording = self.repository.read(video).await?;
            Ok::<_, MediaError>(Op::Put(Arc::new(Kept::new(recording))))
        });
        let entry = read.await?.into_entry().ok_or(MediaError::NoSuchResource)?;
        Ok(entry.into_value())
    }
}

/// Leaves out what only the node that holds the lecture has: parts, and playlists that wait for them.
fn without_parts(playlist: &str) -> String {
    const OF_PARTS: [&str; 4] = [
        "#EXT-X-PART",
        "#EXT-X-SERVER-CONTROL",
        "#EXT-X-PRELOAD-HINT",
        "#EXT-X-RENDITION-REPORT",
    ];
    let is_kept = |line: &&str| !OF_PARTS.iter().any(|tag| line.starts_with(tag));
    playlist.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect()
}

fn parse(name: &RenditionName) -> Result<Rendition, MediaError> {
    Rendition::parse(name.as_str()).ok_or(MediaError::NoSuchResource)
}
