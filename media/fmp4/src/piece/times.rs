//! Computes when the frames of a segment are decoded.

use crate::error::PieceError;

/// The times of a segment's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) decode_time: u64,
    /// Durations from one decode time to the next, the last one to the segment's end.
    pub(super) durations: Vec<u32>,
    /// Composition offsets, never negative.
    pub(super) offsets: Vec<i32>,
}

/// Sets decode times that start `delay` before the segment's first frame is shown and end `delay` before the next
/// segment's is: whatever the encoder wrote, segments follow each other without a gap or an overlap.
///
/// Shape:  `shown` in decoding order, the first the earliest, all before `end`, no two equal
/// Errors: if frames are shown too close to each other, or too long after they were decoded
pub(super) fn times(shown: &[u64], end: u64, delay: u32) -> Result<Times, PieceError> {
    let no_room = PieceError::Timeline("frames are too close to each other");
    let delay = u64::from(delay);
    let mut sorted = shown.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(PieceError::Timeline("two frames are shown at once"));
    }
    let decode_time = sorted.first().and_then(|first| first.checked_sub(delay));
    let decode_time = decode_time.ok_or(PieceError::Asked("its decode time is negative"))?;
    if shown.first() != sorted.first() {
        return Err(PieceError::Timeline("a frame is shown before its key frame"));
    }
    // From the last frame backwards: a frame is decoded before the next one, and before itself or any later one is shown.
    // This leaves the first frame its own time, unless there are more frames than ticks.
    let mut next = end.checked_sub(delay).ok_or(no_room)?;
    let mut earliest = u64::MAX;
    let mut durations = Vec::with_capacity(shown.len());
    let mut offsets = Vec::with_capacity(shown.len());
    for (&shown, &ordered) in shown.iter().zip(&sorted).rev() {
        earliest = earliest.min(shown);
        let latest = ordered.saturating_sub(delay).min(earliest);
        let decoded = latest.min(next.checked_sub(1).ok_or(no_room)?);
        let offset = i32::try_from(shown.saturating_sub(decoded));
        offsets.push(offset.map_err(|_| PieceError::Timeline("a frame is shown long after it is decoded"))?);
        let duration = u32::try_from(next.saturating_sub(decoded));
        durations.push(duration.map_err(|_| PieceError::Timeline("a frame is shown for too long"))?);
        next = decoded;
    }
    if next != decode_time {
        return Err(no_room);
    }
    durations.reverse();
    offsets.reverse();
    Ok(Times {
        decode_time,
        durations,
        offsets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_in_order_are_decoded_a_delay_before_they_are_shown() {
        let result = times(&[100, 110, 120], 130, 5).unwrap();
        assert_eq!(
            (result.decode_time, result.durations, result.offsets),
            (95, vec![10; 3], vec![5; 3])
        );
        let result = times(&[100, 110, 120], 130, 0).unwrap();
        assert_eq!((result.decode_time, result.offsets), (100, vec![0; 3]));
    }

    #[test]
    fn reordered_frames_are_decoded_before_they_are_shown() {
        // I P b b with a delay of one frame, and with too short a one.
        let result = times(&[100, 130, 110, 120], 140, 10).unwrap();
        assert_eq!(result.durations, [10; 4]);
        assert_eq!(result.offsets, [10, 30, 0, 0]);
        let result = times(&[100, 130, 110, 120], 140, 0).unwrap();
        assert_eq!(result.durations, [9, 1, 10, 20]);
        assert_eq!(result.offsets, [0, 21, 0, 0]);
    }

    #[test]
    fn frames_without_room_are_refused() {
        assert!(matches!(times(&[100, 100], 130, 5), Err(PieceError::Timeline(_))));
        assert!(matches!(times(&[100, 90], 130, 5), Err(PieceError::Timeline(_))));
        assert!(matches!(times(&[100, 103, 101], 104, 0), Err(PieceError::Timeline(_))));
        assert!(matches!(times(&[3], 130, 5), Err(PieceError::Asked(_))));
        assert!(times(&[], 130, 5).is_err());
    }

    proptest! {
        #[test]
        fn times_add_up_and_never_go_back(
            steps in prop::collection::vec(1..5000_u64, 1..80), swaps in prop::collection::vec(any::<bool>(), 80), delay in 0..9000_u32,
        ) {
            let mut shown: Vec<u64> = steps.iter().scan(90_000, |time, step| { *time += step; Some(*time) }).collect();
            let end = shown.last().unwrap() + 7;
            for place in (1..shown.len().saturating_sub(1)).filter(|&place| swaps[place]) {
                shown.swap(place, place + 1);
            }
            if let Ok(result) = times(&shown, end, delay) {
                prop_assert_eq!(result.decode_time, shown[0] - u64::from(delay));
                let mut decoded = result.decode_time;
                for (place, duration) in result.durations.iter().enumerate() {
                    prop_assert!(*duration > 0);
                    prop_assert_eq!(decoded + u64::try_from(result.offsets[place]).unwrap(), shown[place]);
                    decoded += u64::from(*duration);
                }
                prop_assert_eq!(decoded, end - u64::from(delay));
            } else {
                // One or two pictures in a row can be late by no more than this.
                prop_assert!(steps.iter().any(|&step| step < 100));
            }
        }
    }
}
