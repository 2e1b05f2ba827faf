//! A recording: what is stored of a live lecture.

use bytes::Bytes;
use contracts::RenditionName;
use live::packager::{InitState, PackagerState, Rendition, RenditionState, SegmentState, Targets};
use std::collections::BTreeMap;

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
    /// The number of the lease under which it was made; none for a gap, which has no object.
    pub lease: i64,
    /// What the packager knows of it.
    pub state: SegmentState,
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
            segments: without_gaps(&stored.segments),
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
}

/// The segments from the first on as long as their numbers follow each other: a write that failed leaves a hole, and what is
/// behind it can't be listed.
fn without_gaps(segments: &BTreeMap<u32, StoredSegment>) -> Vec<SegmentState> {
    let first = segments.keys().next().copied().unwrap_or(0);
    let follow = (first..)
        .zip(segments)
        .take_while(|(expected, (sequence, _))| expected == *sequence);
    follow.map(|(_, (_, segment))| segment.state).collect()
}
