//! What every request passes on its way in, and every answer on its way out.

use super::ServerLimits;
use super::head;
use super::host::PublicHost;
use super::watch::{Answer, Running};
use crate::messages::body::{TimedBody, UnreadBody};
use crate::messages::client_address::{self, ClientAddress};
use crate::messages::held_bytes::{HeldBytes, MadeForOne, MessageMemory};
use crate::messages::request_id::RequestId;
use crate::routing::matched_route::{MatchedRoute, NoteRoute};
use crate::telemetry::Current;
use crate::{Problem, Shutdown};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, EXPECT, HeaderName,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;
use tower::ServiceExt;

/// An answer of this many bytes is never refused: it may be of an act that must not be repeated.
const SMALL_ANSWER: usize = 16 * 1_024;
/// How long browsers keep to https: a year.
const HSTS: &str = "max-age=31536000";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes with what stands around them; one for all connections.
pub(super) struct Edge {
    router: Router,
    limits: ServerLimits,
    memory: Arc<MessageMemory>,
    shutdown: Shutdown,
}

impl Edge {
    pub(super) fn new(router: Router, limits: ServerLimits, shutdown: Shutdown) -> Self {
        let router = router.layer(NoteRoute);
        Self {
            router,
            memory: MessageMemory::new(limits.message_memory),
            limits,
            shutdown,
        }
    }

    pub(super) fn limits(&self) -> &ServerLimits {
        &self.limits
    }

    pub(super) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }
}

/// Marks a reply, as an extension, that is logged at debug level unless the server is at fault.
#[derive(Debug, Clone, Copy)]
pub struct Quiet;

/// Answers one request.
pub(super) async fn answer(
    edge: Arc<Edge>,
    running: Running,
    peer: SocketAddr,
    request: http::Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let id = RequestId::generate();
    let method = request.method().clone();
    let answered = pin!(answer_as(id, &edge, running, peer, request));
    Ok(Current { id, method }.around(answered).await)
}

async fn answer_as(
    id: RequestId,
    edge: &Edge,
    running: Running,
    peer: SocketAddr,
    request: http::Request<Incoming>,
) -> Response<AnswerBody> {
    let started = Instant::now();
    let multiplexed = request.version() == Version::HTTP_2;
    let (mut parts, incoming) = request.into_parts();
    let route = MatchedRoute::default();
    let method = parts.method.clone();
    let expects_continue = parts.headers.contains_key(EXPECT);
    parts.extensions.insert(id);
    parts.extensions.insert(route.clone());
    let proxies = &edge.limits.trusted_proxies;
    let address = client_address::resolve(peer, &parts.headers, proxies);
    parts.extensions.insert(address);
    let (body, unread) = timed(incoming, &edge.limits);
    // What the body holds counts until the request is answered.
    let held = unread.is_some().then(|| edge.memory.body(address.0));
    if let Some(held) = &held {
        parts.extensions.insert(held.clone());
    }
    let from_proxy = client_address::is_trusted(peer.ip(), proxies);
    let mut response = route_safely(edge, parts, body, from_proxy).await;
    drop(held);
    if let Some(unread) = unread.filter(|_| !multiplexed)
        && !unread.drain(expects_continue).await
    {
        running.watch().leaves_unread();
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let held = hold_answer(edge, address, &mut response);
    let pattern = route.pattern();
    let route = pattern.as_str();
    let quiet = response.extensions().get::<Quiet>().is_some();
    finish(&mut response, &id, route);
    if edge.limits.public_host.as_ref().is_some_and(PublicHost::is_secure) {
        set_default(response.headers_mut(), STRICT_TRANSPORT_SECURITY, HSTS);
    }
    let elapsed = started.elapsed();
    crate::metric::request(&method, route, response.status(), elapsed);
    log(response.status(), route, quiet, elapsed.as_secs_f64() * 1_000.0);
    let response = response.map(|body| AnswerBody::new(body, running, multiplexed, held));
    end_streams_at_shutdown(response, &edge.shutdown)
}

/// Counts an answer that was made for this request alone; it becomes a refusal if there is no room for it.
fn hold_answer(edge: &Edge, to: ClientAddress, response: &mut Response) -> Option<HeldBytes> {
    response.extensions().get::<MadeForOne>()?;
    let bytes = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
    let held = edge.memory.body(to.0);
    if bytes <= SMALL_ANSWER {
        held.hold_anyway(bytes);
    } else if let Err(busy) = held.hold(bytes) {
        *response = busy.into_response();
        return None;
    }
    Some(held)
}

fn timed(incoming: Incoming, limits: &ServerLimits) -> (Body, Option<UnreadBody<Incoming>>) {
    if incoming.is_end_stream() {
        return (Body::empty(), None);
    }
    let (body, unread) = TimedBody::new(incoming, limits.body_idle_timeout);
    (Body::new(body), Some(unread))
}

/// Checks the head, finds the route and answers; a panic is a 500.
async fn route_safely(edge: &Edge, mut parts: http::request::Parts, body: Body, from_proxy: bool) -> Response {
    let refusal =
        head::refuse(&parts).or_else(|| head::refuse_host(&parts, edge.limits.public_host.as_ref(), from_proxy));
    if let Some(problem) = refusal {
        return problem.into_response();
    }
    head::take_host_from_target(&mut parts);
    head::drop_trailing_slash(&mut parts.uri);
    let routed = edge.router.clone().oneshot(Request::from_parts(parts, body));
    match AssertUnwindSafe(routed).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!("a handler panicked");
            Problem::internal().into_response()
        }
    }
}

/// Makes each refusal a problem with the request's id, and adds the headers that every answer has.
fn finish(response: &mut Response, id: &RequestId, route: &str) {
    if let Some(problem) = plain_refusal(response) {
        let allow = response.headers_mut().remove(ALLOW);
        *response = problem.into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let document = problem.document(Some(id.as_str()));
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(document);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set_default(headers, REFERRER_POLICY, "no-referrer");
    set_default(
        headers,
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    if route.starts_with("/api/") {
        set_default(headers, CACHE_CONTROL, "no-store");
    }
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

/// A refusal that the framework made, as a problem; a refusal that a service made stays as it is.
fn plain_refusal(response: &Response) -> Option<Problem> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || response.extensions().get::<Problem>().is_some() {
        return None;
    }
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let from_framework = match kind {
        Some(kind) => kind.starts_with(b"text/plain"),
        None => matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED),
    };
    from_framework.then(|| match status {
        StatusCode::NOT_FOUND => Problem::new(status, "not_found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(status, "method_not_allowed", "this address does not support the method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "too_large", "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
            status,
            "unsupported_media_type",
            "the type of the body is not supported here",
        ),
        StatusCode::INTERNAL_SERVER_ERROR => Problem::internal(),
        _ => Problem::new(status, "bad_request", "the request is invalid"),
    })
}

fn log(status: StatusCode, route: &str, quiet: bool, ms: f64) {
    let (is_failure, status) = (status.is_server_error(), status.as_u16());
    if quiet && !is_failure {
        tracing::debug!(route, status, ms, "answered");
    } else {
        tracing::info!(route, status, ms, "answered");
    }
}

/// A stream of events has no end of its own: it ends when the process is asked to end.
fn end_streams_at_shutdown(response: Response<AnswerBody>, shutdown: &Shutdown) -> Response<AnswerBody> {
    let is_stream = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if !is_stream {
        return response;
    }
    let shutdown = shutdown.clone();
    response.map(|mut body| {
        body.ends = Some(Box::pin(async move { shutdown.requested().await }));
        body
    })
}

/// An answer's body; the request runs until it is sent or dropped.
pub(super) struct AnswerBody {
    inner: Body,
    running: Running,
    /// What its bytes count as until they are sent.
    held: Option<HeldBytes>,
    progress: Option<Arc<Answer>>,
    ends: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl AnswerBody {
    fn new(inner: Body, running: Running, multiplexed: bool, held: Option<HeldBytes>) -> Self {
        let progress = multiplexed.then(|| running.watch().answer());
        Self {
            inner,
            running,
            held,
            progress,
            ends: None,
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this
            .ends
            .as_mut()
            .is_some_and(|ends| ends.as_mut().poll(context).is_ready())
        {
            return Poll::Ready(None);
        }
        let watch = this.running.watch();
        if let Some(progress) = &this.progress {
            progress.asked();
        }
        let mut polled = Pin::new(&mut this.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(held) = this.held.take()
        {
            // The connection lets go of the body long before its bytes are sent.
            *frame = std::mem::replace(frame, Frame::data(Bytes::new())).map_data(|bytes| held.with(bytes));
        }
        if let (Some(progress), Poll::Ready(Some(Ok(_)))) = (&this.progress, &polled) {
            watch.handed(progress);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
