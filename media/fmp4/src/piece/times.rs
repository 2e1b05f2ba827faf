//! When the frames of a segment are decoded.

use crate::error::PieceError;

/// What a segment states about its samples' times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) decode_time: u64,
    /// From one decoding to the next, the last to the segment's end.
    pub(super) durations: Vec<u32>,
    /// From decoding to showing, never negative.
    pub(super) offsets: Vec<i32>,
}

/// Sets decode times so that they begin `delay` before the segment's first frame is shown and end `delay` before the
/// next segment's is: whatever an encoder stated, segments follow each other without a gap or an overlap.
///
/// Shape:  `shown` in decoding order, the first the earliest, all before `end`; no two alike
/// Errors: where frames are shown so close to each other, and so long after they were decoded, that there is no room
pub(super) fn times(shown: &[u64], end: u64, delay: u32) -> Result<Times, PieceError> {
    let no_room = PieceError::Timeline("frames are too close to each other");
    let delay = u64::from(delay);
    let mut sorted = shown.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(PieceError::Timeline("two frames are shown at once"));
    }
    let decode_time = sorted.first().and_then(|first| first.checked_sub(delay));
    let decode_time = decode_time.ok_or(PieceError::Asked("it is decoded before time begins"))?;
    if shown.first() != sorted.first() {
        return Err(PieceError::Timeline("a frame is shown before its key frame"));
    }
    // From the back: a frame is decoded before the next one is, and before itself or any later one is shown. At the front
    // this leaves the first frame's own time, unless there are more frames than ticks.
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
        let told = times(&[100, 110, 120], 130, 5).unwrap();
        assert_eq!(
            (told.decode_time, told.durations, told.offsets),
            (95, vec![10; 3], vec![5; 3])
        );
        let told = times(&[100, 110, 120], 130, 0).unwrap();
        assert_eq!((told.decode_time, told.offsets), (100, vec![0; 3]));
    }

    #[test]
    fn reordered_frames_are_decoded_before_they_are_shown() {
        // I P b b with a delay of one frame, and with too short a one.
        let told = times(&[100, 130, 110, 120], 140, 10).unwrap();
        assert_eq!(told.durations, [10; 4]);
        assert_eq!(told.offsets, [10, 30, 0, 0]);
        let told = times(&[100, 130, 110, 120], 140, 0).unwrap();
        assert_eq!(told.durations, [9, 1, 10, 20]);
        assert_eq!(told.offsets, [0, 21, 0, 0]);
    }

    #[test]
    fn what_has_no_room_is_refused() {
        assert!(matches!(times(&[100, 100], 130, 5), Err(PieceError::Timeline(_))));
        assert!(matches!(times(&[100, 90], 130, 5), Err(PieceError::Timeline(_))));
        assert!(matches!(times(&[100, 103, 101], 104, 0), Err(PieceError::Timeline(_))));
        assert!(matches!(times(&[3], 130, 5), Err(PieceError::Asked(_))));
        assert!(times(&[], 130, 5).is_err());
    }

    proptest! {
        #[test]
        fn times_add_up_and_none_goes_back(
            steps in prop::collection::vec(1..5000_u64, 1..80), swaps in prop::collection::vec(any::<bool>(), 80), delay in 0..9000_u32,
        ) {
            let mut shown: Vec<u64> = steps.iter().scan(90_000, |time, step| { *time += step; Some(*time) }).collect();
            let end = shown.last().unwrap() + 7;
            for place in (1..shown.len().saturating_sub(1)).filter(|&place| swaps[place]) {
                shown.swap(place, place + 1);
            }
            if let Ok(told) = times(&shown, end, delay) {
                prop_assert_eq!(told.decode_time, shown[0] - u64::from(delay));
                let mut decoded = told.decode_time;
                for (place, duration) in told.durations.iter().enumerate() {
                    prop_assert!(*duration > 0);
                    prop_assert_eq!(decoded + u64::try_from(told.offsets[place]).unwrap(), shown[place]);
                    decoded += u64::from(*duration);
                }
                prop_assert_eq!(decoded, end - u64::from(delay));
            } else {
                // A picture or two in a row can be late by no more than this.
                prop_assert!(steps.iter().any(|&step| step < 100));
            }
        }
    }
}
