//! ffprobe's description of the streams; what can't be true is ignored.

use super::SurveyError;
use super::marks::Marks;
use super::packets::Unit;
use crate::encoder::codecs::{MOST_PIXELS, MOST_STREAMS};
use fmp4::{Candidate, choose_picture, choose_sounds};
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

/// All streams of a file, as ffprobe describes them.
#[derive(Deserialize)]
pub(super) struct Description {
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
    /// The container's own number, in hexadecimal.
    id: Option<String>,
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<i64>,
    height: Option<i64>,
    sample_aspect_ratio: Option<String>,
    sample_rate: Option<String>,
    channels: Option<i64>,
    time_base: Option<String>,
    has_b_frames: Option<i64>,
    /// How many frames the container's header states.
    nb_frames: Option<String>,
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
    default: i64,
    #[serde(default)]
    attached_pic: i64,
    #[serde(default)]
    timed_thumbnails: i64,
    #[serde(default)]
    still_image: i64,
}

#[derive(Deserialize, Default)]
struct TagsText {
    language: Option<String>,
}

#[derive(Deserialize)]
struct SideDataText {
    rotation: Option<f64>,
}

impl Description {
    pub(super) fn parse(text: &[u8]) -> Result<Self, SurveyError> {
        let text = String::from_utf8_lossy(text);
        let described: Self = serde_json::from_str(&text).map_err(|error| SurveyError::Malformed(error.to_string()))?;
        if described.streams.len() > MOST_STREAMS {
            return Err(SurveyError::TooLarge("streams"));
        }
        if described.streams.iter().any(StreamText::is_huge) {
            return Err(SurveyError::PIXELS);
        }
        Ok(described)
    }

    /// How many streams may be the picture, and how many may be sounds.
    pub(super) fn kinds(&self) -> (usize, usize) {
        let pictures = self.streams.iter().filter(|stream| stream.video().is_some());
        let sounds = self.streams.iter().filter(|stream| stream.audio().is_some());
        (pictures.count(), sounds.count())
    }

    /// Chooses the streams to encode: those that a scan has chosen, if there was one, otherwise by the same rule.
    pub(super) fn choose(&self, marks: &Marks) -> Result<Streams, SurveyError> {
        let all = self.streams.iter();
        let videos: Vec<(&StreamText, VideoStream)> = all.filter_map(|text| Some((text, text.video()?))).collect();
        // A lecture whose picture can't be decoded is not a lecture of sound alone.
        if videos.is_empty() && self.streams.iter().any(StreamText::is_film) {
            return Err(SurveyError::Undecodable);
        }
        let scanned = marks.tracks.as_ref();
        let is_picture = |(text, _): &(&StreamText, VideoStream)| text.is_track(scanned.and_then(|it| it.picture));
        let candidates: Vec<Candidate> = videos.iter().map(|(text, _)| text.candidate(marks)).collect();
        let place = videos
            .iter()
            .position(is_picture)
            .or_else(|| choose_picture(&candidates));
        let video = place.and_then(|place| videos.into_iter().nth(place));
        Ok(Streams {
            start: self.format.start_time.as_deref().and_then(micros).unwrap_or(0),
            length: self.format.size.as_ref().and_then(|size| size.parse().ok()),
            video: video.map(|(_, video)| video),
            audio: self.chosen_sounds(marks),
        })
    }

    fn chosen_sounds(&self, marks: &Marks) -> Vec<Audio> {
        let all = self.streams.iter();
        let sounds: Vec<(&StreamText, Audio)> = all.filter_map(|text| Some((text, text.audio()?))).collect();
        let scanned = marks.tracks.iter().flat_map(|tracks| &tracks.sounds);
        let mut places: Vec<usize> = scanned
            .filter_map(|&id| sounds.iter().position(|(text, _)| text.is_track(Some(id))))
            .collect();
        if places.is_empty() {
            let candidates: Vec<Candidate> = sounds.iter().map(|(text, _)| text.candidate(marks)).collect();
            places = choose_sounds(&candidates);
        }
        let mut sounds: Vec<Option<Audio>> = sounds.into_iter().map(|(_, sound)| Some(sound)).collect();
        let chosen = places.into_iter().filter_map(|place| sounds.get_mut(place)?.take());
        chosen.take(MOST_SOUNDS).collect()
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

    /// Whether it is the track of this id in MP4 or MOV.
    fn is_track(&self, id: Option<u32>) -> bool {
        let own = self.id.as_deref().and_then(|text| text.strip_prefix("0x"));
        let own = own.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        own.is_some() && own == id
    }

    /// What counts when the lecture's tracks are chosen. In MP4 and MOV, ffprobe calls enabled tracks default ones.
    fn candidate(&self, marks: &Marks) -> Candidate {
        let side = |length: Option<i64>| u64::try_from(length.unwrap_or(0)).unwrap_or(0);
        let pixels = side(self.width).saturating_mul(side(self.height));
        Candidate {
            enabled: !marks.disabled.contains(&self.index),
            default: self.disposition.default != 0,
            still: self.disposition.timed_thumbnails + self.disposition.still_image != 0
                || self.nb_frames.as_deref() == Some("1")
                || marks.stills.contains(&self.index),
            size: if self.is("video") { pixels } else { side(self.channels) },
        }
    }

    /// A cover is a picture, not a film.
    fn is_film(&self) -> bool {
        self.is("video") && self.disposition.attached_pic == 0
    }

    /// Nobody sees a cover, so its size is no reason to refuse a lecture.
    fn is_huge(&self) -> bool {
        let side = |length: Option<i64>| u64::try_from(length.unwrap_or(0)).unwrap_or(0);
        self.is_film() && side(self.width).saturating_mul(side(self.height)) > MOST_PIXELS
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
    use renditions::models::survey::ScannedTracks;

    fn parse(text: &str) -> Result<Streams, SurveyError> {
        Description::parse(text.as_bytes())?.choose(&Marks::default())
    }

    fn streams(streams: &str) -> Streams {
        parse(&format!("{{\"streams\": [{streams}]}}")).unwrap()
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
        let parsed = parse(film);
        assert!(matches!(parsed, Err(SurveyError::Undecodable)), "{parsed:?}");
        let cover = r#"{"index": 0, "codec_type": "video", "disposition": {"attached_pic": 1}}"#;
        assert!(streams(cover).video.is_none());
        let huge =
            r#"{"index": 0, "codec_type": "video", "width": 6100, "height": 6100, "disposition": {"attached_pic": 1}}"#;
        assert!(streams(huge).video.is_none());
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
            let refused = parse(&format!("{{\"streams\": [{odd}]}}"));
            assert!(matches!(refused, Err(SurveyError::Undecodable)), "{odd}");
        }
        let many = vec![r#"{"index": 0}"#; 65].join(",");
        let refused = parse(&format!("{{\"streams\": [{many}]}}"));
        assert!(matches!(refused, Err(SurveyError::TooLarge(_))));
        assert!(matches!(parse("{"), Err(SurveyError::Malformed(_))));
        let huge = r#"{"streams": [{"index": 0, "codec_type": "video", "width": 4321, "height": 8192}]}"#;
        let refused = parse(huge);
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

    #[test]
    fn marks_and_the_choice_of_a_scan_decide_between_streams() {
        let picture = |index: u32, side: u32, default: u8| {
            format!(
                r#"{{"index": {index}, "id": "0x{:x}", "codec_type": "video", "codec_name": "vp9", "width": {side}, "height": {side}, "time_base": "1/1000", "disposition": {{"default": {default}}}}}"#,
                index + 10
            )
        };
        let sound = |index: u32, default: u8| {
            format!(
                r#"{{"index": {index}, "id": "0x{:x}", "codec_type": "audio", "codec_name": "opus", "channels": 2, "sample_rate": "48000", "time_base": "1/1000", "disposition": {{"default": {default}}}}}"#,
                index + 10
            )
        };
        let all = [picture(0, 90, 1), picture(1, 360, 1), sound(2, 0), sound(3, 1)].join(",");
        let described = Description::parse(format!("{{\"streams\": [{all}]}}").as_bytes()).unwrap();
        assert_eq!(described.kinds(), (2, 2));
        let chosen = |marks: &Marks| {
            let streams = described.choose(marks).unwrap();
            let sounds: Vec<u32> = streams.audio.iter().map(|sound| sound.stream).collect();
            (streams.video.unwrap().stream, sounds)
        };
        let marks = |disabled: &[u32], stills: &[u32], tracks: Option<ScannedTracks>| Marks {
            disabled: disabled.to_vec(),
            stills: stills.to_vec(),
            tracks,
        };
        assert_eq!(chosen(&marks(&[], &[], None)), (1, vec![3, 2]));
        assert_eq!(chosen(&marks(&[1, 3], &[], None)), (0, vec![2]));
        assert_eq!(chosen(&marks(&[], &[1], None)), (0, vec![3, 2]));
        let scanned = ScannedTracks {
            picture: Some(10),
            sounds: vec![12],
        };
        assert_eq!(chosen(&marks(&[], &[], Some(scanned))), (0, vec![2]));
    }
}
