//! Errors in files and indexes, as texts and stable codes.

use thiserror::Error;

use crate::bytes::Short;

/// Why a file can't be used at all.
///
/// The text may be shown to the person who uploaded the file; the code is stable.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ScanError {
    /// The file is empty, or no track has a sample.
    #[error("there is no audio or video in this file")]
    Empty,
    /// The file ends before the media that its tables describe.
    #[error("the file is incomplete: {0}")]
    Truncated(&'static str),
    /// The structure contradicts itself.
    #[error("the file is damaged: {0}")]
    Malformed(&'static str),
    /// The structure is larger than any lecture needs.
    #[error("the file exceeds a limit: {0}")]
    Limits(&'static str),
    /// The samples are encrypted.
    #[error("the file is encrypted")]
    Encrypted,
    /// The samples are in another file.
    #[error("the file refers to media in another file")]
    ExternalReference,
    /// The file is not an MP4 or MOV; see [`crate::sniff`].
    #[error("the file is not an MP4 or MOV file")]
    NotMp4,
}

impl ScanError {
    /// The stable code: `media_empty`, `media_truncated`, `media_malformed`, `media_limits`, `media_encrypted`,
    /// `media_external_ref` or `media_type`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "media_empty",
            Self::Truncated(_) => "media_truncated",
            Self::Malformed(_) => "media_malformed",
            Self::Limits(_) => "media_limits",
            Self::Encrypted => "media_encrypted",
            Self::ExternalReference => "media_external_ref",
            Self::NotMp4 => "media_type",
        }
    }
}

impl From<Short> for ScanError {
    fn from(_: Short) -> Self {
        Self::Malformed("a box ends early")
    }
}

/// Why an intact file can't be cut into segments without encoding it again.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Obstacle {
    /// The video is not H.264.
    #[error("the video is {0}, not H.264")]
    VideoCodec(String),
    /// Some browsers can't play the profile, bit depth, chroma format, level or size.
    #[error("the video is {0}")]
    VideoFormat(&'static str),
    /// The decoder parameters change within the track.
    #[error("the track has more than one sample description")]
    SampleEntries,
    /// There is audio that is not AAC-LC.
    #[error("the audio is {0}, not AAC-LC")]
    AudioCodec(String),
    /// A declared key frame can't be decoded on its own, or frames are shown before their key frame.
    #[error("a key frame depends on frames before it")]
    OpenGop,
    /// Key frames are further apart than the limit.
    #[error("key frames are too far apart")]
    KeyFrameGap,
    /// The edit list hides, repeats or slows down parts of the media.
    #[error("the edit list can't be kept: {0}")]
    EditList(&'static str),
    /// The samples' times go back, or segments can't express them.
    #[error("the times of the samples can't be kept: {0}")]
    Timeline(&'static str),
    /// The tracks begin or end at different times.
    #[error("the picture or a sound begins later, or ends earlier, than the lecture")]
    TrackLength,
    /// The packets of the sound have holes between them, or follow another clock than their samples.
    #[error("the sound is not back to back")]
    SoundGaps,
    /// The average bit rate, or a single segment, is above the limit.
    #[error("the bit rate is above the limit")]
    BitRate,
    /// There are more frames per second than players support.
    #[error("there are more than 120 frames per second")]
    FrameRate,
}

impl Obstacle {
    /// The stable code, such as `open_gop`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::VideoCodec(_) => "video_codec",
            Self::VideoFormat(_) => "video_format",
            Self::SampleEntries => "sample_entries",
            Self::AudioCodec(_) => "audio_codec",
            Self::OpenGop => "open_gop",
            Self::KeyFrameGap => "key_frame_gap",
            Self::EditList(_) => "edit_list",
            Self::Timeline(_) => "timeline",
            Self::TrackLength => "track_length",
            Self::SoundGaps => "sound_gaps",
            Self::BitRate => "bit_rate",
            Self::FrameRate => "frame_rate",
        }
    }
}

/// Why the bytes of an index can't be used.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum IndexError {
    /// These are not the bytes of an index.
    #[error("not a sample index")]
    NotAnIndex,
    /// The index was written by another version; scan the source again.
    #[error("sample index of version {0}")]
    Version(u16),
    /// The bytes are damaged or incomplete.
    #[error("damaged sample index: {0}")]
    Damaged(&'static str),
    /// There is no such track or segment.
    #[error("no such track or segment")]
    NoSuchSegment,
}

impl From<Short> for IndexError {
    fn from(_: Short) -> Self {
        Self::Damaged("it ends early")
    }
}

/// Why an encoder's output can't be a piece of a rendition.
///
/// The code is stable.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PieceError {
    /// The output ends early.
    #[error("the encoder's output is incomplete: {0}")]
    Truncated(&'static str),
    /// The output contradicts itself.
    #[error("the encoder's output is damaged: {0}")]
    Malformed(&'static str),
    /// The output is complete, but not in the requested form.
    #[error("the encoder's output is {0}")]
    Format(&'static str),
    /// Parameters change within the output.
    #[error("the encoder changed its parameters: {0}")]
    Parameters(&'static str),
    /// A segment is empty.
    #[error("segment {segment} of the piece has no frame")]
    NoFrames {
        /// Its position in the piece.
        segment: u32,
    },
    /// A segment does not start with a frame that can be decoded on its own.
    #[error("segment {segment} of the piece does not start with a key frame")]
    KeyFrame {
        /// Its position in the piece.
        segment: u32,
    },
    /// There are frames before the start or after the end of the piece.
    #[error("there is a frame at {0}, outside the piece")]
    Outside(i64),
    /// Segments can't express the times of the frames.
    #[error("the times of the frames can't be kept: {0}")]
    Timeline(&'static str),
    /// The request is impossible.
    #[error("the requested piece is impossible: {0}")]
    Asked(&'static str),
}

impl PieceError {
    /// The stable code, such as `piece_key_frame`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Truncated(_) => "piece_truncated",
            Self::Malformed(_) => "piece_malformed",
            Self::Format(_) => "piece_format",
            Self::Parameters(_) => "piece_parameters",
            Self::NoFrames { .. } => "piece_no_frames",
            Self::KeyFrame { .. } => "piece_key_frame",
            Self::Outside(_) => "piece_outside",
            Self::Timeline(_) => "piece_timeline",
            Self::Asked(_) => "piece_asked",
        }
    }
}

impl From<Short> for PieceError {
    fn from(_: Short) -> Self {
        Self::Malformed("a field ends early")
    }
}

impl From<ScanError> for PieceError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Truncated(what) => Self::Truncated(what),
            ScanError::Malformed(what) | ScanError::Limits(what) => Self::Malformed(what),
            ScanError::Empty => Self::NoFrames { segment: 0 },
            ScanError::Encrypted => Self::Format("encrypted"),
            ScanError::ExternalReference => Self::Format("outside of itself"),
            ScanError::NotMp4 => Self::Format("no MP4"),
        }
    }
}

impl From<Obstacle> for PieceError {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::VideoFormat(what) => Self::Format(what),
            Obstacle::EditList(what) | Obstacle::Timeline(what) => Self::Timeline(what),
            Obstacle::SampleEntries => Self::Parameters("there is more than one sample description"),
            _ => Self::Format("of an unusual form"),
        }
    }
}
