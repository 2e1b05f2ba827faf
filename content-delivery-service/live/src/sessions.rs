//! The WebRTC sessions of this node, each a task of its own: what goes wrong in one ends it alone.
//!
//! A publisher's session puts frames into the lecture's room. A lecture's `feed` makes packets of them once, and each viewer's
//! session sends them.

mod feed;
mod publishing;
mod upkeep;
mod watching;

use crate::metric;
use crate::network::{Mux, Network};
use crate::rooms::{RoomError, Rooms};
use contracts::VideoId;
use contracts::questions::live::{LiveDoor, PublishGrant, Refused, Watch};
use feed::Feeds;
use futures::future::BoxFuture;
use live::webrtc::{OfferError, Publisher, Viewer};
use runtime::Background;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

/// How long a request waits for the sockets to be open.
const OPENS_WITHIN: Duration = Duration::from_secs(3);

/// A session that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Nobody guesses it: who knows it may end the session.
    pub(crate) id: Uuid,
    /// What identifies the session's ICE, as an entity tag.
    pub(crate) etag: String,
    /// The answer, as SDP.
    pub(crate) answer: String,
}

/// Why no session is opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The sockets are not open yet.
    #[error("media can't be received yet; try again")]
    NotReady,
    /// There are as many viewers as there may be.
    #[error("{}", Refused::Full)]
    Full,
    /// Nobody publishes the lecture here at the moment.
    #[error("nobody publishes this lecture at the moment")]
    NotLive,
    /// The offer is none that works.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The lecture has no room.
    #[error(transparent)]
    Room(#[from] RoomError),
}

/// One session, as others know it.
struct Entry {
    video: VideoId,
    etag: String,
    /// The playback that a viewer watches by.
    watch: Option<Watch>,
    /// The session ends when this is dropped.
    _open: oneshot::Sender<()>,
}

/// What is known of a session to who names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is open, and this is its entity tag.
    Open(String),
    /// It has ended lately.
    Ended,
    /// There is none of that name.
    Unknown,
}

/// Ended sessions that are remembered.
const REMEMBERED: usize = 1_024;

#[derive(Default)]
struct Open {
    entries: HashMap<Uuid, Entry>,
    ended: VecDeque<(Uuid, VideoId, Option<Watch>)>,
}

/// All sessions; clones share them.
#[derive(Clone)]
pub(crate) struct Sessions(Arc<Inner>);

struct Inner {
    rooms: Rooms,
    door: Arc<dyn LiveDoor>,
    mux: Mux,
    network: watch::Receiver<Option<Arc<Network>>>,
    feeds: Feeds,
    work: mpsc::UnboundedSender<Work>,
    open: Mutex<Open>,
    most_viewers: usize,
}

/// A session's task, or another one that a session needs.
type Work = BoxFuture<'static, ()>;

impl Sessions {
    /// No sessions yet, with the task that runs them and looks after them.
    pub(crate) fn new(
        (rooms, door): (Rooms, Arc<dyn LiveDoor>),
        (mux, network): (Mux, watch::Receiver<Option<Arc<Network>>>),
        most_viewers: usize,
    ) -> (Self, [Background; 2]) {
        let (work, waiting) = mpsc::unbounded_channel();
        let sessions = Self(Arc::new(Inner {
            rooms,
            door,
            mux,
            network,
            feeds: Feeds::new(work.clone()),
            work,
            open: Mutex::default(),
            most_viewers,
        }));
        let (running, kept) = (sessions.clone(), sessions.clone());
        let tasks = [
            Background::new("live-sessions", move |shutdown| upkeep::run(running, waiting, shutdown)),
            Background::new("live-viewers", move |shutdown| upkeep::end_refused(kept, shutdown)),
        ];
        (sessions, tasks)
    }

    /// Opens the session of a publisher, who takes the lecture over.
    ///
    /// Errors: the offer does not work, or the lecture has ended meanwhile; whoever publishes then stays
    pub(crate) async fn publish(&self, grant: &PublishGrant, offer: &str) -> Result<Opened, OpenError> {
        let network = self.network().await?;
        let (publisher, answer, ufrag) = Publisher::accept(&network.connector, offer, Instant::now())?;
        let publication = self.0.rooms.publish(grant).await?;
        if publisher.has_layers() {
            publication.announce_layers();
        }
        let registration = self.0.mux.register(ufrag.clone());
        let (opened, end) = self.enter(grant.video, None, answer, &ufrag)?;
        let (sessions, id) = (self.clone(), opened.id);
        self.start(async move {
            let _place = Place(sessions.clone(), id);
            let session = publishing::Session::new(publisher, registration, network);
            let reason = session.run(publication, end).await;
            sessions.leave(id, "publisher", reason);
        });
        Ok(opened)
    }

    /// Opens the session of a viewer, who watches by a playback.
    ///
    /// Errors: nobody publishes the lecture here, the offer does not work, or there are too many viewers
    pub(crate) async fn watch(&self, watch: Watch, offer: &str) -> Result<Opened, OpenError> {
        let network = self.network().await?;
        let room = self.0.rooms.room(watch.video).ok_or(OpenError::NotLive)?;
        let (viewer, answer, ufrag) = Viewer::accept(&network.connector, offer, room.has_layers(), Instant::now())?;
        let registration = self.0.mux.register(ufrag.clone());
        let (opened, end) = self.enter(watch.video, Some(watch.clone()), answer, &ufrag)?;
        let feed = self.0.feeds.of(&room);
        let (sessions, id) = (self.clone(), opened.id);
        self.start(async move {
            let _place = Place(sessions.clone(), id);
            let session = watching::Session::new(viewer, registration, network);
            let reason = session.run(feed, end).await;
            sessions.leave(id, "viewer", reason);
            if let Err(error) = sessions.0.door.leave(watch).await {
                tracing::debug!(%error, "a playback ends by itself later");
            }
        });
        Ok(opened)
    }

    /// Whether another viewer of a lecture has a place; those of lectures that are published elsewhere need none here.
    pub(crate) fn has_place(&self, video: VideoId) -> bool {
        viewers(&self.open()) < self.0.most_viewers || self.0.rooms.room(video).is_none()
    }

    /// A session of this lecture: a publisher's, or that of a viewer with this playback.
    pub(crate) fn known(&self, video: VideoId, watch: Option<&Watch>, id: Uuid) -> Known {
        let open = self.open();
        let named = |entry: &&Entry| entry.video == video && entry.watch.as_ref() == watch;
        if let Some(entry) = open.entries.get(&id).filter(named) {
            return Known::Open(entry.etag.clone());
        }
        let has_ended = open
            .ended
            .iter()
            .any(|it| it.0 == id && it.1 == video && it.2.as_ref() == watch);
        if has_ended { Known::Ended } else { Known::Unknown }
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: Uuid) {
        let mut open = self.open();
        if let Some(entry) = open.entries.remove(&id) {
            count(&entry, -1.0);
            open.ended.push_back((id, entry.video, entry.watch));
            if open.ended.len() > REMEMBERED {
                open.ended.pop_front();
            }
        }
    }

    fn enter(
        &self,
        video: VideoId,
        watch: Option<Watch>,
        answer: String,
        ufrag: &str,
    ) -> Result<(Opened, oneshot::Receiver<()>), OpenError> {
        let mut open = self.open();
        if watch.is_some() && viewers(&open) >= self.0.most_viewers {
            return Err(OpenError::Full);
        }
        let (id, (still_open, end)) = (Uuid::new_v4(), oneshot::channel());
        let etag = format!("\"{ufrag}\"");
        let entry = Entry {
            video,
            etag: etag.clone(),
            watch,
            _open: still_open,
        };
        count(&entry, 1.0);
        metrics::counter!(metric::OPENED, "kind" => entry.kind()).increment(1);
        open.entries.insert(id, entry);
        Ok((Opened { id, etag, answer }, end))
    }

    fn leave(&self, id: Uuid, kind: &'static str, reason: &'static str) {
        metrics::counter!(metric::ENDED, "kind" => kind, "reason" => reason).increment(1);
        self.end(id);
    }

    fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        // The receiver only goes with the process.
        let _ = self.0.work.send(Box::pin(work));
    }

    /// The sockets, once they are open.
    async fn network(&self) -> Result<Arc<Network>, OpenError> {
        let mut network = self.0.network.clone();
        let open = tokio::time::timeout(OPENS_WITHIN, network.wait_for(Option::is_some)).await;
        let open = open.ok().and_then(Result::ok).and_then(|network| network.clone());
        open.ok_or(OpenError::NotReady)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a session, which is free again however its task ends.
struct Place(Sessions, Uuid);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

impl Entry {
    fn kind(&self) -> &'static str {
        if self.watch.is_some() { "viewer" } else { "publisher" }
    }
}

fn viewers(open: &Open) -> usize {
    open.entries.values().filter(|entry| entry.watch.is_some()).count()
}

fn count(entry: &Entry, by: f64) {
    metrics::gauge!(metric::SESSIONS, "kind" => entry.kind()).increment(by);
}

#[cfg(test)]
mod tests;
