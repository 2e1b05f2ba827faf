//! Which playlists a lecture has, and what they and their files are called.

use crate::frame::{Format, Frame, Track};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One media playlist of a lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Rendition {
    /// A layer of the picture; 0 is the smallest.
    Picture(u8),
    /// The sound as AAC, which every player understands.
    Aac,
    /// The sound as Opus.
    Opus,
}

/// The text is not the name of a rendition of a live lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a live rendition")]
pub struct UnknownRendition;

impl Rendition {
    /// The rendition that a frame belongs to.
    #[must_use]
    pub fn of(frame: &Frame) -> Self {
        match (frame.track, &*frame.format) {
            (Track::Picture(layer), _) => Self::Picture(layer),
            (Track::Sound, Format::Aac { .. }) => Self::Aac,
            (Track::Sound, _) => Self::Opus,
        }
    }

    /// Reads what [`fmt::Display`] writes: `video-0`, `video-1`, …, `audio` (AAC), `audio-opus`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "audio" => Some(Self::Aac),
            "audio-opus" => Some(Self::Opus),
            _ => {
                let layer = name.strip_prefix("video-")?;
                let plain = layer == "0" || !layer.starts_with(['0', '+']);
                layer.parse().ok().filter(|_| plain).map(Self::Picture)
            }
        }
    }

    /// Whether it is a layer of the picture.
    #[must_use]
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Picture(_))
    }
}

impl fmt::Display for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(layer) => write!(f, "video-{layer}"),
            Self::Aac => f.write_str("audio"),
            Self::Opus => f.write_str("audio-opus"),
        }
    }
}

impl From<Rendition> for String {
    fn from(rendition: Rendition) -> Self {
        rendition.to_string()
    }
}

impl TryFrom<String> for Rendition {
    type Error = UnknownRendition;

    fn try_from(name: String) -> Result<Self, UnknownRendition> {
        Self::parse(&name).ok_or(UnknownRendition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_have_one_spelling() {
        for rendition in [
            Rendition::Picture(0),
            Rendition::Picture(12),
            Rendition::Aac,
            Rendition::Opus,
        ] {
            assert_eq!(Rendition::parse(&rendition.to_string()), Some(rendition));
        }
        for name in [
            "",
            "video-",
            "video-00",
            "video-+1",
            "video-256",
            "audio-2",
            "Audio",
            "720p",
        ] {
            assert_eq!(Rendition::parse(name), None, "{name}");
        }
    }
}
