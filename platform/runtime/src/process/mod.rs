//! What every process publishes about itself: health, metrics, and the documentation of its routes.

mod docs;
mod health;

use crate::metrics::MetricsHandle;
use crate::{Access, Authenticator, Quiet, Routes, Shutdown, Table, openapi};
use axum::Router;
use axum::extract::State;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method};
use std::sync::{Arc, OnceLock};
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use health::Checks;
pub use health::{Check, Health};

/// The routes on which a process publishes its own state.
#[derive(Clone)]
pub struct Process {
    checks: Arc<Checks>,
    metrics: MetricsHandle,
    shutdown: Shutdown,
    document: Arc<OnceLock<Bytes>>,
}

impl Process {
    /// A process that is ready when all checks pass and no shutdown is asked for.
    #[must_use]
    pub fn new(checks: Vec<Check>, metrics: MetricsHandle, shutdown: Shutdown) -> Self {
        Self {
            checks: Arc::new(Checks::new(checks)),
            metrics,
            shutdown,
            document: Arc::default(),
        }
    }

    /// Shows this as the document of the API, instead of one of this process's routes alone.
    pub fn show_document(&self, document: &'static str) {
        // Written once: a process composes itself once.
        let _ = self.document.set(document.into());
    }

    /// Puts its own routes beside the services', documented together.
    pub fn around(&self, services: Routes, authenticator: &Authenticator, version: &str) -> (Routes, OpenApi) {
        let polled = Table::new("", authenticator)
            .row(Method::GET, "/health/live", Access::Public, routes!(health::live))
            .row(Method::GET, "/health/ready", Access::Public, routes!(health::ready))
            .row(Method::GET, "/metrics", Access::Admin, routes!(metrics))
            .with_state(self.clone())
            .around(|router| router.route_layer(map_response(keep_quiet)));
        let documents = Table::new("", authenticator)
            .row(Method::GET, "/openapi.json", Access::Public, routes!(document))
            .row(Method::GET, "/docs", Access::Public, routes!(docs::page))
            .row(Method::GET, "/docs/style.css", Access::Public, routes!(docs::style))
            .row(Method::GET, "/docs/script.js", Access::Public, routes!(docs::script))
            .with_state(self.clone());
        let all = services.merge(polled).merge(documents);
        let api = openapi::document(&all, version);
        // unless there is one already
        let _ = self.document.set(api.to_pretty_json().unwrap_or_default().into());
        (all, api)
    }

    /// `/metrics` alone and without a sign-in, for an address that only the operator reaches.
    pub fn metrics_alone(&self) -> Router {
        Router::new()
            .route("/metrics", axum::routing::get(metrics))
            .layer(map_response(keep_quiet))
            .with_state(self.clone())
    }
}

/// Keeps what machines ask for every few seconds out of the log.
async fn keep_quiet(mut response: Response) -> Response {
    response.extensions_mut().insert(Quiet);
    response
}

/// The process's metrics in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "readMetrics", tag = "process",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"))
)]
async fn metrics(State(process): State<Process>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind)], process.metrics.render()).into_response()
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "readDocument", tag = "process",
    responses((status = 200, description = "The OpenAPI 3.1 document of all routes", content_type = "application/json", body = Object))
)]
async fn document(State(process): State<Process>) -> Response {
    let bytes = process.document.get().cloned().unwrap_or_default();
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, bytes).into_response()
}

/// An embedded file with the headers that let a page use it, and nothing else.
fn file(kind: &'static str, text: &'static str) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                  form-action 'none'; frame-ancestors 'none'";
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
    ];
    (headers, text).into_response()
}
