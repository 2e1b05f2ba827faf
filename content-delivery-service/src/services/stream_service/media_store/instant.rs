//! Renditions that are cut just in time from a stored source, through its index.

use super::MediaError;
use super::tagged_playlist::TaggedPlaylist;
use backing::objects::Objects;
use bytes::{Bytes, BytesMut};
use contracts::{ObjectKey, RenditionName, VideoId};
use fmp4::{IndexHead, IndexTrack, TrackKind};
use hls::{Kind, MediaPlaylist, MediaSegment};
use moka::future::Cache;
use std::slice::from_ref;
use std::sync::Arc;

const HEADS_BYTES: u64 = 64 << 20;

/// Sources that can be played as they are.
#[derive(Clone)]
pub(super) struct Instants {
    objects: Objects,
    heads: Cache<VideoId, Arc<IndexHead>>,
}

impl Instants {
    pub(super) fn new(objects: Objects) -> Self {
        let heads = Cache::builder()
            .max_capacity(HEADS_BYTES)
            .weigher(|_, head: &Arc<IndexHead>| weight(head))
            .build();
        Self { objects, heads }
    }

    pub(super) async fn forget(&self, video: VideoId) {
        self.heads.invalidate(&video).await;
    }

    /// The tracks in the source's index.
    pub(super) async fn head(&self, video: VideoId) -> Result<Arc<IndexHead>, MediaError> {
        self.heads
            .try_get_with(video, self.read_head(video))
            .await
            .map_err(MediaError::Shared)
    }

    pub(super) async fn playlist(&self, video: VideoId, rendition: &RenditionName) -> Result<Bytes, MediaError> {
        let head = self.head(video).await?;
        Ok(TaggedPlaylist::new(&playlist(track(&head, rendition)?.1)).into_bytes())
    }

    pub(super) async fn init(&self, video: VideoId, rendition: &RenditionName) -> Result<Bytes, MediaError> {
        let head = self.head(video).await?;
        Ok(Bytes::copy_from_slice(&track(&head, rendition)?.1.init))
    }

    pub(super) async fn segment(&self, video: VideoId, rendition: &RenditionName, n: u32) -> Result<Bytes, MediaError> {
        let head = self.head(video).await?;
        let (place, track) = track(&head, rendition)?;
        let n = usize::try_from(n).map_err(|_| MediaError::NoSuchResource)?;
        let segment = track.segments.get(n).ok_or(MediaError::NoSuchResource)?;
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

    async fn read_head(&self, video: VideoId) -> Result<Arc<IndexHead>, MediaError> {
        let key = ObjectKey::VideoSourceIndex(video);
        let prefix = u64::try_from(IndexHead::PREFIX).unwrap_or(u64::MAX);
        let first = self.objects.get_ranges(&key, from_ref(&(0..prefix))).await?.concat();
        let length = IndexHead::length(&first)?;
        let bytes = self.objects.get_ranges(&key, from_ref(&(0..length))).await?.concat();
        Ok(Arc::new(IndexHead::decode(&bytes)?))
    }
}

/// The track that a rendition shows, with its place in the index.
fn track<'a>(head: &'a IndexHead, rendition: &RenditionName) -> Result<(usize, &'a IndexTrack), MediaError> {
    let mut sounds = 0;
    let named = head.tracks().iter().enumerate().find(|(_, track)| {
        let name = if is_video(track) {
            RenditionName::source()
        } else {
            sounds += 1;
            RenditionName::sound(sounds)
        };
        name == *rendition
    });
    named.ok_or(MediaError::NoSuchResource)
}

fn is_video(track: &IndexTrack) -> bool {
    matches!(track.kind, TrackKind::Video(_))
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
