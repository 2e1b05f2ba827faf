//! What ffmpeg is told, written from a plan alone: numbers, and names that this program has chosen.

use content_delivery_service::{Input, Rung, SOUND_BIT_RATE, Sound};
use fmp4::TICKS;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

/// Samples a second of all sound that is encoded.
pub(crate) const SAMPLE_RATE: u32 = 48_000;
/// How much sooner than told a frame may come: times went through other units, and frames are further apart.
const ROUNDING: u64 = 18;
/// No encoder puts its key frames further apart by itself; segments put them much nearer.
const LONGEST_GOP: &str = "1200";

/// One piece of some rungs.
pub(crate) struct PieceOrder<'a> {
    pub(crate) input: &'a Input,
    pub(crate) source: &'a Path,
    /// Where to jump to before decoding begins.
    pub(crate) seek: Option<u64>,
    /// The piece's segment bounds.
    pub(crate) bounds: &'a [u64],
    pub(crate) rungs: &'a [&'a Rung],
    pub(crate) preset: &'a str,
}

/// The file in the staging folder that a rung is written to.
pub(crate) fn file_name(rung: &Rung) -> String {
    format!("{}.mp4", rung.name)
}

/// Decodes a piece once and encodes it to every rung, a file each in the folder where ffmpeg runs.
pub(crate) fn piece(order: &PieceOrder<'_>) -> Vec<OsString> {
    let mut args = quiet();
    args.extend(words("-progress pipe:1 -stats_period 0.5"));
    args.extend(input(order.input, order.source, order.seek, false));
    args.extend(words("-filter_complex"));
    args.push(filters(order).into());
    let keys = key_frames(order.bounds);
    for (n, rung) in order.rungs.iter().enumerate() {
        let ceiling = rung.bit_rate;
        let buffer = u64::from(ceiling) * 2;
        args.extend(words(&format!(
            "-map [v{n}] -an -sn -dn -map_metadata -1 -map_chapters -1 -c:v libx264 -preset {} -profile:v high -crf {} \
             -maxrate {ceiling} -bufsize {buffer} -g {LONGEST_GOP} -x264-params stitchable=1 -fps_mode vfr \
             -enc_time_base 1:{TICKS} -video_track_timescale {TICKS} -force_key_frames {keys} \
             -f mp4 -movflags frag_keyframe+delay_moov+default_base_moof+frag_discont",
            order.preset, rung.crf
        )));
        args.push(file_name(rung).into());
    }
    args
}

/// Encodes a sound from one of its samples on to standard output, as AAC in ADTS.
///
/// The first packet primes the decoder; the second one begins with sample `from`.
pub(crate) fn sound(of: &Input, source: &Path, sound: &Sound, from: u64) -> Vec<OsString> {
    let seconds = (from / u64::from(SAMPLE_RATE)).saturating_sub(2);
    let seek = (seconds > 0).then(|| seconds * u64::from(TICKS));
    let mut args = quiet();
    args.extend(input(of, source, seek, true));
    // The second filter counts samples at the rate that comes in, which has to be the one that goes out.
    args.extend(words(&format!(
        "-map 0:{} -vn -sn -dn -map_metadata -1 \
         -af aresample={SAMPLE_RATE},aresample={SAMPLE_RATE}:async=1:first_pts={from} -ac {} -c:a aac -aac_coder fast \
         -b:a {SOUND_BIT_RATE} -f adts pipe:1",
        sound.stream, sound.channels
    )));
    args
}

fn quiet() -> Vec<OsString> {
    words("-nostdin -hide_banner -v error -protocol_whitelist file,pipe").collect()
}

/// Times count from the lecture's zero: the container's start, or where it tells presentation times its own zero.
fn input(of: &Input, source: &Path, seek: Option<u64>, exact: bool) -> Vec<OsString> {
    let mut args: Vec<OsString> = words("-copyts").collect();
    args.extend(words(if of.start_at_zero {
        "-start_at_zero"
    } else {
        "-seek_timestamp 1"
    }));
    if let Some(seek) = seek.filter(|&seek| seek > 0) {
        // A picture is cut to the frame by its filter, from whatever the jump led to.
        let exactly = if exact { "" } else { "-noaccurate_seek" };
        args.extend(words(&format!("{exactly} -ss {}", time(seek))));
    }
    args.extend(words(&format!("-f {} -i", of.demuxer)));
    args.push(file_url(source));
    args
}

/// A path that can't be taken for an option or another protocol.
fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

fn filters(order: &PieceOrder<'_>) -> String {
    let edge = |bound: Option<&u64>| time(bound.copied().unwrap_or(0).saturating_sub(ROUNDING));
    let video = order.input.video.as_deref().unwrap_or("v:0");
    let (start, end) = (edge(order.bounds.first()), edge(order.bounds.last()));
    let mut graph = format!("[0:{video}]trim=start={start}:end={end},split={}", order.rungs.len());
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
    let micros = u128::from(ticks) * 1_000_000 / u128::from(TICKS);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn words(text: &str) -> impl Iterator<Item = OsString> + use<> {
    let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(start_at_zero: bool) -> Input {
        Input {
            demuxer: "matroska".to_owned(),
            start_at_zero,
            video: Some("2".to_owned()),
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
            name: name.to_owned(),
            width,
            height,
            frame_rate: 30.0,
            bit_rate: 400_000,
            crf: 22,
        };
        let (low, high) = (rung("240p", 426, 240), rung("360p", 640, 360));
        let args = piece(&PieceOrder {
            input: &input(true),
            source: Path::new("/data/a -f b"),
            seek: Some(900_000),
            bounds: &[900_900, 1_351_350, 1_801_800],
            rungs: &[&low, &high],
            preset: "veryfast",
        });
        let told = text(&args);
        assert!(
            told.contains("-noaccurate_seek -ss 10.000000 -f matroska -i file:/data/a -f b"),
            "{told}"
        );
        assert!(told.contains("[0:2]trim=start=10.009800:end=20.019800,split=2[a0][a1];[a0]scale=426:240"));
        assert!(told.contains("-force_key_frames 10.009800,15.014800 "));
        assert_eq!(told.matches("-i ").count(), 1);
        assert!(
            args.contains(&OsString::from("file:/data/a -f b")),
            "a path is one argument"
        );
    }

    #[test]
    fn sound_goes_on_with_a_sample_and_begins_to_read_shortly_before() {
        let sound_of = Sound {
            name: "audio".to_owned(),
            stream: 1,
            channels: 2,
            language: None,
        };
        let args = |from| text(&sound(&input(false), Path::new("/s"), &sound_of, from));
        assert!(!args(0).contains("-ss"));
        assert!(args(480_000).contains("-seek_timestamp 1 -ss 8.000000"));
        assert!(args(480_000).contains("first_pts=480000"));
    }
}
