//! What one publisher holds of a room.

use super::Room;
use crate::encoders::{Encoders, Sink};
use crate::rooms::Audience;
use crate::rooms::key_frames::KeyFrames;
use crate::second_sound::SecondSound;
use backing::Clock;
use contracts::questions::live::PublishGrant;
use live::Frame;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What the room knows of its publisher.
pub(in crate::rooms) struct Publishing {
    pub(super) key_frames: KeyFrames,
    pub(super) over: CancellationToken,
    pub(super) grant: PublishGrant,
    answers: Arc<AtomicBool>,
    has_layers: Arc<AtomicBool>,
}

impl Publishing {
    /// Whether the publisher sends key frames when it is asked.
    pub(super) fn answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    /// Whether the publisher may send several layers of pictures.
    pub(super) fn has_layers(&self) -> bool {
        self.has_layers.load(Ordering::Relaxed)
    }
}

/// A publisher's place in a room; dropped when the publisher has gone.
pub struct Publication {
    room: Arc<Room>,
    grant: PublishGrant,
    number: u64,
    over: CancellationToken,
    key_frames: Mutex<Option<mpsc::Receiver<u8>>>,
    answers: Arc<AtomicBool>,
    has_layers: Arc<AtomicBool>,
    clock: Clock,
    /// AAC beside its Opus, for playlists.
    aac: Option<Mutex<SecondSound>>,
}

impl Publication {
    pub(in crate::rooms) fn begin(
        room: Arc<Room>,
        grant: PublishGrant,
        clock: Clock,
        encoders: Option<&Encoders>,
    ) -> Option<Self> {
        let (asking, asked) = KeyFrames::new();
        let over = CancellationToken::new();
        let (answers, has_layers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let publishing = Publishing {
            key_frames: asking,
            over: over.clone(),
            grant: grant.clone(),
            answers: Arc::clone(&answers),
            has_layers: Arc::clone(&has_layers),
        };
        let number = room.enter(publishing)?;
        let aac = encoders.map(|encoders| SecondSound::begin(encoders, sink(&room, number, &clock)));
        Some(Self {
            room,
            grant,
            number,
            over,
            key_frames: Mutex::new(Some(asked)),
            answers,
            has_layers,
            clock,
            aac: aac.map(Mutex::new),
        })
    }

    /// The right by which the lecture is published.
    #[must_use]
    pub fn grant(&self) -> &PublishGrant {
        &self.grant
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Passes a frame on, without waiting for anybody.
    pub fn send(&self, frame: Frame, to: Audience) {
        if let Some(aac) = self.aac.as_ref().filter(|_| to != Audience::Realtime) {
            aac.lock().unwrap_or_else(PoisonError::into_inner).push(&frame);
        }
        self.room.send(self.number, frame, to, self.clock.now().0);
    }

    /// Notes that the publisher may send several layers of pictures: viewers who come from now on are measured.
    pub fn announce_layers(&self) {
        self.has_layers.store(true, Ordering::Relaxed);
    }

    /// Is cancelled when the publisher has to go: a newer one came, the right was withdrawn, or the lecture is over.
    #[must_use]
    pub fn taken_over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// The layers that the room wants a key frame of. The first call returns the receiver, later ones nothing. A publisher
    /// that can't be asked never calls it: its segments are as long as the distance of its key frames.
    pub fn key_frames(&self) -> Option<mpsc::Receiver<u8>> {
        self.answers.store(true, Ordering::Relaxed);
        self.key_frames.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The way of a publisher's second sound into its room's playlists.
fn sink(room: &Arc<Room>, number: u64, clock: &Clock) -> Sink {
    let (room, clock) = (Arc::downgrade(room), clock.clone());
    Box::new(move |frame| {
        if let Some(room) = room.upgrade() {
            room.send(number, frame, Audience::Segments, clock.now().0);
        }
    })
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.room.leave(self.number);
        self.over.cancel();
    }
}
