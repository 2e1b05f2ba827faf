//! What every request passes on its way in, and every answer on its way out.

use super::answer_body::AnswerBody;
use super::fast::{self, Fast, Later};
use super::finish::{self, Quiet};
use super::host::PublicHost;
use super::seats::Seat;
use super::watch::Running;
use super::{ServerLimits, head};
use crate::messages::body::{TimedBody, UnreadBody};
use crate::messages::client_address::{self, ClientAddress};
use crate::messages::held_bytes::{HeldBytes, MadeForOne, MessageMemory};
use crate::messages::request_id::RequestId;
use crate::routing::fast_path::FastPath;
use crate::routing::matched_route::{MatchedRoute, NoteRoute};
use crate::telemetry::Current;
use crate::{Handlers, Problem, Shutdown};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::{BoxFuture, Either, Ready, ready};
use http::header::{CONNECTION, CONTENT_TYPE, EXPECT};
use http::{HeaderValue, Method, Version};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tower::ServiceExt;

/// An answer of this many bytes is never refused: it may be of an act that must not be repeated.
const SMALL_ANSWER: usize = 16 * 1_024;

/// The routes with what stands around them; one for all connections.
pub(super) struct Edge {
    router: Router,
    fast_paths: Vec<FastPath>,
    limits: ServerLimits,
    memory: Arc<MessageMemory>,
    shutdown: Shutdown,
}

impl Edge {
    pub(super) fn new(handlers: Handlers, limits: ServerLimits, shutdown: Shutdown) -> Self {
        Self {
            router: handlers.router.layer(NoteRoute),
            fast_paths: handlers.fast_paths,
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

    /// Whether whoever gets something for this request plays a lecture.
    fn sends_media<B>(&self, request: &http::Request<B>) -> bool {
        let path = request.uri().path();
        request.method() != Method::OPTIONS && self.fast_paths.iter().any(|fast| fast.is_media_for(path))
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) is_trusted_proxy: bool,
}

type Answered = Result<Response<AnswerBody>, Infallible>;

/// Answers one request; the future is ready if a fast path knew the answer.
pub(super) fn answer(
    edge: &Arc<Edge>,
    running: Running,
    (peer, seat): (Peer, &Arc<Seat>),
    request: http::Request<Incoming>,
) -> Either<Ready<Answered>, BoxFuture<'static, Answered>> {
    let multiplexed = request.version() == Version::HTTP_2;
    let seat = Some(seat).filter(|_| edge.sends_media(&request));
    match fast::answer(&edge.fast_paths, &edge.limits, peer.is_trusted_proxy, &request) {
        Some(Fast::Now(response)) => {
            note_playback(seat, &response);
            let response = response.map(|bytes| AnswerBody::whole(bytes, running, multiplexed));
            Either::Left(ready(Ok(response)))
        }
        Some(Fast::Later(later)) => {
            let (edge, seat) = (Arc::clone(edge), seat.cloned());
            Either::Right(Box::pin(answer_later(edge, running, (seat, multiplexed), later)))
        }
        None => Either::Right(Box::pin(answer_by_route(
            Arc::clone(edge),
            running,
            (peer, seat.cloned()),
            request,
        ))),
    }
}

/// Answers a request without the routes, once what its fast path waits for has come; a panic is a 500.
async fn answer_later(
    edge: Arc<Edge>,
    running: Running,
    (seat, multiplexed): (Option<Arc<Seat>>, bool),
    later: Later,
) -> Answered {
    let Later {
        current,
        started,
        route,
        response,
    } = later;
    let (id, method) = (current.id, current.method.clone());
    let answered = pin!(async {
        let answered = AssertUnwindSafe(response).catch_unwind().await;
        let mut response = answered.unwrap_or_else(|_| panicked());
        complete(&edge, (&id, &method, route), &mut response, started.elapsed());
        response
    });
    let response = current.around(answered).await;
    note_playback(seat.as_ref(), &response);
    Ok(response.map(|body| AnswerBody::routed(body, running, multiplexed, None)))
}

async fn answer_by_route(
    edge: Arc<Edge>,
    running: Running,
    (peer, seat): (Peer, Option<Arc<Seat>>),
    request: http::Request<Incoming>,
) -> Answered {
    let id = RequestId::generate();
    let method = request.method().clone();
    let answered = pin!(answer_as(id, &edge, running, peer, request));
    let response = Current { id, method }.around(answered).await;
    note_playback(seat.as_ref(), &response);
    Ok(response)
}

/// Media goes out only to those who may watch it: the seat of a connection that asked for media plays if it gets some.
fn note_playback<B>(seat: Option<&Arc<Seat>>, response: &Response<B>) {
    if let Some(seat) = seat.filter(|_| response.status().is_success()) {
        seat.plays();
    }
}

async fn answer_as(
    id: RequestId,
    edge: &Edge,
    running: Running,
    peer: Peer,
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
    let address = client_address::resolve(peer.address, &parts.headers, &edge.limits.trusted_proxies);
    parts.extensions.insert(address);
    let (body, unread) = timed(incoming, &edge.limits);
    // What the body holds counts until the request is answered.
    let held = unread.is_some().then(|| edge.memory.body(address.0));
    if let Some(held) = &held {
        parts.extensions.insert(held.clone());
    }
    let mut response = route_safely(edge, parts, body, peer.is_trusted_proxy).await;
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
    complete(edge, (&id, &method, pattern.as_str()), &mut response, started.elapsed());
    let response = response.map(|body| AnswerBody::routed(body, running, multiplexed, held));
    end_streams_at_shutdown(response, &edge.shutdown)
}

/// Completes an answer, counts it and logs it.
fn complete(edge: &Edge, (id, method, route): (&RequestId, &Method, &str), response: &mut Response, elapsed: Duration) {
    let quiet = response.extensions().get::<Quiet>().is_some();
    finish::explain(response, id);
    let is_secure = edge.limits.public_host.as_ref().is_some_and(PublicHost::is_secure);
    finish::complete(response.headers_mut(), id, route, is_secure);
    crate::metric::request(method, route, response.status(), elapsed);
    finish::log(response.status(), route, quiet, elapsed.as_secs_f64() * 1_000.0);
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
    let refusal = head::refuse(&parts.uri, parts.version, &parts.headers).or_else(|| {
        let host = edge.limits.public_host.as_ref().filter(|_| !from_proxy);
        head::refuse_host(&parts.uri, &parts.headers, host)
    });
    if let Some(problem) = refusal {
        return problem.into_response();
    }
    head::take_host_from_target(&mut parts);
    head::drop_trailing_slash(&mut parts.uri);
    let routed = edge.router.clone().oneshot(Request::from_parts(parts, body));
    match AssertUnwindSafe(routed).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => panicked(),
    }
}

fn panicked() -> Response {
    tracing::error!("a handler panicked");
    Problem::internal().into_response()
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
        body.ends_at(shutdown);
        body
    })
}
