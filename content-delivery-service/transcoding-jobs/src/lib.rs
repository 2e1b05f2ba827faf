//! Takes tasks about stored sources and makes them playable.
//!
//! The worker of `backing::tasks` claims a task and gives it to its job: [`ScanJob`] looks into a
//! source that was uploaded just now. What is found goes back through content's `TranscodeService`,
//! which alone writes about videos, and only while the task is still this worker's.

pub mod encoder;
mod scan_job;
pub mod staging;
pub mod survey;

pub use scan_job::ScanJob;

use backing::objects::Objects;
use backing::tasks::{Queue, Worker};
use content_delivery_service::{InstantConfig, TranscodeService};
use fmp4::Limits;
use runtime::metrics::Metric;
use runtime::{Background, Routes, Service};
use std::sync::Arc;
use std::time::Duration;

/// The service's name: its role.
pub const NAME: &str = "transcode";
/// How many sources are looked into at once: a long one does not hold up the short ones.
const SCAN_SLOTS: usize = 2;
/// How often a worker looks for tasks that another process has enqueued.
const SCAN_POLL: Duration = Duration::from_millis(200);

pub(crate) const SCAN_SECONDS: &str = "moocflix_scan_seconds";

/// What the jobs count.
pub const METRICS: &[Metric] = &[Metric {
    name: SCAN_SECONDS,
    kind: "histogram",
    labels: &[],
    help: "seconds from taking up an uploaded source to having recorded what it holds",
}];

/// What the workers are built from.
pub struct Deps {
    /// The tasks of content's schema.
    pub queue: Queue,
    /// Where findings go.
    pub transcode: TranscodeService,
    /// Where sources lie.
    pub objects: Objects,
    /// Which sources are played as they are.
    pub instant: InstantConfig,
}

/// Builds the workers.
#[must_use]
pub fn service(deps: Deps) -> Service {
    let limits = Limits {
        max_bit_rate: deps.instant.max_bit_rate,
        max_key_frame_gap: Duration::try_from_secs_f64(deps.instant.max_gap_seconds).unwrap_or(Duration::MAX),
    };
    let scan = ScanJob::new(deps.objects, deps.transcode, limits);
    let worker = Worker::new(deps.queue, vec![Arc::new(scan)], SCAN_SLOTS, SCAN_POLL);
    let scans = Background::new("scans", move |shutdown| async move {
        worker.run(async move { shutdown.requested().await }).await;
        Ok(())
    });
    Service {
        name: NAME,
        routes: Routes::none(),
        tasks: vec![scans],
    }
}
