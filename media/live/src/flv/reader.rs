//! Tags as frames.

use super::clock::{Clock, SampleClock};
use super::picture::PictureTag;
use super::sound::{PACKET, SoundTag, is_usual};
use super::{FlvError, Tag, TagKind};
use crate::frame::{Format, Frame, H264, Track};
use crate::h264::{AccessUnit, prefixed};
use bytes::Bytes;
use std::sync::Arc;

/// Ticks of a picture's clock in a millisecond.
const TICKS: i64 = 90;
/// Pictures are shown at most so much later than they are decoded; a longer time is an error of the publisher.
///
/// Units: milliseconds
const LONGEST_DELAY: i32 = 5_000;

/// Turns the tags of one publisher into frames.
///
/// All tracks share one clock, which begins with the first tag, never goes back within a track, and goes on evenly when the
/// publisher's timestamps wrap or start anew.
#[derive(Debug)]
pub struct FlvReader {
    clock: Clock,
    picture: Option<Picture>,
    sound: Option<Sound>,
    last_picture: Option<i64>,
}

#[derive(Debug)]
struct Picture {
    format: Arc<Format>,
    sets: H264,
    length_size: usize,
}

#[derive(Debug)]
struct Sound {
    format: Arc<Format>,
    clock: SampleClock,
}

impl Default for FlvReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FlvReader {
    /// Starts with a publisher whose first tag is at time 0.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Clock::new())
    }

    /// Starts with a publisher whose time 0 is this timestamp.
    #[must_use]
    pub fn from(zero: u32) -> Self {
        Self::with(Clock::from(zero))
    }

    fn with(clock: Clock) -> Self {
        Self {
            clock,
            picture: None,
            sound: None,
            last_picture: None,
        }
    }

    /// Returns the frame of a tag, if it has one and its track's configuration is known.
    ///
    /// Errors: another codec than H.264 or AAC, or bytes that contradict the format
    pub fn push(&mut self, tag: &Tag) -> Result<Option<Frame>, FlvError> {
        match tag.kind {
            TagKind::Picture => self.picture(tag.timestamp, PictureTag::parse(&tag.body)?),
            TagKind::Sound => self.sound(tag.timestamp, SoundTag::parse(&tag.body)?),
        }
    }

    fn picture(&mut self, timestamp: u32, tag: PictureTag) -> Result<Option<Frame>, FlvError> {
        let (shown_after, data) = match tag {
            PictureTag::Other => return Ok(None),
            PictureTag::Configuration(record) => {
                self.configure_picture(&record)?;
                return Ok(None);
            }
            PictureTag::Units { shown_after, data } => (shown_after, data),
        };
        let Some(picture) = &mut self.picture else {
            return Ok(None);
        };
        // Some encoders leave bytes behind the last unit; decoders see none of them.
        let unit = AccessUnit::collect(prefixed(&data, picture.length_size).map_while(|unit| unit));
        if let Some(sets) = unit.changed(Some(&picture.sets)) {
            picture.format = Arc::new(Format::H264(sets.clone()));
            picture.sets = sets;
        }
        if !unit.picture {
            return Ok(None);
        }
        let decoded = self.clock.time(TagKind::Picture, timestamp) * TICKS;
        let shown = decoded + i64::from(shown_after.clamp(0, LONGEST_DELAY)) * TICKS;
        // Decoders need an order: pictures of the same millisecond follow each other.
        let decoded_at = self.last_picture.map_or(decoded, |last| decoded.max(last + 1));
        self.last_picture = Some(decoded_at);
        Ok(Some(Frame {
            track: Track::Picture(0),
            format: Arc::clone(&picture.format),
            decoded_at,
            shown_after: u32::try_from(shown - decoded_at).unwrap_or(0),
            key: unit.key,
            data: unit.data,
        }))
    }

    fn configure_picture(&mut self, record: &[u8]) -> Result<(), FlvError> {
        let (sets, length_size) =
            H264::from_record(record).ok_or(FlvError::Malformed("the configuration of the pictures"))?;
        match &mut self.picture {
            Some(picture) if picture.sets == sets => picture.length_size = length_size,
            picture => {
                *picture = Some(Picture {
                    format: Arc::new(Format::H264(sets.clone())),
                    sets,
                    length_size,
                });
            }
        }
        Ok(())
    }

    fn sound(&mut self, timestamp: u32, tag: SoundTag) -> Result<Option<Frame>, FlvError> {
        let data = match tag {
            SoundTag::Other => return Ok(None),
            SoundTag::Configuration(config) => {
                self.configure_sound(&config)?;
                return Ok(None);
            }
            SoundTag::Packet(data) => data,
        };
        let Some(sound) = self.sound.as_mut().filter(|_| !data.is_empty()) else {
            return Ok(None);
        };
        let time = self.clock.time(TagKind::Sound, timestamp);
        Ok(Some(Frame {
            track: Track::Sound,
            format: Arc::clone(&sound.format),
            decoded_at: sound.clock.packet(time, PACKET),
            shown_after: 0,
            key: true,
            data,
        }))
    }

    fn configure_sound(&mut self, config: &[u8]) -> Result<(), FlvError> {
        if !is_usual(config) {
            return Err(FlvError::SoundCodec);
        }
        let format = Format::Aac {
            // Not a part of the message that it came in.
            config: Bytes::copy_from_slice(config),
        };
        if self.sound.as_ref().is_none_or(|sound| *sound.format != format) {
            self.sound = Some(Sound {
                clock: SampleClock::new(format.timescale()),
                format: Arc::new(format),
            });
        }
        Ok(())
    }
}
