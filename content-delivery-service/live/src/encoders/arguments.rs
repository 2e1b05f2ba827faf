//! ffmpeg's command lines: numbers, and names that this program has chosen.

use std::ffi::OsString;
use std::path::Path;

/// The sample rate of encoded sound.
pub(super) const SAMPLE_RATE: u32 = 48_000;
/// The bounds of what a publisher's bytes make ffmpeg do: its decoders, and the size of pictures (level 5.1) and allocations.
const BOUNDS: &str = "-max_alloc 268435456 -codec_whitelist h264,aac,opus,libopus -max_pixels 9437184 -max_streams 1";
/// The size of pictures: at most 720 lines of 1,280, or the same upright, in even numbers.
const SCALE: &str = "scale='trunc(iw*min(1,min(1280/max(iw,ih),720/min(iw,ih)))/2)*2'\
                     :'trunc(ih*min(1,min(1280/max(iw,ih),720/min(iw,ih)))/2)*2'\
                     :flags=fast_bilinear,format=yuv420p";
/// A key frame every two seconds, counted from the last one: the first time may be any.
const KEY_FRAMES: &str = "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+2))";

/// Opus in Ogg to AAC in ADTS. What two channels have in common is not looked for, which costs half of the time with tones, and
/// saves bits that are not short.
pub(super) fn opus_to_aac(input: &Path, channels: u8) -> Vec<OsString> {
    let mut args = source(input, "ogg");
    args.extend(words(&format!(
        "-map 0:a:0 -map_metadata -1 -c:a aac -aac_coder fast -aac_ms 0 -aac_is 0 -b:a {}k -ar {SAMPLE_RATE} -ac {channels} -f adts",
        64 * u32::from(channels)
    )));
    args.extend(output());
    args
}

/// AAC in ADTS to Opus in Ogg.
pub(super) fn aac_to_opus(input: &Path, channels: u8) -> Vec<OsString> {
    let mut args = source(input, "aac");
    args.extend(words(&format!(
        "-map 0:a:0 -map_metadata -1 -c:a libopus -b:a {}k -ar {SAMPLE_RATE} -ac {channels} -frame_duration 20 -f ogg \
         -page_duration 20000",
        48 * u32::from(channels)
    )));
    args.extend(output());
    args
}

/// H.264 in FLV to the same without pictures that are shown later than they are decoded.
///
/// Without a time base, ffmpeg would guess a frame rate and move each picture to it.
pub(super) fn pictures(input: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = words("-copyts").collect();
    args.extend(source(input, "flv"));
    args.extend(words("-map 0:v:0 -map_metadata -1 -vf"));
    args.push(SCALE.into());
    args.extend(words(
        "-c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -threads 2 -crf 24 -maxrate 2500k -bufsize 2500k \
         -g 600 -fps_mode passthrough -enc_time_base 1:1000 -force_key_frames",
    ));
    args.push(KEY_FRAMES.into());
    args.extend(words("-f flv -flvflags no_duration_filesize+no_metadata"));
    args.extend(output());
    args
}

/// The input: read as it comes, without looking ahead for what is known already.
fn source(input: &Path, demuxer: &str) -> Vec<OsString> {
    let mut args: Vec<OsString> = words("-nostdin -y -hide_banner -v error -protocol_whitelist file,pipe").collect();
    args.extend(words(BOUNDS));
    // What was read to learn the format must not be lost (`nobuffer` does that), and frames in several threads would come out
    // later.
    args.extend(words(&format!(
        "-format_whitelist {demuxer} -probesize 32 -analyzeduration 1 -fpsprobesize 0 -threads 1 -f {demuxer} -i"
    )));
    let mut url = OsString::from("file:");
    url.push(input);
    args.push(url);
    args
}

/// The output: each packet at once.
fn output() -> impl Iterator<Item = OsString> {
    words("-flush_packets 1 -muxdelay 0 -muxpreload 0 pipe:1")
}

fn words(text: &str) -> impl Iterator<Item = OsString> + use<> {
    let words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
    words.into_iter()
}
