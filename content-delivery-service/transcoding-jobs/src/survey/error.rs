//! Why a source was not surveyed.

use crate::encoder;
use crate::encoder::codecs::Refusal;
use sandbox::RunError;

/// Why a source was not surveyed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// It is not a media file of the kind that its first bytes suggest.
    #[error("the file is damaged, or not of the type that it seems to be: {0}")]
    Malformed(String),
    /// There is neither picture nor sound in it.
    #[error("the file has neither picture nor sound")]
    Empty,
    /// It is of a kind that is never played.
    #[error("the file is not a media file")]
    Unreadable,
    /// There is a picture that no decoder can decode.
    #[error("the picture in the file can't be decoded")]
    Undecodable,
    /// A stream needs a decoder that may not open.
    #[error("the file needs the decoder {0}, which is not among those that are used here")]
    Codec(String),
    /// Its times go back, as in concatenated recordings, or jump over more than a minute.
    #[error("the clock of the file jumps in the middle; join its parts again, or upload them one by one")]
    Timeline,
    /// It has more streams, packets or frames than any lecture.
    #[error("the file has too many {0}; convert it with another program, and upload it again")]
    TooLarge(&'static str),
    /// It can't be read with the memory that a tool may use.
    #[error("it takes too much memory to read the file; convert it with another program, and upload it again")]
    Memory,
    /// Its picture is larger than those that are encoded, or there is too much of it, or it is too long.
    #[error("{0}")]
    Limits(&'static str),
    /// It could not be read to its end in reasonable time.
    #[error("reading the file made no progress")]
    Stalled,
    /// The failure has nothing to do with the source; the survey can be tried again.
    #[error("the source could not be surveyed: {0}")]
    Encoder(RunError),
}

impl SurveyError {
    /// The picture is too large.
    pub(super) const PIXELS: Self =
        Self::Limits("the picture is larger than 8192 × 4320 pixels; export it smaller, and upload it again");
    /// All its pictures together are too much.
    pub(super) const PICTURES: Self = Self::Limits(
        "the picture has more pixels in all than 12 hours of 4K at 60 frames a second; export it smaller, or upload it in parts",
    );
    /// The lecture is too long.
    pub(super) const LENGTH: Self = Self::Limits("the file is longer than 12 hours; upload it in parts");

    /// The refusal of ffprobe in its messages, if there is one.
    pub(super) fn refused(messages: &str) -> Option<Self> {
        Some(match Refusal::read(messages)? {
            Refusal::Codec(decoder) => Self::Codec(decoder),
            Refusal::Pixels => Self::PIXELS,
            Refusal::Streams => Self::TooLarge("streams"),
            Refusal::Memory => Self::Memory,
        })
    }

    /// A stable name for the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "media_malformed",
            Self::Empty => "media_empty",
            Self::Unreadable => "media_unreadable",
            Self::Undecodable => "media_undecodable",
            Self::Codec(_) => "media_codec",
            Self::Timeline => "media_timeline",
            Self::TooLarge(_) | Self::Memory => "media_too_large",
            Self::Limits(_) => "media_limits",
            Self::Stalled => "survey_stalled",
            Self::Encoder(error) => encoder::code(error),
        }
    }
}

impl From<RunError> for SurveyError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Failed { message, .. } => Self::refused(&message).unwrap_or(Self::Malformed(message)),
            RunError::Stalled => Self::Stalled,
            other => Self::Encoder(other),
        }
    }
}
