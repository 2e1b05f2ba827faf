//! Pictures that are shown in the order in which they are decoded.

use super::arguments;
use super::child::Translation;
use bytes::{Bytes, BytesMut};
use live::flv::{FileReader, FileWriter, FlvReader};
use live::{Format, Frame};
use std::ffi::OsString;
use std::path::Path;

/// Ticks of a picture's time in a millisecond.
const TICKS: i64 = 90;
/// FLV has no times below zero, so that of the first picture is a little above.
///
/// Units: milliseconds
const LEAD: i64 = 1_000;

/// H.264 with any order of pictures as H.264 with theirs.
pub(super) struct Pictures {
    input: FileWriter,
    output: FileReader,
    frames: FlvReader,
    /// The time of FLV's zero.
    ///
    /// Units: milliseconds
    zero: i64,
}

impl Translation for Pictures {
    const NAME: &'static str = "pictures";
    const AT_ONCE: u32 = 1;

    fn begin(first: &Frame) -> Option<(Self, Bytes)> {
        let Format::H264(sets) = &*first.format else {
            return None;
        };
        let zero = first.decoded_at.div_euclid(TICKS) - LEAD;
        let (input, head) = FileWriter::new(zero);
        let mut bytes = BytesMut::from(&head[..]);
        bytes.extend_from_slice(&input.configuration(sets, first));
        let translation = Self {
            input,
            output: FileReader::new(),
            frames: FlvReader::from(0),
            zero,
        };
        Some((translation, bytes.freeze()))
    }

    fn arguments(&self, input: &Path) -> Vec<OsString> {
        arguments::pictures(input)
    }

    fn write(&mut self, frame: &Frame) -> Option<Bytes> {
        Some(self.input.picture(frame))
    }

    fn read(&mut self, output: &[u8]) -> Result<Vec<Frame>, String> {
        self.output.push(output);
        let mut frames = Vec::new();
        while let Some(tag) = self.output.next_tag().map_err(|error| error.to_string())? {
            let frame = self.frames.push(&tag).map_err(|error| error.to_string())?;
            frames.extend(frame.map(|frame| Frame {
                decoded_at: frame.decoded_at + self.zero * TICKS,
                ..frame
            }));
        }
        Ok(frames)
    }
}
