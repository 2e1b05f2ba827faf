//! The rooms of the lectures that are live on this node: one publisher, everybody who listens, the stream and its recording.
//!
//! A publisher's frames pass through its [`Publication`]. The newest publisher takes a room over; the one before learns of it
//! by [`Publication::taken_over`]. A [`Listener`] gets the kept group of pictures of each layer first, so that it can begin at
//! once, and then what comes. The same frames go into the stream, whose newest parts are in memory; each finished segment is
//! stored as soon as the store takes it, so that a crash loses only those that wait and the one that is being made, and the
//! recording is the stream.

mod backlog;
mod kept;
mod key_frames;
mod listing;
mod recorder;
mod room;
mod shelf;
mod stream;
mod upkeep;
mod whereabouts;

pub use room::Room;
pub use room::listener::{Heard, Listener};
pub use room::publication::Publication;
pub(crate) use whereabouts::Whereabouts;

use crate::encoders::Encoders;
use async_trait::async_trait;
use backing::objects::Objects;
use backing::{Clock, Db, DbError};
use backlog::Backlog;
use broadcasts::models::recording::Recording;
use broadcasts::repositories::broadcast_repository::BroadcastRepository;
use broadcasts::repositories::recording_repository::RecordingRepository;
use bytes::Bytes;
use contracts::VideoId;
use contracts::questions::live::{LiveDoor, LiveFile, LiveMedia, LiveReply, PublishGrant, Reload};
use recorder::{Recorder, Store};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use stream::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long the end of a lecture may take.
const ENDING: Duration = Duration::from_secs(2);

/// Who hears a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Viewers of both kinds.
    Everyone,
    /// Playlists and the recording.
    Segments,
    /// Listeners.
    Realtime,
}

/// Why nobody can publish in a room.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// The lecture has ended meanwhile.
    #[error("the lecture has ended")]
    Ended,
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// All rooms of this node.
#[derive(Clone)]
pub struct Rooms(Arc<Inner>);

/// A recording that is to be stored, with its room.
type Work = (Recorder, Arc<Room>);

struct Inner {
    rooms: Mutex<HashMap<VideoId, Arc<Room>>>,
    /// Rooms are opened one after the other.
    opening: tokio::sync::Mutex<()>,
    /// None where nothing is recorded.
    store: Option<Store>,
    backlog: Backlog,
    clock: Clock,
    recorders: mpsc::UnboundedSender<Work>,
    waiting: Mutex<Option<mpsc::UnboundedReceiver<Work>>>,
    door: OnceLock<Arc<dyn LiveDoor>>,
    encoders: OnceLock<Encoders>,
}

impl Default for Rooms {
    /// Rooms that record nothing.
    fn default() -> Self {
        Self::with(None, Clock::system())
    }
}

impl Rooms {
    /// Rooms that record into content's schema and the object store; `node` is this node's own address.
    #[must_use]
    pub fn new(db: &Db, objects: Objects, clock: Clock, node: String) -> Self {
        let store = Store {
            broadcasts: BroadcastRepository::new(db.clone()),
            recordings: RecordingRepository::new(db.clone()),
            objects,
            clock: clock.clone(),
            node,
        };
        Self::with(Some(store), clock)
    }

    fn with(store: Option<Store>, clock: Clock) -> Self {
        let (recorders, waiting) = mpsc::unbounded_channel();
        Self(Arc::new(Inner {
            rooms: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            store,
            backlog: Backlog::default(),
            clock,
            recorders,
            waiting: Mutex::new(Some(waiting)),
            door: OnceLock::new(),
            encoders: OnceLock::new(),
        }))
    }

    /// Hangs the door in, which knows who may publish and watch; composition does, once content is there.
    pub fn hang(&self, door: Arc<dyn LiveDoor>) {
        // the first one stays
        let _ = self.0.door.set(door);
    }

    /// The door.
    #[must_use]
    pub fn door(&self) -> Option<Arc<dyn LiveDoor>> {
        self.0.door.get().map(Arc::clone)
    }

    /// Gives the rooms their encoders; composition does. Without any, each kind of viewers gets only what publishers send.
    pub fn equip(&self, encoders: Encoders) {
        // the first ones stay
        let _ = self.0.encoders.set(encoders);
    }

    /// The encoders.
    #[must_use]
    pub fn encoders(&self) -> Option<&Encoders> {
        self.0.encoders.get()
    }

    /// Begins to publish. Whoever has published the lecture until now is out.
    ///
    /// Errors: the lecture has ended meanwhile
    pub async fn publish(&self, grant: &PublishGrant) -> Result<Publication, RoomError> {
        let room = self.open(grant.video).await?;
        let publication = Publication::begin(room, grant.clone(), self.0.clock.clone(), self.encoders());
        publication.ok_or(RoomError::Ended)
    }

    /// The room of a lecture that is published here.
    #[must_use]
    pub fn room(&self, video: VideoId) -> Option<Arc<Room>> {
        self.held(video).filter(|room| room.is_published())
    }

    /// Ends a lecture: its publisher and its listeners are out, and its recording is completed.
    pub fn close(&self, video: VideoId) {
        if let Some(room) = self.held(video) {
            room.end();
        }
    }

    /// The room of a lecture that this node holds.
    fn held(&self, video: VideoId) -> Option<Arc<Room>> {
        self.all().get(&video).map(Arc::clone)
    }

    async fn open(&self, video: VideoId) -> Result<Arc<Room>, RoomError> {
        let _alone = self.0.opening.lock().await;
        let known = self.held(video);
        let (lease, recording, seen_at) = match &self.0.store {
            None => (0, Recording::default(), None),
            Some(store) => {
                let before = store.broadcasts.find(video).await?;
                let held = known.as_ref().map(|room| room.lease);
                let begun = store.broadcasts.begin((video, held), &store.node, self.0.clock.now());
                let lease = begun.await?.ok_or(RoomError::Ended)?;
                if let Some(room) = known.as_ref().filter(|room| room.lease == lease) {
                    return Ok(Arc::clone(room));
                }
                let recording = store.recordings.read(video).await?.unwrap_or_default();
                (lease, recording, before.and_then(|it| it.published_at))
            }
        };
        if let Some(room) = known {
            if room.lease == lease {
                return Ok(room);
            }
            // another node has held the lecture meanwhile
            room.abandon();
        }
        let (jobs, waiting) = self.0.backlog.of_lecture(video);
        let room = Room::new((video, lease), Stream::new(&recording, seen_at, jobs));
        if let Some(store) = &self.0.store {
            let recorder = Recorder {
                video,
                lease,
                jobs: waiting,
                store: store.clone(),
            };
            // without a receiver, the process is going down
            let _ = self.0.recorders.send((recorder, Arc::clone(&room)));
        }
        self.all().insert(video, Arc::clone(&room));
        Ok(room)
    }

    fn rooms(&self) -> Vec<Arc<Room>> {
        self.all().values().map(Arc::clone).collect()
    }

    /// Takes a room out, unless another one has taken its place.
    fn forget(&self, room: &Arc<Room>) {
        let mut all = self.all();
        if all.get(&room.video).is_some_and(|it| Arc::ptr_eq(it, room)) {
            all.remove(&room.video);
        }
    }

    fn take_recorders(&self) -> Option<mpsc::UnboundedReceiver<Work>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<VideoId, Arc<Room>>> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LiveMedia for Rooms {
    async fn read(&self, video: VideoId, file: &LiveFile, reload: Reload) -> LiveReply {
        match self.held(video) {
            Some(room) => room.stream.read(file, reload).await,
            None => LiveReply::Elsewhere,
        }
    }

    fn in_memory(&self, video: VideoId, file: &LiveFile) -> Option<Bytes> {
        self.held(video)?.stream.in_memory(file)
    }

    fn is_published(&self, video: VideoId) -> Option<bool> {
        self.held(video).map(|room| room.is_published())
    }

    async fn end(&self, video: VideoId) {
        let Some(room) = self.held(video) else {
            return self.finish(video, Duration::MAX).await;
        };
        let mut is_stored = room.is_stored.subscribe();
        room.end();
        // a recording that takes longer is completed later
        let _ = timeout(ENDING, is_stored.wait_for(|stored| *stored)).await;
    }
}

#[cfg(test)]
mod tests;
