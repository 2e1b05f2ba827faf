//! Playlists, init segments and segments: cut from a stored source when they are first asked for, or encoded before.
//!
//! Whoever asks was checked before. What is made is kept in memory, bounded by bytes, under a key
//! that leaves the token out, so that a lecture hall shares one copy and one load. Bytes never change under their
//! path; playlists of what is still being encoded are looked at again every quarter of a second.

mod index;
mod instant;
mod ladders;
mod text;

use crate::models::playback::media_path::{JUST_IN_TIME, Part};
use crate::models::playback::piece::{Piece, PieceKind};
use backing::DbError;
use backing::hot::Hot;
use backing::objects::{ObjectError, Objects};
use bytes::Bytes;
use contracts::{RenditionName, VideoId};
use fmp4::IndexError;
use instant::Instants;
use ladders::{Ladders, Shown};
use renditions::repositories::ladder_repository::LadderRepository;
use std::sync::Arc;
use text::Text;

/// Media in memory, backed by the object store and the database.
#[derive(Clone)]
pub(crate) struct MediaStore {
    objects: Objects,
    instants: Instants,
    ladders: Ladders,
    /// Bytes that never change, by their path.
    hot: Hot<(VideoId, Part)>,
}

/// Why a piece can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MediaError {
    /// The video has no such rendition or segment.
    #[error("no such part of the video")]
    NoSuchPart,
    /// The object store did not give the bytes.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The sample index is not what was written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The database did not tell what is published.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Another request's load failed.
    #[error("{0}")]
    Shared(Arc<MediaError>),
}

impl MediaError {
    /// The error itself, wherever it came up.
    pub(crate) fn root(&self) -> &Self {
        match self {
            Self::Shared(inner) => inner.root(),
            Self::NoSuchPart | Self::Objects(_) | Self::Index(_) | Self::Database(_) => self,
        }
    }
}

impl MediaStore {
    /// Keeps at most `hot_bytes` of media in memory.
    pub(crate) fn new(objects: Objects, ladders: LadderRepository, hot_bytes: u64) -> Self {
        Self {
            instants: Instants::new(objects.clone()),
            ladders: Ladders::new(ladders),
            hot: Hot::new(hot_bytes),
            objects,
        }
    }

    /// A piece of a video, from memory or made now; however many ask, it is made once.
    pub(crate) async fn piece(&self, video: VideoId, part: &Part) -> Result<Piece, MediaError> {
        match part {
            Part::Index => {
                let shown = self.ladders.current(video).await?;
                self.index(video, &shown).await
            }
            Part::Playlist(JUST_IN_TIME, _) => {
                let bytes = self.bytes(video, part).await?;
                Ok(Text::of_bytes(bytes).piece(false))
            }
            Part::Playlist(generation, rendition) => self.ladders.playlist(video, *generation, rendition).await,
            Part::Init(generation, rendition) => {
                let bytes = self.bytes(video, part).await?;
                let tag = format!("{generation}-{rendition}-i-{:x}", bytes.len());
                Ok(piece_of(rendition, tag, bytes))
            }
            Part::Segment(generation, rendition, n) => {
                let bytes = self.bytes(video, part).await?;
                let tag = format!("{generation}-{rendition}-{n}-{:x}", bytes.len());
                Ok(piece_of(rendition, tag, bytes))
            }
            Part::Heartbeat => Err(MediaError::NoSuchPart),
        }
    }

    /// Forgets all of a video.
    pub(crate) async fn forget(&self, video: VideoId) {
        self.instants.forget(video).await;
        self.ladders.forget(video).await;
        self.hot.forget_if(move |(of, _)| *of == video);
    }

    /// What never changes under its path.
    async fn bytes(&self, video: VideoId, part: &Part) -> Result<Bytes, MediaError> {
        let load = self.make(video, part);
        self.hot
            .get_or_load((video, part.clone()), load)
            .await
            .map_err(MediaError::Shared)
    }

    async fn make(&self, video: VideoId, part: &Part) -> Result<Bytes, MediaError> {
        match part {
            Part::Playlist(JUST_IN_TIME, rendition) => self.instants.playlist(video, rendition).await,
            Part::Init(JUST_IN_TIME, rendition) => self.instants.init(video, rendition).await,
            Part::Segment(JUST_IN_TIME, rendition, n) => self.instants.segment(video, rendition, *n).await,
            Part::Init(generation, rendition) => self.ladders.init(video, *generation, rendition).await,
            Part::Segment(generation, rendition, n) => {
                let (key, range) = self.ladders.locate(video, *generation, rendition, *n).await?;
                Ok(self.objects.get_ranges(&key, &[range]).await?.concat().into())
            }
            Part::Playlist(..) | Part::Index | Part::Heartbeat => Err(MediaError::NoSuchPart),
        }
    }

    async fn index(&self, video: VideoId, shown: &Shown) -> Result<Piece, MediaError> {
        let text = shown
            .index
            .get_or_try_init(|| async {
                let wanted = index::wants_source(&shown.ladder);
                let head = match wanted.any() {
                    true => Some(self.instants.head(video).await?),
                    false => None,
                };
                let list = index::multivariant(head.as_deref(), wanted, &shown.ladder);
                Ok::<_, MediaError>(Text::new(&list.to_string()))
            })
            .await?;
        Ok(text.piece(!shown.ladder.complete))
    }
}

fn piece_of(rendition: &RenditionName, tag: String, bytes: Bytes) -> Piece {
    let kind = if rendition.is_sound() {
        PieceKind::Audio
    } else {
        PieceKind::Video
    };
    Piece { kind, bytes, tag }
}

#[cfg(test)]
mod tests;
