//! How ffmpeg reads containers: names of demuxers, their options, and where to aim jumps.

pub(crate) mod ebml;

use fmp4::TICKS;
use renditions::models::plan::KeyFrame;

/// ffmpeg's name for the demuxer of a container, so that ffmpeg never guesses.
#[must_use]
pub fn demuxer(container: &str) -> &str {
    match container {
        "mp4" => "mov",
        "webm" => "matroska",
        "mpegps" => "mpeg",
        same => same,
    }
}

/// Options that make a demuxer continue after damage, which it would otherwise take for the end of the file.
#[must_use]
pub(crate) fn past_damage(container: &str) -> &'static [&'static str] {
    match container {
        "mpegts" => &["-resync_size", "1073741824"],
        _ => &[],
    }
}

/// Whether jumps lead to the right place: in these containers, ffmpeg mistakes blocks of ADPCM for samples.
pub(crate) fn can_jump(container: &str) -> bool {
    !matches!(container, "wav" | "w64" | "aiff" | "au" | "caf")
}

/// Whether a sound has the form to the end that the container states at its beginning; in others, recordings of several
/// forms follow each other.
pub(crate) fn keeps_form(container: &str) -> bool {
    matches!(container, "mp4" | "mov" | "wav" | "w64" | "aiff" | "au" | "caf")
}

/// How long before a key frame a jump is aimed in containers without an index, where it leads to any packet near that time,
/// whether or not it is a key frame's.
const RUN_UP: u64 = TICKS as u64;
/// If frames are reordered, ffmpeg jumps 3/23 s before the given time, so that a jump to a key frame's own time would lead
/// to the key frame before it.
const SHORT_JUMP: u64 = 11_880;
/// How far after a key frame a jump is aimed if the next one may be near: the key frame's time was rounded.
const MILLISECOND: u64 = TICKS as u64 / 1_000;

/// The time to jump to, so that decoding begins with a key frame.
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
