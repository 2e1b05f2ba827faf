//! What is known of a lecture beside its texts: its status, what its source holds, and what is made of it.

use contracts::RenditionName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The status of a lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A live lecture that has not begun.
    Scheduled,
    /// It can be watched while it is published.
    Live,
    /// Its upload is not complete.
    Uploading,
    /// Its bytes are stored; it can't be watched yet.
    Processing,
    /// It can be watched from its first second.
    Playable,
    /// Every promised rendition is complete.
    Ready,
    /// It can't be made playable.
    Failed,
    /// It is gone; this is its deletion record.
    Deleted,
}

impl Status {
    const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Live,
        Self::Uploading,
        Self::Processing,
        Self::Playable,
        Self::Ready,
        Self::Failed,
        Self::Deleted,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Uploading => "uploading",
            Self::Processing => "processing",
            Self::Playable => "playable",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    /// Whether it can be watched.
    #[must_use]
    pub const fn can_be_watched(self) -> bool {
        matches!(self, Self::Live | Self::Playable | Self::Ready)
    }

    /// Whether its status changes only when somebody acts.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ready | Self::Failed | Self::Deleted)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no status of a video")]
pub struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// Why a lecture failed or is waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reason {
    /// A stable code.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// What the source holds and what is made of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Media {
    /// The video track.
    #[serde(default)]
    pub video: Option<VideoTrack>,
    /// The audio tracks in file order.
    #[serde(default)]
    pub audio: Vec<AudioTrack>,
    /// What is or will be there to watch.
    #[serde(default)]
    pub renditions: Vec<Rendition>,
    /// What is wrong with the source although it can be watched.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// What is wrong with a source that can be watched nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// The file ends early, as if its recorder had died or its copy had been interrupted.
    EndMissing,
}

/// The video track of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VideoTrack {
    /// A plain name, such as `h264`.
    pub codec: String,
    /// Width in pixels, as shown.
    pub width: u32,
    /// Height in pixels, as shown.
    pub height: u32,
    /// Frames a second on average.
    pub frame_rate: f64,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub rotation: u16,
}

/// An audio track of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AudioTrack {
    /// A plain name, such as `aac`.
    pub codec: String,
    /// The number of channels.
    pub channels: u16,
    /// ISO 639-2; null if the file does not state it.
    pub language: Option<String>,
}

/// One encoding of a lecture: a video quality or an audio track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rendition {
    /// `source`, `audio`, `720p` and so on.
    #[schema(value_type = String)]
    pub name: RenditionName,
    /// RFC 6381.
    pub codecs: String,
    /// Width in pixels; null for an audio rendition.
    pub width: Option<u32>,
    /// Height in pixels; null for an audio rendition.
    pub height: Option<u32>,
    /// Units: bits a second, on average
    pub bit_rate: i64,
    /// How far it is.
    pub state: RenditionState,
    /// 0 to 1.
    pub progress: f64,
    /// Why encoding it failed.
    #[serde(default)]
    pub reason: Option<Reason>,
}

/// The state of a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RenditionState {
    /// Nothing of it is made yet.
    Waiting,
    /// Pieces of it are being made.
    Encoding,
    /// It is complete.
    Ready,
    /// It could not be made.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_back_from_its_name() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!("half".parse::<Status>(), Err(UnknownStatus));
    }
}
