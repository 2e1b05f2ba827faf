//! The processor time that an encoder may use: several times what the slowest honest source needs.

use fmp4::TICKS;
use renditions::models::plan::{PlannedPiece, Rung, Track};
use std::time::Duration;

/// What any piece or sound may use.
const LEAST: Duration = Duration::from_secs(600);
/// Pixels that are decoded in a second of processor time; slow decoders manage several times as many.
const DECODED_PIXELS: f64 = 10_000_000.0;
/// Pixels that are encoded in a second of processor time; the slowest preset manages twice as many.
const ENCODED_PIXELS: f64 = 1_000_000.0;
/// How much further back than at the last key frame decoding may begin.
const RUN_UP: u64 = 60 * TICKS as u64;
/// A sound may use a quarter of its length.
const PART_OF_SOUND: u64 = 4;

/// For a piece of these rungs, of a source with so many pixels a frame.
pub(super) fn of_piece(source_pixels: u64, track: &Track, piece: &PlannedPiece, rungs: &[&Rung]) -> Duration {
    let bounds = track.bounds_of(piece).unwrap_or_default();
    let (start, end) = (bounds.first().copied(), bounds.last().copied().unwrap_or(0));
    let decodes_from = piece.key_frame.map_or(0, |frame| frame.at).saturating_sub(RUN_UP);
    let rate = rungs.iter().map(|rung| rung.frame_rate).fold(1.0, f64::max);
    // Frames may be closer together here than elsewhere.
    let planned = f64::from(piece.frames.unwrap_or(0));
    let frames = |from: u64| (end.saturating_sub(from) as f64 / f64::from(TICKS) * rate).max(planned);
    let pixels = |rung: &&Rung| f64::from(rung.width) * f64::from(rung.height);
    let decoding = frames(decodes_from) * source_pixels as f64 / DECODED_PIXELS;
    let encoding = frames(start.unwrap_or(0)) * rungs.iter().map(pixels).sum::<f64>() / ENCODED_PIXELS;
    Duration::try_from_secs_f64(decoding + encoding).map_or(Duration::MAX, |time| time.max(LEAST))
}

/// For a sound that lasts for so many ticks.
pub(super) fn of_sound(length: u64) -> Duration {
    LEAST.max(Duration::from_secs(length / u64::from(TICKS) / PART_OF_SOUND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use renditions::models::plan::KeyFrame;

    fn seconds(from: u64, to: u64, key_frame: u64, pixels: (u32, u32)) -> u64 {
        let ticks = |seconds: u64| seconds * u64::from(TICKS);
        let piece = PlannedPiece {
            first: 0,
            segments: 1,
            key_frame: Some(KeyFrame {
                at: ticks(key_frame),
                next: None,
            }),
            frames: None,
            bytes: None,
        };
        let track = Track {
            bounds: vec![ticks(from), ticks(to)],
            pieces: vec![piece.clone()],
        };
        let rung = Rung {
            name: "240p".parse().unwrap(),
            width: 426,
            height: 240,
            frame_rate: 30.0,
            thinned: Some(false),
            bit_rate: 400_000,
            crf: 22,
        };
        let (width, height) = pixels;
        of_piece(u64::from(width) * u64::from(height), &track, &piece, &[&rung]).as_secs()
    }

    #[test]
    fn a_piece_may_use_ten_minutes_or_more_if_there_are_more_pixels() {
        assert_eq!(seconds(0, 10, 0, (640, 360)), 600);
        // a minute of 8K
        assert!((5_000..20_000).contains(&seconds(0, 60, 0, (7_680, 4_320))));
        // the last minute of two hours, with the only key frame at their beginning
        assert!((40_000..60_000).contains(&seconds(7_140, 7_200, 0, (1_920, 1_080))));
        assert_eq!(of_sound(60 * u64::from(TICKS)), LEAST);
        assert_eq!(of_sound(43_200 * u64::from(TICKS)).as_secs(), 10_800);
    }
}
