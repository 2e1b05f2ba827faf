//! Renditions that are cut just in time from a stored source, through its index.

use super::MediaError;
use super::tagged_playlist::TaggedPlaylist;
use backing::objects::{ObjectError, Objects};
use bytes::Bytes;
use contracts::{ObjectKey, RenditionName, VideoId};
use fmp4::{IndexHead, IndexTrack, SegmentPlan, TrackKind};
use hls::{Kind, MediaPlaylist, MediaSegment};
use moka::future::Cache;
use std::ops::Range;
use std::slice::from_ref;
use std::sync::Arc;

const HEADS_BYTES: u64 = 64 << 20;
/// How much of a source is read at once, including the gaps between samples.
const READ_BYTES: u64 = 4 << 20;
/// The longest gap between two ranges that is read with them.
const GAP: u64 = 64 << 10;

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

    pub(super) async fn playlist(
        &self,
        video: VideoId,
        rendition: &RenditionName,
    ) -> Result<TaggedPlaylist, MediaError> {
        let head = self.head_of_source(video).await?;
        Ok(TaggedPlaylist::new(&playlist(track(&head, rendition)?.1)))
    }

    pub(super) async fn init(&self, video: VideoId, rendition: &RenditionName) -> Result<Bytes, MediaError> {
        let head = self.head_of_source(video).await?;
        Ok(Bytes::copy_from_slice(&track(&head, rendition)?.1.init))
    }

    /// The parts of a segment.
    pub(super) async fn plan(
        &self,
        video: VideoId,
        rendition: &RenditionName,
        n: u32,
    ) -> Result<SegmentPlan, MediaError> {
        let head = self.head_of_source(video).await?;
        let (place, track) = track(&head, rendition)?;
        let n = usize::try_from(n).map_err(|_| MediaError::NoSuchResource)?;
        let segment = track.segments.get(n).ok_or(MediaError::NoSuchResource)?;
        let index = ObjectKey::VideoSourceIndex(video);
        let block = self
            .objects
            .get_ranges(&index, from_ref(&segment.block))
            .await?
            .concat();
        Ok(head.plan(place, n, &block)?)
    }

    /// A segment of these parts. Besides it, only a little of the source is in memory at any time.
    pub(super) async fn read(&self, video: VideoId, plan: &SegmentPlan) -> Result<Vec<u8>, MediaError> {
        let source = ObjectKey::VideoSource(video);
        let mut bytes = Vec::with_capacity(usize::try_from(plan.len).unwrap_or_default());
        bytes.extend_from_slice(&plan.head);
        for reads in in_batches(&plan.source) {
            let samples = self.objects.get_ranges(&source, &reads).await?;
            samples.iter().for_each(|run| bytes.extend_from_slice(run));
        }
        Ok(bytes)
    }

    /// The tracks of a source that is asked for by its own path; one that has to be encoded has no such path.
    async fn head_of_source(&self, video: VideoId) -> Result<Arc<IndexHead>, MediaError> {
        let head = self.head(video).await;
        head.map_err(|error| {
            if matches!(error.root(), MediaError::Objects(ObjectError::NotFound)) {
                MediaError::NoSuchResource
            } else {
                error
            }
        })
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

/// Splits ranges into batches, each of which is read at once.
fn in_batches(ranges: &[Range<u64>]) -> Vec<Vec<Range<u64>>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let (mut bytes, mut before) = (0, 0);
    for range in ranges {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + READ_BYTES);
            let gap = start.checked_sub(before).map_or(GAP, |gap| gap.min(GAP));
            if !batch.is_empty() && bytes + gap + (end - start) > READ_BYTES {
                batches.push(std::mem::take(&mut batch));
                bytes = 0;
            }
            bytes += gap + (end - start);
            batch.push(start..end);
            (start, before) = (end, end);
        }
    }
    batches.push(batch);
    batches
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How much the store reads at most for a batch.
    fn read(batch: &[Range<u64>]) -> u64 {
        let (first, last) = (batch.first().unwrap(), batch.last().unwrap());
        let apart: u64 = batch.iter().map(|range| range.end - range.start + GAP).sum();
        apart.min(last.end - first.start)
    }

    #[test]
    fn a_segment_is_read_a_little_at_a_time() {
        let every = |step: u64, bytes: u64| (0..20_000).map(move |n| n * step..n * step + bytes);
        let one_long_run = 10..10 + 3 * READ_BYTES;
        for ranges in [
            every(GAP, 10).collect(),
            every(1_000, 900).collect(),
            every(3 * GAP, 2 * GAP).collect(),
            vec![one_long_run.clone()],
        ] {
            let ranges: Vec<Range<u64>> = ranges;
            let batches = in_batches(&ranges);
            assert!(batches.iter().all(|batch| read(batch) <= READ_BYTES));
            let wanted: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            let covered: u64 = batches.iter().flatten().map(|range| range.end - range.start).sum();
            assert_eq!(covered, wanted);
            assert!(batches.concat().is_sorted_by_key(|range| range.start));
        }
        assert_eq!(in_batches(&[one_long_run]).len(), 3);
        assert_eq!(in_batches(&every(100, 90).take(100).collect::<Vec<_>>()).len(), 1);
        assert_eq!(in_batches(&[5..10, 10..20, 0..3]), [[5..10, 10..20, 0..3]]);
    }
}
