//! Metrics for operators, in Prometheus' text form.

use crate::Background;
use crate::metric::{CUT, REFUSALS, REFUSED, REQUESTS};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;

/// Upper bounds of the histograms' buckets, in seconds.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Reads the numbers out.
#[derive(Clone)]
pub struct MetricsHandle(PrometheusHandle);

/// Starts counting; once in a process.
pub fn install() -> Result<MetricsHandle, BuildError> {
    let handle = PrometheusBuilder::new().set_buckets(BUCKETS)?.install_recorder()?;
    // A counter is there from the start, so that its first step is seen as one.
    metrics::counter!(REQUESTS, "method" => "GET", "route" => "/metrics", "status" => "200").increment(0);
    for reason in ["head", "body", "idle", "write"] {
        metrics::counter!(CUT, "reason" => reason).increment(0);
    }
    for reason in REFUSALS {
        metrics::counter!(REFUSED, "reason" => reason).increment(0);
    }
    Ok(MetricsHandle(handle))
}

impl MetricsHandle {
    /// All numbers as text.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Keeps the histograms small; nothing else does.
    #[must_use]
    pub fn upkeep(&self) -> Background {
        let handle = self.0.clone();
        Background::new("metrics upkeep", move |shutdown| async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(5));
            loop {
                tokio::select! {
                    _ = ticks.tick() => handle.run_upkeep(),
                    () = shutdown.requested() => return Ok(()),
                }
            }
        })
    }
}

/// Gives the recorder a metric's meaning; its kind is in its name.
///
/// Shape: `…_total` is a counter, `…_seconds` and `…_bytes` are histograms, anything else is a gauge
pub fn describe(name: &'static str, help: &'static str) {
    match kind(name) {
        "counter" => metrics::describe_counter!(name, help),
        "histogram" => metrics::describe_histogram!(name, help),
        _ => metrics::describe_gauge!(name, help),
    }
}

/// The kind of a metric of this name.
#[must_use]
pub fn kind(name: &str) -> &'static str {
    match name.rsplit('_').next() {
        Some("total") => "counter",
        Some("seconds" | "bytes") => "histogram",
        Some(_) | None => "gauge",
    }
}
