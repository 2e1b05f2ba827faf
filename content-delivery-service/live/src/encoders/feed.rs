//! The way of frames to an encoder.

use live::{Frame, Track};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Frames that may wait for an encoder: a group of pictures that it begins with, or seconds of sound.
const WAITING: usize = 600;

/// Passes frames to an encoder. Dropping it ends the encoder.
#[derive(Debug)]
pub struct Feed {
    frames: Sender<Frame>,
    /// A picture was lost, so the next ones can't be decoded.
    awaits_key: bool,
}

impl Feed {
    pub(super) fn new() -> (Self, Receiver<Frame>) {
        let (frames, taken) = mpsc::channel(WAITING);
        let feed = Self {
            frames,
            awaits_key: true,
        };
        (feed, taken)
    }

    /// Passes a frame on without waiting. An encoder that is too slow misses frames: sound, or pictures up to a key frame.
    pub fn push(&mut self, frame: &Frame) {
        let is_picture = frame.track != Track::Sound;
        if is_picture && self.awaits_key && !frame.key {
            return;
        }
        let is_lost = self.frames.try_send(frame.clone()).is_err();
        self.awaits_key = is_picture && is_lost;
    }
}
