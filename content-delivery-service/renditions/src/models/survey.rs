//! What an encoder's probe finds in a source that is not played as it is.

use fmp4::{Probe, TICKS};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The contents of a source.
///
/// Units: times in ticks of 90 kHz from the lecture's zero
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// The container's plain name, such as `matroska`.
    pub container: String,
    /// The time of the container's clock at the lecture's zero: its own start, but 0 in MP4.
    ///
    /// Units: microseconds
    pub zero: i64,
    /// The end of the longest track.
    pub duration: u64,
    /// Whether packets of the file follow the end of the lecture and are left out, because its clock is damaged there.
    pub cut: bool,
    /// The picture.
    pub video: Option<SurveyVideo>,
    /// The sound tracks in file order.
    pub audio: Vec<SurveyAudio>,
}

/// The tracks of an MP4 or MOV that its scan has chosen, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScannedTracks {
    /// The picture.
    pub picture: Option<u32>,
    /// The sounds: the one to play first, then its alternatives.
    pub sounds: Vec<u32>,
}

/// The picture of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SurveyVideo {
    /// The number of its stream in the file.
    pub stream: u32,
    /// Plain: `hevc`.
    pub codec: String,
    /// Pixels across as shown: pixel shape and rotation applied.
    pub width: u32,
    /// Height in pixels, as shown.
    pub height: u32,
    /// Frames a second on average.
    pub frame_rate: f64,
    /// Degrees clockwise by which the coded picture is turned when shown.
    pub rotation: u16,
    /// Its frames by time.
    pub frames: Vec<SurveyFrame>,
    /// The end of its last frame.
    pub end: u64,
    /// Where its packets are, in the order of decoding; empty if their positions are unknown.
    pub stretches: Vec<Stretch>,
}

/// A frame of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurveyFrame {
    /// When it is shown.
    pub time: u64,
    /// Whether decoding can begin with it.
    pub key: bool,
    /// The stretch that its packet belongs to, counted from 0.
    pub stretch: u32,
}

/// Half a second of a stream's packets, or a single packet that is longer.
///
/// A lecture has hundreds of thousands of packets; stretches are precise enough to find the bytes of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// When its first packet is decoded.
    pub from: u64,
    /// The bytes of the file from its first packet to the end of its last; other streams' packets may lie between.
    pub bytes: Range<u64>,
}

/// A sound track of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyAudio {
    /// The number of its stream in the file.
    pub stream: u32,
    /// Plain: `opus`.
    pub codec: String,
    /// Channels.
    pub channels: u16,
    /// Samples a second.
    pub sample_rate: u32,
    /// ISO 639-2, if the file states it.
    pub language: Option<String>,
    /// The end of its last sample.
    pub end: u64,
    /// Long spans without a sound, each followed by some.
    pub silences: Vec<Range<u64>>,
    /// Where its packets are; empty if their positions are unknown.
    pub stretches: Vec<Stretch>,
}

impl ScannedTracks {
    /// The tracks that a scan describes.
    pub fn of(probe: &Probe) -> Self {
        Self {
            picture: probe.video.as_ref().map(|track| track.id),
            sounds: probe.audio.iter().map(|track| track.id).collect(),
        }
    }
}

impl Survey {
    /// Units: microseconds
    #[must_use]
    pub fn duration_us(&self) -> i64 {
        let micros = u128::from(self.duration) * 1_000_000 / u128::from(TICKS);
        i64::try_from(micros).unwrap_or(i64::MAX)
    }
}
