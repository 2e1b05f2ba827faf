//! Real media: ffmpeg reads what the packager makes, and finds in it what an encoder made.

use crate::studio::{NOON, SETTINGS, Studio, time};
use bytes::Bytes;
use live::packager::{Rendition, Settings};
use live::{Format, Frame, H264, Track};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

fn run(program: &str, arguments: &str, files: &[&Path]) -> String {
    let mut command = Command::new(program);
    let mut files = files.iter();
    for word in arguments.split_whitespace() {
        match word {
            "FILE" => command.arg(files.next().unwrap()),
            _ => command.arg(word),
        };
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && errors.is_empty(),
        "{program} {arguments}: {errors}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Encodes a test picture and a tone.
fn encode(folder: &TempDir, name: &str, seconds: u32, size: &str, arguments: &str) -> PathBuf {
    let path = folder.path().join(name);
    let picture = format!("-f lavfi -i testsrc2=size={size}:rate=30:duration={seconds}");
    let tone = format!("-f lavfi -i sine=frequency=440:sample_rate=44100:duration={seconds}");
    let video = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -threads 1 -g 60 -keyint_min 60 -sc_threshold 0";
    let end = "-video_track_timescale 90000 -y FILE";
    run(
        "ffmpeg",
        &format!("-nostdin -v error {picture} {tone} {video} {arguments} {end}"),
        &[&path],
    );
    path
}

/// The packets of a file as frames; `stream` is `v` or `a`. Like a publisher, it rounds times to `rounded` ticks.
fn frames(file: &Path, stream: &str, format: &Arc<Format>, rounded: i64) -> Vec<Frame> {
    let bytes = Bytes::from(std::fs::read(file).unwrap());
    let entries = "-show_entries packet=pts,dts,size,pos,flags -of csv=p=0 FILE";
    let list = run(
        "ffprobe",
        &format!("-v error -select_streams {stream}:0 {entries}"),
        &[file],
    );
    let frame = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |place: usize| fields[place].parse::<i64>().unwrap();
        let at = usize::try_from(number(3)).unwrap();
        let end = at + usize::try_from(number(2)).unwrap();
        let round = |time: i64| (time + rounded / 2).div_euclid(rounded) * rounded;
        Frame {
            track: if stream == "v" { Track::Picture(0) } else { Track::Sound },
            format: Arc::clone(format),
            decoded_at: round(number(1)),
            shown_after: u32::try_from(round(number(0)) - round(number(1))).unwrap(),
            key: fields[4].starts_with('K'),
            data: bytes.slice(at..end),
        }
    };
    // A packet with side data is followed by an empty line.
    list.lines().filter(|line| !line.is_empty()).map(frame).collect()
}

/// The format of a file's picture.
fn h264(file: &Path) -> Arc<Format> {
    let bytes = std::fs::read(file).unwrap();
    let at = bytes.windows(4).position(|it| it == b"avcC").unwrap() + 10;
    let unit = |at: usize| {
        let end = at + 2 + usize::from(bytes[at]) * 256 + usize::from(bytes[at + 1]);
        (Bytes::copy_from_slice(&bytes[at + 2..end]), end)
    };
    let (sps, end) = unit(at);
    let pps = vec![unit(end + 1).0];
    Arc::new(Format::H264(H264 { sps, pps }))
}

/// Publishes frames in the order of their times.
fn publish(studio: &mut Studio, tracks: &[&[Frame]]) {
    let mut frames: Vec<&Frame> = tracks.iter().copied().flatten().collect();
    frames.sort_by_key(|frame| time(frame));
    let zero = studio.now;
    for frame in frames {
        studio.now = zero.max(zero + time(frame));
        studio.push(frame);
    }
}

/// The hashes of a file's packets or pictures.
fn hashes(file: &Path, arguments: &str) -> Vec<String> {
    let list = run(
        "ffmpeg",
        &format!("-nostdin -v error -i FILE {arguments} -f framemd5 -"),
        &[file],
    );
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    // The stream, two times, the duration, the size and the hash; hashes of side data may follow.
    lines
        .map(|line| line.split(',').nth(5).unwrap().trim().to_owned())
        .collect()
}

/// Writes what belongs to an init segment as one file.
fn file_of(studio: &Studio, folder: &TempDir, rendition: Rendition, init: u32) -> PathBuf {
    let files = &studio.files[&rendition];
    let mut bytes = files.inits[usize::try_from(init).unwrap()].to_vec();
    for segment in files.segments.iter().filter(|segment| segment.init == init) {
        bytes.extend(files.segment(segment.sequence));
    }
    let path = folder.path().join(format!("{rendition}-{init}.mp4"));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn aac_format() -> Arc<Format> {
    // ffmpeg's own encoder: low complexity, 44.1 kHz, one channel.
    let config = Bytes::from_static(&[0x12, 0x08, 0x56, 0xe5, 0x00]);
    Arc::new(Format::Aac { config })
}

#[test]
fn reordered_pictures_and_aac_with_rounded_times_are_read_by_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let source = encode(&folder, "rtmp.mp4", 8, "160x90", "-bf 2 -c:a aac -b:a 64k");
    let pictures = frames(&source, "v", &h264(&source), 90);
    let sound = frames(&source, "a", &aac_format(), 44);
    assert!(pictures.iter().any(|frame| frame.shown_after > 3_000));
    let settings = Settings {
        answers_requests: false,
        ..SETTINGS
    };
    let mut studio = Studio::new(settings);
    publish(&mut studio, &[&pictures, &sound]);
    studio.end();
    studio.check_samples(Rendition::Picture(0));
    let video = file_of(&studio, &folder, Rendition::Picture(0), 0);
    assert_eq!(hashes(&video, "-c copy"), hashes(&source, "-map 0:v -c copy"));
    assert_eq!(
        hashes(&video, "-fps_mode passthrough"),
        hashes(&source, "-map 0:v -fps_mode passthrough")
    );
    let shown = frames(&video, "v", &h264(&source), 1);
    for (own, given) in shown.iter().zip(&pictures) {
        assert!(own.shown_after.abs_diff(given.shown_after) <= 1, "{own:?}");
    }
    // Sound before the first picture is left out.
    let heard = file_of(&studio, &folder, Rendition::Aac, 0);
    let (own, all) = (hashes(&heard, "-c copy"), hashes(&source, "-map 0:a -c copy"));
    assert_eq!(own.len(), studio.given[&Rendition::Aac].len());
    assert!(own.ends_with(&all), "{} and {}: {own:?} {all:?}", own.len(), all.len());
    drop(hashes(&heard, ""));
    let times = frames(&heard, "a", &aac_format(), 1);
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1].decoded_at - pair[0].decoded_at == 1024)
    );
}

#[test]
fn formats_and_publishers_that_change_are_read_by_ffmpeg() {
    let folder = tempfile::tempdir().unwrap();
    let small = encode(&folder, "small.mp4", 4, "160x90", "-bf 0 -c:a libopus -b:a 48k");
    let large = encode(&folder, "large.mp4", 5, "192x108", "-bf 0 -c:a libopus -b:a 48k");
    let opus = Arc::new(Format::Opus { channels: 1 });
    let mut studio = Studio::new(SETTINGS);
    let mut given = Vec::new();
    for (place, file) in [&small, &large, &large].into_iter().enumerate() {
        let pictures = frames(file, "v", &h264(file), 1);
        let sound = frames(file, "a", &opus, 1);
        if place == 2 {
            studio.interrupt();
            studio.now = NOON + 100_000_000;
        }
        // The second publisher takes over without a word.
        let later = |frames: &[Frame]| -> Vec<Frame> {
            let shift = if place == 1 { 4 } else { 0 };
            let moved = |frame: &Frame| Frame {
                decoded_at: frame.decoded_at + shift * i64::from(frame.format.timescale()),
                ..frame.clone()
            };
            frames.iter().map(moved).collect()
        };
        if place == 1 {
            studio.now = NOON;
        }
        publish(&mut studio, &[&later(&pictures), &later(&sound)]);
        given.push(sound.len());
    }
    studio.end();
    studio.check_samples(Rendition::Picture(0));
    let first = file_of(&studio, &folder, Rendition::Picture(0), 0);
    assert_eq!(hashes(&first, "-c copy"), hashes(&small, "-map 0:v -c copy"));
    let second = file_of(&studio, &folder, Rendition::Picture(0), 1);
    let once = hashes(&large, "-map 0:v -c copy");
    let twice = [once.clone(), once].concat();
    assert_eq!(hashes(&second, "-c copy"), twice);
    assert_eq!(hashes(&second, "-fps_mode passthrough").len(), twice.len());
    let heard = file_of(&studio, &folder, Rendition::Opus, 0);
    let packets = hashes(&heard, "-c copy").len();
    assert!(given.iter().sum::<usize>() - packets <= 3, "{packets} of {given:?}");
    drop(hashes(&heard, ""));
}
