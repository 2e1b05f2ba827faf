//! Playlists, init segments and segments of a stored source, made when they are first asked for.
//!
//! Whoever asks was checked before. What is made is kept in memory, bounded by bytes, under a key
//! that leaves the token out, so that a lecture hall shares one copy and one load.

use crate::models::media_path::{JUST_IN_TIME, Part, Rendition};
use crate::models::piece::{Piece, PieceKind};
use aws_lc_rs::digest::{SHA256, digest};
use backing::hot::Hot;
use backing::objects::{ObjectError, Objects};
use bytes::{Bytes, BytesMut};
use contracts::{ObjectKey, VideoId};
use fmp4::{IndexError, IndexHead, IndexTrack, TrackKind};
use hls::{AudioRendition, Kind, MediaPlaylist, MediaSegment, Multivariant, Variant};
use moka::future::Cache;
use std::fmt::Write as _;
use std::slice::from_ref;
use std::sync::Arc;

const HEADS_BYTES: u64 = 64 << 20;
const TAG_LENGTH: usize = 16;

/// Media in memory, backed by the object store.
#[derive(Clone)]
pub(crate) struct MediaStore {
    objects: Objects,
    heads: Cache<VideoId, Arc<IndexHead>>,
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
    /// Another request's load failed.
    #[error("{0}")]
    Shared(Arc<MediaError>),
}

impl MediaError {
    /// The error itself, wherever it came up.
    pub(crate) fn root(&self) -> &Self {
        match self {
            Self::Shared(inner) => inner.root(),
            Self::NoSuchPart | Self::Objects(_) | Self::Index(_) => self,
        }
    }
}

impl MediaStore {
    /// Keeps at most `hot_bytes` of media in memory.
    pub(crate) fn new(objects: Objects, hot_bytes: u64) -> Self {
        let heads = Cache::builder()
            .max_capacity(HEADS_BYTES)
            .weigher(|_, head: &Arc<IndexHead>| weight(head))
            .build();
        Self {
            objects,
            heads,
            hot: Hot::new(hot_bytes),
        }
    }

    /// A piece of a video, from memory or made now; however many ask, it is made once.
    pub(crate) async fn piece(&self, video: VideoId, part: Part) -> Result<Piece, MediaError> {
        let bytes = self
            .hot
            .get_or_load((video, part), self.make(video, part))
            .await
            .map_err(MediaError::Shared)?;
        Ok(match part {
            Part::Index | Part::Playlist(_) | Part::Heartbeat => {
                let tag = String::from_utf8_lossy(&bytes[..TAG_LENGTH.min(bytes.len())]).into_owned();
                Piece {
                    kind: PieceKind::Playlist,
                    bytes: bytes.slice(TAG_LENGTH.min(bytes.len())..),
                    tag,
                }
            }
            Part::Init(rendition) => piece_of(rendition, format!("i-{:x}", bytes.len()), bytes),
            Part::Segment(rendition, n) => piece_of(rendition, format!("{n}-{:x}", bytes.len()), bytes),
        })
    }

    /// Forgets all of a video.
    pub(crate) async fn forget(&self, video: VideoId) {
        self.heads.invalidate(&video).await;
        self.hot.forget_if(move |(of, _)| *of == video);
    }

    async fn make(&self, video: VideoId, part: Part) -> Result<Bytes, MediaError> {
        let head = self.head(video).await?;
        match part {
            Part::Index => Ok(tagged(&multivariant(&head))),
            Part::Playlist(rendition) => Ok(tagged(&playlist(track(&head, rendition)?.1))),
            Part::Init(rendition) => Ok(Bytes::copy_from_slice(&track(&head, rendition)?.1.init)),
            Part::Segment(rendition, n) => self.segment(video, &head, rendition, n).await,
            Part::Heartbeat => Err(MediaError::NoSuchPart),
        }
    }

    async fn head(&self, video: VideoId) -> Result<Arc<IndexHead>, MediaError> {
        self.heads
            .try_get_with(video, self.read_head(video))
            .await
            .map_err(MediaError::Shared)
    }

    async fn read_head(&self, video: VideoId) -> Result<Arc<IndexHead>, MediaError> {
        let key = ObjectKey::VideoSourceIndex(video);
        let prefix = u64::try_from(IndexHead::PREFIX).unwrap_or(u64::MAX);
        let first = self.objects.get_ranges(&key, from_ref(&(0..prefix))).await?.concat();
        let length = IndexHead::length(&first)?;
        let bytes = self.objects.get_ranges(&key, from_ref(&(0..length))).await?.concat();
        Ok(Arc::new(IndexHead::decode(&bytes)?))
    }

    async fn segment(
        &self,
        video: VideoId,
        head: &IndexHead,
        rendition: Rendition,
        n: u32,
    ) -> Result<Bytes, MediaError> {
        let (place, track) = track(head, rendition)?;
        let n = usize::try_from(n).map_err(|_| MediaError::NoSuchPart)?;
        let segment = track.segments.get(n).ok_or(MediaError::NoSuchPart)?;
        let index = ObjectKey::VideoSourceIndex(video);
        let block = self
            .objects
            .get_ranges(&index, from_ref(&segment.block))
            .await?
            .concat();
        let plan = head.plan(place, n, &block)?;
        let source = ObjectKey::VideoSource(video);
        let samples = self.objects.get_ranges(&source, &plan.source).await?;
        let mut bytes = BytesMut::with_capacity(usize::try_from(plan.len).unwrap_or_default());
        bytes.extend_from_slice(&plan.head);
        samples.iter().for_each(|run| bytes.extend_from_slice(run));
        Ok(bytes.freeze())
    }
}

fn piece_of(rendition: Rendition, tag: String, bytes: Bytes) -> Piece {
    let kind = match rendition {
        Rendition::Source => PieceKind::Video,
        Rendition::Audio(_) => PieceKind::Audio,
    };
    Piece { kind, bytes, tag }
}

/// Puts a playlist's entity tag, a hash of its text, in front of it.
fn tagged(text: &str) -> Bytes {
    let hash = digest(&SHA256, text.as_bytes());
    let mut out = String::with_capacity(TAG_LENGTH + text.len());
    for byte in hash.as_ref().iter().take(TAG_LENGTH / 2) {
        // Writing to a string can't fail.
        let _ = write!(out, "{byte:02x}");
    }
    out.push_str(text);
    Bytes::from(out)
}

/// The track that a rendition shows, with its place in the index.
fn track(head: &IndexHead, rendition: Rendition) -> Result<(usize, &IndexTrack), MediaError> {
    let tracks = head.tracks().iter().enumerate();
    let found = match rendition {
        Rendition::Source => tracks.into_iter().find(|(_, track)| is_video(track)),
        Rendition::Audio(n) => tracks.into_iter().filter(|(_, track)| !is_video(track)).nth(n.into()),
    };
    found.ok_or(MediaError::NoSuchPart)
}

fn is_video(track: &IndexTrack) -> bool {
    matches!(track.kind, TrackKind::Video(_))
}

fn multivariant(head: &IndexHead) -> String {
    let mut list = Multivariant::default();
    let mut sounds = 0;
    for track in head.tracks() {
        match &track.kind {
            TrackKind::Video(shape) => list.variants.push(Variant {
                uri: playlist_uri(Rendition::Source),
                codec: track.codec_string.clone(),
                peak_bit_rate: track.peak_bit_rate,
                average_bit_rate: Some(track.average_bit_rate),
                width: shape.width,
                height: shape.height,
                frame_rate: shape.frame_rate,
            }),
            TrackKind::Audio(shape) => {
                let language = shape.language.clone().filter(|language| language != "und");
                list.audio.push(AudioRendition {
                    uri: playlist_uri(Rendition::Audio(sounds)),
                    codec: track.codec_string.clone(),
                    peak_bit_rate: track.peak_bit_rate,
                    average_bit_rate: Some(track.average_bit_rate),
                    name: language.clone().unwrap_or_else(|| "Audio".to_owned()),
                    language,
                    channels: shape.channels,
                    default: sounds == 0,
                });
                sounds += 1;
            }
        }
    }
    list.to_string()
}

fn playlist_uri(rendition: Rendition) -> String {
    format!("{JUST_IN_TIME}/{}/media.m3u8", rendition.name())
}

fn playlist(track: &IndexTrack) -> String {
    let segments = track.segments.iter().enumerate();
    let segments = segments.map(|(n, segment)| MediaSegment {
        uri: format!("{n}.m4s"),
        duration: segment.duration,
    });
    MediaPlaylist {
        kind: Kind::Vod,
        init: "init.mp4".to_owned(),
        timescale: track.timescale,
        segments: segments.collect(),
    }
    .to_string()
}

/// About how many bytes of memory a head takes.
fn weight(head: &IndexHead) -> u32 {
    let bytes: usize = head
        .tracks()
        .iter()
        .map(|track| size_of_val(&track.segments[..]) + track.init.len() + 256)
        .sum();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
