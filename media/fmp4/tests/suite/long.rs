//! Three hours: compares the time, size and offset of every sample with those that ffprobe reads from the source's tables.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use fmp4::{IndexHead, TrackKind};

use crate::files::scan_counting;
use crate::judge::playable;
use crate::make::{Bench, ffprobe};

const GOP: &str = "-g 60 -bf 2 -b_strategy 0 -crf 51 -b:a 16k";

/// Presentation time, size and offset.
type Entry = (i64, u64, u64);

/// Reads every packet of a stream with ffprobe, one at a time.
fn each_packet(path: &Path, stream: &str, mut check: impl FnMut(Entry)) {
    let mut command = ffprobe();
    command.args([
        "-select_streams",
        stream,
        "-show_entries",
        "packet=pts,size,pos",
        "-of",
        "compact=p=0",
    ]);
    let mut child = command
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffprobe is installed");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.map(Result::unwrap).filter(|line| line.starts_with("pts=")) {
        let mut entry = (0, 0, 0);
        for (name, value) in line.split('|').filter_map(|field| field.split_once('=')) {
            match name {
                "pts" => entry.0 = value.parse().unwrap(),
                "size" => entry.1 = value.parse().unwrap(),
                "pos" => entry.2 = value.parse().unwrap(),
                _ => {}
            }
        }
        check(entry);
    }
    assert!(child.wait().unwrap().success());
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Reads the samples in the head of a segment, with their offsets in the source.
fn samples_of(plan: &fmp4::SegmentPlan) -> Vec<Entry> {
    let head = &plan.head;
    let find = |kind: &[u8; 4]| head.windows(4).position(|window| window == kind).unwrap() + 4;
    let (fragment, time, run) = (find(b"tfhd"), find(b"tfdt"), find(b"trun"));
    let default = if word(head, fragment) & 0x8 == 0 {
        0
    } else {
        word(head, fragment + 8)
    };
    let mut decoded = i64::try_from((u64::from(word(head, time + 4)) << 32) | u64::from(word(head, time + 8))).unwrap();
    let flags = word(head, run);
    let count = word(head, run + 4);
    assert_eq!(usize::try_from(word(head, run + 8)).unwrap(), head.len());
    let mut at = run + if flags & 0x4 == 0 { 12 } else { 16 };
    let mut places = plan.source.iter().map(|range| (range.start, range.end));
    let (mut place, mut end) = (0, 0);
    let mut list = Vec::new();
    for _ in 0..count {
        let mut field = |flag: u32, otherwise: u32| {
            if flags & flag == 0 {
                return otherwise;
            }
            at += 4;
            word(head, at - 4)
        };
        let duration = field(0x100, default);
        let size = u64::from(field(0x200, 0));
        field(0x400, 0);
        let offset = field(0x800, 0).cast_signed();
        if place == end {
            (place, end) = places.next().unwrap();
        }
        assert!(place + size <= end, "a sample lies within one range");
        list.push((decoded + i64::from(offset), size, place));
        place += size;
        decoded += i64::from(duration);
    }
    assert_eq!(at, head.len() - 8);
    assert_eq!((place, places.next()), (end, None));
    list
}

#[test]
fn every_sample_of_three_hours() {
    let bench = Bench::new();
    // Repeated sound would not be back to back.
    let clip = bench.source("clip.mp4", 60, "30", &format!("{GOP} -an"));
    let sound = "-f lavfi -i sine=r=16000:d=10800 -map 0:v -map 1:a -c:v copy -c:a aac -aac_coder fast -b:a 16k";
    let source = bench.convert(&clip, "long.mp4", "-stream_loop 179", sound);
    let (steps, scan) = scan_counting(&source);
    assert!(steps < 30, "{steps}");
    let scan = scan.unwrap();
    assert!(
        (10_790_000_000..10_810_000_000).contains(&scan.probe.duration),
        "{}",
        scan.probe.duration
    );
    let encoded = playable(scan).encode();
    assert!(encoded.len() < 4 << 20, "{}", encoded.len());
    let head = IndexHead::decode(&encoded).unwrap();
    assert_eq!(
        head.source_length(),
        File::open(&source).unwrap().metadata().unwrap().len()
    );
    for (number, track) in head.tracks().iter().enumerate() {
        let stream = if matches!(track.kind, TrackKind::Video(_)) {
            "v:0"
        } else {
            "a:0"
        };
        let mut samples = track.segments.iter().enumerate().flat_map(|(n, segment)| {
            let block = usize::try_from(segment.block.start).unwrap()..usize::try_from(segment.block.end).unwrap();
            samples_of(&head.plan(number, n, &encoded[block]).unwrap())
        });
        let mut count = 0;
        each_packet(&source, stream, |(shown, size, place)| {
            let later = shown + i64::from(track.timescale);
            assert_eq!(samples.next(), Some((later, size, place)), "{stream}: sample {count}");
            count += 1;
        });
        assert_eq!(samples.next(), None);
        assert!(count > 160_000, "{stream}: {count}");
    }
}
