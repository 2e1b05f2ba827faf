//! Recordings of live lectures: complete ones, and those whose node is not this one, as far as they are stored.

use super::MediaError;
use super::index::complete_pictures;
use super::tagged_playlist::TaggedPlaylist;
use crate::media_bytes::MediaBytes;
use broadcasts::models::recording::{GENERATION, Recording};
use broadcasts::repositories::recording_repository::RecordingRepository;
use bytes::Bytes;
use contracts::{ObjectKey, RenditionName, VideoId};
use hls::{GroupedMultivariant, LiveHeader, LiveSegment, LiveWhole};
use live::packager::{Packager, Rendition, Settings};
use moka::future::Cache;
use moka::ops::compute::Op;
use renditions::models::published::{Ladder, PublishedRendition};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
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
pub(super) struct Kept {
    recording: Option<Recording>,
    /// What was published of it.
    listed: Option<GroupedMultivariant>,
    index: Option<TaggedPlaylist>,
    playlists: HashMap<Rendition, TaggedPlaylist>,
    read_at: Instant,
}

impl Kept {
    fn new(recording: Option<Recording>) -> Self {
        let mut kept = Self {
            listed: None,
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
        kept.listed = packager.ladder();
        kept.index = packager.multivariant().as_ref().map(text);
        for rendition in packager.renditions() {
            if let Some(playlist) = packager.playlist(rendition, false) {
                kept.playlists.insert(rendition, text(&playlist));
            }
        }
        kept
    }

    pub(super) fn is_complete(&self) -> bool {
        self.recording.as_ref().is_none_or(|recording| recording.is_complete)
    }

    /// The multivariant playlist of what was published.
    pub(super) fn index(&self) -> Result<MediaBytes, MediaError> {
        let index = self.index.as_ref().ok_or(MediaError::NoSuchResource)?;
        Ok(index.media(!self.is_complete()))
    }

    /// The multivariant playlist of what was published, and of the rungs that are complete.
    pub(super) fn index_with(&self, ladder: &Ladder) -> String {
        let mut list = self.listed.clone().unwrap_or_default();
        list.variants.extend(complete_pictures(ladder));
        list.to_string()
    }

    /// The playlist of a rung, which has the segments, gaps and discontinuities of the layer that it was made of; none before
    /// it is complete.
    pub(super) fn playlist_of(&self, rung: &PublishedRendition) -> Option<String> {
        let recording = self.recording.as_ref();
        let recording = recording.filter(|it| it.is_complete && rung.complete)?;
        let layers = recording.layers();
        let segments = &layers.last()?.segments;
        let first = segments.first()?.state;
        let target = u32::try_from(rung.target()).unwrap_or(u32::MAX);
        let header = LiveHeader {
            target: recording.targets.map_or(target, |targets| targets.segment.max(target)),
            parts: None,
            independent: true,
            first_sequence: 0,
            first_discontinuity: first.discontinuities,
            skipped: 0,
        };
        let mut text = header.to_string();
        let lengths: HashMap<u32, u32> = rung.segments().collect();
        let mut before = first.discontinuities;
        for (n, segment) in (0..).zip(segments) {
            let state = &segment.state;
            let uri = format!("{n}.m4s");
            let length = lengths.get(&n).map(|ticks| micros(*ticks, rung.timescale));
            let lines = LiveSegment {
                discontinuity: state.discontinuities != before,
                init: (n == 0).then_some("init.mp4"),
                programme_time: state.programme_time,
                parts: &[],
                whole: Some(LiveWhole {
                    uri: &uri,
                    duration: length.unwrap_or(state.duration),
                    gap: length.is_none(),
                }),
            };
            before = state.discontinuities;
            // Writing to a string can't fail.
            let _ = write!(text, "{lines}");
        }
        text.push_str("#EXT-X-ENDLIST\n");
        Some(text)
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

    /// What is stored of a live lecture; none if the video is none.
    pub(super) async fn of(&self, video: VideoId) -> Result<Option<Arc<Kept>>, MediaError> {
        let kept = self.read(video).await?;
        Ok(Some(kept).filter(|kept| kept.recording.is_some()))
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

    /// The object that has a segment, and where in it.
    pub(super) async fn locate(
        &self,
        video: VideoId,
        name: &RenditionName,
        sequence: u32,
    ) -> Result<(ObjectKey, Range<u64>), MediaError> {
        let rendition = parse(name)?;
        self.find(video, |recording| {
            let segment = recording.renditions.get(&rendition)?.segments.get(&sequence)?;
            (!segment.state.is_gap()).then(|| segment.place(video, name))
        })
        .await
    }

    async fn find<T>(&self, video: VideoId, pick: impl Fn(&Recording) -> Option<T>) -> Result<T, MediaError> {
        // What was stored once is never changed, but it may be moved to another object.
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

fn micros(ticks: u32, timescale: u32) -> u64 {
    u64::from(ticks) * 1_000_000 / u64::from(timescale.max(1))
}

fn parse(name: &RenditionName) -> Result<Rendition, MediaError> {
    Rendition::parse(name.as_str()).ok_or(MediaError::NoSuchResource)
}
