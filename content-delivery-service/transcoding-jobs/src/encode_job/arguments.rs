//! ffmpeg's command lines, written from a plan alone: numbers, and names that this program has chosen.

use crate::containers::{can_jump, demuxer, past_damage};
use crate::encoder::codecs;
use crate::sources::SourceFile;
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

/// How sound is kept in step with its times: up to 40 ms it is stretched, by 2 % at most, beyond that silence is inserted or
/// sound dropped. Deviations of 5 ms are rounding. Without `flags=res` nothing is stretched at an unchanged rate.
const IN_STEP: &str = "async=1000:flags=res:min_comp=0.005:min_hard_comp=0.04";

/// One piece of some rungs.
pub(crate) struct PieceOrder<'a> {
    pub(crate) input: &'a Input,
    pub(crate) source: &'a SourceFile,
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
        let rate = told_rate(rung);
        args.extend(words(&format!(
            "-map [v{n}] -an -sn -dn -map_metadata -1 -map_chapters -1 -c:v libx264 -threads {threads} -preset {} -profile:v high -crf {} \
             -maxrate {ceiling} -bufsize {buffer} -g {LONGEST_GOP} -x264-params stitchable=1{rate} -fps_mode vfr \
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
pub(crate) fn sound(of: &Input, source: &SourceFile, sound: &Sound, (from, end): (u64, u64)) -> Vec<OsString> {
    let (mut args, decoded) = decoding(of, source, sound, (from, end));
    // The second `aresample` counts samples at its input's rate, which therefore has to be the output's rate.
    args.extend(words(&format!("{decoded},{}", in_step(sound, from))));
    args
}

/// Decodes a sound, from shortly before one of its samples to a time, to standard output: with its times, and in one form,
/// whatever becomes of the source's.
///
/// Where a sound changes its form, ffmpeg makes its filters anew, and those that keep a sound in step would take all that
/// came before for a gap, and fill it. So another run has them, which `encoded` describes.
pub(crate) fn decoded(of: &Input, source: &SourceFile, sound: &Sound, (from, end): (u64, u64)) -> Vec<OsString> {
    let (mut args, decoded) = decoding(of, source, sound, (from, end));
    args.extend(words(&format!(
        "{decoded} -ac {} -c:a pcm_f32le -f nut pipe:1",
        sound.channels
    )));
    args
}

/// Encodes what `decoded` writes, as it is read at a path; the output is that of `sound`.
pub(crate) fn encoded(path: &Path, sound: &Sound, from: u64) -> Vec<OsString> {
    let mut args = quiet();
    args.extend(words("-copyts"));
    args.extend(codecs::bounds("nut").map(OsString::from));
    args.extend(words("-f nut -i"));
    args.push(file_url(path));
    args.extend(words(&format!(
        "-map 0:0 -map_metadata -1 -af {}",
        in_step(sound, from)
    )));
    args
}

/// The beginning of a command line that decodes a sound, and its filters so far.
fn decoding(of: &Input, source: &SourceFile, sound: &Sound, (from, end): (u64, u64)) -> (Vec<OsString>, String) {
    let seconds = (from / u64::from(SAMPLE_RATE)).saturating_sub(2);
    let near = seconds * u64::from(TICKS);
    let mut args = quiet();
    args.extend(input(of, source, Some(near).filter(|_| can_jump(&of.container))));
    args.extend(words(&format!(
        "-map 0:{} -vn -sn -dn -map_metadata -1 -af",
        sound.stream
    )));
    let filters = format!(
        "{}atrim=start={}:end={},aresample={SAMPLE_RATE}",
        from_zero("asetpts", of.zero),
        time(near),
        time(end)
    );
    (args, filters)
}

/// The filter that begins a sound with a sample and keeps it in step, and the encoder behind it.
fn in_step(sound: &Sound, from: u64) -> String {
    format!(
        "aresample={SAMPLE_RATE}:{IN_STEP}:first_pts={from} -ac {} -c:a aac -aac_coder fast -b:a {SOUND_BIT_RATE} -f adts pipe:1",
        sound.channels
    )
}

/// The frame rate from which the encoder chooses its level; otherwise ffmpeg guesses one, which may be a stream's finest
/// clock.
fn told_rate(rung: &Rung) -> String {
    match rung.thinned {
        Some(_) => format!(":fps={:.0}/1000", (rung.frame_rate * 1_000.0).max(1_000.0)),
        None => String::new(),
    }
}

/// The options of all runs. A second run, from further back, overwrites the files of the first one.
fn quiet() -> Vec<OsString> {
    words("-nostdin -y -hide_banner -v error -protocol_whitelist file,pipe").collect()
}

/// The input. Times are the container's; the filters convert them to lecture time.
///
/// `-start_at_zero` would subtract the start of only those streams that are encoded, so that sound and picture of one
/// file would have different zeros; `-ss` without `-seek_timestamp` adds the container's start in its own way.
fn input(of: &Input, source: &SourceFile, seek: Option<u64>) -> Vec<OsString> {
    let mut args: Vec<OsString> = words("-copyts").collect();
    if let Some(seek) = seek.filter(|&seek| seek > 0 && source.jumps()) {
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
    args.push(file_url(source.path()));
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
    let held = order.bounds.last().zip(order.input.last_picture);
    let held = held.filter(|&(&end, last)| end > last);
    let held = held.map_or_else(String::new, |(_, last)| hold(last));
    let mut graph = format!(
        "[0:{video}]{zero}{held}trim=start={start}:end={end},split={}",
        order.rungs.len()
    );
    for n in 0..order.rungs.len() {
        // Writing to a string can't fail.
        let _ = write!(graph, "[a{n}]");
    }
    let is_boxed = order.input.recording.as_ref().is_some_and(|layer| layer.is_boxed);
    for (n, rung) in order.rungs.iter().enumerate() {
        let (thin, scale) = (thin(rung), scale(rung, is_boxed));
        let _ = write!(graph, ";[a{n}]{thin}{scale},setsar=1,format=yuv420p[v{n}]");
    }
    graph
}

/// The filter that gives pictures the size of a rung, with borders if they may have another shape.
fn scale(rung: &Rung, is_boxed: bool) -> String {
    let size = format!("{}:{}", rung.width, rung.height);
    if is_boxed {
        format!("scale={size}:flags=bicubic:force_original_aspect_ratio=decrease,pad={size}:-1:-1")
    } else {
        format!("scale={size}:flags=bicubic")
    }
}

/// The filters that repeat the picture that begins at `last` at each whole second after it, without end.
///
/// `tpad` repeats it at a rate that it guesses; `setpts` gives each repetition, which is what follows the last picture,
/// the next whole second. In other units, that might be rounded down, and so out of its segment.
fn hold(last: u64) -> String {
    let last = last.saturating_sub(ROUNDING);
    format!(
        "settb=1/{TICKS},tpad=stop=-1:stop_mode=clone,\
         setpts='if(gte(PREV_INPTS,{last}),(floor(PREV_OUTPTS/{TICKS})+1)*{TICKS},PTS)',"
    )
}

/// The filter that keeps the first frame of each slot.
fn thin(rung: &Rung) -> String {
    if rung.thinned != Some(true) {
        return String::new();
    }
    let slot = |time: &str| format!("floor({time}*{:.3}+{})", rung.frame_rate, Rung::LEAD);
    format!("select='isnan(prev_t)+gt({},{})',", slot("t"), slot("prev_t"))
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
mod tests;
