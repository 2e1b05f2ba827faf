//! The playlist of a lecture's renditions.

use std::fmt;

use crate::text::{Quoted, Uri};

/// The renditions of one lecture.
///
/// Shape: variants in the order in which a player without measurements should try them. With audio and video, every
///        variant refers to the one audio group; without video, each audio rendition becomes a variant, so that audio
///        alone can be played
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Multivariant {
    /// The video renditions.
    pub variants: Vec<Variant>,
    /// The audio renditions.
    pub audio: Vec<AudioRendition>,
}

/// One video rendition.
///
/// Units: bits per second of this rendition alone: the audio's are added when written
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The URI of its media playlist, relative.
    pub uri: String,
    /// The name of its codec as in RFC 6381.
    pub codec: String,
    /// The rate of the segment with the highest one.
    pub peak_bit_rate: u64,
    /// The average rate; omitted from the playlist while unknown.
    pub average_bit_rate: Option<u64>,
    /// Displayed width in pixels.
    pub width: u32,
    /// Displayed height in pixels.
    pub height: u32,
    /// Frames per second; omitted if 0.
    pub frame_rate: f64,
}

/// One audio rendition.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioRendition {
    /// The URI of its media playlist, relative.
    pub uri: String,
    /// The name of its codec as in RFC 6381.
    pub codec: String,
    /// The rate of the segment with the highest one, in bits per second.
    pub peak_bit_rate: u64,
    /// The average rate; omitted from the playlist while unknown.
    pub average_bit_rate: Option<u64>,
    /// The name for people to choose by; equal names get numbers.
    pub name: String,
    /// A language tag (BCP 47 or ISO 639-2).
    pub language: Option<String>,
    /// The number of channels.
    pub channels: u16,
    /// Whether it plays unless a person chooses another; without a default, the first one plays.
    pub default: bool,
}

/// The renditions of a lecture whose sound comes in several codecs, each of which makes a set of variants of its own.
///
/// Shape: groups in the order of preference, each with the one sound in one codec
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupedMultivariant {
    /// Whether every segment begins with a key frame.
    pub independent: bool,
    /// The video renditions.
    pub variants: Vec<Variant>,
    /// The sound in each codec.
    pub groups: Vec<AudioRendition>,
}

impl fmt::Display for GroupedMultivariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        if self.independent {
            f.write_str(INDEPENDENT)?;
        }
        if self.variants.is_empty() {
            return self.groups.iter().try_for_each(|audio| write_audio_variant(f, audio));
        }
        let groups: Vec<String> = (1..=self.groups.len()).map(|n| format!("{GROUP}-{n}")).collect();
        for (audio, group) in self.groups.iter().zip(&groups) {
            write_rendition(f, audio, group, &audio.name, true)?;
        }
        if groups.is_empty() {
            return self
                .variants
                .iter()
                .try_for_each(|variant| write_variant(f, variant, &[], GROUP));
        }
        for (audio, group) in self.groups.iter().zip(&groups) {
            let own = std::slice::from_ref(audio);
            self.variants
                .iter()
                .try_for_each(|variant| write_variant(f, variant, own, group))?;
        }
        Ok(())
    }
}

const GROUP: &str = "audio";
const HEADER: &str = "#EXTM3U\n#EXT-X-VERSION:7\n";
const INDEPENDENT: &str = "#EXT-X-INDEPENDENT-SEGMENTS\n";

impl fmt::Display for Multivariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        f.write_str(INDEPENDENT)?;
        if self.variants.is_empty() {
            return self.audio.iter().try_for_each(|audio| write_audio_variant(f, audio));
        }
        let default = self.audio.iter().position(|audio| audio.default).unwrap_or(0);
        for (n, (audio, name)) in self.audio.iter().zip(self.names()).enumerate() {
            write_rendition(f, audio, GROUP, &name, n == default)?;
        }
        self.variants
            .iter()
            .try_for_each(|variant| write_variant(f, variant, &self.audio, GROUP))
    }
}

impl Multivariant {
    /// RFC 8216 §4.3.4.1.1: the names within a group differ.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for audio in &self.audio {
            let plain: String = Quoted(&audio.name)
                .to_string()
                .trim_matches('"')
                .trim()
                .chars()
                .take(200)
                .collect();
            let plain = if plain.is_empty() { "Audio".to_owned() } else { plain };
            let numbered = (2..).map(|number| format!("{plain} {number}"));
            let mut free = std::iter::once(plain.clone())
                .chain(numbered)
                .filter(|name| !names.contains(name));
            names.extend(free.next());
        }
        names
    }
}

fn write_variant(f: &mut fmt::Formatter<'_>, variant: &Variant, audio: &[AudioRendition], group: &str) -> fmt::Result {
    // RFC 8216 §4.3.4.2: the largest sum over every combination of renditions that can be played together.
    let peak = audio.iter().map(|audio| audio.peak_bit_rate).max().unwrap_or(0);
    write!(
        f,
        "#EXT-X-STREAM-INF:BANDWIDTH={}",
        variant.peak_bit_rate.saturating_add(peak)
    )?;
    let averages: Option<Vec<u64>> = audio.iter().map(|audio| audio.average_bit_rate).collect();
    if let (Some(average), Some(averages)) = (variant.average_bit_rate, averages) {
        let sound = averages.into_iter().max().unwrap_or(0);
        write!(f, ",AVERAGE-BANDWIDTH={}", average.saturating_add(sound))?;
    }
    let mut codecs = vec![variant.codec.as_str()];
    for audio in audio {
        if !codecs.contains(&audio.codec.as_str()) {
            codecs.push(&audio.codec);
        }
    }
    write!(
        f,
        ",CODECS={},RESOLUTION={}x{}",
        Quoted(&codecs.join(",")),
        variant.width,
        variant.height
    )?;
    if variant.frame_rate > 0.0 && variant.frame_rate.is_finite() {
        write!(f, ",FRAME-RATE={:.3}", variant.frame_rate)?;
    }
    if !audio.is_empty() {
        write!(f, ",AUDIO=\"{group}\"")?;
    }
    writeln!(f, "\n{}", Uri(&variant.uri))
}

fn write_rendition(
    f: &mut fmt::Formatter<'_>,
    audio: &AudioRendition,
    group: &str,
    name: &str,
    default: bool,
) -> fmt::Result {
    write!(f, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{group}\",NAME={}", Quoted(name))?;
    if let Some(language) = audio.language.as_deref().filter(|language| is_language(language)) {
        write!(f, ",LANGUAGE=\"{language}\"")?;
    }
    let default = if default { "YES" } else { "NO" };
    write!(f, ",DEFAULT={default},AUTOSELECT=YES,CHANNELS=\"{}\"", audio.channels)?;
    writeln!(f, ",URI=\"{}\"", Uri(&audio.uri))
}

fn write_audio_variant(f: &mut fmt::Formatter<'_>, audio: &AudioRendition) -> fmt::Result {
    write!(f, "#EXT-X-STREAM-INF:BANDWIDTH={}", audio.peak_bit_rate)?;
    if let Some(average) = audio.average_bit_rate {
        write!(f, ",AVERAGE-BANDWIDTH={average}")?;
    }
    writeln!(f, ",CODECS={}\n{}", Quoted(&audio.codec), Uri(&audio.uri))
}

fn is_language(tag: &str) -> bool {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    tag.len() <= 35 && tag.split('-').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(name: &str, language: Option<&str>) -> AudioRendition {
        AudioRendition {
            uri: "0/audio/media.m3u8".into(),
            codec: "mp4a.40.2".into(),
            peak_bit_rate: 130_000,
            average_bit_rate: Some(128_000),
            name: name.into(),
            language: language.map(str::to_owned),
            channels: 2,
            default: false,
        }
    }

    fn video() -> Variant {
        Variant {
            uri: "0/source/media.m3u8".into(),
            codec: "avc1.640028".into(),
            peak_bit_rate: 4_000_000,
            average_bit_rate: Some(2_500_000),
            width: 1920,
            height: 1080,
            frame_rate: 29.97,
        }
    }

    #[test]
    fn a_lecture_with_sound_has_an_audio_group() {
        let text = Multivariant {
            variants: vec![video()],
            audio: vec![audio("English", Some("eng"))],
        }
        .to_string();
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"English\",LANGUAGE=\"eng\",DEFAULT=YES,AUTOSELECT=YES,\
            CHANNELS=\"2\",URI=\"0/audio/media.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=4130000,AVERAGE-BANDWIDTH=2628000,CODECS=\"avc1.640028,mp4a.40.2\",\
            RESOLUTION=1920x1080,FRAME-RATE=29.970,AUDIO=\"audio\"\n0/source/media.m3u8\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn silent_and_audio_only_lectures_have_one_kind_only() {
        let silent = Multivariant {
            variants: vec![video()],
            audio: vec![],
        }
        .to_string();
        assert!(!silent.contains("AUDIO"));
        assert!(silent.contains("BANDWIDTH=4000000,AVERAGE-BANDWIDTH=2500000"));
        let sound = Multivariant {
            variants: vec![],
            audio: vec![audio("", None)],
        }
        .to_string();
        assert!(sound.ends_with(
            "#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS=\"mp4a.40.2\"\n0/audio/media.m3u8\n"
        ));
    }

    #[test]
    fn names_in_a_group_differ() {
        let tracks = ["Audio", "", "Audio", "Dub"].map(|name| audio(name, None)).to_vec();
        let text = Multivariant {
            variants: vec![video()],
            audio: tracks,
        }
        .to_string();
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split("NAME=\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(names, ["Audio", "Audio 2", "Audio 3", "Dub"]);
    }

    #[test]
    fn a_hostile_name_can_not_leave_its_quotes() {
        let hostile = "a\"\r\n#EXT-X-ENDLIST\u{2028}\",URI=\"http://evil/\0";
        let text = Multivariant {
            variants: vec![video()],
            audio: vec![audio(hostile, Some("e\"\nn"))],
        }
        .to_string();
        assert_eq!(text.lines().count(), 6);
        assert!(text.contains("NAME=\"a'  #EXT-X-ENDLIST ',URI='http://evil/\",DEFAULT"));
        assert!(!text.contains("LANGUAGE"));
    }

    #[test]
    fn each_codec_of_the_sound_has_variants_of_its_own() {
        let opus = AudioRendition {
            uri: "0/audio-opus/media.m3u8".into(),
            codec: "opus".into(),
            peak_bit_rate: 70_000,
            average_bit_rate: None,
            ..audio("Audio", None)
        };
        let text = GroupedMultivariant {
            independent: true,
            variants: vec![video()],
            groups: vec![audio("Audio", None), opus],
        }
        .to_string();
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-1\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",\
            URI=\"0/audio/media.m3u8\"\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-2\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",\
            URI=\"0/audio-opus/media.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=4130000,AVERAGE-BANDWIDTH=2628000,CODECS=\"avc1.640028,mp4a.40.2\",\
            RESOLUTION=1920x1080,FRAME-RATE=29.970,AUDIO=\"audio-1\"\n0/source/media.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=4070000,CODECS=\"avc1.640028,opus\",\
            RESOLUTION=1920x1080,FRAME-RATE=29.970,AUDIO=\"audio-2\"\n0/source/media.m3u8\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_unknown_average_is_omitted() {
        let variant = Variant {
            average_bit_rate: None,
            ..video()
        };
        let text = Multivariant {
            variants: vec![variant],
            audio: vec![audio("a", None)],
        }
        .to_string();
        assert!(!text.contains("AVERAGE-BANDWIDTH"));
    }
}
