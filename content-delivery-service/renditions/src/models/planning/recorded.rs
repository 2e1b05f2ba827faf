//! The plan of the rungs that a live lecture's recording lacks.
//!
//! They have the segments of the layer that they are made of, so that players change between both where segments end. A gap of
//! the layer is one of the rungs, too: no piece covers it. A piece has one init segment, and begins with a key frame.

use super::{grid, rungs};
use crate::models::plan::{Input, KeyFrame, Plan, PlannedPiece, RecordedLayer, SourceRung, Stream, Track};
use crate::models::recorded::{RecordedPicture, RecordedSegment};
use std::ops::Range;

/// A rung whose size differs from that of a published layer by no more than this part is not missing.
const NEAR: u32 = 8;

/// The plan of the missing rungs below a recorded picture; the layers that were published stay as they are.
///
/// Shape: empty if nothing is missing
#[must_use]
pub fn plan_of_recording(picture: &RecordedPicture, listed: &[u32]) -> Plan {
    let size = (picture.width, picture.height);
    let mut rungs = rungs::below(size, picture.frame_rate, listed);
    rungs.retain(|rung| {
        let side = rung.width.min(rung.height);
        let near = |other: &u32| other.abs_diff(side).saturating_mul(NEAR) <= side;
        !picture.published.iter().any(near)
    });
    let bounds = bounds(&picture.segments);
    let pieces = pieces(&picture.segments, &bounds);
    if rungs.is_empty() || pieces.is_empty() {
        return Plan::none();
    }
    Plan {
        input: Input {
            container: "mp4".to_owned(),
            zero: picture.zero,
            video: Some(Stream::Number(0)),
            pixels: u64::from(picture.width) * u64::from(picture.height),
            last_picture: None,
            recording: Some(RecordedLayer {
                name: picture.layer.clone(),
                is_boxed: picture.is_boxed,
            }),
        },
        video: Track { bounds, pieces },
        audio: Track::default(),
        rungs,
        sounds: Vec::new(),
        source: Some(SourceRung {
            short_side: picture.width.min(picture.height),
            stays: true,
        }),
        is_fetched: false,
    }
}

/// Where segments begin, and where the last one ends. A frame may be shown a little later than the layer's next segment
/// begins; each bound is behind the one before.
fn bounds(segments: &[RecordedSegment]) -> Vec<u64> {
    let starts = segments.iter().map(|segment| segment.start);
    let mut least = 0;
    let mut bounds = Vec::with_capacity(segments.len() + 1);
    for bound in starts.chain(segments.last().map(|last| last.end)) {
        let bound = bound.max(least);
        least = bound.saturating_add(1);
        bounds.push(bound);
    }
    bounds
}

fn pieces(segments: &[RecordedSegment], bounds: &[u64]) -> Vec<PlannedPiece> {
    let mut pieces = Vec::new();
    for run in runs(segments) {
        let Some(own) = bounds.get(run.start..=run.end) else {
            continue;
        };
        let begin = u32::try_from(run.start).unwrap_or(u32::MAX);
        pieces.extend(grid::pieces(own, |_, _, piece| {
            piece.first = piece.first.saturating_add(begin);
            if let Some(from) = decoded_from(segments, &run, piece) {
                let at = bounds.get(from).copied().unwrap_or(0);
                piece.key_frame = Some(KeyFrame { at, next: None });
                piece.bytes = bytes(segments, from, piece);
            }
        }));
    }
    pieces
}

/// The runs of segments with media and one init segment.
fn runs(segments: &[RecordedSegment]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (place, segment) in segments.iter().enumerate().filter(|(_, it)| it.bytes > 0) {
        let last = runs.last_mut().filter(|run| run.end == place);
        let same = |run: &Range<usize>| segments.get(run.start).is_some_and(|first| first.init == segment.init);
        match last.filter(|run| same(run)) {
            Some(run) => run.end = place + 1,
            None => runs.push(place..place + 1),
        }
    }
    runs
}

/// The segment with which the decoding of a piece begins.
fn decoded_from(segments: &[RecordedSegment], run: &Range<usize>, piece: &PlannedPiece) -> Option<usize> {
    let first = usize::try_from(piece.first).ok()?;
    let until = segments.get(run.start..=first)?;
    let back = until.iter().rposition(|segment| segment.independent).unwrap_or(0);
    Some(run.start + back)
}

/// The bytes from a segment to the end of a piece among those of all segments.
fn bytes(segments: &[RecordedSegment], from: usize, piece: &PlannedPiece) -> Option<Range<u64>> {
    let end = usize::try_from(piece.first.checked_add(piece.segments)?).ok()?;
    let sum = |until: usize| -> Option<u64> { Some(segments.get(..until)?.iter().map(|it| it.bytes).sum()) };
    Some(sum(from)?..sum(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::RenditionName;

    /// Two seconds each; `g` is a gap, `d` depends on the segment before it, digits are numbers of init segments.
    fn picture(segments: &str, published: &[u32]) -> RecordedPicture {
        let mut init = 0;
        let segments = segments.chars().enumerate().map(|(place, kind)| {
            init = kind.to_digit(10).unwrap_or(init);
            let start = place as u64 * 180_000;
            RecordedSegment {
                start: start + 6_000,
                end: start + 186_000,
                init,
                bytes: if kind == 'g' { 0 } else { 1_000 },
                independent: kind != 'd',
            }
        });
        RecordedPicture {
            layer: RenditionName::parse("video-0").unwrap(),
            width: 1_280,
            height: 720,
            is_boxed: false,
            frame_rate: 30.0,
            zero: 1_000_000,
            published: published.to_vec(),
            segments: segments.collect(),
        }
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.rungs.iter().map(|rung| rung.name.as_str()).collect()
    }

    #[test]
    fn only_rungs_that_no_published_layer_comes_near_are_missing() {
        let listed = [240, 360, 540, 720, 1_080];
        assert_eq!(
            names(&plan_of_recording(&picture("0000", &[720]), &listed)),
            ["240p", "360p", "540p"]
        );
        assert_eq!(
            names(&plan_of_recording(&picture("0000", &[720, 360, 180]), &listed)),
            ["240p", "540p"]
        );
        assert_eq!(
            names(&plan_of_recording(&picture("0000", &[720, 512, 256]), &listed)),
            ["360p"]
        );
        assert!(plan_of_recording(&picture("0000", &[720]), &[720]).is_empty());
        assert!(plan_of_recording(&picture("ggg", &[720]), &listed).is_empty());
    }

    #[test]
    fn a_piece_has_one_init_segment_no_gap_and_all_that_its_first_frame_needs() {
        let plan = plan_of_recording(&picture("000gg0d11", &[720]), &[240]);
        let pieces: Vec<_> = plan
            .video
            .pieces
            .iter()
            .map(|it| (it.first, it.segments, it.bytes.clone().unwrap()))
            .collect();
        assert_eq!(pieces, [(0, 3, 0..3_000), (5, 2, 3_000..5_000), (7, 2, 5_000..7_000)]);
        assert_eq!(plan.video.bounds.len(), 10);
        assert_eq!((plan.video.bounds[0], plan.video.end()), (6_000, 9 * 180_000 + 6_000));
        let long: String = std::iter::repeat_n("0d0dd", 10).collect();
        let plan = plan_of_recording(&picture(&long, &[720]), &[240]);
        for piece in &plan.video.pieces {
            let begin = usize::try_from(piece.bytes.clone().unwrap().start / 1_000).unwrap();
            assert_eq!(&long[begin..=begin], "0");
            assert!(
                begin <= piece.first as usize && piece.first as usize <= begin + 2,
                "{piece:?}"
            );
        }
        let last = plan.video.pieces.last().unwrap();
        assert_eq!(last.first + last.segments, 50);
    }
}
