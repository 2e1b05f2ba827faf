//! What a file holds, as a person would describe it.

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// `mp4` or `mov`.
    pub container: &'static str,
    /// From the lecture's zero to the end of the longest track, in microseconds, measured by the samples.
    pub duration: u64,
    /// The first enabled video track.
    pub video: Option<VideoTrack>,
    /// The audio tracks in file order, at most eight.
    pub audio: Vec<AudioTrack>,
    /// Bits a second of all these tracks together.
    pub average_bit_rate: u64,
}

/// A video track.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoTrack {
    /// Its `track_ID`.
    pub id: u32,
    /// The plain name: `h264`, `hevc`, `av1`, …; an unknown one by its four letters.
    pub codec: String,
    /// The name for `CODECS` as in RFC 6381, such as `avc1.64001f`; the sample entry's four letters where not H.264.
    pub codec_string: String,
    /// Pixels across as shown: cropped, pixel shape and rotation applied.
    pub width: u32,
    /// Pixels down as shown.
    pub height: u32,
    /// Frames a second on average, to three decimals; 0 where it can't be expressed.
    pub frame_rate: f64,
    /// Degrees clockwise by which the coded picture is turned when shown: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Bits a second on average.
    pub average_bit_rate: u64,
}

/// An audio track.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioTrack {
    /// The plain name: `aac`, `mp3`, `opus`, `pcm`, …; an unknown one by its four letters.
    pub codec: String,
    /// The name for `CODECS` as in RFC 6381, such as `mp4a.40.2`; the sample entry's four letters where not AAC.
    pub codec_string: String,
    /// Channels.
    pub channels: u16,
    /// Samples a second.
    pub sample_rate: u32,
    /// The ISO 639-2 code of the language, where the file states one.
    pub language: Option<String>,
    /// Bits a second on average.
    pub average_bit_rate: u64,
}
