//! Takes lectures in, makes them playable and streams them to those who may watch.
//!
//! An upload's bytes go to the object store as they come, and the offset that a client receives survives a power cut.
//! The last byte enqueues a scan; the crate `transcoding-jobs` runs it and records what it found. The crate `renditions`
//! holds what both know of plans and pieces.
//! A lecture lives `uploading` → `processing` → `playable` → `ready`, or ends `failed` or `deleted`.
//!
//! `routes` → `middlewares`, `controllers` → `services` → `repositories` → `models`; the task queue and
//! the clock start `jobs`, events start `subscribers`.

mod config;
mod controllers;
mod jobs;
mod metric;
mod middlewares;
pub mod models;
pub mod repositories;
mod routes;
mod services;
mod subscribers;

pub use config::{Config, PlaybackConfig, QuotaConfig, UploadConfig};
pub use entitlements::services::playback_keys::KeyError;
pub use renditions::schema::MIGRATIONS;
pub use services::lecture_answers::LectureAnswers;
pub use services::watch_answers::WatchAnswers;

use backing::bus::{Broadcast, Bus, BusError};
use backing::cache::Cache;
use backing::db::Db;
use backing::objects::Objects;
use backing::space::Space;
use backing::tasks::{Job, Queue, Worker};
use backing::{Backing, Clock};
use broadcasts::repositories::recording_repository::RecordingRepository;
use contracts::events::CONTENT_TOPIC;
use contracts::questions::live::{LiveDoor, LiveMedia};
use contracts::questions::{Courses, Directory};
use controllers::state::Api;
use entitlements::models::places::Places;
use entitlements::repositories::grounds_repository::GroundsRepository;
use entitlements::repositories::playback_key_repository::PlaybackKeyRepository;
use entitlements::services::kept_lectures::KeptLectures;
use entitlements::services::playback_keys::PlaybackKeys;
use entitlements::services::user_places::UserPlaces;
use jobs::sweep_job::SweepJob;
use live_lectures::services::gate::Gate;
use live_lectures::services::live_service::LiveService;
use media_store::store::MediaStore;
use renditions::repositories::ladder_repository::LadderRepository;
use renditions::repositories::plan_repository::PlanRepository;
use repositories::uploads::upload_repository::UploadRepository;
use repositories::videos::deletion_repository::DeletionRepository;
use repositories::videos::video_repository::VideoRepository;
use runtime::config::Faults;
use runtime::receipts::Receipts;
use runtime::{Authenticator, Background, Face, Routes, Service, Spawner};
use secrecy::{ExposeSecret, SecretSlice};
use services::access_service::AccessService;
use services::audit_service::AuditService;
use services::course_service::CourseService;
use services::live_gate::LiveGate;
use services::stream_service::StreamService;
use services::transcode_service::TranscodeService;
use services::upload_service::UploadService;
use services::upload_service::upload_keys::UploadKeys;
use services::upload_service::upload_store::UploadStore;
use services::video_service::VideoService;
use services::watch_service::WatchService;
use std::sync::Arc;
use std::time::Duration;
use subscribers::user_events::UserEvents;
use subscribers::{content_events, course_events};

/// The service's name: its role, its schema, its database file.
pub const NAME: &str = "content";
/// How many deleted lectures are swept at once.
const SWEEP_SLOTS: usize = 2;
/// How often the sweeper looks for tasks without being woken.
const SWEEP_POLL: Duration = Duration::from_secs(2);

/// What the service states about itself.
pub const FACE: Face = Face {
    name: NAME,
    defaults: include_str!("../config/default.toml"),
    migrations: MIGRATIONS,
    metrics: metric::METRICS,
    does: "serves /api/v1/content, /p",
    needs: &["users", "courses"],
    asks: &["users", "courses"],
};

/// What the service is built from.
pub struct Deps {
    /// The service's own schema, opened with [`MIGRATIONS`].
    pub db: Db,
    /// The tasks of that schema.
    pub queue: Queue,
    /// The shared back ends; this service's own events leave through its outbox.
    pub backing: Backing,
    /// Checks the access tokens on this service's routes.
    pub authenticator: Authenticator,
    /// What other roles answer.
    pub answers: Answers,
    /// The platform's secret, from which this service derives its keys.
    pub secret: SecretSlice<u8>,
    /// The section `content` of the settings.
    pub config: Config,
}

/// Who answers this service's questions to other roles.
pub struct Answers {
    /// Answers questions about people.
    pub directory: Arc<dyn Directory>,
    /// Answers questions about courses.
    pub courses: Arc<dyn Courses>,
    /// The role `live`.
    pub live: Live,
}

/// What this service and the role `live` hand each other.
pub struct Live {
    /// The lectures that are live here.
    pub media: Arc<dyn LiveMedia>,
    /// Takes the door to live lectures.
    pub take_door: Box<dyn FnOnce(Arc<dyn LiveDoor>) + Send>,
    /// Where publishers come by RTMP.
    pub rtmp_port: Option<u16>,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value of the configuration is out of its range.
    #[error(transparent)]
    Config(#[from] Faults),
    /// The keys of playback tokens can't be read or made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The bus takes no subscription.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Builds the service.
///
/// Errors: a key that is out of its range
pub async fn service(deps: Deps) -> Result<Service, StartError> {
    let Deps {
        db,
        queue,
        backing,
        authenticator,
        answers,
        secret,
        config,
    } = deps;
    config.validate()?;
    let spawner = Spawner::new();
    let (clock, objects, space, directory) = (backing.clock, backing.objects, backing.space, answers.directory);
    let stores = (objects.clone(), space.clone(), clock.clone());
    let uploads = uploads(&db, stores, (config.upload, config.quota.clone()), &secret);
    let (keys, media) = playback(&db, (&objects, &space, &clock), &secret, &config.playback).await?;
    let (access, kept) = rights(&db, directory.clone(), (&clock, &spawner));
    let rights = (access.clone(), kept.clone());
    let viewers = (authenticator.clone(), places(&config.playback));
    let media = (media, answers.live.media.clone());
    let stores = (space.clone(), backing.cache.clone(), clock.clone(), spawner.clone());
    let streams = StreamService::new(&db, keys, media, rights, viewers, stores);
    let transcodes = TranscodeService::new(PlanRepository::new(db.clone()), clock.clone());
    let stores = (objects, space, backing.cache);
    let handled = (transcodes.clone(), uploads.clone(), streams.clone());
    let videos = videos(&db, access.clone(), handled, stores, &clock);
    let receipts = Receipts::new(secret.expose_secret());
    let courses = CourseService::new(db.clone(), answers.courses, streams.clone(), receipts, clock.clone());
    let gate = LiveGate::new(&db, access, courses.clone(), uploads.clone());
    let door = (&authenticator, &clock);
    let (live, door) = open_door((&db, &secret), gate, (answers.live, directory), door);
    let followed = (&streams, &courses, &uploads);
    let (changes, followers) = follow(followed, backing.bus.as_ref(), (db.clone(), clock.clone())).await?;
    let questions = routes::questions(LectureAnswers::new(db.clone()), WatchAnswers::new(db.clone())).live_door(door);
    let api = Api {
        uploads: uploads.clone(),
        videos: videos.clone(),
        kept,
        transcodes,
        watches: WatchService::new(&db, videos.clone(), config.playback.completed_share, clock),
        audit: AuditService::new(db.clone()),
        spawner: spawner.clone(),
        authenticator: authenticator.clone(),
        changes,
        watchers: UserPlaces::new(config.quota.event_streams),
    };
    let tasks = background((queue, videos), uploads, spawner)
        .into_iter()
        .chain(followers);
    Ok(Service {
        name: NAME,
        routes: routes::videos(api, &authenticator)
            .merge(routes::playback(courses, &streams, &authenticator))
            .merge(live),
        questions,
        tasks: tasks.collect(),
    })
}

/// The routes of live lectures, and the door to them, which is also handed over.
fn open_door(
    (db, secret): (&Db, &SecretSlice<u8>),
    gate: LiveGate,
    (live, directory): (Live, Arc<dyn Directory>),
    (authenticator, clock): (&Authenticator, &Clock),
) -> (Routes, Arc<dyn LiveDoor>) {
    let asked = (Arc::new(gate) as Arc<dyn Gate>, live.media, directory);
    let by = (authenticator.clone(), clock.clone());
    let lectures = LiveService::new(db, secret.expose_secret(), asked, by, live.rtmp_port);
    let door: Arc<dyn LiveDoor> = Arc::new(lectures.clone());
    (live.take_door)(Arc::clone(&door));
    (live_lectures::routes(lectures, authenticator), door)
}

/// Lectures, with what else ends when one is deleted.
fn videos(
    db: &Db,
    access: AccessService,
    (transcodes, uploads, streams): (TranscodeService, UploadService, StreamService),
    stores: (Objects, Space, Arc<dyn Cache>),
    clock: &Clock,
) -> VideoService {
    let rows = (VideoRepository::new(db.clone()), DeletionRepository::new(db.clone()));
    VideoService::new(access, rows, transcodes, (uploads, streams), stores, clock.clone())
}

/// What decides who may watch, and what is kept of it.
fn rights(
    db: &Db,
    directory: Arc<dyn Directory>,
    (clock, spawner): (&Clock, &Spawner),
) -> (AccessService, KeptLectures) {
    let grounds = GroundsRepository::new(db.clone(), spawner.clone());
    let kept = KeptLectures::new(db, clock.clone());
    (AccessService::new(grounds, directory, clock.clone()), kept)
}

fn places(config: &PlaybackConfig) -> Places {
    Places {
        of_user: config.sessions_per_user,
        of_lecture: config.sessions_per_share,
    }
}

/// The keys of playback tokens, and the media that they open.
async fn playback(
    db: &Db,
    (objects, space, clock): (&Objects, &Space, &Clock),
    secret: &SecretSlice<u8>,
    config: &PlaybackConfig,
) -> Result<(PlaybackKeys, MediaStore), KeyError> {
    let sealed = PlaybackKeyRepository::new(db.clone());
    let keys = PlaybackKeys::open(sealed, secret.expose_secret(), clock.now()).await?;
    let stored = (LadderRepository::new(db.clone()), RecordingRepository::new(db.clone()));
    let media = MediaStore::new(objects.clone(), stored, config.hot_bytes).with_disk(config.disk_bytes, space);
    Ok((keys, media))
}

/// Takes lectures in.
fn uploads(
    db: &Db,
    (objects, space, clock): (Objects, Space, Clock),
    limits: (UploadConfig, QuotaConfig),
    secret: &SecretSlice<u8>,
) -> UploadService {
    let videos = VideoRepository::new(db.clone());
    let rows = UploadRepository::new(db.clone());
    let deletions = DeletionRepository::new(db.clone());
    let stores = (objects, space);
    let store = UploadStore::new(videos.clone(), rows.clone(), deletions, stores, clock.clone(), limits);
    let keys = UploadKeys::new(secret.expose_secret());
    UploadService::new(videos, rows, store, keys, clock)
}

/// The work in the background of uploads and lectures.
fn background((queue, videos): (Queue, VideoService), uploads: UploadService, spawner: Spawner) -> Vec<Background> {
    let sweeps: Arc<dyn Job> = Arc::new(SweepJob { videos });
    let sweeper = Worker::new(queue, vec![sweeps], SWEEP_SLOTS, SWEEP_POLL);
    vec![
        Background::new("sweeper", move |shutdown| async move {
            sweeper.run(async move { shutdown.requested().await }).await;
            Ok(())
        }),
        Background::new("unfinished-uploads", move |shutdown| {
            jobs::expiry_job::run(uploads, shutdown)
        }),
        Background::new("bytes-on-their-way", move |shutdown| async move {
            shutdown.requested().await;
            spawner.finished().await;
            Ok(())
        }),
    ]
}

/// Follows the events of users, of courses and of lectures, and the playbacks that other nodes end; also returns this service's
/// events.
async fn follow(
    (streams, courses, uploads): (&StreamService, &CourseService, &UploadService),
    bus: &dyn Bus,
    (db, clock): (Db, Clock),
) -> Result<(Broadcast, [Background; 6]), BusError> {
    let users = UserEvents::new(streams.clone(), uploads.clone()).subscription(db.clone(), clock.clone());
    let users = bus.subscribe_group(users).await?;
    let course_changes = course_events::subscription(courses.clone(), db, clock);
    let course_changes = bus.subscribe_group(course_changes).await?;
    let courses = courses.clone();
    let (changes, hearing) = bus.subscribe_broadcast(CONTENT_TOPIC).await?;
    let (deleted, here, streams) = (changes.listen(), streams.clone(), streams.clone());
    let tasks = [
        users.into(),
        course_changes.into(),
        Background::new("courses", move |shutdown| jobs::reconcile_job::run(courses, shutdown)),
        hearing.into(),
        Background::new("deleted-videos", move |shutdown| {
            content_events::follow(deleted, here, shutdown)
        }),
        Background::new("playback-ends", move |shutdown| streams.keep_up(shutdown)),
    ];
    Ok((changes, tasks))
}
