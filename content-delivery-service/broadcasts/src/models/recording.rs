//! A recording: what is stored of a live lecture.

use bytes::Bytes;
use contracts::{ObjectKey, RenditionName, VideoId};
use live::packager::{InitState, PackagerState, Rendition, RenditionState, SegmentState, Targets};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// The generation in the paths of live lectures and their recordings; plans count from 1 and never get there.
pub const GENERATION: u32 = 1_000_000;

/// The name of a live rendition in paths and rows.
#[must_use]
pub fn name_of(rendition: Rendition) -> Option<RenditionName> {
    RenditionName::parse(&rendition.to_string())
}

/// A stored segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredSegment {
    /// The number of the lease under which it was made; a gap has no object.
    pub lease: i64,
    /// Where it is in an object that it shares with its neighbours; none while it has an object of its own.
    pub joined: Option<Joined>,
    /// What the packager knows of it.
    pub state: SegmentState,
}

/// The place of a segment in an object that it shares with its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The media sequence number of the object's first segment.
    pub first: u32,
    /// The fence in the object's key.
    pub fence: i64,
    /// Where the segment begins.
    ///
    /// Units: bytes
    pub offset: u64,
}

impl StoredSegment {
    /// The object that has its bytes, and where in it they are.
    #[must_use]
    pub fn place(&self, video: VideoId, rendition: &RenditionName) -> (ObjectKey, Range<u64>) {
        let rendition = rendition.clone();
        match self.joined {
            None => {
                let (sequence, lease) = (self.state.sequence, self.lease);
                let key = ObjectKey::LiveSegment {
                    video,
                    rendition,
                    sequence,
                    lease,
                };
                (key, 0..self.state.bytes)
            }
            Some(Joined { first, fence, offset }) => {
                let key = ObjectKey::LivePiece {
                    video,
                    rendition,
                    first,
                    fence,
                };
                (key, offset..offset.saturating_add(self.state.bytes))
            }
        }
    }
}

/// One rendition of a recording.
#[derive(Debug, Clone, Default)]
pub struct RecordedRendition {
    /// Init segments by their number.
    pub inits: BTreeMap<u32, (InitState, Bytes)>,
    /// Segments by their media sequence number.
    pub segments: BTreeMap<u32, StoredSegment>,
}

/// What is stored of a live lecture.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// What its playlists promise; none before that is known.
    pub targets: Option<Targets>,
    /// Whether nothing more will be added.
    pub is_complete: bool,
    /// Its renditions.
    pub renditions: BTreeMap<Rendition, RecordedRendition>,
}

impl Recording {
    /// What a packager needs to go on; none if nothing can be played yet.
    #[must_use]
    pub fn state(&self) -> Option<PackagerState> {
        let targets = self.targets?;
        let renditions = self.renditions.iter().map(|(rendition, stored)| RenditionState {
            rendition: *rendition,
            inits: stored.inits.values().map(|(state, _)| state.clone()).collect(),
            segments: stored.listed().iter().map(|segment| segment.state).collect(),
        });
        let renditions: Vec<_> = renditions.collect();
        let any = renditions.iter().any(|it| !it.segments.is_empty());
        any.then_some(PackagerState { targets, renditions })
    }

    /// How long the recording is.
    ///
    /// Units: microseconds
    #[must_use]
    pub fn duration(&self) -> u64 {
        let ends = self.renditions.values().filter_map(|it| it.segments.values().last());
        ends.map(|last| last.state.start + last.state.duration)
            .max()
            .unwrap_or(0)
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let all = self.renditions.values().flat_map(|it| it.segments.values());
        all.map(|segment| segment.state.bytes).sum()
    }

    /// The keys of all objects that it consists of.
    pub fn keys(&self, video: VideoId) -> impl Iterator<Item = ObjectKey> {
        let named = self
            .renditions
            .iter()
            .filter_map(|(of, stored)| Some((name_of(*of)?, stored)));
        named.flat_map(move |(name, stored)| {
            let media = stored.segments.values().filter(|it| !it.state.is_gap());
            media.map(move |it| it.place(video, &name).0).collect::<Vec<_>>()
        })
    }
}

impl RecordedRendition {
    /// The segments that playlists list, in order.
    #[must_use]
    pub fn listed(&self) -> Vec<StoredSegment> {
        without_gaps(&self.segments)
    }
}

/// The segments from the first on as long as their numbers follow each other: a write that failed leaves a hole, and what is
/// behind it can't be listed.
fn without_gaps(segments: &BTreeMap<u32, StoredSegment>) -> Vec<StoredSegment> {
    let first = segments.keys().next().copied().unwrap_or(0);
    let follow = (first..)
        .zip(segments)
        .take_while(|(expected, (sequence, _))| expected == *sequence);
    follow.map(|(_, (_, segment))| *segment).collect()
}
