//! Compares a source with the segments cut from it, as ffmpeg reads both.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use fmp4::{Index, IndexHead, Scan, TrackKind, Verdict};
use hls::{AudioRendition, Kind, MediaPlaylist, MediaSegment, Multivariant, Variant};

use crate::files::{read, scan};
use crate::make::{ffmpeg, ffprobe, run, words};

/// One packet as reported by ffprobe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) shown: f64,
    pub(crate) size: u64,
    pub(crate) hash: String,
}

/// The packets of one stream in stored order.
pub(crate) fn packets(path: &Path, stream: &str) -> Vec<Packet> {
    let entries = "packet=pts_time,size,data_hash";
    let mut command = ffprobe();
    command.args(["-select_streams", stream, "-show_packets", "-show_data_hash", "md5"]);
    command.args(["-show_entries", entries, "-of", "compact=p=0"]).arg(path);
    let output = run(&mut command);
    let text = String::from_utf8(output.stdout).unwrap();
    // Side data splits a packet's line in two, but its fields stay in order.
    let mut list: Vec<Packet> = Vec::new();
    for field in text.split(['|', '\n']) {
        match field.split_once('=') {
            Some(("pts_time", time)) => {
                list.push(Packet {
                    shown: time.parse().unwrap(),
                    size: 0,
                    hash: String::new(),
                });
            }
            Some(("size", size)) => list.last_mut().unwrap().size = size.parse().unwrap(),
            Some(("data_hash", hash)) => list.last_mut().unwrap().hash = hash.to_owned(),
            _ => {}
        }
    }
    list
}

/// The hash of every decoded picture in order.
fn pictures(path: &Path) -> Vec<String> {
    let mut command: Command = ffmpeg();
    command
        .arg("-i")
        .arg(path)
        .args(words("-map 0:v:0 -fps_mode passthrough -f framemd5 -"));
    let output = run(&mut command);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

pub(crate) fn playable(scan: Scan) -> Index {
    match scan.verdict {
        Verdict::Playable(index) => index,
        Verdict::NeedsTranscoding(obstacle) => panic!("{}: {obstacle}", obstacle.code()),
    }
}

/// Writes every segment of an encoded index, and playlists over them.
pub(crate) fn cut(source: &Path, encoded: &[u8], folder: &Path) -> PathBuf {
    let length = IndexHead::length(&encoded[..IndexHead::PREFIX]).unwrap();
    let head = IndexHead::decode(&encoded[..usize::try_from(length).unwrap()]).unwrap();
    let file = File::open(source).unwrap();
    assert_eq!(head.source_length(), file.metadata().unwrap().len());
    let mut list = Multivariant::default();
    for (number, track) in head.tracks().iter().enumerate() {
        let name = format!("track{number}");
        fs::create_dir_all(folder.join(&name)).unwrap();
        fs::write(folder.join(&name).join("init.mp4"), &track.init).unwrap();
        let mut segments = Vec::new();
        for (n, segment) in track.segments.iter().enumerate() {
            let block = usize::try_from(segment.block.start).unwrap()..usize::try_from(segment.block.end).unwrap();
            let plan = head.plan(number, n, &encoded[block]).unwrap();
            let mut bytes = plan.head.clone();
            plan.source.iter().for_each(|range| bytes.extend(read(&file, range)));
            assert_eq!(bytes.len(), usize::try_from(plan.len).unwrap());
            assert_eq!(plan.len, segment.bytes);
            fs::write(folder.join(&name).join(format!("{n}.m4s")), bytes).unwrap();
            segments.push(MediaSegment {
                uri: format!("{n}.m4s"),
                duration: segment.duration,
            });
        }
        let media = MediaPlaylist {
            kind: Kind::Vod,
            init: "init.mp4".into(),
            timescale: track.timescale,
            segments,
        };
        fs::write(folder.join(&name).join("media.m3u8"), media.to_string()).unwrap();
        let (uri, codec) = (format!("{name}/media.m3u8"), track.codec_string.clone());
        let (peak_bit_rate, average_bit_rate) = (track.peak_bit_rate, Some(track.average_bit_rate));
        match &track.kind {
            TrackKind::Video(shape) => list.variants.push(Variant {
                uri,
                codec,
                peak_bit_rate,
                average_bit_rate,
                width: shape.width,
                height: shape.height,
                frame_rate: shape.frame_rate,
            }),
            TrackKind::Audio(shape) => list.audio.push(AudioRendition {
                uri,
                codec,
                peak_bit_rate,
                average_bit_rate,
                name: "Sound".into(),
                language: shape.language.clone(),
                channels: shape.channels,
                default: false,
            }),
        }
    }
    let path = folder.join("index.m3u8");
    fs::write(&path, list.to_string()).unwrap();
    path
}

/// The result of a cut, for further checks.
pub(crate) struct Cut {
    pub(crate) scan: Scan,
    pub(crate) head: IndexHead,
    pub(crate) playlist: PathBuf,
}

/// Cuts a source and compares everything: packets by hash, size and time in each track, and decoded pictures.
pub(crate) fn same(source: &Path) -> Cut {
    let scanned = scan(source).unwrap_or_else(|error| panic!("{}: {error}", error.code()));
    let index = playable(scanned.clone());
    let folder = source.with_extension("cut");
    let playlist = cut(source, &index.encode(), &folder);
    let mut audio = 0;
    for (number, track) in index.head().tracks().iter().enumerate() {
        let stream = match track.kind {
            TrackKind::Video(_) => "v:0".to_owned(),
            TrackKind::Audio(_) => format!("a:{audio}"),
        };
        audio += u32::from(matches!(track.kind, TrackKind::Audio(_)));
        let expected = packets(source, &stream);
        let found = packets(&folder.join(format!("track{number}/media.m3u8")), "0");
        compare(&stream, &expected, &found);
        let sum: u64 = track.segments.iter().map(|segment| segment.duration).sum();
        assert_eq!(
            track.segments.last().map(|last| last.start + last.duration),
            Some(sum),
            "{stream}"
        );
    }
    if scanned.probe.video.is_some() {
        let (expected, found) = (pictures(source), pictures(&playlist));
        assert!(!expected.is_empty());
        assert_eq!(expected, found, "decoded pictures differ");
    }
    Cut {
        scan: scanned,
        head: index.head().clone(),
        playlist,
    }
}

/// Checks that every packet is there in order, one second later than in the source.
fn compare(stream: &str, expected: &[Packet], found: &[Packet]) {
    assert_eq!(expected.len(), found.len(), "{stream}: number of packets");
    assert!(!expected.is_empty(), "{stream}: no packets");
    for (n, (expected, found)) in expected.iter().zip(found).enumerate() {
        assert_eq!(
            (&expected.hash, expected.size),
            (&found.hash, found.size),
            "{stream}: packet {n}"
        );
        let late = found.shown - expected.shown - 1.0;
        assert!(
            late.abs() < 0.001,
            "{stream}: packet {n} is at {} instead of {}",
            found.shown,
            expected.shown
        );
    }
}
