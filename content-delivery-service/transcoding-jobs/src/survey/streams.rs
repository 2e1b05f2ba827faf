//! ffprobe's description of the streams; what can't be true is ignored.

use super::SurveyError;
use super::packets::Unit;
use crate::encoder::codecs::{MOST_PIXELS, MOST_STREAMS};
use serde::Deserialize;

/// How many sound tracks are encoded; the rest are left out.
const MOST_SOUNDS: usize = 8;
/// The longest side of a picture.
const LONGEST_SIDE: u32 = 1 << 16;

/// The streams to encode.
#[derive(Debug)]
pub(super) struct Streams {
    /// Where the container's time begins.
    ///
    /// Units: microseconds
    pub(super) start: i64,
    /// The length of the file; none if it is a pipe, for example.
    ///
    /// Units: bytes
    pub(super) length: Option<u64>,
    pub(super) video: Option<VideoStream>,
    pub(super) audio: Vec<Audio>,
}

#[derive(Debug)]
pub(super) struct VideoStream {
    pub(super) stream: u32,
    pub(super) codec: String,
    /// Pixels as shown.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Pixels of a coded frame.
    pub(super) pixels: u64,
    /// Degrees clockwise.
    pub(super) rotation: u16,
    pub(super) unit: Unit,
    /// How many frames the decoder holds back to put them in order.
    pub(super) delay: usize,
}

#[derive(Debug)]
pub(super) struct Audio {
    pub(super) stream: u32,
    pub(super) codec: String,
    pub(super) channels: u16,
    pub(super) sample_rate: u32,
    pub(super) language: Option<String>,
    pub(super) unit: Unit,
}

#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    streams: Vec<StreamText>,
    #[serde(default)]
    format: FormatText,
}

#[derive(Deserialize, Default)]
struct FormatText {
    start_time: Option<String>,
    size: Option<String>,
}

#[derive(Deserialize)]
struct StreamText {
    index: u32,
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<i64>,
    height: Option<i64>,
    sample_aspect_ratio: Option<String>,
    sample_rate: Option<String>,
    channels: Option<i64>,
    time_base: Option<String>,
    has_b_frames: Option<i64>,
    #[serde(default)]
    disposition: DispositionText,
    #[serde(default)]
    tags: TagsText,
    #[serde(default)]
    side_data_list: Vec<SideDataText>,
}

#[derive(Deserialize, Default)]
struct DispositionText {
    #[serde(default)]
    attached_pic: i64,
}

#[derive(Deserialize, Default)]
struct TagsText {
    language: Option<String>,
}

#[derive(Deserialize)]
struct SideDataText {
    rotation: Option<f64>,
}

impl Streams {
    pub(super) fn parse(text: &[u8]) -> Result<Self, SurveyError> {
        let text = String::from_utf8_lossy(text);
        let described: Description =
            serde_json::from_str(&text).map_err(|error| SurveyError::Malformed(error.to_string()))?;
        if described.streams.len() > MOST_STREAMS {
            return Err(SurveyError::TooLarge("streams"));
        }
        if described.streams.iter().any(StreamText::is_huge) {
            return Err(SurveyError::PIXELS);
        }
        let video = described.streams.iter().find_map(StreamText::video);
        // A lecture whose picture can't be decoded is not a lecture of sound alone.
        if video.is_none() && described.streams.iter().any(StreamText::is_film) {
            return Err(SurveyError::Undecodable);
        }
        Ok(Self {
            start: described.format.start_time.as_deref().and_then(micros).unwrap_or(0),
            length: described.format.size.and_then(|size| size.parse().ok()),
            video,
            audio: described
                .streams
                .iter()
                .filter_map(StreamText::audio)
                .take(MOST_SOUNDS)
                .collect(),
        })
    }
}

impl StreamText {
    fn is(&self, kind: &str) -> bool {
        self.codec_type.as_deref() == Some(kind)
    }

    /// The codec's plain name; a stream without one can't be decoded.
    fn codec(&self) -> Option<String> {
        self.codec_name
            .clone()
            .filter(|name| name != "unknown" && name != "none")
    }

    fn unit(&self) -> Option<Unit> {
        let (numerator, denominator) = fraction(self.time_base.as_deref()?, '/')?;
        Unit::new(numerator, denominator)
    }

    /// A cover is a picture, not a film.
    fn is_film(&self) -> bool {
        self.is("video") && self.disposition.attached_pic == 0
    }

    fn is_huge(&self) -> bool {
        let side = |length: Option<i64>| u64::try_from(length.unwrap_or(0)).unwrap_or(0);
        side(self.width).saturating_mul(side(self.height)) > MOST_PIXELS
    }

    fn video(&self) -> Option<VideoStream> {
        if !self.is_film() {
            return None;
        }
        let side = |length: Option<i64>| {
            u32::try_from(length?)
                .ok()
                .filter(|side| (1..=LONGEST_SIDE).contains(side))
        };
        let (coded, height) = (side(self.width)?, side(self.height)?);
        let shape = self
            .sample_aspect_ratio
            .as_deref()
            .and_then(|ratio| fraction(ratio, ':'));
        let width = shape.map_or(coded, |shape| widened(coded, shape));
        let rotation = self.rotation();
        let turned = !rotation.is_multiple_of(180);
        Some(VideoStream {
            stream: self.index,
            codec: self.codec()?,
            width: if turned { height } else { width },
            height: if turned { width } else { height },
            pixels: u64::from(coded) * u64::from(height),
            rotation,
            unit: self.unit()?,
            delay: usize::try_from(self.has_b_frames.unwrap_or(0)).unwrap_or(0).min(16),
        })
    }

    /// ffprobe gives the angle counter-clockwise; only right angles swap the sides.
    fn rotation(&self) -> u16 {
        let stated = self.side_data_list.iter().find_map(|it| it.rotation).unwrap_or(0.0);
        let clockwise = (-stated).rem_euclid(360.0);
        let near = |angle: u16| (clockwise - f64::from(angle)).abs() < 1.0;
        [90, 180, 270].into_iter().find(|&angle| near(angle)).unwrap_or(0)
    }

    fn audio(&self) -> Option<Audio> {
        if !self.is("audio") {
            return None;
        }
        Some(Audio {
            stream: self.index,
            codec: self.codec()?,
            channels: u16::try_from(self.channels?).ok().filter(|&channels| channels > 0)?,
            sample_rate: self.sample_rate.as_deref()?.parse().ok().filter(|&rate| rate > 0)?,
            language: self.tags.language.as_deref().and_then(language),
            unit: self.unit()?,
        })
    }
}

/// A language's code, or nothing: it goes into playlists, and a file may contain anything.
fn language(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_lowercase();
    let parts = |code: &str| {
        code.split('-')
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    let sound = (2..=16).contains(&code.len()) && code.starts_with(|it: char| it.is_ascii_alphabetic()) && parts(&code);
    (sound && code != "und").then_some(code)
}

/// Two positive numbers with a sign between them.
fn fraction(text: &str, between: char) -> Option<(u32, u32)> {
    let (first, second) = text.split_once(between)?;
    let number = |text: &str| text.trim().parse().ok().filter(|&number: &u32| number > 0);
    Some((number(first)?, number(second)?))
}

/// Pixels across when pixels are not square.
fn widened(coded: u32, (across, down): (u32, u32)) -> u32 {
    let (across, down) = (u64::from(across), u64::from(down));
    let wide = (u64::from(coded) * across + down / 2) / down;
    u32::try_from(wide).unwrap_or(u32::MAX).clamp(1, LONGEST_SIDE)
}

/// A decimal number of seconds, exactly.
fn micros(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let seconds: i64 = seconds.parse().ok()?;
    seconds.checked_mul(1_000_000)?.checked_add(fraction)?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(streams: &str) -> Streams {
        Streams::parse(format!("{{\"streams\": [{streams}]}}").as_bytes()).unwrap()
    }

    #[test]
    fn seconds_become_microseconds_exactly() {
        assert_eq!(micros("1.443444"), Some(1_443_444));
        assert_eq!(micros("-0.007000"), Some(-7_000));
        assert_eq!(micros("12"), Some(12_000_000));
        assert_eq!(micros("N/A"), None);
        assert_eq!(micros("99999999999999.0"), None);
    }

    #[test]
    fn a_picture_that_cannot_be_decoded_is_an_error_and_a_cover_is_no_picture() {
        let film = r#"{"streams": [{"index": 0, "codec_type": "video", "codec_name": "vp9", "time_base": "1/1000"}]}"#;
        let parsed = Streams::parse(film.as_bytes());
        assert!(matches!(parsed, Err(SurveyError::Undecodable)), "{parsed:?}");
        let cover = r#"{"index": 0, "codec_type": "video", "disposition": {"attached_pic": 1}}"#;
        assert!(streams(cover).video.is_none());
    }

    #[test]
    fn a_picture_has_the_size_at_which_it_is_shown() {
        let found = streams(
            r#"{"index": 0, "codec_type": "video", "codec_name": "png", "width": 10, "height": 10, "time_base": "1/90000", "disposition": {"attached_pic": 1}},
            {"index": 1, "codec_type": "video", "codec_name": "mpeg2video", "width": 720, "height": 576, "sample_aspect_ratio": "64:45", "time_base": "1/90000", "side_data_list": [{"rotation": -90}]}"#,
        );
        let video = found.video.unwrap();
        assert_eq!(
            (video.stream, video.width, video.height, video.rotation),
            (1, 576, 1_024, 90)
        );
        let upright = streams(
            r#"{"index": 3, "codec_type": "video", "codec_name": "vp9", "width": 640, "height": 360, "sample_aspect_ratio": "0:1", "time_base": "1/1000", "has_b_frames": 2}"#,
        );
        let video = upright.video.unwrap();
        assert_eq!(
            (video.width, video.height, video.rotation, video.delay),
            (640, 360, 0, 2)
        );
    }

    #[test]
    fn what_can_t_be_true_is_no_stream() {
        for odd in [
            r#"{"index": 0, "codec_type": "audio", "codec_name": "aac", "channels": 0, "sample_rate": "48000", "time_base": "1/48000"}"#,
            r#"{"index": 0, "codec_type": "audio", "codec_name": "unknown", "channels": 2, "sample_rate": "48000", "time_base": "1/48000"}"#,
            r#"{"index": 0, "codec_type": "data", "codec_name": "bin_data", "time_base": "1/90000"}"#,
        ] {
            let found = streams(odd);
            assert!(found.video.is_none() && found.audio.is_empty(), "{odd}");
        }
        for odd in [
            r#"{"index": 0, "codec_type": "video", "codec_name": "h264", "width": 0, "height": 0, "time_base": "1/90000"}"#,
            r#"{"index": 0, "codec_type": "video", "codec_name": "h264", "width": 5, "height": 5, "time_base": "0/0"}"#,
        ] {
            let refused = Streams::parse(format!("{{\"streams\": [{odd}]}}").as_bytes());
            assert!(matches!(refused, Err(SurveyError::Undecodable)), "{odd}");
        }
        let many = vec![r#"{"index": 0}"#; 65].join(",");
        let refused = Streams::parse(format!("{{\"streams\": [{many}]}}").as_bytes());
        assert!(matches!(refused, Err(SurveyError::TooLarge(_))));
        assert!(matches!(Streams::parse(b"{"), Err(SurveyError::Malformed(_))));
        let huge = r#"{"streams": [{"index": 0, "codec_type": "video", "width": 4321, "height": 8192}]}"#;
        let refused = Streams::parse(huge.as_bytes());
        assert!(matches!(refused, Err(SurveyError::Limits(_))), "{refused:?}");
    }

    #[test]
    fn only_codes_of_languages_come_through() {
        assert_eq!(language("DEU").as_deref(), Some("deu"));
        assert_eq!(language("zh-Hant").as_deref(), Some("zh-hant"));
        for odd in [
            "und",
            "",
            "a",
            "en\",URI=\"http://x",
            "en\n#EXT",
            "english-is-a-language",
            "--",
            "12",
        ] {
            assert_eq!(language(odd), None, "{odd:?}");
        }
    }
}
