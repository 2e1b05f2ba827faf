//! What was made of lectures and waits to be stored, in memory within a bound.
//!
//! Nobody can hold up a live publisher. Where the store is so slow that a segment finds no room any more, the lecture goes on,
//! and its recording has a gap in the place of the segment. What waits is kept, however long the store needs.

use crate::metric;
use broadcasts::repositories::recording_repository::Fact;
use bytes::Bytes;
use contracts::VideoId;
use live::packager::{Rendition, SegmentState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Most bytes of segments that wait on a node, of all its lectures together.
const MOST_WAITING: usize = 128 << 20;
/// How often the log says of a lecture that segments of it are lost.
const SAYS_EVERY: Duration = Duration::from_secs(60);

/// What is to be stored.
#[derive(Debug)]
pub(super) enum Job {
    /// A fact about the recording; of a segment, with its bytes.
    Store(Fact, Option<Arc<Waiting>>),
    /// The lecture is over: its recording is complete.
    Complete,
}

/// The bytes of a segment, which have their place in memory until the segment is recorded.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        metrics::gauge!(metric::BYTES_WAITING).decrement(self.bytes.len() as f64);
    }
}

/// The room in memory for what waits; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Backlog(Arc<Semaphore>);

impl Default for Backlog {
    fn default() -> Self {
        Self::of(MOST_WAITING)
    }
}

impl Backlog {
    pub(super) fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// The way of a lecture to its recorder.
    pub(super) fn of_lecture(&self, video: VideoId) -> (Jobs, mpsc::UnboundedReceiver<Job>) {
        let (sender, waiting) = mpsc::unbounded_channel();
        let jobs = Jobs {
            video,
            sender,
            backlog: self.clone(),
            said_at: None,
        };
        (jobs, waiting)
    }

    fn take(&self, bytes: Bytes) -> Option<Arc<Waiting>> {
        let size = u32::try_from(bytes.len()).ok()?;
        let place = Arc::clone(&self.0).try_acquire_many_owned(size).ok()?;
        metrics::gauge!(metric::BYTES_WAITING).increment(f64::from(size));
        Some(Arc::new(Waiting { bytes, _place: place }))
    }
}

/// Hands a lecture to its recorder, piece by piece, without waiting.
pub(super) struct Jobs {
    video: VideoId,
    /// Not bounded: what has no bytes is small, even of twelve hours.
    sender: mpsc::UnboundedSender<Job>,
    backlog: Backlog,
    /// When the log last said that a segment is lost.
    said_at: Option<Instant>,
}

impl Jobs {
    /// Notes a fact that has no object.
    pub(super) fn note(&self, fact: Fact) {
        self.send(Job::Store(fact, None));
    }

    /// Notes a segment. Returns its bytes, which wait until it is recorded; none if it found no room.
    pub(super) fn segment(
        &mut self,
        rendition: Rendition,
        mut segment: SegmentState,
        bytes: Bytes,
    ) -> Option<Arc<Waiting>> {
        let waiting = self.backlog.take(bytes);
        if waiting.is_none() {
            segment.bytes = 0;
            segment.frames = 0;
            self.say_lost();
        }
        self.send(Job::Store(Fact::Segment(rendition, segment), waiting.clone()));
        waiting
    }

    /// Notes that the lecture is over.
    pub(super) fn complete(self) {
        self.send(Job::Complete);
    }

    fn send(&self, job: Job) {
        // without a receiver, nothing is recorded any more
        let _ = self.sender.send(job);
    }

    fn say_lost(&mut self) {
        metrics::counter!(metric::SEGMENTS_LOST).increment(1);
        if self.said_at.is_none_or(|at| at.elapsed() >= SAYS_EVERY) {
            self.said_at = Some(Instant::now());
            let video = self.video;
            tracing::error!(%video, "the store is too slow for a live lecture: the lecture goes on, and its recording has gaps");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: Rendition = Rendition::Picture(0);

    fn segment(sequence: u32, bytes: u64) -> SegmentState {
        SegmentState {
            sequence,
            start: u64::from(sequence) * 2_000_000,
            duration: 2_000_000,
            programme_time: 0,
            discontinuities: 0,
            init: 0,
            bytes,
            frames: 50,
            shown_after: 0,
            independent: true,
        }
    }

    /// The number of a segment that comes to the recorder, and how many bytes it has.
    fn recorded(job: &Job) -> Option<(u32, u64, usize)> {
        let Job::Store(Fact::Segment(_, segment), waiting) = job else {
            return None;
        };
        let held = waiting.as_ref().map_or(0, |it| it.bytes.len());
        Some((segment.sequence, segment.bytes, held))
    }

    #[test]
    fn a_segment_without_room_becomes_a_gap_and_what_waits_is_kept() {
        let backlog = Backlog::of(1_000);
        let (mut one, mut first) = backlog.of_lecture(VideoId::generate());
        let (mut other, mut second) = backlog.of_lecture(VideoId::generate());
        let bytes = |size: usize| Bytes::from(vec![7; size]);
        assert!(one.segment(PICTURE, segment(0, 600), bytes(600)).is_some());
        assert!(other.segment(PICTURE, segment(0, 300), bytes(300)).is_some());
        assert!(one.segment(PICTURE, segment(1, 600), bytes(600)).is_none());
        assert!(one.segment(PICTURE, segment(2, 100), bytes(100)).is_some());
        drop(second.try_recv().unwrap());
        drop(first.try_recv().unwrap());
        assert!(one.segment(PICTURE, segment(3, 900), bytes(900)).is_some());
        let rest = std::iter::from_fn(|| first.try_recv().ok());
        let rest: Vec<_> = rest.map(|job| recorded(&job).unwrap()).collect();
        assert_eq!(rest, [(1, 0, 0), (2, 100, 100), (3, 900, 900)]);
    }
}
