//! Answers a request that a fast path knows the answer to, before anything is made for the routes.

use super::host::PublicHost;
use super::{ServerLimits, finish, head};
use crate::messages::request_id::RequestId;
use crate::routing::fast_path::FastPath;
use crate::telemetry::Current;
use crate::{FastAnswer, RequestHead};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// The whole answer, logged and counted like that of a route; `None` if the routes have to answer.
pub(super) fn answer<B: Body>(
    paths: &[FastPath],
    limits: &ServerLimits,
    from_proxy: bool,
    request: &Request<B>,
) -> Option<Response<Bytes>> {
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
    let current = Current {
        id,
        method: method.clone(),
    };
    current.during(|| {
        let head = RequestHead { method, path, headers };
        let FastAnswer { route, mut response } = answer_safely(fast, head)?;
        let is_secure = host.is_some_and(PublicHost::is_secure);
        finish::complete(response.headers_mut(), &id, route, is_secure);
        let elapsed = started.elapsed();
        crate::metric::request(method, route, response.status(), elapsed);
        finish::log(response.status(), route, true, elapsed.as_secs_f64() * 1_000.0);
        Some(response)
    })
}

/// Leaves the request to the routes if there is a panic.
fn answer_safely(fast: &FastPath, head: RequestHead<'_>) -> Option<FastAnswer> {
    catch_unwind(AssertUnwindSafe(|| fast.answer(head))).unwrap_or_else(|_| {
        tracing::error!("a fast path panicked");
        None
    })
}
