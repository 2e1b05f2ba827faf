//! Hostile files: each leads to a stable code, quickly and in little memory.

use std::fs;
use std::ops::Range;
use std::sync::OnceLock;

use fmp4::{IndexHead, ScanError, Verdict};
use proptest::prelude::*;

use crate::files::{Tree, file_of, scan_bytes};
use crate::make::Bench;

fn brand() -> Tree {
    Tree::leaf(b"ftyp", b"isom\0\0\x02\0isom".to_vec())
}

fn movie_header() -> Tree {
    let mut body = vec![0; 100];
    body[12..16].copy_from_slice(&1000_u32.to_be_bytes());
    Tree::leaf(b"mvhd", body)
}

/// A video track with these tables, and more boxes beside its media.
fn track(tables: Vec<Tree>, beside: Vec<Tree>) -> Tree {
    let mut media_header = vec![0; 24];
    media_header[12..16].copy_from_slice(&1000_u32.to_be_bytes());
    let handler = [&[0; 8], &b"vide"[..], &[0; 13]].concat();
    let mut children = vec![Tree::leaf(b"tkhd", [&[0, 0, 0, 7][..], &[0; 80]].concat())];
    children.extend(beside);
    children.push(Tree::node(
        b"mdia",
        vec![
            Tree::leaf(b"mdhd", media_header),
            Tree::leaf(b"hdlr", handler),
            Tree::node(b"minf", vec![Tree::node(b"stbl", tables)]),
        ],
    ));
    Tree::node(b"trak", children)
}

fn file(movie: Vec<Tree>) -> Vec<u8> {
    let movie = [vec![movie_header()], movie].concat();
    file_of(&[brand(), Tree::node(b"moov", movie), Tree::leaf(b"mdat", vec![0; 100])])
}

fn code(bytes: &[u8]) -> &'static str {
    scan_bytes(bytes).unwrap_err().code()
}

#[test]
fn more_samples_than_there_are_bytes() {
    for count in [80_000_000, 1 << 31, u32::MAX] {
        for size in [1, 1000, u32::MAX] {
            let tables = vec![
                Tree::table(b"stts", &[1, count, 1]),
                Tree::table(b"stsc", &[1, 1, count, 1]),
                Tree::table(b"stco", &[1, 0]),
                Tree::table(b"stsz", &[size, count]),
            ];
            let bytes = file(vec![track(tables, vec![])]);
            assert!(bytes.len() < 660);
            assert_eq!(code(&bytes), "media_limits");
        }
        let bytes = file(vec![track(vec![Tree::table(b"stsz", &[0, count])], vec![])]);
        assert_eq!(code(&bytes), "media_malformed");
        // In a fragment, whose samples need no bytes in their table.
        let fragment = Tree::node(
            b"moof",
            vec![Tree::node(
                b"traf",
                vec![Tree::table(b"tfhd", &[0]), Tree::table(b"trun", &[count])],
            )],
        );
        let extends = Tree::node(b"mvex", vec![Tree::table(b"trex", &[0, 1, 1, 0, 0])]);
        let movie = Tree::node(b"moov", vec![movie_header(), track(vec![], vec![]), extends]);
        assert_eq!(code(&file_of(&[brand(), movie, fragment])), "media_limits");
    }
}

#[test]
fn too_many_tracks_edits_and_boxes() {
    assert_eq!(
        code(&file((0..5_000).map(|_| track(vec![], vec![])).collect())),
        "media_limits"
    );
    let words: Vec<u32> = [1_000_000].into_iter().chain((0..3_000_000).map(|_| 1)).collect();
    let edits = Tree::node(b"edts", vec![Tree::table(b"elst", &words)]);
    assert_eq!(code(&file(vec![track(vec![], vec![edits])])), "media_limits");
    let boxes = vec![Tree::leaf(b"uuid", vec![0; 16]); 100_000];
    assert_eq!(code(&file(boxes.clone())), "media_limits");
    assert_eq!(code(&file_of(&[vec![brand()], boxes].concat())), "media_limits");
}

#[test]
fn boxes_nested_too_deep() {
    let mut tree = Tree::node(b"trak", vec![]);
    for _ in 0..100_000 {
        let mut out = Vec::new();
        tree.write(&mut out);
        if out.len() > 10_000 {
            break;
        }
        tree = Tree::node(b"trak", vec![Tree::leaf(b"trak", out.split_off(8))]);
    }
    assert_eq!(code(&file(vec![tree])), "media_malformed");
}

#[test]
fn impossible_sizes() {
    let good = file(vec![track(vec![], vec![])]);
    let boxes: Vec<usize> = good
        .windows(4)
        .enumerate()
        .filter(|(_, window)| {
            [b"ftyp", b"moov", b"trak", b"mdia", b"stbl", b"mvhd", b"tkhd"]
                .iter()
                .any(|kind| window == kind)
        })
        .map(|(at, _)| at - 4)
        .collect();
    assert_eq!(boxes.len(), 7);
    for at in boxes {
        for size in [0_u32, 1, 7, 1 << 31, u32::MAX] {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
            let code = code(&bytes);
            assert!(
                ["media_malformed", "media_truncated", "media_empty"].contains(&code),
                "{size} at {at}: {code}"
            );
        }
    }
    for size in [0, 1, 15, 1 << 62, 1 << 63, u64::MAX] {
        let huge = [&1_u32.to_be_bytes()[..], b"moov", &size.to_be_bytes(), &[0; 64]].concat();
        let code = code(&[file_of(&[brand()]), huge].concat());
        assert!(["media_malformed", "media_truncated"].contains(&code), "{size}: {code}");
    }
}

#[test]
fn a_movie_header_of_half_a_gigabyte() {
    // The scanner is given this length; it rejects the header before reading any of it.
    let head = [
        file_of(&[brand()]),
        [&(500_u32 << 20).to_be_bytes()[..], b"moov"].concat(),
    ]
    .concat();
    let mut scanner = fmp4::Scanner::new(600 << 20, fmp4::Limits::default());
    let Ok(fmp4::Step::Read(ranges)) = scanner.step::<Vec<u8>>(&[]) else {
        panic!()
    };
    let mut answer = head;
    answer.resize(usize::try_from(ranges[0].end).unwrap(), 0);
    assert_eq!(scanner.step(&[answer]).unwrap_err().code(), "media_limits");
}

#[test]
fn times_beyond_any_lecture() {
    let tables = |duration| {
        vec![
            Tree::table(b"stts", &[1, 2, duration]),
            Tree::table(b"stsc", &[1, 1, 2, 1]),
            Tree::table(b"stco", &[1, 0]),
            Tree::table(b"stsz", &[1, 2]),
        ]
    };
    assert_eq!(code(&file(vec![track(tables(u32::MAX), vec![])])), "media_limits");
    assert_eq!(code(&file(vec![track(tables(0), vec![])])), "media_empty");
}

/// Small sources of each form, made once.
fn sources() -> &'static [Vec<u8>] {
    static SOURCES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let bench = Bench::new();
        let make = |name: &str, arguments: &str| {
            fs::read(bench.source(
                name,
                2,
                "10",
                &format!("-g 10 -bf 2 -b_strategy 0 -crf 51 -b:a 16k {arguments}"),
            ))
            .unwrap()
        };
        vec![
            make("a.mp4", ""),
            make("b.mov", "-movflags +faststart"),
            make("c.mp4", "-movflags +frag_keyframe+empty_moov+default_base_moof"),
            make("d.mp4", "-movflags +frag_keyframe"),
        ]
    })
}

/// The ranges of the structure: everything except the media itself.
fn structure(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut places = Vec::new();
    for tree in Tree::parse(bytes) {
        let length = file_of(std::slice::from_ref(&tree)).len();
        places.push(if &tree.kind == b"mdat" {
            at..at + 48
        } else {
            at..at + length
        });
        at += length;
    }
    places
}

/// Scans any bytes; if they are playable, every segment can be planned, inside the file.
fn survive(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(scanned) = scan_bytes(bytes) else { return Ok(()) };
    let Verdict::Playable(index) = scanned.verdict else {
        return Ok(());
    };
    let encoded = index.encode();
    let head = IndexHead::decode(&encoded).unwrap();
    for (number, track) in head.tracks().iter().enumerate() {
        for (n, segment) in track.segments.iter().enumerate() {
            let block = usize::try_from(segment.block.start).unwrap()..usize::try_from(segment.block.end).unwrap();
            let plan = head.plan(number, n, &encoded[block]).unwrap();
            let length = u64::try_from(bytes.len()).unwrap();
            prop_assert!(
                plan.source
                    .iter()
                    .all(|range| range.start < range.end && range.end <= length)
            );
        }
    }
    Ok(())
}

/// How many inputs each of these tests makes.
fn inputs() -> ProptestConfig {
    let long = std::env::var_os("MOOCFLIX_TEST_LONG").is_some_and(|it| !it.is_empty());
    ProptestConfig {
        cases: if long { 3_000 } else { 1_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(inputs())]

    #[test]
    fn arbitrary_bytes_never_break_the_scanner(
        start in 0..4_usize,
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let starts: [&[u8]; 4] = [b"", b"\0\0\0\x10ftypisom\0\0\0\0", b"\0\0\x02\0moov", b"\0\0\0\x08wide"];
        survive(&[starts[start], &bytes].concat())?;
    }

    #[test]
    fn mutations_of_good_files_never_break_the_scanner(
        which in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..6_u32, any::<u8>()), 1..5),
    ) {
        let mut bytes = sources()[which].clone();
        let places = structure(&bytes);
        for (part, place, kind, value) in changes {
            let part = &places[part.index(places.len())];
            let at = part.start + place.index(part.len());
            match kind {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value % 8),
                2 => bytes[at] = 0xff,
                3 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                4 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0),
                _ => bytes.truncate(at.max(20)),
            }
            if bytes.len() < places.last().map_or(0, |last| last.end) {
                break;
            }
        }
        survive(&bytes)?;
    }

    #[test]
    fn a_damaged_index_is_an_error(place in any::<prop::sample::Index>(), value in 1..=u8::MAX) {
        static ENCODED: OnceLock<Vec<u8>> = OnceLock::new();
        let encoded = ENCODED.get_or_init(|| crate::judge::playable(scan_bytes(&sources()[0]).unwrap()).encode());
        let mut damaged = encoded.clone();
        let at = place.index(damaged.len());
        damaged[at] ^= value;
        let Ok(head) = IndexHead::decode(&damaged) else { return Ok(()) };
        for (number, track) in head.tracks().iter().enumerate() {
            for (n, segment) in track.segments.iter().enumerate() {
                let block = usize::try_from(segment.block.start).unwrap()..usize::try_from(segment.block.end).unwrap();
                let hit = block.contains(&at);
                prop_assert_eq!(head.plan(number, n, &damaged[block]).is_err(), hit);
            }
        }
    }
}

#[test]
fn a_scan_ends_with_its_first_error() {
    let mut scanner = fmp4::Scanner::new(0, fmp4::Limits::default());
    assert_eq!(scanner.step::<Vec<u8>>(&[]), Err(ScanError::Empty));
    assert!(scanner.step::<Vec<u8>>(&[]).is_err());
}
