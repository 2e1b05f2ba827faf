//! The paths of the media plane, read as they came over the wire.
//!
//! Nothing is decoded and nothing is normalised before the token is checked: a path that is not
//! spelled exactly as our playlists spell it names nothing.

use contracts::VideoId;

/// The generation of segments that are cut from the stored source; encoded ladders count from 1.
pub(crate) const JUST_IN_TIME: u32 = 0;

/// Which rendition of a generation is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rendition {
    /// The picture as it was uploaded, which is cut just in time: `source`.
    Source,
    /// An encoded picture, by its short side in pixels: `720p`.
    Rung(u16),
    /// A sound, counted from 0: `audio`, `audio-2`, `audio-3`, …
    Audio(u16),
}

/// What a path names below its token and video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The multivariant playlist.
    Index,
    /// A generation's rendition's playlist.
    Playlist(u32, Rendition),
    /// A generation's rendition's init segment.
    Init(u32, Rendition),
    /// A generation's rendition's segment, counted from 0.
    Segment(u32, Rendition, u32),
    /// A player's sign of life.
    Heartbeat,
}

/// A path of the media plane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MediaPath<'a> {
    /// Whatever stands where the token belongs.
    pub(crate) token: &'a str,
    /// The video that is asked for, where an id stands there in its one spelling.
    pub(crate) video: Option<VideoId>,
    /// What of it is asked for, where that is a name of ours.
    pub(crate) part: Option<Part>,
}

impl Rendition {
    /// The rendition's name in paths, playlists and API documents.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Source => "source".to_owned(),
            Self::Rung(side) => format!("{side}p"),
            Self::Audio(0) => "audio".to_owned(),
            Self::Audio(n) => format!("audio-{}", u32::from(n) + 1),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        match name {
            "source" => Some(Self::Source),
            "audio" => Some(Self::Audio(0)),
            _ => match name.strip_suffix('p') {
                Some(side) => {
                    let side = number(side).filter(|side| *side >= 1)?;
                    u16::try_from(side).ok().map(Self::Rung)
                }
                None => {
                    let n = number(name.strip_prefix("audio-")?).filter(|n| *n >= 2)?;
                    u16::try_from(n - 1).ok().map(Self::Audio)
                }
            },
        }
    }

    /// Whether a generation can have it: pictures are either cut from the source or encoded.
    fn is_of(self, generation: u32) -> bool {
        match self {
            Self::Source => generation == JUST_IN_TIME,
            Self::Rung(_) => generation != JUST_IN_TIME,
            Self::Audio(_) => true,
        }
    }
}

impl<'a> MediaPath<'a> {
    /// Takes a request's raw path apart: `/p/{token}/{video}/…`.
    pub(crate) fn read(path: &'a str) -> Self {
        let mut steps = path.strip_prefix("/p/").unwrap_or_default().splitn(3, '/');
        let token = steps.next().unwrap_or_default();
        let video = steps.next().and_then(|id| id.parse().ok());
        let part = steps.next().and_then(Part::read);
        Self { token, video, part }
    }
}

impl Part {
    fn read(path: &str) -> Option<Self> {
        match path {
            "index.m3u8" => return Some(Self::Index),
            "heartbeat" => return Some(Self::Heartbeat),
            _ => {}
        }
        let mut steps = path.split('/');
        let (generation, rendition, file) = (steps.next()?, steps.next()?, steps.next()?);
        if steps.next().is_some() {
            return None;
        }
        let generation = number(generation)?;
        let rendition = Rendition::parse(rendition).filter(|rendition| rendition.is_of(generation))?;
        match file {
            "media.m3u8" => Some(Self::Playlist(generation, rendition)),
            "init.mp4" => Some(Self::Init(generation, rendition)),
            _ => {
                let n = number(file.strip_suffix(".m4s")?)?;
                Some(Self::Segment(generation, rendition, n))
            }
        }
    }
}

/// Reads a number in its one spelling: digits, no sign, no zero in front.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(path: &str) -> Option<Part> {
        let video = VideoId::generate();
        let path = format!("/p/TOKEN/{video}/{path}");
        let read = MediaPath::read(&path);
        assert_eq!((read.token, read.video), ("TOKEN", Some(video)));
        read.part
    }

    #[test]
    fn the_paths_that_playlists_name_are_read() {
        assert_eq!(part("index.m3u8"), Some(Part::Index));
        assert_eq!(part("heartbeat"), Some(Part::Heartbeat));
        assert_eq!(part("0/source/media.m3u8"), Some(Part::Playlist(0, Rendition::Source)));
        assert_eq!(part("0/audio/init.mp4"), Some(Part::Init(0, Rendition::Audio(0))));
        assert_eq!(
            part("0/audio-2/17.m4s"),
            Some(Part::Segment(0, Rendition::Audio(1), 17))
        );
        assert_eq!(part("1/720p/init.mp4"), Some(Part::Init(1, Rendition::Rung(720))));
        assert_eq!(
            part("12/audio-2/media.m3u8"),
            Some(Part::Playlist(12, Rendition::Audio(1)))
        );
        assert_eq!(
            part("4294967295/16p/0.m4s"),
            Some(Part::Segment(u32::MAX, Rendition::Rung(16), 0))
        );
        for rendition in [
            Rendition::Source,
            Rendition::Rung(1),
            Rendition::Rung(u16::MAX),
            Rendition::Audio(0),
            Rendition::Audio(7),
        ] {
            assert_eq!(Rendition::parse(&rendition.name()), Some(rendition));
        }
    }

    #[test]
    fn no_other_spelling_names_anything() {
        for path in [
            "",
            "/",
            "index.m3u8/",
            "/index.m3u8",
            "INDEX.M3U8",
            "index.m3u8%00",
            "index%2em3u8",
            ".",
            "..",
            "0//source/media.m3u8",
            "0/source/../source/media.m3u8",
            "0/source/media.m3u8/",
            "00/source/media.m3u8",
            "1/source/media.m3u8",
            "+0/source/init.mp4",
            "0/audio-1/init.mp4",
            "0/audio-02/init.mp4",
            "0/audio-65537/init.mp4",
            "0/audio-/init.mp4",
            "0/source/01.m4s",
            "0/source/-1.m4s",
            "0/source/.m4s",
            "0/source/1%2e.m4s",
            "0/source/4294967296.m4s",
            "0/source/1.m4s;x",
            "0/source%2f1.m4s",
            "0/720p/1.m4s",
            "1/720/1.m4s",
            "1/0720p/1.m4s",
            "1/0p/1.m4s",
            "1/p/1.m4s",
            "1/-1p/1.m4s",
            "1/65536p/1.m4s",
            "1/720P/1.m4s",
            "1/720pp/1.m4s",
            "1/audio-1/1.m4s",
            "01/720p/1.m4s",
            "4294967296/720p/1.m4s",
            "-1/720p/1.m4s",
            "1/720p/1.m4s/",
        ] {
            assert_eq!(part(path), None, "{path}");
        }
    }

    #[test]
    fn a_video_is_named_by_its_one_spelling_alone() {
        let video = VideoId::generate();
        for id in [
            video.to_string().to_uppercase(),
            format!("{video}."),
            format!("%{video}"),
            format!("../{video}"),
        ] {
            assert_ne!(
                MediaPath::read(&format!("/p/T/{id}/index.m3u8")).video,
                Some(video),
                "{id}"
            );
        }
        assert_eq!(MediaPath::read(&format!("/p//{video}/index.m3u8")).token, "");
        assert_eq!(MediaPath::read(&format!("//p/T/{video}/index.m3u8")).token, "");
        assert_eq!(MediaPath::read(&format!("/p/T//{video}/index.m3u8")).video, None);
        assert_eq!(MediaPath::read("/p/T").video, None);
    }
}
