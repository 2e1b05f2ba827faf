//! Where an object lies in the store. Keys are spelled in this file alone; never URLs.

use crate::VideoId;
use std::fmt;

/// A rendition's name: `source`, `audio`, `720p` and the like.
///
/// Shape: 1 to 32 characters of `a-z`, `0-9` and `-`, so that it is safe in a path and a playlist
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RenditionName(String);

impl RenditionName {
    /// Takes a name that has the right shape.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
    /// The object by which a process finds out whether the store answers.
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
        /// Which piece of it, counted from 0.
        piece: u32,
        /// The fence of whoever made it, so that two workers never write one object.
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
    fn every_object_of_a_video_lies_under_its_prefix() {
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
        for key in [ObjectKey::VideoSource(video), ObjectKey::VideoSourceIndex(video), piece] {
            assert!(key.to_string().starts_with(&prefix), "{key}");
        }
    }

    #[test]
    fn a_rendition_name_cannot_leave_its_folder() {
        assert!(RenditionName::parse("audio-2").is_some());
        for bad in ["", "..", "a/b", "A", "a%2f", "a\u{0}", &"x".repeat(33)] {
            assert!(RenditionName::parse(bad).is_none(), "{bad:?}");
        }
    }
}
