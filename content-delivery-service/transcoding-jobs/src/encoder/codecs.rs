//! The decoders that may open, and the other bounds on what a file makes ffmpeg and ffprobe do.
//!
//! ffmpeg has several hundred decoders, most of them for formats that no lecture has, written long ago and rarely tested
//! with hostile files. Both tools get this list as `-codec_whitelist`, and refuse any other decoder by its name before they
//! open it. `docs/media.md` describes the list.

use std::sync::LazyLock;

/// ffmpeg's decoders of pictures. A codec with several decoders has several names here; those that an ffmpeg lacks do no
/// harm.
const PICTURES: &[&str] = &[
    // what cameras, phones and conferences record
    "h264",
    "hevc",
    "libdav1d",
    "libaom-av1",
    "av1",
    "vp8",
    "libvpx",
    "vp9",
    "libvpx-vp9",
    "mpeg1video",
    "mpeg2video",
    "mpegvideo",
    "mpeg4",
    "h261",
    "h263",
    "h263i",
    "flv",
    "mjpeg",
    "mjpegb",
    "theora",
    "dvvideo",
    "dnxhd",
    "prores",
    "aic",
    // Windows Media, old AVI files and RealMedia
    "msmpeg4v1",
    "msmpeg4v2",
    "msmpeg4",
    "wmv1",
    "wmv2",
    "wmv3",
    "vc1",
    "msvideo1",
    "msrle",
    "rv10",
    "rv20",
    "rv30",
    "rv40",
    // screen recorders
    "zmbv",
    "flashsv",
    "flashsv2",
    "cinepak",
    "camtasia",
    "tscc2",
    "camstudio",
    "qtrle",
    "fraps",
    "lagarith",
    "mss1",
    "mss2",
    "mts2",
    "g2m",
    // without loss, and without compression
    "ffv1",
    "huffyuv",
    "ffvhuff",
    "utvideo",
    "rawvideo",
    "v210",
    // slides and covers
    "png",
    "apng",
    "gif",
    "bmp",
    "webp",
];

/// ffmpeg's decoders of sound.
const SOUNDS: &[&str] = &[
    "aac",
    "libfdk_aac",
    "aac_latm",
    "mp3float",
    "mp3",
    "mp2float",
    "mp2",
    "mp1float",
    "mp1",
    "ac3",
    "eac3",
    "dca",
    "opus",
    "libopus",
    "vorbis",
    "libvorbis",
    "flac",
    "alac",
    "wmav1",
    "wmav2",
    "wmapro",
    "wmalossless",
    "wmavoice",
    "speex",
    "libspeex",
    "gsm",
    "libgsm",
    "gsm_ms",
    "libgsm_ms",
    "nellymoser",
    "amrnb",
    "libopencore_amrnb",
    "amrwb",
    "libopencore_amrwb",
    "cook",
    "sipr",
    "real_144",
    "real_288",
    "atrac3",
    "atrac3plus",
    "truespeech",
    "wavpack",
    "ape",
    "tta",
    "g722",
    "g726",
    "g726le",
    "adpcm_ms",
    "adpcm_ima_wav",
    "adpcm_ima_qt",
    "adpcm_swf",
    "adpcm_yamaha",
    "pcm_s8",
    "pcm_u8",
    "pcm_alaw",
    "pcm_mulaw",
    "pcm_s16le",
    "pcm_s16be",
    "pcm_u16le",
    "pcm_u16be",
    "pcm_s24le",
    "pcm_s24be",
    "pcm_u24le",
    "pcm_u24be",
    "pcm_s32le",
    "pcm_s32be",
    "pcm_u32le",
    "pcm_u32be",
    "pcm_s64le",
    "pcm_s64be",
    "pcm_f32le",
    "pcm_f32be",
    "pcm_f64le",
    "pcm_f64be",
    "pcm_s16le_planar",
    "pcm_s16be_planar",
    "pcm_s24le_planar",
    "pcm_s32le_planar",
    "pcm_bluray",
    "pcm_dvd",
    "s302m",
];

/// ffmpeg's decoders of subtitles. They are not shown, but ffprobe reports nothing about a file if one of its streams is
/// refused.
const SUBTITLES: &[&str] = &[
    "ass",
    "ssa",
    "subrip",
    "srt",
    "mov_text",
    "webvtt",
    "text",
    "dvbsub",
    "dvdsub",
    "pgssub",
    "xsub",
    "cc_dec",
    "libzvbi_teletextdec",
    "libaribb24",
    "libaribcaption",
    "microdvd",
    "jacosub",
    "mpl2",
    "pjs",
    "realtext",
    "sami",
    "stl",
    "subviewer",
    "subviewer1",
    "vplayer",
];

/// The most pixels of a picture: 8K.
pub(crate) const MOST_PIXELS: u64 = 8_192 * 4_320;
/// ffmpeg also counts a picture with its sides rounded up, so the tools' own limit is higher.
const MOST_PIXELS_ALIGNED: u64 = MOST_PIXELS + MOST_PIXELS / 5;
/// A file with more streams is refused.
pub(crate) const MOST_STREAMS: usize = 64;
/// The most that a tool may allocate at once.
///
/// Units: bytes
const MOST_ALLOCATED: u64 = 1 << 30;

/// The options of both tools, before the input, that bound what a file of this format can make them do.
pub(crate) fn bounds(demuxer: &str) -> [&str; 10] {
    static WORDS: LazyLock<[String; 4]> = LazyLock::new(|| {
        [
            [PICTURES, SOUNDS, SUBTITLES].concat().join(","),
            MOST_PIXELS_ALIGNED.to_string(),
            // One more than is allowed: some demuxers ignore the streams beyond this number, and the file would be encoded
            // without them.
            (MOST_STREAMS + 1).to_string(),
            MOST_ALLOCATED.to_string(),
        ]
    });
    let [decoders, pixels, streams, allocated] = &*WORDS;
    [
        "-max_alloc",
        allocated,
        // A file of one format can contain another one, which ffmpeg would open.
        "-format_whitelist",
        demuxer,
        "-codec_whitelist",
        decoders,
        "-max_pixels",
        pixels,
        "-max_streams",
        streams,
    ]
}

/// Why a tool refused a file, according to its last messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// This decoder is not on the list.
    Codec(String),
    /// A picture is too large.
    Pixels,
    /// There are too many streams.
    Streams,
    /// It needs more memory than a tool may use.
    Memory,
}

impl Refusal {
    /// Finds the refusal in the end of a tool's standard error.
    pub(crate) fn read(messages: &str) -> Option<Self> {
        let codec = messages.split("Codec (").skip(1).find_map(|rest| {
            let (name, rest) = rest.split_once(") ")?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            let is_name = (1..=32).contains(&name.len()) && name.bytes().all(plain);
            (is_name && rest.starts_with("not on whitelist")).then(|| name.to_owned())
        });
        if let Some(codec) = codec {
            return Some(Self::Codec(codec));
        }
        if messages.contains("exceeds specified max pixel count") {
            return Some(Self::Pixels);
        }
        if messages.contains("Number of streams exceeds max_streams") {
            return Some(Self::Streams);
        }
        messages.contains("Cannot allocate memory").then_some(Self::Memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_the_tools_own_words() {
        let messages = "[zmbv @ 0x55] Codec (zmbv) not on whitelist 'h264,hevc'\nx: Invalid argument";
        assert_eq!(Refusal::read(messages), Some(Refusal::Codec("zmbv".to_owned())));
        let messages = "Picture size 16000x16000 exceeds specified max pixel count 48000000, see the documentation";
        assert_eq!(Refusal::read(messages), Some(Refusal::Pixels));
        let messages = "Number of streams exceeds max_streams parameter (65), see the documentation";
        assert_eq!(Refusal::read(messages), Some(Refusal::Streams));
        let messages = "[mov @ 0x55] error reading header\nx: Cannot allocate memory";
        assert_eq!(Refusal::read(messages), Some(Refusal::Memory));
        for other in [
            "",
            "Codec (a b) not on whitelist",
            "Codec (zmbv) is odd",
            "moov atom not found",
        ] {
            assert_eq!(Refusal::read(other), None, "{other}");
        }
    }

    /// The decoders of an ffmpeg, with the letter of their kind.
    fn decoders() -> Vec<(char, String)> {
        let output = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-decoders"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (flags, name) = (words.next()?, words.next()?);
            let kind = flags.chars().next().filter(|_| flags.len() == 6)?;
            Some((kind, name.to_owned()))
        });
        lines.filter(|(_, name)| name != "=").collect()
    }

    #[test]
    fn every_decoder_of_subtitles_that_this_ffmpeg_has_is_known() {
        let all = decoders();
        assert!(all.len() > 300, "{}", all.len());
        let of = |kind| all.iter().filter(move |it| it.0 == kind).map(|it| it.1.as_str());
        let unknown: Vec<_> = of('S').filter(|name| !SUBTITLES.contains(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for (kind, list, least) in [('V', PICTURES, 55), ('A', SOUNDS, 75)] {
            let known = of(kind).filter(|name| list.contains(name)).count();
            assert!(known >= least, "{known} of {kind}");
        }
        let twice = |list: &[&str]| list.iter().any(|one| list.iter().filter(|it| *it == one).count() > 1);
        assert!(!twice(&[PICTURES, SOUNDS, SUBTITLES].concat()));
    }
}
