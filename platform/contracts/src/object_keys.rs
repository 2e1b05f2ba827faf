//! The keys of objects in the store. Only this file spells keys, and the database never stores URLs.

use crate::VideoId;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// A rendition's name: `source`, `audio`, `720p` and the like.
///
/// Shape: 1 to 32 characters of `a-z`, `0-9` and `-`, so that it is safe in a path and a playlist
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RenditionName(String);

/// A text that can't be a rendition's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no name of a rendition")]
pub struct BadRenditionName;

impl RenditionName {
    /// Parses a name; `None` unless it has this shape.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The name of the uploaded video.
    #[must_use]
    pub fn source() -> Self {
        Self("source".to_owned())
    }

    /// The name of an encoded video, by its short side in pixels.
    #[must_use]
    pub fn rung(short_side: u32) -> Self {
        Self(format!("{short_side}p"))
    }

    /// The name of an audio track, counted from 1.
    #[must_use]
    pub fn sound(n: u32) -> Self {
        Self(if n == 1 {
            "audio".to_owned()
        } else {
            format!("audio-{n}")
        })
    }

    /// Whether it is the name of an audio track.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.0 == "audio" || self.0.starts_with("audio-")
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RenditionName {
    type Err = BadRenditionName;

    fn from_str(text: &str) -> Result<Self, BadRenditionName> {
        Self::parse(text).ok_or(BadRenditionName)
    }
}

impl TryFrom<String> for RenditionName {
    type Error = BadRenditionName;

    fn try_from(text: String) -> Result<Self, BadRenditionName> {
        text.parse()
    }
}

impl From<RenditionName> for String {
    fn from(name: RenditionName) -> Self {
        name.0
    }
}

impl Borrow<str> for RenditionName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for RenditionName {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl PartialEq<&str> for RenditionName {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl fmt::Display for RenditionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One object of the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ObjectKey {
    /// The object with which a process checks that the store answers.
    Probe,
    /// The bytes that were uploaded, unchanged.
    VideoSource(VideoId),
    /// The source's sample index, for segments cut just in time.
    VideoSourceIndex(VideoId),
    /// Segments of a rendition, one after the other.
    VideoPiece {
        /// The video.
        video: VideoId,
        /// The plan that they belong to.
        generation: u32,
        /// The rendition.
        rendition: RenditionName,
        /// The number of the piece, counted from 0.
        piece: u32,
        /// The fence of the task that made it, so that two workers never write the same object.
        fence: i64,
    },
    /// A segment of a live lecture's recording.
    LiveSegment {
        /// The video.
        video: VideoId,
        /// The rendition.
        rendition: RenditionName,
        /// Its media sequence number.
        sequence: u32,
        /// The number of the lease under which it was made, so that two nodes never write the same object.
        lease: i64,
    },
    /// Segments of a live lecture's recording, one after the other.
    LivePiece {
        /// The video.
        video: VideoId,
        /// The rendition.
        rendition: RenditionName,
        /// The media sequence number of the first segment.
        first: u32,
        /// The fence of the task that made it, so that two workers never write the same object.
        fence: i64,
    },
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe => f.write_str("probe"),
            Self::VideoSource(video) => write!(f, "videos/{video}/source"),
            Self::VideoSourceIndex(video) => write!(f, "videos/{video}/source.index"),
            Self::VideoPiece {
                video,
                generation,
                rendition,
                piece,
                fence,
            } => write!(f, "videos/{video}/{generation}/{rendition}/{piece}-{fence}.m4s"),
            Self::LiveSegment {
                video,
                rendition,
                sequence,
                lease,
            } => write!(f, "videos/{video}/live/{rendition}/{sequence}-{lease}.m4s"),
            Self::LivePiece {
                video,
                rendition,
                first,
                fence,
            } => write!(f, "videos/{video}/live/{rendition}/from-{first}-{fence}.m4s"),
        }
    }
}

/// A family of objects that is listed and deleted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ObjectPrefix {
    /// Everything that belongs to a video.
    Video(VideoId),
}

impl fmt::Display for ObjectPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Video(video) => write!(f, "videos/{video}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_of_a_video_has_its_prefix() {
        let video = VideoId::generate();
        let prefix = format!("{}/", ObjectPrefix::Video(video));
        let piece = ObjectKey::VideoPiece {
            video,
            generation: 1,
            rendition: RenditionName::parse("720p").unwrap(),
            piece: 3,
            fence: 7,
        };
        assert!(piece.to_string().ends_with("/1/720p/3-7.m4s"), "{piece}");
        let live = ObjectKey::LiveSegment {
            video,
            rendition: RenditionName::sound(1),
            sequence: 12,
            lease: 2,
        };
        assert!(live.to_string().ends_with("/live/audio/12-2.m4s"), "{live}");
        let joined = ObjectKey::LivePiece {
            video,
            rendition: RenditionName::sound(1),
            first: 12,
            fence: 9,
        };
        assert!(joined.to_string().ends_with("/live/audio/from-12-9.m4s"), "{joined}");
        for key in [
            joined,
            ObjectKey::VideoSource(video),
            ObjectKey::VideoSourceIndex(video),
            piece,
            live,
        ] {
            assert!(key.to_string().starts_with(&prefix), "{key}");
        }
    }

    #[test]
    fn a_rendition_name_cannot_leave_its_folder() {
        assert!(RenditionName::parse("audio-2").is_some());
        for bad in ["", "..", "a/b", "A", "a%2f", "a\u{0}", &"x".repeat(33)] {
            assert!(RenditionName::parse(bad).is_none(), "{bad:?}");
            assert!(serde_json::from_value::<RenditionName>(bad.into()).is_err(), "{bad:?}");
        }
        assert_eq!(RenditionName::parse("1080p-av1").unwrap(), "1080p-av1");
    }

    #[test]
    fn audio_tracks_have_separate_names() {
        assert_eq!([RenditionName::sound(1), RenditionName::sound(2)], ["audio", "audio-2"]);
        assert!(RenditionName::sound(1).is_sound() && RenditionName::sound(9).is_sound());
        assert!(!RenditionName::source().is_sound() && !RenditionName::rung(720).is_sound());
    }
}
