//! The paths of the media plane, read as they came over the wire.
//!
//! Nothing is decoded and nothing is normalised before the token is checked: a path that is not
//! spelled exactly as our playlists spell it names nothing.

use contracts::{RenditionName, VideoId};

/// The generation of segments that are cut from the stored source; encoded ladders count from 1.
pub const JUST_IN_TIME: u32 = 0;

/// What a path names below its token and video.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MediaResource {
    /// The multivariant playlist.
    Index,
    /// A generation's rendition's playlist.
    Playlist(u32, RenditionName),
    /// A generation's rendition's init segment.
    Init(u32, RenditionName),
    /// One of the init segments of a live lecture's rendition, by its number.
    NumberedInit(u32, RenditionName, u32),
    /// A part of a segment of a live lecture's rendition.
    Part(u32, RenditionName, u32, u32),
    /// A generation's rendition's segment, counted from 0.
    Segment(u32, RenditionName, u32),
    /// A player's sign of life.
    Heartbeat,
    /// The end of a session whose player is done.
    End,
}

/// A path of the media plane.
#[derive(Debug, PartialEq, Eq)]
pub struct MediaPath<'a> {
    /// The text in the token's place.
    pub token: &'a str,
    /// The video that is asked for, if its place holds an id in its one spelling.
    pub video: Option<VideoId>,
    /// What of it is asked for, if the path is formed like ours; whether it exists is another question.
    pub resource: Option<MediaResource>,
}

impl<'a> MediaPath<'a> {
    /// Takes a request's raw path apart: `/p/{token}/{video}/…`.
    pub fn read(path: &'a str) -> Self {
        let mut steps = path.strip_prefix("/p/").unwrap_or_default().splitn(3, '/');
        let token = steps.next().unwrap_or_default();
        let video = steps.next().and_then(|id| id.parse().ok());
        let resource = steps.next().and_then(MediaResource::read);
        Self { token, video, resource }
    }
}

impl MediaResource {
    fn read(path: &str) -> Option<Self> {
        match path {
            "index.m3u8" => return Some(Self::Index),
            "heartbeat" => return Some(Self::Heartbeat),
            "end" => return Some(Self::End),
            _ => {}
        }
        let mut steps = path.split('/');
        let (generation, rendition, file) = (steps.next()?, steps.next()?, steps.next()?);
        if steps.next().is_some() {
            return None;
        }
        let generation = number(generation)?;
        let rendition = RenditionName::parse(rendition)?;
        match file {
            "media.m3u8" => Some(Self::Playlist(generation, rendition)),
            "init.mp4" => Some(Self::Init(generation, rendition)),
            _ => {
                if let Some(n) = file.strip_prefix("init-").and_then(|file| file.strip_suffix(".mp4")) {
                    return Some(Self::NumberedInit(generation, rendition, number(n)?));
                }
                let name = file.strip_suffix(".m4s")?;
                Some(match name.split_once('-') {
                    Some((n, part)) => Self::Part(generation, rendition, number(n)?, number(part)?),
                    None => Self::Segment(generation, rendition, number(name)?),
                })
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

    fn resource(path: &str) -> Option<MediaResource> {
        let video = VideoId::generate();
        let path = format!("/p/TOKEN/{video}/{path}");
        let read = MediaPath::read(&path);
        assert_eq!((read.token, read.video), ("TOKEN", Some(video)));
        read.resource
    }

    #[test]
    fn the_paths_that_playlists_name_are_read() {
        assert_eq!(resource("index.m3u8"), Some(MediaResource::Index));
        assert_eq!(resource("heartbeat"), Some(MediaResource::Heartbeat));
        assert_eq!(resource("end"), Some(MediaResource::End));
        let name = |name: &str| RenditionName::parse(name).unwrap();
        assert_eq!(
            resource("0/source/media.m3u8"),
            Some(MediaResource::Playlist(0, name("source")))
        );
        assert_eq!(
            resource("0/audio/init.mp4"),
            Some(MediaResource::Init(0, name("audio")))
        );
        assert_eq!(
            resource("0/audio-2/17.m4s"),
            Some(MediaResource::Segment(0, name("audio-2"), 17))
        );
        assert_eq!(resource("1/720p/init.mp4"), Some(MediaResource::Init(1, name("720p"))));
        assert_eq!(
            resource("1/1080p-av1/3.m4s"),
            Some(MediaResource::Segment(1, name("1080p-av1"), 3))
        );
        assert_eq!(
            resource("12/audio-2/media.m3u8"),
            Some(MediaResource::Playlist(12, name("audio-2")))
        );
        assert_eq!(
            resource("1000000/video-0/init-2.mp4"),
            Some(MediaResource::NumberedInit(1_000_000, name("video-0"), 2))
        );
        assert_eq!(
            resource("1000000/video-0/17-3.m4s"),
            Some(MediaResource::Part(1_000_000, name("video-0"), 17, 3))
        );
        assert_eq!(
            resource("4294967295/16p/0.m4s"),
            Some(MediaResource::Segment(u32::MAX, name("16p"), 0))
        );
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
            "+0/source/init.mp4",
            "0/source/01.m4s",
            "0/source/-1.m4s",
            "0/source/1-.m4s",
            "0/source/1-02.m4s",
            "0/source/1-2-3.m4s",
            "0/source/init-.mp4",
            "0/source/init-01.mp4",
            "0/source/.m4s",
            "0/source/1%2e.m4s",
            "0/source/4294967296.m4s",
            "0/source/1.m4s;x",
            "0/source%2f1.m4s",
            "1/720P/1.m4s",
            "1/720_p/1.m4s",
            "1/a23456789012345678901234567890123/1.m4s",
            "01/720p/1.m4s",
            "4294967296/720p/1.m4s",
            "-1/720p/1.m4s",
            "1/720p/1.m4s/",
        ] {
            assert_eq!(resource(path), None, "{path}");
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
