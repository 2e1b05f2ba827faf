//! What one viewer hears of a room.

use super::Room;
use live::{Frame, Track};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// What a listener gets next.
#[derive(Debug, Clone)]
pub enum Heard {
    /// A frame.
    Frame(Arc<Frame>),
    /// Frames were lost, since the listener was too slow; each layer goes on at a key frame, which the publisher was asked
    /// for.
    Lagged,
}

/// Hears a room's frames.
pub struct Listener {
    room: Arc<Room>,
    kept: VecDeque<Arc<Frame>>,
    live: Option<broadcast::Receiver<Arc<Frame>>>,
    /// The layers that can be decoded here.
    begun: BTreeSet<u8>,
}

impl Listener {
    pub(super) fn new(
        room: Arc<Room>,
        kept: VecDeque<Arc<Frame>>,
        live: Option<broadcast::Receiver<Arc<Frame>>>,
    ) -> Self {
        Self {
            room,
            kept,
            live,
            begun: BTreeSet::new(),
        }
    }

    /// The next frame; `None` once the lecture has ended. Nothing is lost if the returned future is dropped.
    pub async fn next(&mut self) -> Option<Heard> {
        while let Some(frame) = self.kept.pop_front() {
            if self.can_decode(&frame) {
                return Some(Heard::Frame(frame));
            }
        }
        loop {
            match self.live.as_mut()?.recv().await {
                Ok(frame) if self.can_decode(&frame) => return Some(Heard::Frame(frame)),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    // what waits is old, and the next frame would push it out again
                    self.live = self.live.as_ref().map(broadcast::Receiver::resubscribe);
                    for layer in std::mem::take(&mut self.begun) {
                        self.room.ask_key_frame(layer);
                    }
                    return Some(Heard::Lagged);
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn can_decode(&mut self, frame: &Frame) -> bool {
        let Track::Picture(layer) = frame.track else {
            return true;
        };
        if frame.key {
            self.begun.insert(layer);
        } else if !self.begun.contains(&layer) {
            self.room.ask_key_frame(layer);
        }
        self.begun.contains(&layer)
    }
}
