//! Runs the tasks that make stored sources playable.
//!
//! The worker of `backing::tasks` claims a task and runs its job: `ScanJob` scans a new upload, `SurveyJob` surveys a source
//! that needs encoding with an encoder's probe, `EncodeJob` encodes one piece of a plan's renditions, `TidyJob` removes what
//! a complete lecture does not need. Of a live lecture's recording, `PlanJob` plans what it lacks, and `JoinJob` joins its
//! segments. Jobs report through the ledger of the crate `renditions`, which writes their results only while the task is
//! still this worker's.
//!
//! ffmpeg and ffprobe run in `sandbox`; `encoder` reads ffmpeg's progress, `encode_job` writes its command lines, and
//! `containers` knows its names and habits. `sources` hands both the source as files and pipes, wherever it is stored.

mod cage_check;
mod config;
pub mod containers;
mod encode_job;
pub mod encoder;
mod failures;
mod recordings;
mod scan_job;
mod sources;
pub mod survey;
mod survey_job;
mod tidy_job;

pub use config::{Config, InstantConfig, SandboxMode, TranscodeConfig};
pub use encoder::installed::check as check_encoder;
pub use scan_job::ScanJob;

use backing::db::Db;
use backing::objects::Objects;
use backing::space::Space;
use backing::tasks::{Job, Queue, Worker};
use backing::{Backing, Metric};
use encode_job::EncodeJob;
use encoder::installed;
use fmp4::Limits;
use recordings::{JoinJob, PlanJob, Recordings};
use renditions::ledger::Ledger;
use renditions::tasks::EncodeTask;
use runtime::{Background, Face, Questions, Routes, Service};
use sandbox::Sandbox;
use sandbox::staging::Staging;
use sources::Sources;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use survey_job::SurveyJob;
use tidy_job::TidyJob;

/// The service's name: its role.
pub const NAME: &str = "transcode";
/// How many sources are scanned at once, so that a long one does not delay short ones. Lectures that are played without
/// encoding wait for nothing else.
const SCAN_SLOTS: usize = 2;
/// How many sources are surveyed, or tidied up, at once.
const SURVEY_SLOTS: usize = 2;
/// Encoders in addition to the configured ones, which only make lectures playable.
const EXPRESS_SLOTS: usize = 1;
/// How often a worker looks for tasks that another process has enqueued.
const POLL: Duration = Duration::from_millis(200);
/// How often to look for dead workers.
const ROLL_CALL: Duration = Duration::from_secs(2);
/// The least memory of an encoder, however small the machine: a lecture in 4K takes half of it.
const LEAST_MEMORY: u64 = 1 << 30;
/// The memory of a machine that does not report it.
const SMALL_MACHINE: u64 = 4 << 30;
/// How long encoders may run on when the process stops; unfinished tasks are returned to the queue.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) const SCAN_SECONDS: &str = "moocflix_scan_seconds";
pub(crate) const ENCODE_SECONDS: &str = "moocflix_encode_seconds";
pub(crate) const ENCODER_MISSING: &str = "moocflix_encoder_missing";
const ENCODER_MEMORY: &str = "moocflix_encoder_memory_limit";
pub(crate) const SOURCES_REFUSED: &str = "moocflix_sources_refused_total";
pub(crate) const SOURCE_BYTES: &str = "moocflix_source_bytes_fetched_total";
pub(crate) const PIECES_PUBLISHED: &str = "moocflix_pieces_published_total";
pub(crate) const SEGMENTS_JOINED: &str = "moocflix_live_segments_joined_total";

/// Every metric of this crate.
const METRICS: &[Metric] = &[
    Metric {
        name: SCAN_SECONDS,
        help: "seconds from taking up an uploaded source to having recorded what it holds",
    },
    Metric {
        name: ENCODE_SECONDS,
        help: "seconds from taking up a part of a plan to having published it",
    },
    Metric {
        name: ENCODER_MISSING,
        help: "1 while ffmpeg or ffprobe is not installed, else 0",
    },
    Metric {
        name: ENCODER_MEMORY,
        help: "bytes of memory that each encoder or probe may use",
    },
    Metric {
        name: SOURCES_REFUSED,
        help: "sources, and parts of them, that can't be made playable, by the code of the reason",
    },
    Metric {
        name: SOURCE_BYTES,
        help: "bytes of sources that were fetched from a remote store, by purpose (survey, picture, sound)",
    },
    Metric {
        name: PIECES_PUBLISHED,
        help: "pieces of renditions that were published",
    },
    Metric {
        name: SEGMENTS_JOINED,
        help: "segments of recordings of live lectures that were joined into larger objects",
    },
];

/// The workers' face; they use the schema of `content`.
pub const FACE: Face = Face {
    name: NAME,
    defaults: include_str!("../config/default.toml"),
    migrations: &[],
    metrics: METRICS,
    does: "encodes lectures",
    needs: &[],
    asks: &[],
};

/// The dependencies of the workers.
pub struct Deps {
    /// The schema of lectures, opened with [`renditions::schema::MIGRATIONS`].
    pub db: Db,
    /// The tasks of that schema.
    pub queue: Queue,
    /// The shared back ends.
    pub backing: Backing,
    /// The configuration.
    pub config: Config,
}

/// Builds the workers.
///
/// Errors: no staging folder can be created, or encoders must be caged and can't be
pub async fn service(deps: Deps) -> io::Result<Service> {
    let Config {
        instant,
        transcode,
        program,
        data_dir,
    } = deps.config;
    let Backing {
        clock, objects, space, ..
    } = deps.backing;
    let limits = playable(&instant);
    let stall = Duration::try_from_secs_f64(transcode.stall_seconds).unwrap_or(Duration::MAX);
    let required = transcode.sandbox == SandboxMode::Required;
    let memory = memory_of_each(transcode.memory_share, transcode.slots);
    metrics::gauge!(ENCODER_MEMORY).set(memory as f64);
    let sandbox = Sandbox::new(program, stall).required(required).memory(memory);
    let staging = Staging::open(&data_dir)?;
    if required {
        cage_check::require(&sandbox, &staging).await?;
    }
    // With SQLite, every worker of this queue has its staging folder in this data directory.
    let one_machine = !deps.db.is_postgres();
    let recordings = Recordings::new(&deps.db, objects.clone(), space.clone());
    let ledger = Ledger::new(deps.db, clock, &transcode.rungs).fetching(objects.folder().is_none());
    let queue = deps.queue.of_worker(staging.worker());
    let looks = looks((&objects, &recordings), &ledger, limits);
    let scans = Worker::new(queue.clone(), looks, SCAN_SLOTS, POLL);
    let sources = Sources::new(objects.clone(), space.clone(), staging.clone());
    let surveys = surveys((&objects, &sources, &recordings), &ledger, &sandbox, &staging);
    let surveys = Worker::new(queue.clone(), surveys, SURVEY_SLOTS, POLL);
    let (scans, surveys) = (background("scans", scans), background("surveys", surveys));
    let mut tasks = vec![scans, surveys, installed::background()];
    tasks.push(cage_check::background(sandbox.clone(), staging.clone(), required));
    let rooms = (staging.clone(), sources.clone());
    tasks.push(lost_workers(queue.clone(), rooms, one_machine));
    if let Some(threads) = threads_of_each(transcode.slots) {
        let later = EncodeJob {
            kind: EncodeTask::KIND,
            objects,
            sources,
            recordings,
            ledger,
            sandbox,
            staging,
            preset: transcode.preset,
            threads,
        };
        tasks.extend(encoding(later, queue, transcode.slots, &space));
    }
    Ok(Service {
        name: NAME,
        routes: Routes::none(),
        questions: Questions::none(),
        tasks,
    })
}

/// The workers that encode. Work that makes a lecture playable must not wait until an encoder has finished a minute of another
/// lecture, so it has workers of its own.
fn encoding(later: EncodeJob, queue: Queue, slots: usize, space: &Space) -> [Background; 2] {
    let first = EncodeJob {
        kind: EncodeTask::FIRST_KIND,
        ..later.clone()
    };
    let express = Worker::new(queue.clone(), vec![Arc::new(first.clone())], EXPRESS_SLOTS, POLL).grace(GRACE);
    let all = Worker::new(queue, vec![Arc::new(first), Arc::new(later)], slots, POLL).grace(GRACE);
    [
        encoders("first-pieces", express, space),
        encoders("encoders", all, space),
    ]
}

/// The threads of each encoder; none without a slot. With more threads than processors, the threads that serve viewers would
/// wait for ticks of the kernel.
fn threads_of_each(slots: usize) -> Option<usize> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Some(processors.checked_div(slots)?.max(1))
}

/// The memory of each encoder and probe: they share a part of the machine's, as if all of them ran at once.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of the machine's memory"
)]
fn memory_of_each(share: f64, slots: usize) -> u64 {
    let encoders = if slots == 0 { 0 } else { slots + EXPRESS_SLOTS };
    let all = sandbox::available_memory().unwrap_or(SMALL_MACHINE) as f64 * share;
    ((all / (encoders + SURVEY_SLOTS) as f64) as u64).max(LEAST_MEMORY)
}

/// The limits of sources that are played without encoding.
fn playable(instant: &InstantConfig) -> Limits {
    Limits {
        max_bit_rate: instant.max_bit_rate,
        max_key_frame_gap: Duration::try_from_secs_f64(instant.max_gap_seconds).unwrap_or(Duration::MAX),
    }
}

/// The jobs that only look at a source, for which people wait.
fn looks((objects, recordings): (&Objects, &Recordings), ledger: &Ledger, limits: Limits) -> Vec<Arc<dyn Job>> {
    vec![
        Arc::new(ScanJob::new(objects.clone(), ledger.clone(), limits)),
        Arc::new(PlanJob {
            recordings: recordings.clone(),
            ledger: ledger.clone(),
        }),
    ]
}

/// The jobs that read a source as a whole, and those for which nobody waits.
fn surveys(
    (objects, sources, recordings): (&Objects, &Sources, &Recordings),
    ledger: &Ledger,
    sandbox: &Sandbox,
    staging: &Staging,
) -> Vec<Arc<dyn Job>> {
    let (objects, ledger) = (objects.clone(), ledger.clone());
    vec![
        Arc::new(SurveyJob {
            objects: objects.clone(),
            sources: sources.clone(),
            ledger: ledger.clone(),
            sandbox: sandbox.clone(),
            staging: staging.clone(),
        }),
        Arc::new(TidyJob { objects, ledger }),
        Arc::new(JoinJob(recordings.clone())),
    ]
}

fn background(name: &'static str, worker: Worker) -> Background {
    Background::new(name, move |shutdown| async move {
        worker.run(async move { shutdown.requested().await }).await;
        Ok(())
    })
}

/// Encoders take space, and the last of it is for everything else.
fn encoders(name: &'static str, worker: Worker, space: &Space) -> Background {
    let space = space.clone();
    background(name, worker.held_while(move || space.is_low()))
}

/// Removes the staging folders of dead workers, puts back what their tools had borrowed and, if all workers of the queue are
/// on this machine, returns their tasks to the queue before the leases expire.
fn lost_workers(queue: Queue, (staging, sources): (Staging, Sources), one_machine: bool) -> Background {
    Background::new("lost-workers", move |shutdown| async move {
        loop {
            sources.tidy();
            let left = staging.clone();
            match tokio::task::spawn_blocking(move || left.sweep()).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(error)) => tracing::warn!(%error, "staging folders of dead workers could not be removed"),
            }
            match queue.claimants().await {
                Ok(_) if !one_machine => {}
                Ok(claimants) => {
                    for worker in claimants.into_iter().filter(|&worker| staging.is_dead(worker)) {
                        match queue.give_up(worker).await {
                            Ok(0) => {}
                            Ok(tasks) => {
                                tracing::warn!(%worker, tasks, "a worker died: its tasks were returned to the queue");
                            }
                            Err(error) => {
                                tracing::warn!(%worker, %error, "a dead worker's tasks wait until their leases expire");
                            }
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "dead workers could not be looked for"),
            }
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                () = tokio::time::sleep(ROLL_CALL) => {}
            }
        }
    })
}
