//! Workers on a lecture whose source is in a store of the test's.

use crate::stage::PROGRAM;
use backing::bus::EmbeddedBus;
use backing::cache::MemoryCache;
use backing::db::Db;
use backing::objects::Objects;
use backing::space::Space;
use backing::tasks::{Queue, enqueue};
use backing::{Backing, Clock, args};
use contracts::{ObjectKey, ObjectPrefix, UserId, VideoId};
use renditions::schema::MIGRATIONS;
use renditions::tasks::ScanTask;
use runtime::Running;
use runtime::metrics::MetricsHandle;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testing::RemoteStore;
use tokio::sync::{Mutex as Turn, MutexGuard as Turned};
use transcoding_jobs::{InstantConfig, SandboxMode, TranscodeConfig};

/// How long a lecture of two minutes may take on a loaded machine.
const PATIENT: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(10);

/// The bytes that were fetched, by purpose.
pub(super) struct Fetched {
    pub(super) survey: u64,
    pub(super) picture: u64,
    pub(super) sound: u64,
}

/// What was seen in the staging folders.
#[derive(Default)]
struct Staged {
    most: AtomicU64,
    nodes: Mutex<BTreeSet<PathBuf>>,
}

/// Workers that make one lecture.
pub(super) struct Workers {
    _running: Running,
    data: TempDir,
    objects: Objects,
    store: Option<Arc<RemoteStore>>,
    db: Db,
    video: VideoId,
    staged: Arc<Staged>,
    /// The counters before.
    before: Fetched,
    _folder: TempDir,
    /// Counters are the process's, so one lecture is made at a time.
    _turn: Turned<'static, ()>,
}

fn metrics() -> &'static MetricsHandle {
    static HANDLE: OnceLock<MetricsHandle> = OnceLock::new();
    HANDLE.get_or_init(|| runtime::metrics::install().unwrap())
}

async fn turn() -> Turned<'static, ()> {
    static TURN: Turn<()> = Turn::const_new(());
    TURN.lock().await
}

fn counted() -> Fetched {
    let text = metrics().render();
    let of = |purpose: &str| {
        let start = format!("moocflix_source_bytes_fetched_total{{purpose=\"{purpose}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0, |number| number.parse().unwrap())
    };
    Fetched {
        survey: of("survey"),
        picture: of("picture"),
        sound: of("sound"),
    }
}

fn config(data_dir: &Path, rungs: &[u32]) -> transcoding_jobs::Config {
    transcoding_jobs::Config {
        instant: InstantConfig {
            max_bit_rate: 12_000_000,
            max_gap_seconds: 10.0,
        },
        transcode: TranscodeConfig {
            rungs: rungs.to_vec(),
            // With more than one thread, an encoder that keeps to a rate does not make the same bytes twice.
            slots: std::thread::available_parallelism().unwrap().get(),
            preset: "ultrafast".to_owned(),
            stall_seconds: 60.0,
            memory_share: 0.5,
            sandbox: SandboxMode::Best,
        },
        program: PROGRAM.into(),
        data_dir: data_dir.to_owned(),
    }
}

impl Workers {
    /// A worker beside a store in a folder, which makes these rungs.
    pub(super) async fn local(source: &[u8], rungs: &[u32]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}/objects", folder.path().display());
        let objects = Objects::open(&url).await.unwrap();
        Self::start((objects, None), source, rungs, (folder, 1)).await
    }

    /// Workers of a remote store, which share nothing else but the database.
    pub(super) async fn remote(source: &[u8], rungs: &[u32], nodes: usize) -> Self {
        Self::beside(RemoteStore::create(), source, rungs, nodes).await
    }

    /// Workers of this store.
    pub(super) async fn beside(
        (objects, store): (Objects, Arc<RemoteStore>),
        source: &[u8],
        rungs: &[u32],
        nodes: usize,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start((objects, Some(store)), source, rungs, (folder, nodes)).await
    }

    async fn start(
        (objects, store): (Objects, Option<Arc<RemoteStore>>),
        source: &[u8],
        rungs: &[u32],
        (folder, nodes): (TempDir, usize),
    ) -> Self {
        let turn = turn().await;
        let before = counted();
        let url = format!("sqlite://{}", folder.path().display());
        let db = Db::open(&url, "content", MIGRATIONS).await.unwrap();
        let video = VideoId::generate();
        let key = ObjectKey::VideoSource(video);
        objects.put(&key, source.to_vec().into()).await.unwrap();
        add(&db, video).await;
        let mut running = Running::new();
        let staged = Arc::new(Staged::default());
        // Workers that find each other's staging folders missing would take each other for dead, so they have one parent.
        let shared = tempfile::tempdir().unwrap();
        for _ in 0..nodes {
            let worker = transcoding_jobs::Deps {
                queue: Queue::new(db.clone(), Clock::system(), Duration::from_secs(40)),
                db: db.clone(),
                backing: backing(&objects),
                config: config(shared.path(), rungs),
            };
            drop(running.add(transcoding_jobs::service(worker).await.unwrap()));
        }
        let (watch, place) = (Arc::clone(&staged), shared.path().join("staging"));
        running.start(runtime::Background::new("watch", move |shutdown| async move {
            while !shutdown.is_requested() {
                watch.look(&place);
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        }));
        Self {
            data: shared,
            objects,
            store,
            db,
            video,
            staged,
            before,
            _folder: folder,
            _running: running,
            _turn: turn,
        }
    }

    /// The pieces of all renditions, once the lecture is complete.
    pub(super) async fn made(&self) -> BTreeMap<String, Vec<u8>> {
        let deadline = Instant::now() + PATIENT;
        loop {
            let sql = "SELECT status, COALESCE(reason_code, '') FROM videos WHERE id = $1";
            let row: Option<(String, String)> = self.db.read().one(sql, args![self.video]).await.unwrap();
            let (status, reason) = row.unwrap();
            if status == "ready" {
                break;
            }
            assert_ne!(status, "failed", "{reason}");
            assert!(Instant::now() < deadline, "the lecture is {status} ({reason})");
            tokio::time::sleep(LOOK).await;
        }
        let mut made = BTreeMap::new();
        for key in self.objects.list(&ObjectPrefix::Video(self.video)).await.unwrap() {
            // `videos/{video}/{generation}/{rendition}/{piece}-{fence}.m4s`
            let Some((piece, _)) = key.rsplit_once('-').filter(|_| key.ends_with(".m4s")) else {
                continue;
            };
            let piece = piece.rsplitn(3, '/').take(2).collect::<Vec<_>>().join(" of ");
            let bytes = match (&self.store, self.objects.folder()) {
                (Some(store), _) => store.content(&key).await,
                (None, folder) => std::fs::read(folder.unwrap().join(&key)).unwrap(),
            };
            assert!(made.insert(piece, bytes).is_none(), "{key} is there twice");
        }
        made
    }

    /// What was fetched since the workers started.
    pub(super) fn fetched(&self) -> Fetched {
        let now = counted();
        let fetched = Fetched {
            survey: now.survey - self.before.survey,
            picture: now.picture - self.before.picture,
            sound: now.sound - self.before.sound,
        };
        let store = self.store.as_ref().unwrap();
        let read = store.bytes_read(&ObjectKey::VideoSource(self.video));
        let counted = fetched.survey + fetched.picture + fetched.sound;
        assert!(counted <= read, "{counted} bytes were counted, and {read} read");
        fetched
    }

    /// The attempts of all tasks of a kind.
    pub(super) async fn attempts(&self, kind: &str) -> Vec<i64> {
        let sql = "SELECT attempt FROM tasks WHERE kind = $1";
        let rows: Vec<(i64,)> = self.db.read().all(sql, args![kind]).await.unwrap();
        rows.into_iter().map(|(attempt,)| attempt).collect()
    }

    /// The pieces that were written, each as often as it was.
    pub(super) fn written(&self) -> Vec<String> {
        let written = self.store.as_ref().unwrap().written();
        written.into_iter().filter(|key| key.ends_with(".m4s")).collect()
    }

    /// The most bytes that any worker had in its staging folders at a time.
    pub(super) fn most_staged(&self) -> u64 {
        self.staged.most.load(Ordering::Relaxed)
    }

    /// How many workers had tasks.
    pub(super) fn nodes_seen(&self) -> usize {
        self.staged.nodes.lock().unwrap().len()
    }

    /// Whether no task has left anything in the staging folders.
    pub(super) async fn is_tidy(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        // The last task ends a moment after its lecture is complete.
        while files(&self.data.path().join("staging")).next().is_some() {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        true
    }
}

impl Staged {
    fn look(&self, staging: &Path) {
        let found: Vec<PathBuf> = files(staging).collect();
        // `staging/{worker}/{task}/{file}`
        let sources = found.iter().filter(|file| file.ends_with("source"));
        let workers = sources.filter_map(|file| file.ancestors().nth(2));
        self.nodes.lock().unwrap().extend(workers.map(Path::to_owned));
        let mut taken: BTreeMap<&Path, u64> = BTreeMap::new();
        for file in &found {
            if let (Some(worker), Ok(found)) = (file.ancestors().nth(2), std::fs::symlink_metadata(file)) {
                *taken.entry(worker).or_default() += found.blocks() * 512;
            }
        }
        let most = taken.into_values().max().unwrap_or(0);
        self.most.fetch_max(most, Ordering::Relaxed);
    }
}

/// The files of all tasks.
fn files(staging: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let inside = |folder: PathBuf| {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|it| it.path())
    };
    let tasks = inside(staging.to_owned()).flat_map(inside);
    tasks.flat_map(inside)
}

fn backing(objects: &Objects) -> Backing {
    let clock = Clock::system();
    Backing {
        objects: objects.clone(),
        space: Space::boundless(),
        bus: Arc::new(EmbeddedBus::new()),
        cache: Arc::new(MemoryCache::new(clock.clone(), 1 << 20)),
        clock,
    }
}

/// Adds a lecture whose scan waits.
async fn add(db: &Db, video: VideoId) {
    let (now, owner) = (Clock::system().now(), UserId::generate());
    let mut tx = db.write().await.unwrap();
    let sql = "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, generation, \
               created_at, updated_at) VALUES ($1, $2, 'Tides', '', 'processing', 1, 1, 0, $3, $3)";
    tx.run(sql, args![video, owner, now]).await.unwrap();
    let task = ScanTask { video_id: video }.task(owner, now);
    assert!(enqueue(&mut tx, &task).await.unwrap());
    tx.commit().await.unwrap();
}
