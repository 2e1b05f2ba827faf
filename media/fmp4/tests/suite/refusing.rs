//! Sources that can't be cut without encoding, each with the right code.

use std::fs;
use std::path::Path;

use fmp4::{Limits, Obstacle, ScanError, Scanner, Step, Verdict};

use crate::files::{Tree, file_of, rewrite, scan, scan_bytes};
use crate::judge::same;
use crate::make::Bench;

const GOP: &str = "-g 50 -bf 2 -b_strategy 0";

fn obstacle_in(scanned: Result<fmp4::Scan, ScanError>) -> Obstacle {
    match scanned
        .unwrap_or_else(|error| panic!("{}: {error}", error.code()))
        .verdict
    {
        Verdict::NeedsTranscoding(obstacle) => obstacle,
        Verdict::Playable(_) => panic!("playable"),
    }
}

fn obstacle(path: &Path) -> Obstacle {
    obstacle_in(scan(path))
}

/// The code of the obstacle of a source made with these arguments.
fn code(seconds: u32, rate: &str, arguments: &str) -> &'static str {
    let bench = Bench::new();
    obstacle(&bench.source("a.mp4", seconds, rate, arguments)).code()
}

#[test]
fn open_groups_of_pictures() {
    let open = "-x264-params open-gop=1:keyint=50:min-keyint=50:bframes=3:b-adapt=0:scenecut=0";
    assert_eq!(code(14, "25", open), "open_gop");
}

#[test]
fn closed_groups_with_open_ones_between_are_cut_at_the_closed_ones() {
    // Key frames are forced every four seconds; the source can't be cut at the recovery points between them.
    let open =
        "-x264-params open-gop=1:keyint=50:bframes=3:b-adapt=0:scenecut=0 -force_key_frames 0,4,8,12 -forced-idr 1";
    let bench = Bench::new();
    let source = bench.source("a.mp4", 14, "25", open);
    let cut = same(&source);
    assert_eq!(cut.head.tracks()[0].segments.len(), 3);
}

#[test]
fn an_edit_in_the_middle_of_a_group() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 9, "25", GOP);
    let middle = bench.convert(&source, "middle.mp4", "-ss 3.1", "-c copy");
    assert!(matches!(obstacle(&middle), Obstacle::EditList(_)));
    let picture = bench.convert(&source, "picture.mp4", "-ss 3.1", "-c copy -an");
    assert!(matches!(obstacle(&picture), Obstacle::EditList(_)));
}

#[test]
fn a_track_that_starts_so_late_that_a_player_would_skip_to_it() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 4, "25", GOP);
    let late = bench.path("late.mp4");
    let mut command = crate::make::ffmpeg();
    command
        .arg("-i")
        .arg(&source)
        .args(["-itsoffset", "1.7"])
        .arg("-i")
        .arg(&source);
    command.args(crate::make::words("-map 0:v -map 1:a -c copy")).arg(&late);
    crate::make::run(&mut command);
    assert!(matches!(obstacle(&late), Obstacle::EditList(_)));
}

/// Changes the first edit of the video track, whose times have 32 bits: duration, media time, rate.
fn edited(change: impl Fn(&mut [u32])) -> Obstacle {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 4, "25", GOP);
    let mut first = true;
    let bytes = rewrite(&source, |movie| {
        movie.all(b"elst", &mut |list| {
            if std::mem::take(&mut first) {
                let mut words: Vec<u32> = list.body.as_chunks().0[1..]
                    .iter()
                    .map(|word| u32::from_be_bytes(*word))
                    .collect();
                change(&mut words);
                *list = Tree::table(b"elst", &words);
            }
        });
    });
    obstacle_in(scan_bytes(&bytes))
}

#[test]
fn edits_that_hide_or_repeat() {
    // One frame of 40 ms less than the media; the movie's timescale is 1000.
    for change in [
        |words: &mut [u32]| words[1] -= 40,
        |words: &mut [u32]| words[1] = 1,
        |words: &mut [u32]| words[2] += 512,
        |words: &mut [u32]| words[2] = u32::MAX,
        |words: &mut [u32]| words[3] = 0x8000,
        |words: &mut [u32]| words[3] = 0,
    ] {
        assert!(matches!(edited(change), Obstacle::EditList(_)));
    }
}

#[test]
fn several_edits() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 4, "25", "-g 50 -bf 0");
    for words in [
        &[3, 500, u32::MAX, 0x1_0000, 1000, 0, 0x1_0000, 3000, 12_800, 0x1_0000][..],
        &[2, 1000, 0, 0x1_0000, 3000, 12_800, 0x1_0000],
        &[2, 60_000, u32::MAX, 0x1_0000, 4000, 0, 0x1_0000],
        &[1, 4000, u32::MAX, 0x1_0000],
    ] {
        let bytes = rewrite(&source, |movie| {
            movie.all(b"elst", &mut |list| *list = Tree::table(b"elst", words));
        });
        assert!(
            matches!(obstacle_in(scan_bytes(&bytes)), Obstacle::EditList(_)),
            "{words:?}"
        );
    }
}

#[test]
fn two_sample_descriptions() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 4, "25", GOP);
    let bytes = rewrite(&source, |movie| {
        movie.all(b"stsd", &mut |table| {
            let entry = table.body.split_off(8);
            table.body[7] = 2;
            table.body.extend(entry.repeat(2));
        });
    });
    assert_eq!(obstacle_in(scan_bytes(&bytes)).code(), "sample_entries");
}

#[test]
fn parameters_that_change_within_the_samples() {
    let bench = Bench::new();
    bench.source("one.mp4", 3, "25", "-g 50 -an");
    bench.source("two.mp4", 3, "25", "-g 50 -an -refs 3 -bf 2 -preset medium");
    let list = bench.path("list.txt");
    fs::write(&list, "file one.mp4\nfile two.mp4\n").unwrap();
    let joined = bench.convert(&list, "joined.mp4", "-f concat", "-c copy");
    assert_eq!(obstacle(&joined).code(), "sample_entries");
}

#[test]
fn other_video_than_plain_h264() {
    assert_eq!(
        code(2, "25", "-c:v libx265 -x265-params log-level=none -tag:v hvc1"),
        "video_codec"
    );
    assert_eq!(code(2, "25", "-c:v mpeg4"), "video_codec");
    for format in ["yuv420p10le", "yuv422p", "yuv444p"] {
        assert_eq!(code(2, "25", &format!("-pix_fmt {format}")), "video_format", "{format}");
    }
    assert_eq!(code(2, "25", "-level 5.2"), "video_format");
    assert_eq!(code(2, "240", "-g 50"), "frame_rate");
}

#[test]
fn sources_that_can_not_be_cut_are_still_described() {
    let bench = Bench::new();
    let source = bench.source(
        "a.mov",
        2,
        "25",
        "-c:v libx265 -x265-params log-level=none -c:a pcm_s16le",
    );
    let scanned = scan(&source).unwrap();
    let video = scanned.probe.video.unwrap();
    assert_eq!((video.codec.as_str(), video.width, video.height), ("hevc", 320, 180));
    assert_eq!(scanned.probe.audio[0].codec, "pcm");
    assert_eq!(scanned.probe.audio[0].sample_rate, 44_100);
    assert!((1_900_000..2_100_000).contains(&scanned.probe.duration));
}

#[test]
fn other_audio_than_low_complexity_aac() {
    let bench = Bench::new();
    assert_eq!(
        obstacle(&bench.source("mp3.mp4", 2, "25", "-c:a libmp3lame")),
        Obstacle::AudioCodec("mp3".to_owned())
    );
    assert_eq!(code(2, "25", "-c:a ac3"), "audio_codec");
    assert_eq!(code(2, "25", "-c:a libopus -ar 48000"), "audio_codec");
    // ffmpeg has no HE-AAC encoder; only the configuration is changed. 0x12 is Low Complexity, 0x2a Spectral Band Replication.
    let source = bench.source("a.mp4", 2, "25", GOP);
    let bytes = rewrite(&source, |movie| {
        movie.all(b"stsd", &mut |table| {
            let config = table
                .body
                .windows(4)
                .position(|window| window == [0x05, 0x80, 0x80, 0x80]);
            if let Some(at) = config {
                table.body[at + 5] = 0x2a;
            }
        });
    });
    let Obstacle::AudioCodec(words) = obstacle_in(scan_bytes(&bytes)) else {
        panic!()
    };
    assert_eq!(words, "HE-AAC");
}

#[test]
fn key_frames_too_far_apart() {
    assert_eq!(code(12, "25", "-g 1000 -sc_threshold 0"), "key_frame_gap");
}

#[test]
fn a_bit_rate_above_the_limit() {
    let bench = Bench::new();
    let bytes = fs::read(bench.source("a.mp4", 2, "25", GOP)).unwrap();
    let limits = Limits {
        max_bit_rate: 20_000,
        ..Limits::default()
    };
    let mut scanner = Scanner::new(bytes.len().try_into().unwrap(), limits);
    let mut answers: Vec<Vec<u8>> = Vec::new();
    let scanned = loop {
        match scanner.step(&answers).unwrap() {
            Step::Read(ranges) => {
                let cut = |range: &std::ops::Range<u64>| {
                    bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec()
                };
                answers = ranges.iter().map(cut).collect();
            }
            Step::Done(scan) => break scan,
        }
    };
    assert_eq!(scanned.verdict, Verdict::NeedsTranscoding(Obstacle::BitRate));
}

#[test]
fn files_truncated_anywhere() {
    let bench = Bench::new();
    for (name, flags) in [
        ("end", "+write_colr"),
        ("front", "+faststart"),
        ("parts", "+frag_keyframe+empty_moov"),
    ] {
        let bytes =
            fs::read(bench.source(&format!("{name}.mp4"), 3, "25", &format!("{GOP} -movflags {flags}"))).unwrap();
        // A fragmented file may end after any of its fragments; nothing marks the last one.
        let mut ends = vec![bytes.len()];
        let mut at = 0;
        let mut trees = Tree::parse(&bytes).into_iter().peekable();
        while let Some(tree) = trees.next() {
            at += file_of(std::slice::from_ref(&tree)).len();
            let complete = name == "parts" && matches!(&tree.kind, b"mdat" | b"moov");
            if complete || trees.peek().is_none() {
                ends.push(at);
            }
        }
        let places = (0..bytes.len())
            .step_by(97)
            .chain(bytes.len().saturating_sub(600)..bytes.len())
            .chain(0..1200);
        for place in places.filter(|place| !ends.contains(place)) {
            match scan_bytes(&bytes[..place]) {
                Err(error) => {
                    let codes = ["media_truncated", "media_empty", "media_type"];
                    assert!(codes.contains(&error.code()), "{name} at {place}: {error}");
                }
                // What is whole of a fragmented file is used.
                Ok(scanned) => assert!(name == "parts" && scanned.probe.cut, "{name} at {place}: {scanned:?}"),
            }
        }
    }
}

#[test]
fn nothing_to_play() {
    assert_eq!(scan_bytes(b"").unwrap_err(), ScanError::Empty);
    assert_eq!(scan_bytes(b"this is a text").unwrap_err(), ScanError::NotMp4);
    let bench = Bench::new();
    let source = bench.source("a.mp4", 2, "25", GOP);
    let bytes = rewrite(&source, |movie| movie.children.retain(|child| &child.kind != b"trak"));
    assert_eq!(scan_bytes(&bytes).unwrap_err(), ScanError::Empty);
}

#[test]
fn encrypted_samples() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 2, "25", GOP);
    let key = "00112233445566778899aabbccddeeff";
    let arguments = format!("-c copy -encryption_scheme cenc-aes-ctr -encryption_key {key} -encryption_kid {key}");
    let locked = bench.convert(&source, "locked.mp4", "", &arguments);
    assert_eq!(scan(&locked).unwrap_err(), ScanError::Encrypted);
}

#[test]
fn media_in_another_file() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 2, "25", GOP);
    let outside = |kind: &'static [u8; 4], place: &'static [u8]| {
        let mut reference = Vec::new();
        Tree::leaf(kind, [&[0; 4], place].concat()).write(&mut reference);
        let body = [&[0, 0, 0, 0, 0, 0, 0, 1], &reference[..]].concat();
        rewrite(&source, |movie| {
            movie.all(b"dref", &mut |table| *table = Tree::leaf(b"dref", body.clone()));
        })
    };
    for (kind, place) in [
        (b"url ", &b"file:///etc/passwd\0"[..]),
        (b"url ", b"http://127.0.0.1/\0"),
        (b"alis", b"\0\0"),
    ] {
        assert_eq!(
            scan_bytes(&outside(kind, place)).unwrap_err(),
            ScanError::ExternalReference
        );
    }
    let alias = rewrite(&source, |movie| movie.children.push(Tree::leaf(b"rmra", vec![0; 8])));
    assert_eq!(scan_bytes(&alias).unwrap_err(), ScanError::ExternalReference);
}
