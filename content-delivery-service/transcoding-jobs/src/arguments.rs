//! ffmpeg's command lines, written from a plan alone: numbers, and names that this program has chosen.

use crate::containers::{can_jump, demuxer, past_damage};
use crate::encoder::codecs;
use fmp4::TICKS;
use renditions::models::plan::{Input, Rung, SOUND_BIT_RATE, Sound, Stream};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

/// The sample rate of encoded sound.
pub(crate) const SAMPLE_RATE: u32 = 48_000;
/// How much earlier than planned a frame may be shown: times were rounded to other units. Frames are further apart.
const ROUNDING: u64 = 18;
/// The longest distance of key frames, in frames; bounds of segments force them much nearer.
const LONGEST_GOP: &str = "1200";

/// One piece of some rungs.
pub(crate) struct PieceOrder<'a> {
    pub(crate) input: &'a Input,
    pub(crate) source: &'a Path,
    /// The time to jump to before decoding begins.
    pub(crate) seek: Option<u64>,
    /// The piece's segment bounds.
    pub(crate) bounds: &'a [u64],
    pub(crate) rungs: &'a [&'a Rung],
    pub(crate) preset: &'a str,
    /// How many threads each decoder, filter and encoder may have.
    pub(crate) threads: usize,
}

/// The file of a rung in the staging folder.
pub(crate) fn file_name(rung: &Rung) -> String {
    format!("{}.mp4", rung.name)
}

/// Decodes a piece once and encodes it to every rung, in one file each in ffmpeg's working directory.
pub(crate) fn piece(order: &PieceOrder<'_>) -> Vec<OsString> {
    let mut args = quiet();
    args.extend(words("-progress pipe:1 -stats_period 0.5"));
    let threads = order.threads;
    args.extend(words(&format!("-filter_complex_threads {threads} -threads {threads}")));
    args.extend(input(order.input, order.source, order.seek));
    args.extend(words("-filter_complex"));
    args.push(filters(order).into());
    let keys = key_frames(order.bounds);
    for (n, rung) in order.rungs.iter().enumerate() {
        let ceiling = rung.bit_rate;
        let buffer = u64::from(ceiling) * 2;
        args.extend(words(&format!(
            "-map [v{n}] -an -sn -dn -map_metadata -1 -map_chapters -1 -c:v libx264 -threads {threads} -preset {} -profile:v high -crf {} \
             -maxrate {ceiling} -bufsize {buffer} -g {LONGEST_GOP} -x264-params stitchable=1 -fps_mode vfr \
             -enc_time_base 1:{TICKS} -video_track_timescale {TICKS} -force_key_frames {keys} \
             -f mp4 -movflags frag_keyframe+delay_moov+default_base_moof+frag_discont",
            order.preset, rung.crf
        )));
        args.push(file_name(rung).into());
    }
    args
}

/// Encodes a sound, from one of its samples to a time, to standard output as AAC in ADTS.
///
/// The first packet primes the decoder; the second one begins with sample `from`.
pub(crate) fn sound(of: &Input, source: &Path, sound: &Sound, (from, end): (u64, u64)) -> Vec<OsString> {
    let seconds = (from / u64::from(SAMPLE_RATE)).saturating_sub(2);
    let near = seconds * u64::from(TICKS);
    let mut args = quiet();
    args.extend(input(of, source, Some(near).filter(|_| can_jump(&of.container))));
    // The second `aresample` counts samples at its input's rate, which therefore has to be the output's rate.
    args.extend(words(&format!(
        "-map 0:{} -vn -sn -dn -map_metadata -1 \
         -af {}atrim=start={}:end={},aresample={SAMPLE_RATE},aresample={SAMPLE_RATE}:async=1:first_pts={from} -ac {} \
         -c:a aac -aac_coder fast -b:a {SOUND_BIT_RATE} -f adts pipe:1",
        sound.stream,
        from_zero("asetpts", of.zero),
        time(near),
        time(end),
        sound.channels
    )));
    args
}

/// The options of all runs. A second run, from further back, overwrites the files of the first one.
fn quiet() -> Vec<OsString> {
    words("-nostdin -y -hide_banner -v error -protocol_whitelist file,pipe").collect()
}

/// The input. Times are the container's; the filters convert them to lecture time.
///
/// `-start_at_zero` would subtract the start of only those streams that are encoded, so that sound and picture of one
/// file would have different zeros; `-ss` without `-seek_timestamp` adds the container's start in its own way.
fn input(of: &Input, source: &Path, seek: Option<u64>) -> Vec<OsString> {
    let mut args: Vec<OsString> = words("-copyts").collect();
    if let Some(seek) = seek.filter(|&seek| seek > 0) {
        let zero = i128::from(of.zero);
        let micros = zero + i128::from(seek) * 1_000_000 / i128::from(TICKS);
        // The filters drop what lies before the piece.
        args.extend(words(&format!(
            "-seek_timestamp 1 -noaccurate_seek -ss {}",
            seconds(micros)
        )));
    }
    args.extend(past_damage(&of.container).iter().map(OsString::from));
    let demuxer = demuxer(&of.container);
    args.extend(codecs::bounds(demuxer).map(OsString::from));
    args.extend(words(&format!("-f {demuxer} -i")));
    args.push(file_url(source));
    args
}

/// The filter that converts the container's time to lecture time.
fn from_zero(filter: &str, zero: i64) -> String {
    match zero {
        0 => String::new(),
        // Rounded as ffmpeg itself rounds: a frame's time is a whole number of the container's units.
        _ => format!("{filter}=round(PTS-({})/TB),", seconds(zero.into())),
    }
}

/// A path in a form that can't be taken for an option or another protocol.
fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// ffmpeg's name for a stream.
fn specifier(stream: Stream) -> String {
    match stream {
        Stream::Number(number) => number.to_string(),
        Stream::Id(id) => format!("i:{id}"),
    }
}

fn filters(order: &PieceOrder<'_>) -> String {
    let edge = |bound: Option<&u64>| time(bound.copied().unwrap_or(0).saturating_sub(ROUNDING));
    let video = order.input.video.map_or_else(|| "v:0".to_owned(), specifier);
    let (start, end) = (edge(order.bounds.first()), edge(order.bounds.last()));
    let zero = from_zero("setpts", order.input.zero);
    let mut graph = format!(
        "[0:{video}]{zero}trim=start={start}:end={end},split={}",
        order.rungs.len()
    );
    for n in 0..order.rungs.len() {
        // Writing to a string can't fail.
        let _ = write!(graph, "[a{n}]");
    }
    for (n, rung) in order.rungs.iter().enumerate() {
        let (width, height) = (rung.width, rung.height);
        let _ = write!(
            graph,
            ";[a{n}]scale={width}:{height}:flags=bicubic,setsar=1,format=yuv420p[v{n}]"
        );
    }
    graph
}

fn key_frames(bounds: &[u64]) -> String {
    let starts = bounds.split_last().map_or(&[][..], |(_, starts)| starts);
    let times: Vec<String> = starts.iter().map(|&at| time(at.saturating_sub(ROUNDING))).collect();
    times.join(",")
}

/// Ticks as seconds with microseconds.
fn time(ticks: u64) -> String {
    seconds(i128::from(ticks) * 1_000_000 / i128::from(TICKS))
}

/// Microseconds as seconds.
fn seconds(micros: i128) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn words(text: &str) -> impl Iterator<Item = OsString> + use<> {
    let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(container: &str, zero: i64) -> Input {
        Input {
            container: container.to_owned(),
            zero,
            video: Some(Stream::Number(2)),
            pixels: 0,
        }
    }

    fn text(args: &[OsString]) -> String {
        let words: Vec<&str> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn a_piece_is_decoded_once_for_all_its_rungs() {
        let rung = |name: &str, width, height| Rung {
            name: name.parse().unwrap(),
            width,
            height,
            frame_rate: 30.0,
            bit_rate: 400_000,
            crf: 22,
        };
        let (low, high) = (rung("240p", 426, 240), rung("360p", 640, 360));
        let args = piece(&PieceOrder {
            input: &input("matroska", -7_000),
            source: Path::new("/data/a -f b"),
            seek: Some(900_000),
            bounds: &[900_900, 1_351_350, 1_801_800],
            rungs: &[&low, &high],
            preset: "veryfast",
            threads: 1,
        });
        let line = text(&args);
        assert!(
            line.contains("-seek_timestamp 1 -noaccurate_seek -ss 9.993000 -max_alloc "),
            "{line}"
        );
        assert!(line.contains(" -f matroska -i file:/data/a -f b"), "{line}");
        assert!(line.contains(
            "[0:2]setpts=round(PTS-(-0.007000)/TB),trim=start=10.009800:end=20.019800,split=2[a0][a1];[a0]scale=426:240"
        ));
        assert!(line.contains("-force_key_frames 10.009800,15.014800 "));
        assert_eq!(line.matches("-i ").count(), 1);
        // of the decoder and of each encoder
        assert_eq!(line.matches(" -threads 1 ").count(), 3);
        assert!(
            args.contains(&OsString::from("file:/data/a -f b")),
            "a path is one argument"
        );
    }

    #[test]
    fn sound_goes_on_with_a_sample_and_begins_to_read_shortly_before() {
        let sound_of = Sound {
            name: "audio".parse().unwrap(),
            stream: 1,
            channels: 2,
            language: None,
            silences: Vec::new(),
        };
        let args = |from| text(&sound(&input("mp4", 0), Path::new("/s"), &sound_of, (from, 1_080_000)));
        assert!(!args(0).contains("-ss"));
        assert!(args(480_000).contains("-seek_timestamp 1 -noaccurate_seek -ss 8.000000"));
        assert!(args(480_000).contains("first_pts=480000"));
        for container in ["wav", "w64", "aiff", "au", "caf"] {
            let whole = text(&sound(
                &input(container, 0),
                Path::new("/s"),
                &sound_of,
                (480_000, 1_080_000),
            ));
            assert!(
                !whole.contains("-ss") && whole.contains("atrim=start=8.000000:end=12.000000"),
                "{whole}"
            );
        }
    }

    fn ffmpeg(folder: &Path, args: impl IntoIterator<Item = OsString>) -> Vec<u8> {
        let mut command = std::process::Command::new("ffmpeg");
        let output = command.args(args).current_dir(folder).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        output.stdout
    }

    /// A transport stream whose picture, or whose sound, begins half a second after the other.
    fn late(folder: &Path, name: &str, inputs: &str) -> Input {
        let plain = "-nostdin -v error -y -f lavfi -i testsrc2=size=320x180:rate=30:duration=12 -f lavfi \
            -i sine=sample_rate=48000:duration=12 -c:v libx264 -preset ultrafast -g 30 -c:a aac plain.mp4";
        ffmpeg(folder, words(plain));
        ffmpeg(
            folder,
            words(&format!(
                "-nostdin -v error -y {inputs} -map 0:v -map 1:a -c copy {name}"
            )),
        );
        Input {
            video: Some(Stream::Number(0)),
            ..input("mpegts", 1_400_000)
        }
    }

    #[test]
    fn a_late_picture_is_as_late_in_its_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let input = late(folder.path(), "late.ts", "-itsoffset 0.5 -i plain.mp4 -i plain.mp4");
        let low = Rung {
            name: "144p".parse().unwrap(),
            width: 256,
            height: 144,
            frame_rate: 30.0,
            bit_rate: 400_000,
            crf: 28,
        };
        for (bounds, seek, first, frames) in [
            ([0, 450_000], None, 46_920, 135),
            ([450_000, 900_000], Some(360_000), 451_920, 150),
        ] {
            let order = PieceOrder {
                input: &input,
                source: &folder.path().join("late.ts"),
                seek,
                bounds: &bounds,
                rungs: &[&low],
                preset: "ultrafast",
                threads: 2,
            };
            ffmpeg(folder.path(), piece(&order));
            let probe = std::process::Command::new("ffprobe")
                .args("-v error -show_entries packet=pts -of csv=p=0 144p.mp4".split(' '))
                .current_dir(folder.path())
                .output()
                .unwrap();
            let list = String::from_utf8(probe.stdout).unwrap();
            let mut times: Vec<u64> = list
                .lines()
                .map(|line| line.trim_matches(',').parse().unwrap())
                .collect();
            times.sort_unstable();
            assert_eq!((times[0], times.len()), (first, frames));
        }
    }

    #[test]
    fn a_late_sound_is_as_late_from_wherever_it_is_encoded() {
        let folder = tempfile::tempdir().unwrap();
        let input = late(folder.path(), "late.ts", "-i plain.mp4 -itsoffset 0.5 -i plain.mp4");
        let of = Sound {
            name: "audio".parse().unwrap(),
            stream: 1,
            channels: 1,
            language: None,
            silences: Vec::new(),
        };
        for (from, silent) in [(0, 24_000), (12_288, 24_000 - 12_288), (240_640, 0)] {
            let source = folder.path().join("late.ts");
            let encoded = ffmpeg(folder.path(), sound(&input, &source, &of, (from, 9_000_000)));
            std::fs::write(folder.path().join("sound.aac"), encoded).unwrap();
            let samples = ffmpeg(folder.path(), words("-nostdin -v error -i sound.aac -f s16le -"));
            let loud = |pair: &[u8]| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > 1_000;
            let first = samples.chunks_exact(2).position(loud).unwrap();
            // The first packet primes the decoder.
            let began = i64::try_from(first).unwrap() - 1_024;
            assert!(
                (began - silent).abs() < 1_500,
                "from {from}: silent for {began} samples"
            );
            let all = i64::try_from(samples.len() / 2).unwrap() - 1_024;
            let expected = 12 * 48_000 + 24_000 - i64::try_from(from).unwrap();
            assert!((all - expected).abs() < 4_096, "from {from}: {all} samples");
        }
    }
}
