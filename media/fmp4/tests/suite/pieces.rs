//! Lectures encoded piece by piece in separate runs, joined, and compared with their source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use fmp4::{Piece, PieceError, TICKS, video_piece};
use proptest::prelude::*;

use crate::files::{Tree, file_of};
use crate::make::{Bench, ffmpeg, ffprobe, run, words};

/// The brightness of a patch of the picture encodes the frame's number, so that frames can't be confused.
const PATCH: &str =
    "geq=lum='if(lt(X\\,64)*lt(Y\\,64)\\,mod(N*53\\,200)+20\\,lum(X\\,Y))':cb='cb(X\\,Y)':cr='cr(X\\,Y)'";
const GOP: &str = "-g 60 -bf 2 -an";

/// One packet of a file as reported by ffprobe, in ticks of 90 kHz.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Packet {
    shown: i64,
    decoded: Option<i64>,
}

fn packets_of(path: &Path, options: &str) -> Vec<Packet> {
    let mut command = ffprobe();
    command.args(words(options));
    command.args(words(
        "-select_streams v:0 -show_entries packet=pts_time,dts_time -of compact=p=0",
    ));
    let output = run(command.arg(path));
    let text = String::from_utf8(output.stdout).unwrap();
    let ticks = |line: &str, name: &str| {
        let value = line.split('|').find_map(|field| field.strip_prefix(name))?;
        let micros: i64 = value.replace('.', "").parse().ok()?;
        Some((micros * 9 + 50).div_euclid(100))
    };
    let packets = text.lines().filter(|line| line.starts_with("pts_time="));
    packets
        .map(|line| Packet {
            shown: ticks(line, "pts_time=").unwrap(),
            decoded: ticks(line, "dts_time="),
        })
        .collect()
}

/// The brightness of every frame's patch, in order.
fn patches(path: &Path) -> Vec<u8> {
    let mut command = ffmpeg();
    command.args(["-xerror", "-i"]).arg(path);
    command.args(words(
        "-map 0:v:0 -fps_mode passthrough -vf crop=ih/4:ih/4:0:0,scale=1:1:flags=area,format=gray",
    ));
    run(command.args(words("-f rawvideo -"))).stdout
}

/// A source and its bounds.
struct Lecture {
    bench: Bench,
    source: PathBuf,
    /// The presentation times of its frames, in order.
    times: Vec<u64>,
    /// The bounds of all segments.
    bounds: Vec<u64>,
}

impl Lecture {
    fn new(name: &str, seconds: u32, rate: &str, filter: &str, arguments: &str) -> Self {
        let bench = Bench::new();
        let filter = if filter.is_empty() {
            PATCH.to_owned()
        } else {
            format!("{PATCH},{filter}")
        };
        let source = bench.source(
            name,
            seconds,
            rate,
            &format!("-vf {filter} -fps_mode vfr -enc_time_base 1:90000 {GOP} {arguments}"),
        );
        let packets = packets_of(&source, "");
        let mut times: Vec<u64> = packets
            .iter()
            .map(|packet| u64::try_from(packet.shown).unwrap())
            .collect();
        times.sort_unstable();
        let step = times[times.len() - 1] - times[times.len() - 2];
        let end = times[times.len() - 1] + step;
        // Bounds at frames, at least two seconds apart.
        let mut bounds = vec![0];
        for &time in &times {
            if time >= bounds[bounds.len() - 1] + 180_000 && time + 90_000 < end {
                bounds.push(time);
            }
        }
        bounds.push(end);
        Self {
            bench,
            source,
            times,
            bounds,
        }
    }

    /// Encodes a range of segments, as workers do.
    fn encode(&self, from: usize, to: usize, settings: &str) -> Vec<u8> {
        let seconds = |ticks: u64| format!("{:.6}", u32::try_from(ticks).map(f64::from).unwrap() / f64::from(TICKS));
        // A little before each bound, because ticks are rounded.
        let early = |place: usize| seconds(self.bounds[place].saturating_sub(10));
        let path = self.bench.path(&format!("{from}.mp4"));
        let mut command: Command = ffmpeg();
        command.args(words("-copyts"));
        if self.source.extension().is_some_and(|extension| extension != "mp4") {
            command.arg("-start_at_zero");
        }
        command.args([
            "-noaccurate_seek",
            "-ss",
            &seconds(self.bounds[from].saturating_sub(150_000)),
            "-i",
        ]);
        let filter = format!(
            "[0:v]trim=start={}:end={},scale=160:90,setsar=1,format=yuv420p[v0]",
            early(from),
            early(to)
        );
        let forced: Vec<String> = (from..to).map(early).collect();
        command
            .arg(&self.source)
            .args(["-filter_complex", &filter, "-map", "[v0]", "-an"]);
        command.args(words(
            "-c:v libx264 -preset veryfast -profile:v high -crf 24 -maxrate 800k -bufsize 1600k -g 600",
        ));
        command.args(words(
            "-fps_mode vfr -enc_time_base 1:90000 -video_track_timescale 90000 -threads 1",
        ));
        command.args(["-force_key_frames", &forced.join(",")]);
        command.args(words(
            "-f mp4 -movflags frag_keyframe+delay_moov+default_base_moof+frag_discont",
        ));
        command.args(words(&format!("-x264-params stitchable=1 {settings}")));
        run(command.arg(&path));
        fs::read(path).unwrap()
    }

    fn piece(&self, from: usize, to: usize, settings: &str, delay: u32) -> Piece {
        let encoded = self.encode(from, to, settings);
        let piece = video_piece(&encoded, &self.bounds[from..=to], u32::try_from(from).unwrap(), delay);
        piece.unwrap_or_else(|error| panic!("{from}..{to}: {}: {error}", error.code()))
    }

    /// Encodes the lecture in pieces of these numbers of segments, joins and compares.
    fn check(&self, lengths: &[usize], settings: &str, delay: u32) {
        let segments = self.bounds.len() - 1;
        let mut pieces: Vec<Piece> = Vec::new();
        let mut from: usize = 0;
        for length in lengths.iter().copied().chain([usize::MAX]) {
            let to = segments.min(from.saturating_add(length));
            if from < to {
                pieces.push(self.piece(from, to, settings, delay));
            }
            from = to;
        }
        assert!(pieces.len() > 2, "{} pieces", pieces.len());
        let init = &pieces[0].init;
        assert!(pieces.iter().all(|piece| piece.init == *init), "init segments differ");
        assert!(pieces.iter().all(|piece| (piece.width, piece.height) == (160, 90)));
        assert!(
            pieces[0].codec_string.starts_with("avc1.64"),
            "{}",
            pieces[0].codec_string
        );
        let bytes = pieces.iter().map(|piece| piece.bytes.as_slice());
        let joined = std::iter::once(init.as_slice())
            .chain(bytes)
            .collect::<Vec<_>>()
            .concat();
        let frames: u32 = pieces.iter().map(|piece| piece.frames).sum();
        assert_eq!(usize::try_from(frames).unwrap(), self.times.len());
        let lengths = pieces
            .iter()
            .flat_map(|piece| &piece.segments)
            .map(|segment| segment.bytes);
        check_boxes(&joined[init.len()..], lengths, &self.bounds, delay);
        let path = self.bench.path("joined.mp4");
        fs::write(&path, joined).unwrap();
        self.check_times(&path);
        let (expected, found) = (patches(&self.source), patches(&path));
        assert_eq!(expected.len(), self.times.len());
        assert_eq!(expected.len(), found.len(), "frames that can be decoded");
        for (n, (expected, found)) in expected.iter().zip(&found).enumerate() {
            assert!(
                expected.abs_diff(*found) <= 6,
                "frame {n} is {found} instead of {expected}"
            );
        }
    }

    fn check_times(&self, joined: &Path) {
        let packets = packets_of(joined, "");
        let decoded: Vec<i64> = packets.iter().map(|packet| packet.decoded.unwrap()).collect();
        assert!(decoded.windows(2).all(|pair| pair[0] < pair[1]), "decode times go back");
        assert!(packets.iter().all(|packet| packet.decoded.unwrap() <= packet.shown));
        let mut shown: Vec<i64> = packets.iter().map(|packet| packet.shown - i64::from(TICKS)).collect();
        shown.sort_unstable();
        assert_eq!(shown.len(), self.times.len());
        assert_eq!(shown[0], 0, "the lecture is shown from its zero");
        for (n, (found, expected)) in shown.iter().zip(&self.times).enumerate().skip(1) {
            let expected = i64::try_from(*expected).unwrap();
            assert!(
                (found - expected).abs() <= 1,
                "frame {n} is at {found} instead of {expected}"
            );
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Checks that each segment matches its bounds, starts with a key frame, and ends where the next one starts.
fn check_boxes(segments: &[u8], lengths: impl Iterator<Item = u32>, bounds: &[u64], delay: u32) {
    let mut rest = segments;
    let mut number = 0;
    for length in lengths {
        let (segment, others) = rest.split_at(usize::try_from(length).unwrap());
        rest = others;
        let mut trees = Tree::parse(segment);
        assert_eq!(
            trees.iter().map(|tree| &tree.kind).collect::<Vec<_>>(),
            [b"moof", b"mdat"]
        );
        let mut found = |kind: &[u8; 4]| {
            let mut body = Vec::new();
            trees[0].all(kind, &mut |tree| body.clone_from(&tree.body));
            body
        };
        let (sequence, fragment, time, run) = (found(b"mfhd"), found(b"tfhd"), found(b"tfdt"), found(b"trun"));
        number += 1;
        assert_eq!(word(&sequence, 4), number);
        let decode_time = u64::from_be_bytes(time[4..12].try_into().unwrap());
        let place = usize::try_from(number).unwrap();
        let begins = |place: usize| u64::from(TICKS) + bounds[place] - u64::from(delay);
        assert_eq!(decode_time, begins(place - 1));
        let (flags, count) = (word(&run, 0), word(&run, 4));
        let ticks: u64 = if flags & 0x100 == 0 {
            u64::from(word(&fragment, 8)) * u64::from(count)
        } else {
            let own =
                4 * usize::try_from((flags >> 8).count_ones()).unwrap() - if flags & 1 << 24 == 0 { 0 } else { 4 };
            let head = if flags & 0x4 == 0 { 12 } else { 16 };
            run[head..].chunks(own).map(|sample| u64::from(word(sample, 0))).sum()
        };
        assert_eq!(
            decode_time + ticks,
            begins(place),
            "segment {number} ends where the next begins"
        );
        let media = &trees[1].body;
        let mut at = 0;
        while ![1, 5].contains(&(media[at + 4] & 0x1f)) {
            at += 4 + usize::try_from(word(media, at)).unwrap();
        }
        assert_eq!(media[at + 4] & 0x1f, 5, "segment {number} begins with a key frame");
    }
    assert!(rest.is_empty());
    assert_eq!(usize::try_from(number).unwrap(), bounds.len() - 1);
}

#[test]
fn pieces_with_b_frames_are_joined() {
    let lecture = Lecture::new("a.mp4", 13, "30000/1001", "", "");
    lecture.check(&[1, 1, 2], "", 6006);
}

#[test]
fn pieces_without_b_frames_are_joined() {
    let lecture = Lecture::new("a.mp4", 9, "25", "", "");
    lecture.check(&[1, 2], "-bf 0", 0);
}

#[test]
fn a_delay_shorter_than_the_reordering_is_compensated() {
    let lecture = Lecture::new("a.mp4", 9, "25", "", "");
    lecture.check(&[1, 2], "", 0);
    lecture.check(&[2, 1], "", 90_000);
}

#[test]
fn low_frame_rates_are_joined() {
    let lecture = Lecture::new("a.mp4", 12, "10", "", "");
    lecture.check(&[2, 1], "", 9000);
}

#[test]
fn a_gap_in_the_video_stays() {
    let filter = "select='not(eq(mod(n\\,7)\\,3))',setpts=PTS+gte(N\\,80)*1.5/TB+floor(N/11)*0.013/TB";
    let lecture = Lecture::new("a.mp4", 9, "30", filter, "");
    assert!(lecture.times.windows(2).any(|pair| pair[1] - pair[0] > 135_000));
    lecture.check(&[1, 1, 1], "", 6000);
}

#[test]
fn a_late_first_frame_is_shown_from_zero() {
    let lecture = Lecture::new("a.mp4", 9, "30", "settb=1/90000,setpts=PTS+1260", "");
    assert_eq!(lecture.times[0], 1260);
    lecture.check(&[1, 1], "", 6000);
}

#[test]
fn times_rounded_to_milliseconds_or_finer_than_ticks() {
    Lecture::new("a.mkv", 9, "30000/1001", "", "").check(&[1, 1], "", 6006);
    Lecture::new("a.mp4", 9, "24000/1001", "", "-video_track_timescale 1000000").check(&[1, 1], "", 7508);
}

#[test]
fn a_piece_that_is_encoded_again_fits_too() {
    let lecture = Lecture::new("a.mp4", 9, "25", "", "");
    let [one, again] = [(), ()].map(|()| lecture.piece(1, 3, "", 7200));
    assert_eq!(one, again);
    let still = lecture.piece(0, 1, "-crf 40", 7200);
    assert_eq!(one.init, still.init);
}

#[track_caller]
fn refused(result: Result<Piece, PieceError>) -> &'static str {
    result.map(|piece| piece.frames).unwrap_err().code()
}

#[test]
fn pieces_that_do_not_fit_the_grid_are_refused() {
    let lecture = Lecture::new("a.mp4", 9, "25", "", "");
    let (encoded, bounds) = (lecture.encode(1, 3, ""), &lecture.bounds);
    let piece = |bounds: &[u64]| video_piece(&encoded, bounds, 1, 7200);
    assert!(piece(&bounds[1..=3]).is_ok());
    let [from, middle, to] = [bounds[1], bounds[2], bounds[3]];
    assert!(piece(&[from, to]).is_ok(), "key frames within a segment are allowed");
    assert_eq!(refused(piece(&[from + 2, middle, to])), "piece_outside");
    assert_eq!(refused(piece(&[from, middle, to - 3602])), "piece_outside");
    assert_eq!(refused(piece(&[from, middle + 7200, to])), "piece_key_frame");
    assert_eq!(refused(piece(&[from, middle, to - 3600, to])), "piece_key_frame");
    assert_eq!(refused(piece(&[from, middle, to, to + 3600])), "piece_no_frames");
    assert_eq!(
        refused(piece(&[from - 3600, from - 1800, middle, to])),
        "piece_no_frames"
    );
    assert_eq!(refused(piece(&[from, middle, middle, to])), "piece_asked");
    assert_eq!(refused(piece(&[from])), "piece_asked");
    assert_eq!(refused(piece(&[])), "piece_asked");
    assert_eq!(refused(piece(&[from, u64::MAX])), "piece_asked");
    assert_eq!(
        refused(video_piece(&encoded, &bounds[1..=3], u32::MAX, 7200)),
        "piece_asked"
    );
    assert_eq!(
        refused(video_piece(&encoded, &bounds[1..=3], 1, u32::MAX)),
        "piece_asked"
    );
    // A tick of rounding is allowed.
    assert!(piece(&[from + 1, middle + 1, to]).is_ok());
    let last = lecture.times.iter().rev().find(|&&time| time < to).unwrap();
    assert!(piece(&[from, middle, *last]).is_ok());
    assert_eq!(refused(piece(&[from, middle, last - 1])), "piece_outside");
}

#[test]
fn other_forms_than_the_requested_one_are_refused() {
    let lecture = Lecture::new("a.mp4", 5, "25", "", "");
    let bounds = [0, lecture.bounds[lecture.bounds.len() - 1]];
    let code = |bytes: &[u8]| refused(video_piece(bytes, &bounds, 0, 7200));
    let last = lecture.bounds.len() - 1;
    assert_eq!(code(&fs::read(&lecture.source).unwrap()), "piece_format");
    assert_eq!(
        code(&lecture.encode(0, last, "-video_track_timescale 12800")),
        "piece_format"
    );
    assert_eq!(
        code(&lecture.encode(0, last, "-pix_fmt yuv444p -profile:v high444")),
        "piece_format"
    );
    assert_eq!(code(&lecture.encode(0, last, "-map 0:v")), "piece_format");
    let good = lecture.encode(0, last, "");
    assert_eq!(refused(video_piece(&good, &bounds, 0, 90_001)), "piece_asked");
    assert_eq!(code(b""), "piece_no_frames");
    assert_eq!(code(b"<html>"), "piece_format");
}

/// An encoder's output for two segments, and their bounds.
fn written() -> &'static (Vec<u8>, Vec<u64>) {
    static WRITTEN: OnceLock<(Vec<u8>, Vec<u64>)> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let lecture = Lecture::new("a.mp4", 4, "10", "", "");
        (lecture.encode(0, 2, "-crf 40"), lecture.bounds.clone())
    })
}

/// Checks that the result is an error or a valid piece.
fn survive(encoded: &[u8], bounds: &[u64]) -> bool {
    let Ok(piece) = video_piece(encoded, bounds, 0, 9000) else {
        return false;
    };
    let (ticks, bytes) = piece.segments.iter().fold((0, 0), |(ticks, bytes), segment| {
        (
            ticks + u64::from(segment.duration),
            bytes + usize::try_from(segment.bytes).unwrap(),
        )
    });
    assert_eq!(ticks, bounds[bounds.len() - 1] - bounds[0]);
    assert_eq!(bytes, piece.bytes.len());
    assert!(bytes <= encoded.len() * 2);
    true
}

#[test]
fn an_incomplete_output_is_refused() {
    let (encoded, bounds) = written();
    assert_eq!(bounds.len(), 3);
    assert!(survive(encoded, bounds));
    let whole = encoded.len() - 8 - usize::try_from(word(encoded, encoded.len() - 4)).unwrap();
    for length in (0..encoded.len()).step_by(97) {
        assert!(!survive(&encoded[..length], bounds) || length > whole, "{length}");
    }
}

#[test]
fn frames_that_share_their_bytes_are_refused() {
    let (encoded, bounds) = written();
    let mut trees = Tree::parse(encoded);
    let last = trees.iter_mut().rfind(|tree| &tree.kind == b"moof").unwrap();
    last.all(b"traf", &mut |fragment| {
        let mut run = fragment.children.pop().unwrap();
        assert_eq!(&run.kind, b"trun");
        let place = word(&run.body, 8) + 3 * u32::try_from(run.body.len() + 8).unwrap();
        run.body[8..12].copy_from_slice(&place.to_be_bytes());
        fragment.children.extend(vec![run; 4]);
    });
    let error = video_piece(&file_of(&trees), bounds, 0, 9000).unwrap_err();
    assert_eq!(error, PieceError::Malformed("frames share their bytes"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_damaged_output_is_an_error_or_a_piece(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<u8>()), 1..6),
        delay in 0..200_000_u32,
    ) {
        let (encoded, bounds) = written();
        let mut encoded = encoded.clone();
        // Half of the changes hit the structure, which is a small part of the bytes.
        let fragments: Vec<usize> = encoded.windows(4).enumerate().filter(|(_, kind)| kind == b"moof").map(|(at, _)| at).collect();
        for (place, structure, value) in changes {
            let at = match structure {
                true if value % 2 == 0 => place.index(1000),
                true => fragments[place.index(fragments.len())] + place.index(400),
                false => place.index(encoded.len()),
            };
            encoded[at] = value;
        }
        survive(&encoded, bounds);
        let _ = video_piece(&encoded, bounds, 7, delay);
    }
}
