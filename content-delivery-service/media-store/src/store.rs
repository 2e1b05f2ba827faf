//! Playlists, init segments and segments: cut from a stored source when they are first asked for, or encoded before.
//!
//! Requests are checked before they come here. Media stays in memory, bounded by bytes, under a key that leaves the
//! token out, so that a lecture hall shares one copy and one load. Bytes never change under their path; playlists of
//! renditions that are still being encoded are read again after a quarter of a second.

mod index;
mod instant;
mod ladders;
mod media_memory;
mod recordings;
mod segments_on_disk;
mod tagged_playlist;

use crate::media_bytes::{MediaBytes, MediaKind};
use crate::media_path::{JUST_IN_TIME, MediaResource};
use backing::DbError;
use backing::hot::Hot;
use backing::objects::{ObjectError, Objects};
use backing::space::Space;
use broadcasts::models::recording::GENERATION;
use broadcasts::repositories::recording_repository::RecordingRepository;
use bytes::Bytes;
use contracts::{ObjectKey, RenditionName, VideoId};
use fmp4::IndexError;
use instant::Instants;
use ladders::{CachedLadder, Ladders};
use media_memory::MediaMemory;
use recordings::{Kept, Recordings};
use renditions::repositories::ladder_repository::LadderRepository;
use segments_on_disk::SegmentsOnDisk;
use std::ops::Range;
use std::sync::Arc;
use tagged_playlist::TaggedPlaylist;

/// Media in memory, backed by the object store and the database.
#[derive(Clone)]
pub struct MediaStore {
    objects: Objects,
    instants: Instants,
    ladders: Ladders,
    recordings: Recordings,
    /// What may be loaded at the same time.
    memory: MediaMemory,
    /// Media that never changes, by its path.
    hot: Hot<(VideoId, MediaResource), MediaBytes>,
    /// Segments of a remote store.
    disk: Option<SegmentsOnDisk>,
}

/// Why media can't be served.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The video has no such rendition or segment.
    #[error("no such part of the video")]
    NoSuchResource,
    /// The session has ended while its player waited.
    #[error("the session has ended")]
    Ended,
    /// The player waits for a segment that is too far ahead.
    #[error("the segment is too far ahead")]
    TooFar,
    /// What the player waits for has not come in time.
    #[error("the segment has not come in time")]
    Late,
    /// There is no memory for it now.
    #[error("too much media is being sent")]
    Busy,
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The sample index is damaged.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Another request's load failed.
    #[error("{0}")]
    Shared(Arc<MediaError>),
}

impl MediaError {
    /// The error itself, whichever request met it first.
    pub fn root(&self) -> &Self {
        match self {
            Self::Shared(inner) => inner.root(),
            Self::NoSuchResource
            | Self::Ended
            | Self::TooFar
            | Self::Late
            | Self::Busy
            | Self::Objects(_)
            | Self::Index(_)
            | Self::Database(_) => self,
        }
    }
}

impl MediaStore {
    /// Keeps at most `hot_bytes` of media in memory.
    pub fn new(
        objects: Objects,
        (ladders, recordings): (LadderRepository, RecordingRepository),
        hot_bytes: u64,
    ) -> Self {
        Self {
            instants: Instants::new(objects.clone()),
            ladders: Ladders::new(ladders),
            recordings: Recordings::new(recordings),
            memory: MediaMemory::new(hot_bytes),
            hot: Hot::new(hot_bytes),
            objects,
            disk: None,
        }
    }

    /// Also keeps at most `disk_bytes` of segments on this machine, if the objects are elsewhere; 0 keeps none.
    ///
    /// Errors: the folder can't be emptied; then it keeps none
    #[must_use]
    pub fn with_disk(mut self, disk_bytes: u64, space: &Space) -> Self {
        let is_remote = self.objects.folder().is_none();
        if let Some(folder) = space.folder("segments").filter(|_| is_remote && disk_bytes > 0) {
            match SegmentsOnDisk::open(folder, disk_bytes, space.clone()) {
                Ok(disk) => self.disk = Some(disk),
                Err(error) => tracing::warn!(%error, "no segments are kept on this disk"),
            }
        }
        self
    }

    /// Media of a video, from memory or made now; however many ask, it is made once.
    ///
    /// What is not on the path of a warm segment is boxed: each request moves its whole future a few times.
    pub async fn media(&self, video: VideoId, resource: &MediaResource) -> Result<MediaBytes, MediaError> {
        match resource {
            MediaResource::Index => {
                let index = async {
                    let recording = self.recordings.of(video).await?;
                    if let Some(kept) = recording.as_ref().filter(|kept| !kept.is_complete()) {
                        return kept.index();
                    }
                    let cached = self.ladders.current(video).await?;
                    match recording {
                        Some(kept) => recorded_index(&kept, &cached),
                        None => self.index(video, &cached).await,
                    }
                };
                Box::pin(index).await
            }
            MediaResource::Playlist(GENERATION, rendition) => {
                Box::pin(self.recordings.playlist(video, rendition)).await
            }
            MediaResource::Playlist(JUST_IN_TIME, _)
            | MediaResource::Init(..)
            | MediaResource::NumberedInit(..)
            | MediaResource::Segment(..) => {
                let key = (video, resource.clone());
                let made = self.hot.get_or_load(key, || self.make(video, resource));
                made.await.map_err(MediaError::Shared)
            }
            MediaResource::Playlist(generation, rendition) => {
                let playlist = async {
                    let recording = self.recordings.of(video).await?;
                    let of = (*generation, rendition);
                    self.ladders.playlist(video, of, recording.as_deref()).await
                };
                Box::pin(playlist).await
            }
            MediaResource::Part(..) | MediaResource::Heartbeat | MediaResource::End => Err(MediaError::NoSuchResource),
        }
    }

    /// Forgets all of a video.
    pub async fn forget(&self, video: VideoId) {
        self.instants.forget(video).await;
        self.ladders.forget(video).await;
        self.recordings.forget(video).await;
        self.hot.forget_if(move |(of, _)| *of == video);
        if let Some(disk) = &self.disk {
            disk.forget(format!("{video}-")).await;
        }
    }

    /// Media that never changes, if it is in memory.
    pub fn media_at_once(&self, video: VideoId, resource: MediaResource) -> Option<MediaBytes> {
        self.hot.get_at_once(&(video, resource))
    }

    async fn make(&self, video: VideoId, resource: &MediaResource) -> Result<MediaBytes, MediaError> {
        match resource {
            MediaResource::Playlist(JUST_IN_TIME, rendition) => {
                let playlist = self.instants.playlist(video, rendition).await?;
                Ok(playlist.media(false))
            }
            MediaResource::Init(generation, rendition) => {
                let bytes = match *generation {
                    JUST_IN_TIME => self.instants.init(video, rendition).await?,
                    generation => self.ladders.init(video, generation, rendition).await?,
                };
                let tag = format!("\"{generation}-{rendition}-i-{:x}\"", bytes.len());
                Ok(media_of(rendition, tag, bytes))
            }
            MediaResource::NumberedInit(GENERATION, rendition, n) => {
                let bytes = self.recordings.init(video, rendition, *n).await?;
                let tag = format!("\"{GENERATION}-{rendition}-i{n}-{:x}\"", bytes.len());
                Ok(media_of(rendition, tag, bytes))
            }
            MediaResource::Segment(generation, rendition, n) => {
                let bytes = self.near_segment(video, (*generation, rendition, *n)).await?;
                let tag = format!("\"{generation}-{rendition}-{n}-{:x}\"", bytes.len());
                Ok(media_of(rendition, tag, bytes))
            }
            MediaResource::Playlist(..)
            | MediaResource::NumberedInit(..)
            | MediaResource::Part(..)
            | MediaResource::Index
            | MediaResource::Heartbeat
            | MediaResource::End => Err(MediaError::NoSuchResource),
        }
    }

    /// A segment from this machine's disk, or from the store.
    async fn near_segment(
        &self,
        video: VideoId,
        (generation, rendition, n): (u32, &RenditionName, u32),
    ) -> Result<Bytes, MediaError> {
        let Some(disk) = &self.disk else {
            return self.segment(video, (generation, rendition, n)).await;
        };
        let name = format!("{video}-{generation}-{rendition}-{n}");
        if let Some(bytes) = disk.get(&name).await {
            let held = self.memory.hold(bytes.len() as u64, self.hot.settle()).await?;
            return Ok(held.with(bytes));
        }
        let bytes = self.segment(video, (generation, rendition, n)).await?;
        disk.put(&name, &bytes).await;
        Ok(bytes)
    }

    async fn segment(
        &self,
        video: VideoId,
        (generation, rendition, n): (u32, &RenditionName, u32),
    ) -> Result<Bytes, MediaError> {
        if generation == JUST_IN_TIME {
            let segment = self.instants.plan(video, rendition, n).await?;
            let held = self.memory.hold(segment.len, self.hot.settle()).await?;
            return Ok(held.with(self.instants.read(video, &segment).await?));
        }
        if generation == GENERATION {
            let place = self.recordings.locate(video, rendition, n).await?;
            return match self.read(place).await {
                Err(MediaError::Objects(ObjectError::NotFound)) => {
                    // it was joined with others meanwhile
                    self.recordings.forget(video).await;
                    let place = self.recordings.locate(video, rendition, n).await?;
                    self.read(place).await
                }
                read => read,
            };
        }
        let place = self.ladders.locate(video, generation, rendition, n).await?;
        self.read(place).await
    }

    async fn read(&self, (key, range): (ObjectKey, Range<u64>)) -> Result<Bytes, MediaError> {
        let length = range.end.saturating_sub(range.start);
        let held = self.memory.hold(length, self.hot.settle()).await?;
        let read = self.objects.get_ranges(&key, &[range]).await?;
        Ok(held.with(read.into_iter().next().unwrap_or_default()))
    }

    async fn index(&self, video: VideoId, cached: &CachedLadder) -> Result<MediaBytes, MediaError> {
        let playlist = cached
            .index
            .get_or_try_init(|| async {
                let wanted = index::wants_source(&cached.ladder);
                let head = match wanted.any() {
                    true => Some(self.instants.head(video).await?),
                    false => None,
                };
                let list = index::multivariant(head.as_deref(), wanted, &cached.ladder);
                Ok::<_, MediaError>(TaggedPlaylist::new(&list.to_string()))
            })
            .await?;
        Ok(playlist.media(!cached.ladder.complete))
    }
}

/// The playlist of a recording's renditions: those that were published, and those that were encoded since.
fn recorded_index(kept: &Kept, cached: &CachedLadder) -> Result<MediaBytes, MediaError> {
    // nothing can be played
    kept.index()?;
    let playlist = cached.recorded_index(kept);
    Ok(playlist.media(!cached.ladder.complete))
}

fn media_of(rendition: &RenditionName, tag: String, bytes: Bytes) -> MediaBytes {
    let kind = if rendition.is_sound() {
        MediaKind::Audio
    } else {
        MediaKind::Video
    };
    MediaBytes {
        kind,
        bytes,
        is_packed: false,
        tag: Bytes::from(tag),
    }
}

#[cfg(test)]
mod tests;
