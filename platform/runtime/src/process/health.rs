//! Whether the process lives, and whether it can do its work.

use super::Process;
use crate::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::future::{BoxFuture, join_all};
use http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long its result is good for.
const FRESH: Duration = Duration::from_secs(1);

/// Something that must work before the process is ready, or that it can do without for a while.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    is_needed: bool,
    look: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// Names a check.
    pub fn new<F, L>(name: &'static str, look: L) -> Self
    where
        L: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            name,
            is_needed: true,
            look: Arc::new(move || Box::pin(look())),
        }
    }

    /// Makes it a check whose failure is noted, while the process stays ready.
    #[must_use]
    pub fn noted(self) -> Self {
        Self {
            is_needed: false,
            ..self
        }
    }

    async fn result(&self) -> (&Self, Result<(), String>) {
        let looked = tokio::time::timeout(PATIENCE, (self.look)()).await;
        (self, looked.unwrap_or_else(|_| Err("no answer in time".to_owned())))
    }
}

/// All checks; however many ask, they are made at most once a second.
pub(super) struct Checks {
    all: Vec<Check>,
    latest: Mutex<Option<(Instant, Results)>>,
}

/// Each dependency, `ok` or `failing`, and what is missing without which the process is ready nevertheless.
#[derive(Clone, Default)]
struct Results {
    checks: BTreeMap<&'static str, &'static str>,
    notes: BTreeMap<&'static str, String>,
}

impl Checks {
    pub(super) fn new(all: Vec<Check>) -> Self {
        Self {
            all,
            latest: Mutex::new(None),
        }
    }

    async fn results(&self) -> Results {
        let mut latest = self.latest.lock().await;
        if let Some((at, results)) = &*latest
            && at.elapsed() < FRESH
        {
            return results.clone();
        }
        let mut results = Results::default();
        for (check, result) in join_all(self.all.iter().map(Check::result)).await {
            let name = check.name;
            if !check.is_needed {
                results.notes.extend(result.err().map(|why| (name, why)));
                continue;
            }
            if let Err(why) = &result {
                tracing::warn!(check = name, why, "not ready");
            }
            // Of checks that share a name, the one that fails counts.
            let state = results.checks.entry(name).or_insert("ok");
            if result.is_err() {
                *state = "failing";
            }
        }
        *latest = Some((Instant::now(), results.clone()));
        results
    }
}

/// The process's health.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, `draining` or `failing`.
    status: &'static str,
    /// Each dependency, `ok` or `failing`; the logs say why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    checks: BTreeMap<&'static str, &'static str>,
    /// What is missing although the process is ready, by role or back end.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    notes: BTreeMap<&'static str, String>,
}

/// Answers as long as the process is alive.
#[utoipa::path(
    get, path = "/health/live", operation_id = "checkLive", tag = "process",
    responses((status = 200, description = "The process is alive", body = Health))
)]
pub(super) async fn live() -> Json<Health> {
    Json(Health {
        status: "ok",
        checks: BTreeMap::new(),
        notes: BTreeMap::new(),
    })
}

/// Answers 200 when the process can take requests.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "checkReady", tag = "process",
    responses(
        (status = 200, description = "Ready", body = Health),
        (status = 503, description = "Draining, or a dependency fails", body = Health),
    )
)]
pub(super) async fn ready(State(process): State<Process>) -> Response {
    let Results { checks, notes } = process.checks.results().await;
    let status = if process.shutdown.is_requested() {
        "draining"
    } else if checks.values().all(|check| *check == "ok") {
        "ok"
    } else {
        "failing"
    };
    let code = if status == "ok" {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(Health { status, checks, notes })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_a_check_is_made_once_a_second() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let checks = Checks::new(vec![Check::new("storage", move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Err("full".to_owned())
            }
        })]);
        for results in join_all((0..100).map(|_| checks.results())).await {
            assert_eq!(results.checks["storage"], "failing");
        }
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        tokio::time::advance(FRESH).await;
        checks.results().await;
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_the_process_can_do_without_is_noted() {
        let missing = |name| Check::new(name, || async { Err("it is missing".to_owned()) });
        let checks = Checks::new(vec![
            missing("transcode").noted(),
            Check::new("database", || async { Ok(()) }),
        ]);
        let Results { checks, notes } = checks.results().await;
        assert_eq!(checks, BTreeMap::from([("database", "ok")]));
        assert_eq!(notes, BTreeMap::from([("transcode", "it is missing".to_owned())]));
    }
}
