//! One lecture that is live on this node.

pub(super) mod listener;
pub(super) mod publication;

use super::Audience;
use super::kept::Kept;
use super::stream::Stream;
use contracts::VideoId;
use contracts::questions::live::PublishGrant;
use listener::Listener;
use live::Frame;
use publication::Publishing;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};

/// Frames that a listener may be behind before it is told that it lags: about four seconds of three layers with sound.
const MOST_BEHIND: usize = 512;

/// The room of one lecture.
pub struct Room {
    /// The lecture.
    pub video: VideoId,
    /// The number of the lease under which this node holds it.
    pub(super) lease: i64,
    pub(super) stream: Stream,
    state: Mutex<State>,
    /// Becomes true when everything is stored.
    pub(super) is_stored: watch::Sender<bool>,
}

struct State {
    publishing: Option<Publishing>,
    /// Counts publishers.
    publishers: u64,
    kept: Kept,
    /// None once the lecture has ended.
    live: Option<broadcast::Sender<Arc<Frame>>>,
}

impl Room {
    pub(super) fn new((video, lease): (VideoId, i64), stream: Stream) -> Arc<Self> {
        let state = State {
            publishing: None,
            publishers: 0,
            kept: Kept::default(),
            live: Some(broadcast::channel(MOST_BEHIND).0),
        };
        Arc::new(Self {
            video,
            lease,
            stream,
            state: Mutex::new(state),
            is_stored: watch::Sender::new(false),
        })
    }

    /// Whether somebody publishes here now.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.state().publishing.is_some()
    }

    /// Whether the publisher may send several layers of pictures.
    #[must_use]
    pub fn has_layers(&self) -> bool {
        self.state().publishing.as_ref().is_some_and(Publishing::has_layers)
    }

    /// Listens from the newest key frames on. A listener stays when the publisher changes, and ends with the lecture.
    #[must_use]
    pub fn listen(self: &Arc<Self>) -> Listener {
        let state = self.state();
        let live = state.live.as_ref().map(broadcast::Sender::subscribe);
        Listener::new(Arc::clone(self), state.kept.frames(), live)
    }

    /// How many listen.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.state().live.as_ref().map_or(0, broadcast::Sender::receiver_count)
    }

    /// Asks the publisher for a key frame of a layer, at most twice a second.
    pub fn ask_key_frame(&self, layer: u8) {
        if let Some(publishing) = &mut self.state().publishing {
            publishing.key_frames.ask(layer);
        }
    }

    /// Takes a frame of the publisher with this number; those of earlier ones are dropped.
    ///
    /// Units: `now` in microseconds of UTC
    pub(super) fn send(&self, publisher: u64, frame: Frame, to: Audience, now: i64) {
        let mut state = self.state();
        let Some(publishing) = state.publishing.as_ref().filter(|_| state.publishers == publisher) else {
            return;
        };
        let answers = publishing.answers();
        let frame = Arc::new(frame);
        if to != Audience::Segments {
            state.kept.push(&frame);
            if let Some(live) = &state.live {
                // nobody may be listening
                let _ = live.send(Arc::clone(&frame));
            }
        }
        if to != Audience::Realtime {
            // under the lock, so that no frame of a publisher comes after its successor's
            let asked = self.stream.push(&frame, answers, now);
            state.ask(&asked);
        }
    }

    /// Lets time pass.
    ///
    /// Units: `now` in microseconds of UTC
    pub(super) fn tick(&self, now: i64) {
        let asked = self.stream.tick(now);
        self.state().ask(&asked);
    }

    /// The right of the one who publishes now.
    pub(super) fn grant(&self) -> Option<PublishGrant> {
        self.state().publishing.as_ref().map(|it| it.grant.clone())
    }

    /// Sends the publisher away if it publishes by this right.
    pub(super) fn withdraw(&self, grant: &PublishGrant) {
        let mut state = self.state();
        if state.publishing.as_ref().is_some_and(|it| it.grant == *grant) {
            state.dismiss();
            self.stream.interrupt();
        }
    }

    /// Lets a new publisher in and returns its number; none once the lecture has ended.
    pub(super) fn enter(&self, publishing: Publishing) -> Option<u64> {
        let mut state = self.state();
        state.live.as_ref()?;
        state.dismiss();
        self.stream.interrupt();
        state.publishers += 1;
        state.publishing = Some(publishing);
        Some(state.publishers)
    }

    /// Notes that the publisher with this number has gone.
    pub(super) fn leave(&self, publisher: u64) {
        let mut state = self.state();
        if state.publishers == publisher && state.publishing.is_some() {
            state.dismiss();
            self.stream.interrupt();
        }
    }

    /// Ends the lecture: everybody is sent away, and the recording is completed.
    pub(super) fn end(&self) {
        self.send_away();
        self.stream.end();
    }

    /// Gives the lecture up, as far as this node is concerned.
    pub(super) fn abandon(&self) {
        self.send_away();
        self.stream.abandon();
    }

    fn send_away(&self) {
        let mut state = self.state();
        state.dismiss();
        state.live = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ask(&mut self, layers: &[u8]) {
        if let Some(publishing) = &mut self.publishing {
            for layer in layers {
                publishing.key_frames.ask(*layer);
            }
        }
    }

    fn dismiss(&mut self) {
        if let Some(publishing) = self.publishing.take() {
            publishing.over.cancel();
        }
        self.kept.clear();
    }
}
