//! What an upload has on the server, as the state in its row names it.

use super::parts;
use backing::objects::{ObjectError, SinkState};
use bytes::Bytes;
use object_store::multipart::PartId;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The adapter's part of the state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The id of the multipart upload.
    pub(super) upload: String,
    /// What the server answered to each part; only these parts count.
    pub(super) parts: Vec<String>,
    /// The objects with the bytes behind the last part, in order.
    pub(super) tail: Vec<Piece>,
    /// Objects that only earlier states name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) replaced: Vec<String>,
}

/// An object of the tail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Progress {
    pub(super) fn new(upload: String) -> Self {
        Self {
            upload,
            parts: Vec::new(),
            tail: Vec::new(),
            replaced: Vec::new(),
        }
    }

    /// The id of the multipart upload, if the upload has begun.
    pub(super) fn id(state: &SinkState) -> Option<String> {
        Self::deserialize(&state.adapter).ok().map(|progress| progress.upload)
    }

    /// Errors: [`ObjectError::Invalid`] if the state is not one of this adapter, or contradicts itself
    pub(super) fn read(state: &SinkState) -> Result<Self, ObjectError> {
        let progress = Self::deserialize(&state.adapter)
            .map_err(|error| ObjectError::Invalid(format!("the state is not of an upload to S3: {error}")))?;
        let stored = progress.offset();
        if stored != Some(state.offset) {
            let (found, noted) = (stored.unwrap_or(u64::MAX), state.offset);
            return Err(ObjectError::Invalid(format!(
                "{found} bytes are stored although {noted} were acknowledged"
            )));
        }
        Ok(progress)
    }

    fn offset(&self) -> Option<u64> {
        let tail: u64 = self.tail.iter().map(|piece| piece.bytes).sum();
        // behind the last part that there can be, nothing is
        let parts = parts::start(self.parts.len());
        parts
            .or((tail == 0).then_some(parts::LONGEST))
            .map(|start| start + tail)
    }

    /// Errors: none in practice
    pub(super) fn json(&self) -> Result<serde_json::Value, ObjectError> {
        serde_json::to_value(self).map_err(|error| ObjectError::Other(Box::new(error)))
    }

    /// The parts as the server wants them named when the upload is complete.
    pub(super) fn part_ids(&self) -> Vec<PartId> {
        let ids = self.parts.iter().cloned();
        ids.map(|content_id| PartId { content_id }).collect()
    }

    /// Empties the tail, which is replaced by a part or a longer piece.
    pub(super) fn replace_tail(&mut self) {
        self.replaced.extend(self.tail.drain(..).map(|piece| piece.name));
    }
}

/// Bytes in several slices, taken from the front without copying.
pub(super) struct Slices {
    slices: VecDeque<Bytes>,
    pub(super) length: u64,
}

impl Slices {
    pub(super) fn new(slices: Vec<Bytes>) -> Self {
        Self {
            length: slices.iter().map(length).sum(),
            slices: slices.into_iter().filter(|slice| !slice.is_empty()).collect(),
        }
    }

    /// Takes this many bytes, or all that are there.
    pub(super) fn take(&mut self, most: u64) -> Vec<Bytes> {
        let mut taken = Vec::new();
        let mut wanted = most;
        while let Some(mut slice) = self.slices.pop_front() {
            if length(&slice) > wanted {
                // shorter than the slice, so that it fits
                let rest = slice.split_off(usize::try_from(wanted).unwrap_or(slice.len()));
                self.slices.push_front(rest);
            }
            wanted -= length(&slice);
            self.length -= length(&slice);
            if slice.is_empty() {
                break;
            }
            taken.push(slice);
        }
        taken
    }
}

pub(super) fn length(slice: &Bytes) -> u64 {
    u64::try_from(slice.len()).unwrap_or(u64::MAX)
}
