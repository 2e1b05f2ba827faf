//! Answers a request that a fast path can answer, before anything is made for the routes.

use super::host::PublicHost;
use super::{ServerLimits, finish, head};
use crate::messages::request_id::RequestId;
use crate::routing::fast_path::{FastPath, FastResponse};
use crate::telemetry::Current;
use crate::{FastAnswer, RequestHead};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// How a request is answered without the routes.
pub(super) enum Fast {
    /// With this, which is complete.
    Now(Response<Bytes>),
    /// Once something has come.
    Later(Later),
}

/// An answer that is still to come.
pub(super) struct Later {
    /// The request.
    pub(super) current: Current,
    /// When its head had come.
    pub(super) started: Instant,
    /// The pattern of its row.
    pub(super) route: &'static str,
    /// Waits, and answers as the row would.
    pub(super) response: BoxFuture<'static, axum::response::Response>,
}

/// The whole answer, logged and counted like that of a route, or how it is waited for; `None` if the routes have to answer.
pub(super) fn answer<B: Body>(
    paths: &[FastPath],
    limits: &ServerLimits,
    from_proxy: bool,
    request: &Request<B>,
) -> Option<Fast> {
    let (uri, method, headers) = (request.uri(), request.method(), request.headers());
    let path = uri.path();
    let fast = paths.iter().find(|fast| fast.is_for(path))?;
    let host = limits.public_host.as_ref();
    if !request.body().is_end_stream()
        || head::refuse(uri, request.version(), headers).is_some()
        || head::is_misdirected(uri, headers, host.filter(|_| !from_proxy))
    {
        return None;
    }
    let (id, started) = (RequestId::generate(), Instant::now());
    let current = || Current {
        id,
        method: method.clone(),
    };
    current().during(|| {
        let head = RequestHead {
            method,
            path,
            query: uri.query().unwrap_or_default(),
            headers,
        };
        let FastAnswer { route, response } = answer_safely(fast, head)?;
        let mut response = match response {
            FastResponse::Now(response) => response,
            FastResponse::Later(response) => {
                return Some(Fast::Later(Later {
                    current: current(),
                    started,
                    route,
                    response,
                }));
            }
        };
        let is_secure = host.is_some_and(PublicHost::is_secure);
        finish::complete(response.headers_mut(), &id, route, is_secure);
        let elapsed = started.elapsed();
        crate::metric::request(method, route, response.status(), elapsed);
        finish::log(response.status(), route, true, elapsed.as_secs_f64() * 1_000.0);
        Some(Fast::Now(response))
    })
}

/// Leaves the request to the routes if there is a panic.
fn answer_safely(fast: &FastPath, head: RequestHead<'_>) -> Option<FastAnswer> {
    catch_unwind(AssertUnwindSafe(|| fast.answer(head))).unwrap_or_else(|_| {
        tracing::error!("a fast path panicked");
        None
    })
}
