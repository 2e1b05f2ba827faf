//! A lecture's frames as packets, made once for all viewers.

use super::Work;
use crate::rooms::{Heard, Room};
use contracts::VideoId;
use live::webrtc::{Packetiser, Packets};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Packets of frames that a viewer may be behind: about four seconds of three layers with sound.
const MOST_BEHIND: usize = 512;

/// What viewers get.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Packets(Arc<Packets>),
    /// Frames were lost before.
    Lost,
}

/// The feed of one lecture; it runs as long as somebody holds it.
pub(super) struct Feed {
    room: Arc<Room>,
    state: Mutex<State>,
    _held: DropGuard,
}

struct State {
    packetiser: Packetiser,
    /// None once the lecture has ended.
    live: Option<broadcast::Sender<Item>>,
}

impl Feed {
    /// What to begin with, and what comes after it; none once the lecture has ended.
    pub(super) fn join(&self) -> Option<(Vec<Arc<Packets>>, broadcast::Receiver<Item>)> {
        let state = self.state();
        let live = state.live.as_ref()?.subscribe();
        Some((state.packetiser.kept(), live))
    }

    pub(super) fn ask_key_frame(&self, layer: u8) {
        self.room.ask_key_frame(layer);
    }

    fn hear(&self, heard: Heard) {
        let mut state = self.state();
        let State { packetiser, live } = &mut *state;
        let item = match heard {
            Heard::Frame(frame) => packetiser.packetise(&frame).map(Item::Packets),
            Heard::Lagged => {
                packetiser.forget();
                Some(Item::Lost)
            }
        };
        if let Some((item, live)) = item.zip(live.as_ref()) {
            // Nobody may have joined yet.
            let _ = live.send(item);
        }
    }

    fn end(&self) {
        self.state().live = None;
    }

    fn is_live(&self) -> bool {
        self.state().live.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The feeds of all lectures that somebody watches.
pub(super) struct Feeds {
    all: Mutex<HashMap<VideoId, Weak<Feed>>>,
    work: mpsc::UnboundedSender<Work>,
}

impl Feeds {
    pub(super) fn new(work: mpsc::UnboundedSender<Work>) -> Self {
        Self {
            all: Mutex::default(),
            work,
        }
    }

    /// The feed of a room, which begins with the first viewer.
    pub(super) fn of(&self, room: &Arc<Room>) -> Arc<Feed> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, feed| feed.strong_count() > 0);
        let running = all.get(&room.video).and_then(Weak::upgrade);
        if let Some(feed) = running.filter(|feed| feed.is_live()) {
            return feed;
        }
        let dropped = CancellationToken::new();
        let feed = Arc::new(Feed {
            room: Arc::clone(room),
            _held: dropped.clone().drop_guard(),
            state: Mutex::new(State {
                packetiser: Packetiser::default(),
                live: Some(broadcast::channel(MOST_BEHIND).0),
            }),
        });
        all.insert(room.video, Arc::downgrade(&feed));
        let mut listener = room.listen();
        let weak = Arc::downgrade(&feed);
        let run = async move {
            loop {
                let heard = tokio::select! {
                    () = dropped.cancelled() => return,
                    heard = listener.next() => heard,
                };
                let Some(feed) = weak.upgrade() else { return };
                match heard {
                    Some(heard) => feed.hear(heard),
                    None => return feed.end(),
                }
            }
        };
        // The receiver only goes with the process.
        let _ = self.work.send(Box::pin(run));
        feed
    }
}
