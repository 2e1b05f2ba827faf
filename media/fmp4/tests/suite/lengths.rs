//! Tracks that begin, end or advance differently, and files that end early.

use std::fs;

use fmp4::{Scan, Verdict};

use crate::files::{Tree, rewrite, scan, scan_bytes};
use crate::make::Bench;

const GOP: &str = "-g 50 -bf 2 -b_strategy 0";
const FRAGMENTS: &str = "-g 50 -bf 2 -b_strategy 0 -movflags +frag_keyframe+empty_moov+default_base_moof";

/// The code of the obstacle; empty if the source can be cut.
fn code(scan: &Scan) -> &'static str {
    match &scan.verdict {
        Verdict::Playable(_) => "",
        Verdict::NeedsTranscoding(obstacle) => obstacle.code(),
    }
}

#[test]
fn a_source_whose_tracks_end_more_than_a_second_apart_is_not_cut() {
    let bench = Bench::new();
    for (arguments, expected) in [
        ("-vf trim=end=6", "track_length"),
        ("-af atrim=end=6", "track_length"),
        ("-vf trim=end=8.2", ""),
        ("-af atrim=end=8.2", ""),
        ("-af atrim=end=6 -movflags +frag_keyframe+empty_moov", "track_length"),
        (
            "-use_editlist 0 -bf 0 -movflags +frag_keyframe+empty_moov -af asetpts=PTS+1.5/TB",
            "track_length",
        ),
    ] {
        let source = bench.source("a.mp4", 9, "25", &format!("{GOP} {arguments}"));
        assert_eq!(code(&scan(&source).unwrap()), expected, "{arguments}");
    }
}

/// A source of nine seconds, whose packets of sound get other durations: each is a number and a duration.
fn with_sound_of(bench: &Bench, durations: &[(u32, u32)]) -> Scan {
    let source = bench.source("a.mp4", 9, "25", &format!("{GOP} -ar 48000"));
    let bytes = rewrite(&source, |movie| {
        let sound = movie.children.iter_mut().filter(|child| &child.kind == b"trak").nth(1);
        sound.unwrap().all(b"stts", &mut |table| {
            let words = durations.iter().flat_map(|&(count, duration)| [count, duration]);
            let count = u32::try_from(durations.len()).unwrap();
            let words: Vec<u32> = [count].into_iter().chain(words).collect();
            *table = Tree::table(b"stts", &words);
        });
        movie.all(b"elst", &mut |list| {
            *list = Tree::table(b"elst", &[1, 0, 1_024, 0x1_0000]);
        });
    });
    scan_bytes(&bytes).unwrap()
}

#[test]
fn sound_that_is_not_back_to_back_is_not_cut() {
    let bench = Bench::new();
    for (durations, expected) in [
        (vec![(423, 1_024)], ""),
        // An odd first packet, which primes the decoder.
        (vec![(1, 4_864), (422, 1_024)], ""),
        (vec![(1, 1), (422, 1_024)], ""),
        // A hole of 24 ms, and one of 26.
        (vec![(200, 1_024), (1, 1_024 + 1_150), (222, 1_024)], ""),
        (vec![(200, 1_024), (1, 1_024 + 1_250), (222, 1_024)], "sound_gaps"),
        // Packets that overlap.
        (vec![(200, 1_024), (2, 100), (221, 1_024)], "sound_gaps"),
        // Another clock.
        (vec![(423, 1_029)], "sound_gaps"),
        // Holes that are small, but many.
        (
            vec![(100, 1_024), (1, 1_524), (1, 1_524), (1, 1_524), (320, 1_024)],
            "sound_gaps",
        ),
    ] {
        let scan = with_sound_of(&bench, &durations);
        assert_eq!(code(&scan), expected, "{durations:?}");
    }
}

/// The places of boxes of a kind at the top of a file.
fn places(bytes: &[u8], kind: &[u8; 4]) -> Vec<usize> {
    let mut at = 0;
    let mut found = Vec::new();
    while at + 8 <= bytes.len() {
        if &bytes[at + 4..at + 8] == kind {
            found.push(at);
        }
        at += usize::try_from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap();
    }
    found
}

#[test]
fn a_fragmented_file_is_used_up_to_its_last_whole_fragment() {
    let bench = Bench::new();
    let whole = fs::read(bench.source("a.mp4", 9, "25", FRAGMENTS)).unwrap();
    assert!(!scan_bytes(&whole).unwrap().probe.cut);
    // Fragments of two seconds; behind the last one is an index of them.
    let (heads, media) = (places(&whole, b"moof"), places(&whole, b"mdat"));
    let index = *places(&whole, b"mfra").first().unwrap();
    let seconds = |bytes: &[u8]| {
        let scan = scan_bytes(bytes).unwrap();
        assert_eq!(code(&scan), "");
        (scan.probe.duration / 1_000_000, scan.probe.cut)
    };
    assert_eq!(seconds(&whole[..index]), (9, false));
    assert_eq!(seconds(&whole[..index + 20]), (9, true));
    assert_eq!(seconds(&whole[..heads[3]]), (6, false), "it ends where it might have");
    for end in [
        heads[3] + 1,
        heads[3] + 8,
        heads[3] + 99,
        media[3],
        media[3] + 8,
        media[3] + 999,
        heads[4] - 1,
    ] {
        assert_eq!(seconds(&whole[..end]), (6, true), "{end}");
    }
    // Recorders reserve space, which stays empty when they die.
    let reserved = [&whole[..heads[3]], &[0; 5_000][..]].concat();
    assert_eq!(seconds(&reserved), (6, true));
    for end in [heads[0] + 99, media[0] + 99] {
        assert_eq!(
            scan_bytes(&whole[..end]).unwrap_err().code(),
            "media_truncated",
            "{end}"
        );
    }
}

/// Changes the flags in the headers of the tracks.
fn with_flags(path: &std::path::Path, flags: &[u8]) -> Scan {
    let mut flags = flags.iter();
    let bytes = rewrite(path, |movie| {
        movie.all(b"tkhd", &mut |header| header.body[3] = *flags.next().unwrap());
    });
    scan_bytes(&bytes).unwrap()
}

#[test]
fn the_picture_is_the_enabled_moving_and_largest_one() {
    let bench = Bench::new();
    let two = "-g 50 -map 0:v -map 0:v -map 1:a -filter:v:0 scale=160:90";
    let source = bench.source("a.mp4", 3, "25", two);
    for (flags, width) in [
        ([3, 3, 3], 320),
        ([3, 2, 3], 160),
        ([2, 3, 3], 320),
        // The second is shown only in previews.
        ([3, 5, 3], 160),
        ([2, 2, 3], 320),
    ] {
        let scan = with_flags(&source, &flags);
        let picture = scan.probe.video.as_ref().unwrap();
        assert_eq!((code(&scan), picture.width), ("", width), "{flags:?}");
    }
    let still = format!("{two} -filter:v:1 trim=end_frame=1");
    let scan = scan(&bench.source("still.mp4", 3, "25", &still)).unwrap();
    assert_eq!((code(&scan), scan.probe.video.unwrap().width), ("", 160));
}

#[test]
fn the_enabled_sound_comes_first_and_a_disabled_one_is_left_out() {
    let bench = Bench::new();
    let two = "-g 50 -map 0:v -map 1:a -map 1:a -ac:a:0 1 -ac:a:1 2";
    let source = bench.source("a.mp4", 3, "25", two);
    let found = |flags: [u8; 3], group: u8| {
        let mut flags = flags.iter();
        let bytes = rewrite(&source, |movie| {
            movie.all(b"tkhd", &mut |header| {
                header.body[3] = *flags.next().unwrap();
                header.body[35] = group;
            });
        });
        let scan = scan_bytes(&bytes).unwrap();
        assert_eq!(code(&scan), "");
        let channels = scan.probe.audio.iter().map(|track| track.channels);
        channels.collect::<Vec<u16>>()
    };
    for (flags, group, channels) in [
        ([3, 3, 3], 0, vec![2, 1]),
        ([3, 3, 2], 0, vec![1]),
        ([3, 2, 3], 0, vec![2]),
        ([3, 2, 2], 0, vec![2, 1]),
        // Alternatives of each other, of which one is enabled.
        ([3, 3, 2], 1, vec![1, 2]),
        ([3, 2, 3], 1, vec![2, 1]),
    ] {
        assert_eq!(found(flags, group), channels, "{flags:?} in group {group}");
    }
}
