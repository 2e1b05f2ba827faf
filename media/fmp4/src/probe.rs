//! A description of a file's media.

/// A description of a file's media.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// `mp4` or `mov`.
    pub container: &'static str,
    /// The time from the lecture's zero to the end of the longest track, in microseconds, measured by the samples.
    pub duration: u64,
    /// Whether the file ends early: its last fragments are missing or incomplete.
    pub cut: bool,
    /// The video track that is the lecture's.
    pub video: Option<VideoTrack>,
    /// The audio tracks, at most eight: the one to play first, then its alternatives.
    pub audio: Vec<AudioTrack>,
    /// Bits per second of all these tracks together.
    pub average_bit_rate: u64,
}

/// A video track.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoTrack {
    /// Its `track_ID`.
    pub id: u32,
    /// The plain name: `h264`, `hevc`, `av1`, …; the four letters of an unknown codec.
    pub codec: String,
    /// The name for `CODECS` as in RFC 6381, such as `avc1.64001f`; the sample entry's four letters if not H.264.
    pub codec_string: String,
    /// Displayed width in pixels, after cropping, pixel aspect ratio and rotation.
    pub width: u32,
    /// Displayed height in pixels.
    pub height: u32,
    /// Average frames per second, to three decimals; 0 if out of range.
    pub frame_rate: f64,
    /// The clockwise rotation of the displayed picture in degrees: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Average bits per second.
    pub average_bit_rate: u64,
}

/// An audio track.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioTrack {
    /// Its `track_ID`.
    pub id: u32,
    /// The plain name: `aac`, `mp3`, `opus`, `pcm`, …; the four letters of an unknown codec.
    pub codec: String,
    /// The name for `CODECS` as in RFC 6381, such as `mp4a.40.2`; the sample entry's four letters if not AAC.
    pub codec_string: String,
    /// The number of channels.
    pub channels: u16,
    /// Samples per second.
    pub sample_rate: u32,
    /// The ISO 639-2 code of the language, if the file states one.
    pub language: Option<String>,
    /// Average bits per second.
    pub average_bit_rate: u64,
}
