//! Which tracks of a file are the lecture: one rule for files that are scanned and for files that ffprobe describes.

use std::cmp::Reverse;

/// What is known of a track of picture or sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Whether the file says that players show it.
    pub enabled: bool,
    /// Whether the file says that players prefer it.
    pub default: bool,
    /// Whether it is a still: a cover, a thumbnail, a preview or a single frame.
    pub still: bool,
    /// Pixels of a picture, channels of a sound.
    pub size: u64,
}

/// The picture of a lecture, by its place: a moving one that is enabled, the default, the largest, the first.
#[must_use]
pub fn choose_picture(tracks: &[Candidate]) -> Option<usize> {
    let rank = |track: &Candidate| (track.still, !track.enabled, !track.default, Reverse(track.size));
    let ranked = tracks.iter().enumerate();
    ranked.min_by_key(|(_, track)| rank(track)).map(|(place, _)| place)
}

/// The sounds of a lecture, by their places: the one to play first, then its alternatives. A disabled sound is left out
/// unless all are disabled.
///
/// Sounds are served with two channels at most, so that more make no difference.
#[must_use]
pub fn choose_sounds(tracks: &[Candidate]) -> Vec<usize> {
    let any_enabled = tracks.iter().any(|track| track.enabled);
    let mut places: Vec<(usize, &Candidate)> = tracks.iter().enumerate().collect();
    places.retain(|(_, track)| track.enabled || !any_enabled);
    places.sort_by_key(|(_, track)| (!track.default, Reverse(track.size.min(2))));
    places.into_iter().map(|(place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Candidate = Candidate {
        enabled: true,
        default: true,
        still: false,
        size: 2,
    };

    #[test]
    fn a_picture_is_moving_enabled_the_default_the_largest_and_the_first_in_this_order() {
        let still = Candidate {
            still: true,
            size: 9,
            ..USUAL
        };
        let disabled = Candidate {
            enabled: false,
            default: false,
            size: 9,
            ..USUAL
        };
        let other = Candidate {
            default: false,
            size: 9,
            ..USUAL
        };
        let large = Candidate { size: 9, ..USUAL };
        for (tracks, chosen) in [
            (vec![], None),
            (vec![still], Some(0)),
            (vec![still, disabled], Some(1)),
            (vec![disabled, still, USUAL], Some(2)),
            (vec![other, USUAL], Some(1)),
            (vec![other, disabled], Some(0)),
            (vec![USUAL, large], Some(1)),
            (vec![USUAL, USUAL], Some(0)),
        ] {
            assert_eq!(choose_picture(&tracks), chosen, "{tracks:?}");
        }
    }

    #[test]
    fn the_default_sound_comes_first_and_disabled_ones_are_left_out() {
        let disabled = Candidate {
            enabled: false,
            ..USUAL
        };
        let other = Candidate {
            default: false,
            ..USUAL
        };
        let mono = Candidate { size: 1, ..USUAL };
        let many = Candidate { size: 6, ..USUAL };
        for (tracks, chosen) in [
            (vec![other, USUAL], vec![1, 0]),
            (vec![disabled, other, USUAL], vec![2, 1]),
            (vec![disabled, disabled], vec![0, 1]),
            (vec![mono, USUAL], vec![1, 0]),
            (vec![USUAL, many], vec![0, 1]),
        ] {
            assert_eq!(choose_sounds(&tracks), chosen, "{tracks:?}");
        }
    }
}
