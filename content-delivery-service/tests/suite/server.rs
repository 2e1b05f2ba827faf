//! The service on a port of its own, with embedded back ends in a fresh folder, and what its tests ask of it again and
//! again.

use crate::courses::answers::Answers;
use aws_lc_rs::digest;
use backing::bus::{Broadcast, Bus, EmbeddedBus, Relay};
use backing::db::Db;
use backing::objects::Objects;
use backing::tasks::Queue;
use backing::{Backing, args};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use content_delivery_service::{Answers as Others, Config, Deps, FACE, Live, MIGRATIONS, NAME, service};
use contracts::events::CONTENT_TOPIC;
use contracts::{Event, EventData, EventId, NewEvent, UserId};
use live_server::rooms::Rooms;
use reqwest::{Method, RequestBuilder};
use runtime::Background;
use runtime::server::ServerLimits;
use std::fmt::Display;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use testing::{Identity, Person, Place, Reply, Site, Wire, back_ends, deliver, places, until};
use tokio::sync::broadcast::Receiver;
use transcoding_jobs::{InstantConfig, TranscodeConfig};

/// Where uploads begin.
pub(crate) const UPLOAD: &str = "/api/v1/content/upload";

/// A running service.
pub(crate) struct Server {
    site: Site,
    pub(crate) db: Db,
    pub(crate) bus: Arc<EmbeddedBus>,
    /// The rooms of lectures that are live here.
    pub(crate) rooms: Rooms,
    changes: Broadcast,
    data: Arc<Data>,
}

/// What outlives a server: its folder, its database where that is elsewhere, and course-management.
struct Data {
    folder: TempDir,
    place: Option<Place>,
    /// Where its objects are, if that is not the folder.
    objects: Option<Objects>,
    courses: Arc<Answers>,
}

impl Data {
    fn new(place: Option<Place>) -> Arc<Self> {
        Self::with(place, None)
    }

    fn with(place: Option<Place>, objects: Option<Objects>) -> Arc<Self> {
        Arc::new(Self {
            folder: TempDir::new().unwrap(),
            place,
            objects,
            courses: Arc::default(),
        })
    }

    fn database(&self) -> String {
        match &self.place {
            Some(place) => place.url.clone(),
            None => format!("sqlite://{}", self.folder.path().display()),
        }
    }
}

impl Deref for Server {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

#[derive(serde::Deserialize)]
struct Wrapped<C> {
    content: C,
}

/// What content and these rooms hand each other.
fn live(rooms: &Rooms) -> Live {
    let hung = rooms.clone();
    Live {
        media: Arc::new(rooms.clone()),
        take_door: Box::new(move |door| hung.hang(door)),
        rtmp_port: Some(1935),
    }
}

/// The shipped defaults, changed.
fn defaults(change: impl FnOnce(&mut Config)) -> Config {
    let defaults: runtime::config::Loaded<Wrapped<Config>> =
        runtime::config::load(&[FACE.defaults], None, &[]).unwrap();
    let mut config = defaults.value.content;
    change(&mut config);
    config
}

#[derive(serde::Deserialize)]
struct WorkerKeys {
    instant: InstantConfig,
    transcode: TranscodeConfig,
}

/// The shipped defaults of workers, without rungs below what is uploaded and without a program.
fn worker(data_dir: &Path) -> transcoding_jobs::Config {
    let defaults: runtime::config::Loaded<Wrapped<WorkerKeys>> =
        runtime::config::load(&[transcoding_jobs::FACE.defaults], None, &[]).unwrap();
    let WorkerKeys { instant, mut transcode } = defaults.value.content;
    transcode.rungs.clear();
    transcoding_jobs::Config {
        instant,
        transcode,
        program: "/nowhere/moocflix".into(),
        data_dir: data_dir.to_owned(),
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::launch(Data::new(None), Identity::new(), defaults(change)).await
    }

    /// A server whose objects are elsewhere.
    pub(crate) async fn on(objects: Objects) -> Self {
        Self::launch(Data::with(None, Some(objects)), Identity::new(), defaults(|_| ())).await
    }

    /// One server on each engine.
    pub(crate) async fn on_each_engine() -> Vec<Self> {
        let mut servers = Vec::new();
        for place in places().await.unwrap() {
            servers.push(Self::launch(Data::new(Some(place)), Identity::new(), defaults(|_| ())).await);
        }
        servers
    }

    /// A server beside a worker that scans and encodes nothing.
    pub(crate) async fn with_worker() -> Self {
        Self::start().await.joined_by_a_worker().await
    }

    /// One server with a worker on each engine.
    pub(crate) async fn with_worker_on_each_engine() -> Vec<Self> {
        let mut servers = Vec::new();
        for server in Self::on_each_engine().await {
            servers.push(server.joined_by_a_worker().await);
        }
        servers
    }

    async fn joined_by_a_worker(mut self) -> Self {
        let data_dir = self.data.folder.path();
        let worker = transcoding_jobs::Deps {
            db: self.db.clone(),
            queue: Queue::new(self.db.clone(), self.clock.clone(), Duration::from_secs(40)),
            backing: back_ends(data_dir, &self.clock).await,
            config: worker(data_dir),
        };
        let _ = self.site.running.add(transcoding_jobs::service(worker).await.unwrap());
        self
    }

    /// A second server on the same data, which publishes nothing and shares no bus with the first.
    pub(crate) async fn beside(&self) -> Self {
        let identity = Identity::at(self.clock.clone());
        Self::open(Arc::clone(&self.data), identity, defaults(|_| ()), "http://other").await
    }

    /// A server that publishes its events.
    async fn launch(data: Arc<Data>, identity: Identity, config: Config) -> Self {
        let mut server = Self::open(data, identity, config, "http://this").await;
        let relay = Relay::new(server.db.clone(), server.bus.clone(), server.clock.clone());
        server
            .site
            .running
            .start(Background::new("relay", move |shutdown| async move {
                relay.run(async move { shutdown.requested().await }).await;
                Ok(())
            }));
        server
    }

    /// `node` is its address, as other nodes know it.
    async fn open(data: Arc<Data>, identity: Identity, config: Config, node: &str) -> Self {
        let db = Db::open(&data.database(), NAME, MIGRATIONS).await.unwrap();
        let (bus, clock) = (Arc::new(EmbeddedBus::new()), identity.clock.clone());
        let mut backing = Backing {
            bus: bus.clone(),
            ..back_ends(data.folder.path(), &clock).await
        };
        if let Some(objects) = &data.objects {
            backing.objects = objects.clone();
        }
        let rooms = Rooms::new(&db, backing.objects.clone(), clock.clone(), node.to_owned());
        let deps = Deps {
            db: db.clone(),
            queue: Queue::new(db.clone(), clock.clone(), Duration::from_secs(30)),
            backing,
            authenticator: identity.authenticator(),
            answers: Others {
                directory: data.courses.clone(),
                courses: data.courses.clone(),
                live: live(&rooms),
            },
            secret: vec![7; 32].into(),
            config,
        };
        let (changes, _) = bus.subscribe_broadcast(CONTENT_TOPIC).await.unwrap();
        let mut site = Site::serve(identity, service(deps).await.unwrap(), ServerLimits::default()).await;
        for task in rooms.background(Duration::from_secs(300)) {
            site.running.start(task);
        }
        Self {
            site,
            rooms,
            db,
            bus,
            changes,
            data,
        }
    }

    /// The same data after a restart.
    pub(crate) async fn restarted(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { site, data, db, .. } = self;
        let clock = site.clock.clone();
        drop(db);
        site.stop().await;
        Box::pin(Self::launch(data, Identity::at(clock), defaults(change))).await
    }

    /// What course-management would answer.
    pub(crate) fn courses(&self) -> &Answers {
        &self.data.courses
    }

    pub(crate) async fn details(&self, person: &Person, id: impl Display) -> Reply {
        self.ask(person, Method::GET, &format!("/api/v1/content/{id}")).await
    }

    pub(crate) fn creation(&self, person: &Person, length: usize) -> RequestBuilder {
        let request = self.request_by(person, Method::POST, UPLOAD);
        request.header("tus-resumable", "1.0.0").header("upload-length", length)
    }

    /// Begins an upload and returns its URL.
    pub(crate) async fn begin(&self, person: &Person, length: usize) -> String {
        let reply = self.send(self.creation(person, length)).await;
        reply.is(201);
        reply.header("location").to_owned()
    }

    pub(crate) fn piece(&self, location: &str, offset: usize, bytes: &[u8]) -> RequestBuilder {
        self.request(Method::PATCH, location)
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(bytes.to_vec())
    }

    pub(crate) async fn patch(&self, location: &str, offset: usize, bytes: &[u8]) -> Reply {
        self.send(self.piece(location, offset, bytes)).await
    }

    pub(crate) async fn head(&self, location: &str) -> Reply {
        self.send(self.request(Method::HEAD, location).header("tus-resumable", "1.0.0"))
            .await
    }

    /// Delivers an event of user-management.
    pub(crate) async fn tell(&self, user: UserId, data: impl Into<EventData>) {
        self.deliver(&self.event(user, data)).await;
    }

    /// An event as user-management publishes it.
    pub(crate) fn event(&self, user: UserId, data: impl Into<EventData>) -> Event {
        NewEvent::of_user(user, data.into()).published(EventId::generate(), self.clock.now(), 1)
    }

    /// Delivers an event and waits until the service has handled it.
    pub(crate) async fn deliver(&self, event: &Event) {
        deliver(self.bus.as_ref(), event).await;
    }

    /// The events that the service publishes from now on.
    pub(crate) fn events(&self) -> Receiver<Event> {
        self.changes.listen()
    }

    /// Every file of the object store, unfinished uploads too.
    pub(crate) fn stored(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.data.folder.path().join("objects"), &mut files);
        files
    }

    /// The object store, as a worker in another process opens it.
    pub(crate) async fn objects(&self) -> Objects {
        back_ends(self.data.folder.path(), &self.clock).await.objects
    }

    /// The source as it lies in the store.
    pub(crate) fn source(&self, id: &str) -> Vec<u8> {
        std::fs::read(self.data.folder.path().join(format!("objects/videos/{id}/source"))).unwrap()
    }

    /// Waits until nothing lies in the object store.
    pub(crate) async fn emptied(&self) {
        until("the store is empty", || async { self.stored().is_empty() }).await;
    }

    /// How many lectures the database has, dead or alive.
    pub(crate) async fn rows(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM videos").await
    }

    /// How many playback sessions the database has.
    pub(crate) async fn playbacks(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM playbacks").await
    }

    /// How many segments of live lectures' pictures are recorded.
    pub(crate) async fn recorded(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM live_segments WHERE rendition = 'video-0'")
            .await
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let counted: Option<(i64,)> = self.db.read().one(sql, args![]).await.unwrap();
        counted.unwrap().0
    }

    /// Asserts that a refused upload left nothing behind.
    #[track_caller]
    pub(crate) fn holds_no_file(&self) {
        assert_eq!(self.stored(), Vec::<PathBuf>::new());
    }

    /// Sends the head and the first bytes of a PATCH whose rest is still to come.
    pub(crate) async fn open_patch(&self, location: &str, offset: usize, length: usize, first: &[u8]) -> Wire {
        let mut wire = self.connect().await;
        wire.send(format!(
            "PATCH {location} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nupload-offset: {offset}\r\n\
             content-type: application/offset+octet-stream\r\ncontent-length: {length}\r\n\r\n"
        ))
        .await;
        wire.send(first).await;
        wire
    }
}

/// The id in an upload's URL.
pub(crate) fn id(location: &str) -> &str {
    location[UPLOAD.len() + 1..].split('?').next().unwrap()
}

/// Bytes that begin like a film.
pub(crate) fn film(length: usize) -> Vec<u8> {
    let mut bytes = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec();
    let mut state: u32 = 1;
    while bytes.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The value of `Upload-Checksum` for these bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256 {}", base64(digest::digest(&digest::SHA256, bytes)))
}

pub(crate) fn sha1(bytes: &[u8]) -> String {
    format!(
        "sha1 {}",
        base64(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes))
    )
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
