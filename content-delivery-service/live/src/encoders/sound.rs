//! Sound in one codec as sound in another.
//!
//! Times come from counting samples, see [`live::sound`]. An encoder begins with samples that only prime it, so what it makes
//! is earlier than what it has read by that much.

use super::arguments::{self, SAMPLE_RATE};
use super::child::Translation;
use bytes::Bytes;
use fmp4::AdtsReader;
use live::sound::{OggReader, OggWriter, Timeline, adts, opus_samples};
use live::{Format, Frame, Track};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

/// Samples in a packet of AAC.
const AAC_PACKET: u32 = 1_024;
/// Samples by which ffmpeg's encoder of AAC primes its decoder.
const AAC_PRIMING: i64 = 1_024;

/// Opus as AAC.
pub(super) struct OpusToAac {
    channels: u8,
    input: OggWriter,
    output: AdtsReader,
    timeline: Timeline,
    /// The format of what comes out, known from its first packet on.
    format: Option<Arc<Format>>,
    /// The first sample of the next packet that comes out.
    sample: i64,
}

impl Translation for OpusToAac {
    const NAME: &'static str = "opus-to-aac";
    /// A tenth of a second: segments alone have this sound, and their parts are longer.
    const AT_ONCE: u32 = 5;

    fn begin(first: &Frame) -> Option<(Self, Bytes)> {
        let Format::Opus { channels } = *first.format else {
            return None;
        };
        let channels = channels.clamp(1, 2);
        let (input, head) = OggWriter::new(channels);
        let translation = Self {
            channels,
            input,
            output: AdtsReader::new(),
            timeline: Timeline::new(SAMPLE_RATE, SAMPLE_RATE),
            format: None,
            sample: -AAC_PRIMING,
        };
        Some((translation, head))
    }

    fn arguments(&self, input: &Path) -> Vec<OsString> {
        arguments::opus_to_aac(input, self.channels)
    }

    fn write(&mut self, frame: &Frame) -> Option<Bytes> {
        let samples = opus_samples(&frame.data)?;
        self.timeline.push(frame.decoded_at, samples);
        Some(self.input.packet(&frame.data, samples))
    }

    fn read(&mut self, output: &[u8]) -> Result<Vec<Frame>, String> {
        let packets = self.output.push(output).map_err(|error| error.to_string())?;
        let config = self.output.config().map(fmp4::AudioConfig::specific);
        let Some(config) = config else {
            return Ok(Vec::new());
        };
        let format = self.format.get_or_insert_with(|| {
            Arc::new(Format::Aac {
                config: Bytes::copy_from_slice(&config),
            })
        });
        let mut frames = Vec::new();
        for data in packets {
            // What primes the decoder has no time.
            if let Some(time) = self.timeline.time(self.sample) {
                frames.push(sound(format, time, data));
            }
            self.sample += i64::from(AAC_PACKET);
        }
        Ok(frames)
    }
}

/// AAC as Opus.
pub(super) struct AacToOpus {
    config: Bytes,
    channels: u8,
    output: OggReader,
    timeline: Timeline,
    format: Arc<Format>,
    /// The first sample of the next packet that comes out, before what primes the decoder is taken off.
    sample: i64,
}

impl Translation for AacToOpus {
    const NAME: &'static str = "aac-to-opus";
    const AT_ONCE: u32 = 1;

    fn begin(first: &Frame) -> Option<(Self, Bytes)> {
        let Format::Aac { config } = &*first.format else {
            return None;
        };
        // The number of channels of an `AudioSpecificConfig` of the usual form.
        let channels = config
            .get(1)
            .map(|byte| (byte >> 3) & 0xf)
            .filter(|channels| (1..=2).contains(channels))?;
        let translation = Self {
            config: config.clone(),
            channels,
            output: OggReader::new(),
            timeline: Timeline::new(first.format.timescale(), SAMPLE_RATE),
            format: Arc::new(Format::Opus { channels }),
            sample: 0,
        };
        Some((translation, Bytes::new()))
    }

    fn arguments(&self, input: &Path) -> Vec<OsString> {
        arguments::aac_to_opus(input, self.channels)
    }

    fn write(&mut self, frame: &Frame) -> Option<Bytes> {
        let bytes = adts(&self.config, &frame.data)?;
        self.timeline.push(frame.decoded_at, AAC_PACKET);
        Some(bytes)
    }

    fn read(&mut self, output: &[u8]) -> Result<Vec<Frame>, String> {
        let packets = self.output.push(output).map_err(|error| error.to_string())?;
        let skip = i64::from(self.output.skip());
        let mut frames = Vec::new();
        for data in packets {
            let samples = opus_samples(&data).ok_or("it writes packets that are not Opus")?;
            if let Some(time) = self.timeline.time(self.sample - skip) {
                frames.push(sound(&self.format, time, data));
            }
            self.sample += i64::from(samples);
        }
        Ok(frames)
    }
}

fn sound(format: &Arc<Format>, decoded_at: i64, data: Bytes) -> Frame {
    Frame {
        track: Track::Sound,
        format: Arc::clone(format),
        decoded_at,
        shown_after: 0,
        key: true,
        data,
    }
}
