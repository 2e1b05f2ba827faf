//! ffmpeg's view of containers: what reads them, and how it gets to a place in them.

use fmp4::TICKS;
use renditions::models::plan::KeyFrame;

/// ffmpeg's name for what reads a container; it is never left to guess.
#[must_use]
pub fn demuxer(container: &str) -> &str {
    match container {
        "mp4" => "mov",
        "webm" => "matroska",
        "mpegps" => "mpeg",
        same => same,
    }
}

/// The options that make a demuxer continue behind damage, where otherwise it takes the file for ended.
#[must_use]
pub(crate) fn past_damage(container: &str) -> &'static [&'static str] {
    match container {
        "mpegts" => &["-resync_size", "1073741824"],
        _ => &[],
    }
}

/// Whether a jump leads to the right place: in uncompressed sound ffmpeg takes ADPCM's blocks for samples.
pub(crate) fn can_jump(container: &str) -> bool {
    !matches!(container, "wav" | "w64" | "aiff" | "au" | "caf")
}

/// How long before a key frame a jump is aimed in containers without an index, where it leads to a place by its time
/// alone, key frame or not.
const RUN_UP: u64 = TICKS as u64;
/// ffmpeg jumps 3/23 s short of the time it is given where frames are reordered: a jump to a key frame's own time would
/// lead to the key frame before it.
const SHORT_JUMP: u64 = 11_880;
/// How far behind a key frame a jump is aimed where the next one may be near: the key frame's time was rounded.
const MILLISECOND: u64 = TICKS as u64 / 1_000;

/// Where to jump to, so that decoding begins with a key frame.
pub(crate) fn jump(container: &str, to: KeyFrame) -> u64 {
    if to.at == 0 {
        return 0;
    }
    if matches!(container, "mpegts" | "mpegps") {
        return to.at.saturating_sub(RUN_UP);
    }
    let behind = to
        .next
        .map_or(MILLISECOND, |next| (next.saturating_sub(to.at) / 2).min(SHORT_JUMP));
    to.at.saturating_add(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_aimed_behind_a_key_frame_and_never_as_far_as_the_next_one() {
        let to = |at, next| KeyFrame { at, next };
        assert_eq!(jump("matroska", to(0, Some(180_180))), 0);
        assert_eq!(jump("matroska", to(180_180, Some(360_360))), 180_180 + 11_880);
        assert_eq!(jump("avi", to(198_198, Some(201_201))), 198_198 + 1_501);
        assert_eq!(jump("mp4", to(198_198, None)), 198_198 + 90);
        assert_eq!(jump("mpegts", to(180_180, Some(360_360))), 180_180 - 90_000);
    }

    #[test]
    fn where_the_version_before_planned_to_jump_is_where_it_jumps() {
        let planned = KeyFrame {
            at: 913_140,
            next: Some(913_140),
        };
        assert_eq!(jump("matroska", planned), 913_140);
    }
}
