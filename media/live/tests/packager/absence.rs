//! What stops for a while never stops what goes on.

use crate::studio::{Plan, Random, SECOND, SETTINGS, Studio, opus, packet, picture};
use live::packager::{Rendition, SegmentState};

/// Publishes 30 pictures a second of two layers and sound, of which some is missing.
pub(crate) fn without(studio: &mut Studio, from: i64, until: i64, missing: impl Fn(i64, Rendition) -> bool) {
    let (format, sound) = (crate::studio::h264(40), opus());
    let mut keys = [from * 30; 2];
    let mut next = from * 50;
    let zero = studio.now - from * SECOND;
    for n in from * 30..until * 30 {
        let at = n * SECOND / 30;
        studio.now = zero + at;
        for layer in std::mem::take(&mut studio.asked) {
            let due = &mut keys[usize::from(layer)];
            *due = (*due).min(n + 1);
        }
        for layer in [0, 1] {
            let due = &mut keys[usize::from(layer)];
            if missing(at, Rendition::Picture(layer)) {
                continue;
            }
            let key = *due <= n;
            *due = if key { i64::MAX } else { *due };
            studio.push(&picture(layer, &format, at, key, 100));
        }
        while next * SECOND / 50 <= at {
            if !missing(next * SECOND / 50, Rendition::Opus) {
                studio.push(&packet(&sound, next));
            }
            next += 1;
        }
        if n % 7 == 0 {
            studio.tick();
        }
    }
}

fn gaps(segments: &[SegmentState]) -> (u64, usize) {
    let gaps = segments.iter().filter(|segment| segment.is_gap());
    (gaps.clone().map(|gap| gap.duration).sum(), gaps.count())
}

fn is_whole(segments: &[SegmentState]) {
    for pair in segments.windows(2) {
        assert!(
            (pair[0].start + pair[0].duration).abs_diff(pair[1].start) < 110_000,
            "{pair:?}"
        );
    }
}

#[test]
fn a_layer_that_stops_for_five_seconds_has_a_gap_and_no_other_has() {
    let mut studio = Studio::new(SETTINGS);
    let stopped = 10 * SECOND..15 * SECOND;
    without(&mut studio, 0, 25, |at, rendition| {
        rendition == Rendition::Picture(1) && stopped.contains(&at)
    });
    studio.end();
    let segments = &studio.files[&Rendition::Picture(1)].segments;
    let (length, count) = gaps(segments);
    assert!(
        (4_500_000..5_300_000).contains(&length) && count <= 3,
        "{length} in {count}"
    );
    is_whole(segments);
    for rendition in [Rendition::Picture(0), Rendition::Opus] {
        let segments = &studio.files[&rendition].segments;
        assert_eq!(gaps(segments), (0, 0));
        assert!(segments.iter().all(|segment| segment.discontinuities == 0));
        studio.check_samples(rendition);
        is_whole(segments);
    }
    assert!(segments.iter().all(|segment| segment.discontinuities == 0));
}

#[test]
fn a_layer_that_does_not_return_leaves_the_ladder_and_its_playlist_goes_on() {
    let mut studio = Studio::new(SETTINGS);
    without(&mut studio, 0, 30, |at, rendition| {
        rendition == Rendition::Picture(1) && at >= 10 * SECOND
    });
    let text = String::from_utf8(studio.packager.multivariant().unwrap().to_vec()).unwrap();
    assert!(text.contains("video-0") && !text.contains("video-1"), "{text}");
    let (length, _) = gaps(&studio.files[&Rendition::Picture(1)].segments);
    assert!(length >= 16_000_000, "{length}");
    studio.end();
    let ends = studio.files.values().map(|files| {
        let last = files.segments.last().unwrap();
        last.start + last.duration
    });
    assert!(ends.clone().max().unwrap() - ends.min().unwrap() <= 110_000);
}

#[test]
fn sound_that_stops_is_silence() {
    let mut studio = Studio::new(SETTINGS);
    without(&mut studio, 0, 25, |at, rendition| {
        rendition == Rendition::Opus && (8 * SECOND..14 * SECOND).contains(&at)
    });
    studio.end();
    let files = &studio.files[&Rendition::Opus];
    assert_eq!(gaps(&files.segments), (0, 0));
    is_whole(&files.segments);
    let samples = files.samples();
    let silent = samples.iter().filter(|sample| sample.data.len() == 3).count();
    assert!((220..=300).contains(&silent), "{silent}");
    assert_eq!(samples.len() - silent, studio.given[&Rendition::Opus].len());
    assert!(files.segments.len() <= 15);
    studio.check_samples(Rendition::Picture(0));
}

#[test]
fn when_all_stops_the_lecture_waits_and_asks_for_key_frames() {
    let mut studio = Studio::new(SETTINGS);
    without(&mut studio, 0, 20, |at, _| (8 * SECOND..14 * SECOND).contains(&at));
    studio.end();
    for (rendition, files) in &studio.files {
        let total: u64 = files.segments.iter().map(|segment| segment.duration).sum();
        assert!((13_800_000..14_100_000).contains(&total), "{rendition}: {total}");
        assert_eq!(files.segments.last().unwrap().discontinuities, 1);
        is_whole(&files.segments);
    }
}

#[test]
fn a_short_gap_is_only_a_long_picture() {
    let mut studio = Studio::new(SETTINGS);
    without(&mut studio, 0, 20, |at, _| (8_300_000..9_500_000).contains(&at));
    studio.end();
    for (rendition, files) in &studio.files {
        assert_eq!(gaps(&files.segments), (0, 0), "{rendition}");
        assert!(files.segments.iter().all(|segment| segment.discontinuities == 0));
        is_whole(&files.segments);
    }
    studio.check_samples(Rendition::Picture(0));
    studio.check_samples(Rendition::Picture(1));
}

#[test]
fn a_rendition_that_another_publisher_does_not_send_keeps_a_playlist() {
    let mut studio = Studio::new(SETTINGS);
    let mut random = Random::new();
    without(&mut studio, 0, 8, |_, _| false);
    studio.interrupt();
    Plan::new().publish(&mut studio, &mut random, 0, 12);
    studio.interrupt();
    without(&mut studio, 20, 28, |_, _| false);
    studio.end();
    let segments = &studio.files[&Rendition::Picture(1)].segments;
    let (length, _) = gaps(segments);
    assert!((11_500_000..12_300_000).contains(&length), "{length}");
    is_whole(segments);
    for files in studio.files.values() {
        let count = files
            .last
            .as_ref()
            .unwrap()
            .segments
            .iter()
            .filter(|segment| segment.discontinuity)
            .count();
        assert_eq!(count, 2);
    }
}

#[test]
fn a_clock_that_jumps_begins_anew() {
    let mut studio = Studio::new(SETTINGS);
    for from in [0, 3_000, 100] {
        without(&mut studio, from, from + 6, |_, _| false);
    }
    studio.end();
    for (rendition, files) in &studio.files {
        is_whole(&files.segments);
        let last = files.segments.last().unwrap();
        assert_eq!(last.discontinuities, 2, "{rendition}");
        assert!((17_900_000..18_100_000).contains(&(last.start + last.duration)));
        studio.check_samples(*rendition);
    }
}
