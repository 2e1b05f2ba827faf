//! A film with its plan, and its packets as ffprobe lists them, independently of the survey.

use crate::stage::{Stage, sandbox};
use fmp4::sniff;
use renditions::models::plan::{Plan, PlannedPiece, Track};
use renditions::models::planning::plan_of_survey;
use serde::Deserialize;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use transcoding_jobs::containers::demuxer;
use transcoding_jobs::survey::survey;

const TICKS: i64 = 90_000;
const PATIENT: Duration = Duration::from_secs(60);
/// A moving picture and two audio tracks, 45 seconds long.
pub(super) const INPUTS: &str = "-f lavfi -i testsrc2=size=160x90:rate=10:duration=45 \
    -f lavfi -i anoisesrc=sample_rate=48000:amplitude=0.1:duration=45 -map 0 -map 1 -map 1";

fn run(tool: &str, folder: &Path, args: &str) -> Vec<u8> {
    let mut command = Command::new(tool);
    let output = command
        .args(args.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {args}: {errors}");
    output.stdout
}

pub(super) fn ffmpeg(folder: &Path, args: &str) -> Vec<u8> {
    run("ffmpeg", folder, &format!("-nostdin -v error -y {args}"))
}

#[derive(Deserialize)]
struct Listed {
    packets: Vec<Packet>,
    format: Format,
}

#[derive(Deserialize)]
struct Format {
    start_time: String,
}

#[derive(Deserialize)]
struct Packet {
    stream_index: u32,
    pts_time: Option<String>,
    dts_time: Option<String>,
    size: String,
    pos: Option<String>,
    flags: String,
}

/// A packet in decoding order: its presentation time and, if ffprobe knows them, its bytes.
#[derive(Debug)]
struct Placed {
    time: i64,
    key: bool,
    bytes: Option<Range<u64>>,
}

fn seconds(text: &str) -> i64 {
    let ticks = text.parse::<f64>().unwrap() * 90_000.0;
    #[expect(clippy::cast_possible_truncation, reason = "times of a short file")]
    {
        ticks.round() as i64
    }
}

/// The packets of a stream that have a time.
fn packets(folder: &Path, name: &str, plan: &Plan, stream: u32) -> Vec<Placed> {
    let reader = demuxer(&plan.input.container);
    let list = format!("-v error -of json -show_packets -show_entries format=start_time -f {reader} {name}");
    let listed: Listed = serde_json::from_slice(&run("ffprobe", folder, &list)).unwrap();
    let zero = if reader == "mov" {
        0
    } else {
        seconds(&listed.format.start_time)
    };
    let own = listed.packets.iter().filter(|packet| packet.stream_index == stream);
    let placed = own.filter_map(|packet| {
        let time = packet.pts_time.as_deref().or(packet.dts_time.as_deref())?;
        let size: u64 = packet.size.parse().unwrap();
        let start: Option<u64> = packet.pos.as_deref().map(|pos| pos.parse().unwrap());
        Some(Placed {
            time: seconds(time) - zero,
            key: packet.flags.contains('K'),
            bytes: start.map(|start| start..start + size),
        })
    });
    placed.collect()
}

fn bounds(track: &Track, piece: &PlannedPiece) -> (i64, i64) {
    let bounds = track.bounds_of(piece).unwrap();
    let edge = |bound: Option<&u64>| i64::try_from(*bound.unwrap()).unwrap();
    (edge(bounds.first()), edge(bounds.last()))
}

/// The packets needed to decode the video between two times: from the last key frame to the last packet shown.
fn needed(packets: &[Placed], (start, end): (i64, i64)) -> &[Placed] {
    let rounding = TICKS / 1_000;
    let keys = packets
        .iter()
        .enumerate()
        .filter(|(_, it)| it.key && it.time <= start + rounding);
    let first = keys.max_by_key(|(_, it)| it.time).map_or(0, |(n, _)| n);
    let last = packets.iter().rposition(|it| it.time < end - rounding).unwrap();
    &packets[first..=last]
}

fn hold<'a>(range: &Range<u64>, packets: impl Iterator<Item = &'a Placed>, what: &str) {
    for packet in packets {
        let is_inside = |bytes: &Range<u64>| range.start <= bytes.start && bytes.end <= range.end;
        assert!(
            packet.bytes.as_ref().is_none_or(is_inside),
            "{what}: {packet:?} is not in {range:?}"
        );
    }
}

/// The times and hashes of a file's decoded frames.
fn decoded(folder: &Path, name: &str, plan: &Plan) -> Vec<(i64, String)> {
    let zero = plan.input.zero;
    let reader = demuxer(&plan.input.container);
    let args = format!(
        "-max_error_rate 1 -copyts -f {reader} -i {name} -map 0:v -vf setpts=PTS-({zero}/1000000)/TB -fps_mode passthrough \
         -enc_time_base 1:90000 -f framemd5 -"
    );
    let text = String::from_utf8(ffmpeg(folder, &args)).unwrap();
    assert!(text.contains("#tb 0: 1/90000"), "{text:.200}");
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    frames
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            (fields[2].parse().unwrap(), fields[5].to_owned())
        })
        .collect()
}

/// The hashes of a piece's frames.
fn shown(frames: &[(i64, String)], (start, end): (i64, i64)) -> Vec<&str> {
    let rounding = TICKS / 100;
    let own = frames
        .iter()
        .filter(|(time, _)| start - rounding <= *time && *time < end - rounding);
    own.map(|(_, hash)| hash.as_str()).collect()
}

/// How a reader combines the head of a file, which describes its streams, with the bytes of a piece.
pub(super) enum Slice {
    /// Only the bytes, which describe the streams themselves.
    Alone,
    /// The bytes from their first cluster on, after everything before the first cluster of the file.
    BehindHead,
    /// The bytes at their offset, with all parts of the file that contain no packets.
    InPlace,
}

fn sliced(whole: &[u8], range: &Range<u64>, first: u64, last: u64, slice: &Slice) -> Vec<u8> {
    let at = |place: u64| usize::try_from(place).unwrap();
    match slice {
        Slice::Alone => whole[at(range.start)..at(range.end)].to_vec(),
        Slice::BehindHead => {
            let own = &whole[at(range.start.max(first))..at(range.end)];
            [&whole[..at(first)], &own[at(first_cluster(own))..]].concat()
        }
        Slice::InPlace => {
            let mut left = whole.to_vec();
            left[at(first)..at(range.start.max(first))].fill(0);
            left[at(range.end.min(last))..at(last)].fill(0);
            left
        }
    }
}

/// The offset of the first cluster in a part of a Matroska file.
fn first_cluster(whole: &[u8]) -> u64 {
    let id = [0x1f, 0x43, 0xb6, 0x75];
    whole.windows(4).position(|it| it == id).unwrap() as u64
}

/// A file, its plan, and its packets according to ffprobe.
pub(super) struct Film {
    name: &'static str,
    whole: Vec<u8>,
    plan: Plan,
    picture: Vec<Placed>,
    sounds: Vec<Vec<Placed>>,
}

impl Film {
    pub(super) async fn make(stage: &Stage, name: &'static str, how: &str) -> Self {
        let folder = stage.data.path();
        let rate = if name == "a.mpg" { "-r 25" } else { "" };
        ffmpeg(folder, &format!("{INPUTS} {how} -g 45 {rate} {name}"));
        let whole = fs::read(folder.join(name)).unwrap();
        let found = survey(&sandbox(PATIENT), &folder.join(name), sniff(&whole), stage.task.path()).await;
        let found = found.unwrap();
        let plan = plan_of_survey(&found, &[90]);
        let film = Self::listed(folder, name, whole, plan, found.video.unwrap().stream);
        assert!(film.sounds.len() == 2 && film.plan.audio.pieces.len() > 3, "{name}");
        film
    }

    /// Lists the packets of a planned file.
    pub(super) fn listed(folder: &Path, name: &'static str, whole: Vec<u8>, plan: Plan, stream: u32) -> Self {
        let packets = |stream| packets(folder, name, &plan, stream);
        let picture = packets(stream);
        let sounds = plan.sounds.iter().map(|it| packets(it.stream)).collect();
        assert!(picture.len() > 300, "{name}: {}", picture.len());
        assert!(plan.video.pieces.len() > 3, "{name}");
        Self {
            name,
            whole,
            plan,
            picture,
            sounds,
        }
    }

    pub(super) fn holds_its_pictures(&self) {
        for (n, piece) in self.plan.video.pieces.iter().enumerate() {
            let what = format!("{}, piece {n}", self.name);
            let (start, end) = bounds(&self.plan.video, piece);
            let needed = needed(&self.picture, (start, end));
            assert!(needed.len() > 30, "{what}: {} packets", needed.len());
            let range = piece.bytes.as_ref().expect(&what);
            hold(range, needed.iter(), &what);
            let share = (range.end - range.start) * 1_000 / self.whole.len() as u64;
            let of_time = u64::try_from((end - start + 5 * TICKS) * 1_000 / (45 * TICKS)).unwrap();
            assert!(
                share < of_time * 2,
                "{what}: {share} thousandths of the file for {of_time} of its time"
            );
        }
    }

    pub(super) fn holds_its_sounds(&self) {
        for (n, piece) in self.plan.audio.pieces.iter().enumerate() {
            let what = format!("{}, sound {n}", self.name);
            let (start, end) = bounds(&self.plan.audio, piece);
            for sound in &self.sounds {
                let within = |it: &&Placed| start - 3 * TICKS <= it.time && it.time < end;
                assert!(sound.iter().filter(within).count() > 20, "{what}");
                hold(piece.bytes.as_ref().expect(&what), sound.iter().filter(within), &what);
            }
        }
    }

    /// Decodes each piece only from its bytes and the description of the streams.
    pub(super) fn decodes_its_pieces(&self, folder: &Path, slice: &Slice) {
        let all = || {
            self.picture
                .iter()
                .chain(self.sounds.iter().flatten())
                .filter_map(|it| it.bytes.as_ref())
        };
        let first = match slice {
            Slice::BehindHead => first_cluster(&self.whole),
            _ => all().map(|bytes| bytes.start).min().unwrap(),
        };
        let last = all().map(|bytes| bytes.end).max().unwrap();
        let expected = decoded(folder, self.name, &self.plan);
        let name = format!("part-{}", self.name);
        for (n, piece) in self.plan.video.pieces.iter().enumerate() {
            let what = format!("{}, piece {n}", self.name);
            let range = piece.bytes.as_ref().expect(&what);
            fs::write(folder.join(&name), sliced(&self.whole, range, first, last, slice)).unwrap();
            let (edges, frames) = (bounds(&self.plan.video, piece), decoded(folder, &name, &self.plan));
            assert!(shown(&expected, edges).len() > 30, "{what}");
            assert_eq!(shown(&frames, edges), shown(&expected, edges), "{what}");
        }
    }
}
