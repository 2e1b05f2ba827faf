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
use utoipa::ToSchema;

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that must work before the process is ready.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
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
            look: Arc::new(move || Box::pin(look())),
        }
    }

    async fn result(&self) -> (&'static str, Result<(), String>) {
        let looked = tokio::time::timeout(PATIENCE, (self.look)()).await;
        (
            self.name,
            looked.unwrap_or_else(|_| Err("no answer in time".to_owned())),
        )
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
    let mut checks = BTreeMap::new();
    for (name, result) in join_all(process.checks.iter().map(Check::result)).await {
        if let Err(why) = &result {
            tracing::warn!(check = name, why, "not ready");
        }
        // Of checks that share a name, the one that fails counts.
        let state = checks.entry(name).or_insert("ok");
        if result.is_err() {
            *state = "failing";
        }
    }
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
    (code, Json(Health { status, checks })).into_response()
}
