//! Encoded renditions as far as they are published, kept in memory and read again when they may have grown.
//!
//! The encoder may be another process: each publication raises the video's count of changes, which this process reads at
//! most four times a second for each video, however many viewers watch. Only a new count makes it read the rows again.

use super::MediaError;
use super::recordings::Kept;
use super::tagged_playlist::TaggedPlaylist;
use crate::media_bytes::MediaBytes;
use bytes::Bytes;
use contracts::{ObjectKey, RenditionName, VideoId};
use hls::{Kind, MediaPlaylist, MediaSegment};
use moka::future::Cache;
use moka::ops::compute::Op;
use renditions::models::published::{Ladder, PublishedRendition, ServedVersion};
use renditions::repositories::ladder_repository::LadderRepository;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How old a served playlist may be.
const FRESH: Duration = Duration::from_millis(250);
const LADDERS_BYTES: u64 = 64 << 20;
const VERSIONS: u64 = 100_000;
/// About how much memory a segment takes, including its playlist's line.
const SEGMENT_BYTES: usize = 48;

/// Ladders by video and generation.
#[derive(Clone)]
pub(super) struct Ladders {
    repository: LadderRepository,
    versions: Cache<VideoId, Freshness>,
    ladders: Cache<(VideoId, u32), Arc<CachedLadder>>,
}

/// The version of a video that the database returned, and when; none if the video is gone.
#[derive(Clone, Copy)]
struct Freshness {
    version: Option<ServedVersion>,
    at: Instant,
}

impl Freshness {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH
    }
}

/// A ladder as it was when it was read, with the playlists that were made of it.
pub(super) struct CachedLadder {
    pub(super) ladder: Ladder,
    /// The multivariant playlist.
    pub(super) index: OnceCell<TaggedPlaylist>,
    /// The same of a recording.
    recorded: OnceLock<TaggedPlaylist>,
    playlists: Vec<OnceLock<TaggedPlaylist>>,
}

impl Ladders {
    pub(super) fn new(repository: LadderRepository) -> Self {
        let ladders = Cache::builder()
            .max_capacity(LADDERS_BYTES)
            .weigher(|_, ladder: &Arc<CachedLadder>| ladder.weight())
            .support_invalidation_closures()
            .build();
        Self {
            repository,
            versions: Cache::new(VERSIONS),
            ladders,
        }
    }

    pub(super) async fn forget(&self, video: VideoId) {
        self.versions.invalidate(&video).await;
        // Only a cache that was built without support for it returns an error.
        let _ = self.ladders.invalidate_entries_if(move |(of, _), _| *of == video);
    }

    /// The ladder that is listed now.
    pub(super) async fn current(&self, video: VideoId) -> Result<Arc<CachedLadder>, MediaError> {
        let (version, _) = self.version(video).await?;
        self.read(video, version.generation, version).await
    }

    /// A rendition's playlist; that of a recording's rendition follows what was recorded.
    pub(super) async fn playlist(
        &self,
        video: VideoId,
        (generation, name): (u32, &RenditionName),
        recording: Option<&Kept>,
    ) -> Result<MediaBytes, MediaError> {
        // A complete playlist never changes.
        if let Some(cached) = self.ladders.get(&(video, generation)).await
            && let Some((rendition, playlist)) = cached.playlist(name, recording)
            && rendition.complete
        {
            return Ok(playlist.media(false));
        }
        let (_, cached) = self.of_generation(video, generation).await?;
        let (rendition, playlist) = cached.playlist(name, recording).ok_or(MediaError::NoSuchResource)?;
        Ok(playlist.media(!rendition.complete))
    }

    /// A rendition's init segment.
    pub(super) async fn init(
        &self,
        video: VideoId,
        generation: u32,
        name: &RenditionName,
    ) -> Result<Bytes, MediaError> {
        self.find(video, generation, (name, 0), |rendition| Some(rendition.init.clone()))
            .await
    }

    /// The object that holds a segment, and where in it.
    pub(super) async fn locate(
        &self,
        video: VideoId,
        generation: u32,
        name: &RenditionName,
        n: u32,
    ) -> Result<(ObjectKey, Range<u64>), MediaError> {
        self.find(video, generation, (name, n), |rendition| {
            let (piece, range) = rendition.locate(n)?;
            let key = ObjectKey::VideoPiece {
                video,
                generation,
                rendition: name.clone(),
                piece: piece.piece,
                fence: piece.fence,
            };
            Some((key, range))
        })
        .await
    }

    /// Finds something of a rendition in the cached ladder, and if it is missing there, in the one that is published now.
    ///
    /// Another node may have listed it a moment ago, so this waits until the next read is due. Requests for missing
    /// segments therefore cause no additional reads.
    async fn find<T>(
        &self,
        video: VideoId,
        generation: u32,
        (name, n): (&RenditionName, u32),
        pick: impl Fn(&PublishedRendition) -> Option<T>,
    ) -> Result<T, MediaError> {
        let pick = |cached: &CachedLadder| cached.ladder.rendition(name).and_then(&pick);
        if let Some(cached) = self.ladders.get(&(video, generation)).await
            && let Some(found) = pick(&cached)
        {
            return Ok(found);
        }
        let (asked_at, cached) = self.of_generation(video, generation).await?;
        if let Some(found) = pick(&cached) {
            return Ok(found);
        }
        if cached.ladder.may_come(name, n) {
            tokio::time::sleep_until(asked_at + FRESH).await;
            let (_, cached) = self.of_generation(video, generation).await?;
            return pick(&cached).ok_or(MediaError::NoSuchResource);
        }
        Err(MediaError::NoSuchResource)
    }

    async fn of_generation(&self, video: VideoId, generation: u32) -> Result<(Instant, Arc<CachedLadder>), MediaError> {
        let (version, asked_at) = self.version(video).await?;
        if generation > version.latest {
            return Err(MediaError::NoSuchResource);
        }
        Ok((asked_at, self.read(video, generation, version).await?))
    }

    /// The video's version as the database returned it within the last quarter of a second, and when.
    async fn version(&self, video: VideoId) -> Result<(ServedVersion, Instant), MediaError> {
        let known = self.versions.get(&video).await.filter(Freshness::is_fresh);
        let fresh = match known {
            Some(fresh) => fresh,
            None => self.look(video).await?,
        };
        let version = fresh.version.ok_or(MediaError::NoSuchResource)?;
        Ok((version, fresh.at))
    }

    /// Reads the version, once for all requests that wait for it.
    async fn look(&self, video: VideoId) -> Result<Freshness, MediaError> {
        let look = self.versions.entry(video).and_try_compute_with(|known| async move {
            if known.is_some_and(|known| known.value().is_fresh()) {
                return Ok(Op::Nop);
            }
            let at = Instant::now();
            let version = self.repository.version(video).await?;
            Ok::<_, MediaError>(Op::Put(Freshness { version, at }))
        });
        let entry = look.await?.into_entry().ok_or(MediaError::NoSuchResource)?;
        Ok(entry.into_value())
    }

    /// A generation's ladder as of this change or a later one.
    async fn read(
        &self,
        video: VideoId,
        generation: u32,
        version: ServedVersion,
    ) -> Result<Arc<CachedLadder>, MediaError> {
        let key = (video, generation);
        if let Some(cached) = self.ladders.get(&key).await
            && cached.ladder.changes >= version.changes
        {
            return Ok(cached);
        }
        let read = self.ladders.entry(key).and_try_compute_with(|known| async move {
            // The request before may have read it.
            if known.is_some_and(|known| known.value().ladder.changes >= version.changes) {
                return Ok(Op::Nop);
            }
            let ladder = self.repository.read(video, generation).await?;
            let ladder = ladder.unwrap_or_else(|| Ladder::nothing(version.changes, generation));
            Ok::<_, MediaError>(Op::Put(Arc::new(CachedLadder::new(ladder))))
        });
        let entry = read.await?.into_entry().ok_or(MediaError::NoSuchResource)?;
        Ok(entry.into_value())
    }
}

impl CachedLadder {
    fn new(ladder: Ladder) -> Self {
        Self {
            index: OnceCell::new(),
            recorded: OnceLock::new(),
            playlists: ladder.renditions.iter().map(|_| OnceLock::new()).collect(),
            ladder,
        }
    }

    /// The multivariant playlist of a recording, which is written when it is first asked for.
    pub(super) fn recorded_index(&self, kept: &Kept) -> &TaggedPlaylist {
        self.recorded
            .get_or_init(|| TaggedPlaylist::new(&kept.index_with(&self.ladder)))
    }

    /// A rendition with its playlist, which is written when it is first asked for; none if there is nothing to list.
    fn playlist(
        &self,
        name: &RenditionName,
        recording: Option<&Kept>,
    ) -> Option<(&PublishedRendition, &TaggedPlaylist)> {
        let mut both = self.ladder.renditions.iter().zip(&self.playlists);
        let (rendition, text) = both.find(|(rendition, _)| rendition.description.name == *name)?;
        if let Some(text) = text.get() {
            return Some((rendition, text));
        }
        let written = match recording {
            Some(kept) => kept.playlist_of(rendition)?,
            None => playlist(rendition),
        };
        Some((rendition, text.get_or_init(|| TaggedPlaylist::new(&written))))
    }

    /// About how many bytes of memory it takes.
    fn weight(&self) -> u32 {
        let renditions = self.ladder.renditions.iter();
        let bytes: usize = renditions
            .map(|one| one.init.len() + one.pieces.len() * 64 + one.length() * SEGMENT_BYTES)
            .sum();
        let described = self.ladder.source.len() + self.ladder.planned.len();
        u32::try_from(1_024 + bytes + described * 256).unwrap_or(u32::MAX)
    }
}

fn playlist(rendition: &PublishedRendition) -> String {
    let segments = rendition.segments().map(|(n, duration)| MediaSegment {
        uri: format!("{n}.m4s"),
        duration: u64::from(duration),
    });
    let mut list = MediaPlaylist {
        kind: Kind::Vod,
        init: "init.mp4".to_owned(),
        timescale: rendition.timescale,
        segments: segments.collect(),
    };
    let target = rendition.target().max(list.longest());
    list.kind = if rendition.complete {
        Kind::Grown { target }
    } else {
        // A rendition that was given up ends where it is, so that nobody waits for the rest.
        Kind::Event {
            target,
            ended: rendition.failed,
        }
    };
    list.to_string()
}
