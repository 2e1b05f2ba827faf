//! Drives one connection: HTTP/1.1, or HTTP/2 by prior knowledge.

use super::edge::{self, Edge, Peer};
use super::head::MAX_HEADERS;
use super::seats::Seat;
use super::stream::WatchedStream;
use super::watch::{Verdict, Watch, Wish};
use crate::messages::client_address;
use http::Version;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long and how much is still read from a client whose body was refused, so that it sees the answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1_024 * 1_024;
/// How long a connection may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(1);

/// How many requests a client may have under way on one connection, and a trusted proxy, which carries many clients'.
const STREAMS: u32 = 32;
const STREAMS_OF_PROXY: u32 = 128;
/// How many bytes of bodies that nobody has read yet a client may have sent, on one stream and on a connection.
const STREAM_WINDOW: u32 = 512 * 1_024;
const CONNECTION_WINDOW: u32 = 1_024 * 1_024;

const HEAD_TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const HEAD_TOO_LARGE: &[u8] =
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Serves one connection to its end.
pub(super) async fn drive(
    stream: TcpStream,
    (peer, seat): (SocketAddr, Arc<Seat>),
    edge: Arc<Edge>,
    watch: Arc<Watch>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch Nagle's algorithm off");
    }
    let _open = crate::metric::Open::connection();
    let (stream, given_back) = WatchedStream::new(stream, Arc::clone(&watch));
    let end = speak(stream, (peer, &seat), &edge, &watch).await;
    // hyper has let go of the socket by now, whichever way it ended.
    let Ok(mut stream) = given_back.await else { return };
    match end {
        End::HeadTimedOut => {
            let _ = tokio::time::timeout(FAREWELL, stream.write_all(HEAD_TIMED_OUT)).await;
            let _ = tokio::time::timeout(FAREWELL, stream.shutdown()).await;
        }
        End::Done if watch.head_is_too_large() => {
            crate::metric::refused("head");
            say_and_linger(&mut stream, HEAD_TOO_LARGE).await;
        }
        End::Done if watch.left_unread() => {
            let _ = tokio::time::timeout(LINGER, linger(&mut stream)).await;
        }
        End::Done => {}
    }
}

/// Tells a client that there is no room for its connection.
pub(super) async fn refuse(mut stream: TcpStream) {
    say_and_linger(&mut stream, BUSY).await;
}

async fn say_and_linger(stream: &mut TcpStream, answer: &[u8]) {
    if let Ok(Ok(())) = tokio::time::timeout(FAREWELL, stream.write_all(answer)).await {
        let _ = tokio::time::timeout(LINGER, linger(stream)).await;
    }
}

/// What happened to a connection.
enum Step<R> {
    Ended(R),
    Asked(Wish),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    HeadTimedOut,
}

async fn speak(
    stream: WatchedStream,
    (peer, seat): (SocketAddr, &Arc<Seat>),
    edge: &Arc<Edge>,
    watch: &Arc<Watch>,
) -> End {
    let (edge_of_requests, watch_of_requests, seat) = (Arc::clone(edge), Arc::clone(watch), Arc::clone(seat));
    let peer = Peer {
        address: peer,
        is_trusted_proxy: client_address::is_trusted(peer.ip(), &edge.limits().trusted_proxies),
    };
    let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
        // The request runs from here on: hyper reads some of its body before it polls the answer.
        let running = watch_of_requests.begin(request.version() == Version::HTTP_2);
        edge::answer(&edge_of_requests, running, (peer, &seat), request)
    });
    let builder = protocols(if peer.is_trusted_proxy {
        STREAMS_OF_PROXY
    } else {
        STREAMS
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    loop {
        // Wishes come first: a connection that is always busy has them, too.
        let step = poll_fn(|context| match watch.take_wish(context.waker()) {
            Some(wish) => Poll::Ready(Step::Asked(wish)),
            None => connection.as_mut().poll(context).map(Step::Ended),
        });
        match step.await {
            Step::Ended(result) => {
                if let Err(error) = result {
                    tracing::debug!(peer = %peer.address, %error, "a connection ended with an error");
                }
                return End::Done;
            }
            Step::Asked(Wish::Cut) => return End::Done,
            Step::Asked(Wish::Finish) => connection.as_mut().graceful_shutdown(),
            Step::Asked(Wish::Judge) => match watch.judge(edge.limits()) {
                Verdict::Until(_) => {}
                Verdict::HeadTimedOut => {
                    crate::metric::cut("head");
                    return End::HeadTimedOut;
                }
                Verdict::Stalled => {
                    crate::metric::cut("write");
                    return End::Done;
                }
                Verdict::Idle => {
                    crate::metric::cut("idle");
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(FAREWELL, connection.as_mut()).await;
                    return End::Done;
                }
            },
        }
    }
}

/// hyper's settings; the time limits are the watch's, so hyper's own timer for heads is off.
fn protocols(streams: u32) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        // hyper's own refusal has no body; a head that is a little too long gets ours
        .max_headers(2 * MAX_HEADERS)
        .max_buf_size(256 * 1_024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .max_header_list_size(32 * 1_024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(256)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(256 * 1_024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Closing a socket with unread bytes resets it, and the reset can overtake the answer.
async fn linger(stream: &mut TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut scratch = vec![0_u8; 16 * 1_024];
    let mut read = 0;
    while read < LINGER_BYTES {
        match stream.read(&mut scratch).await {
            Ok(0) | Err(_) => return,
            Ok(more) => read += more,
        }
    }
}
