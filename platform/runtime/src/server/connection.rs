//! Drives one connection: HTTP/1.1, or HTTP/2 by prior knowledge.

use super::edge::{self, Edge};
use super::stream::WatchedStream;
use super::watch::{Verdict, Watch};
use crate::Shutdown;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long and how much is still read from a client whose body was refused, so that it sees the answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1_024 * 1_024;
/// How long a connection may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(1);

const HEAD_TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Serves one connection to its end.
pub(super) async fn drive(stream: TcpStream, peer: SocketAddr, edge: Arc<Edge>, cut: Shutdown) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch Nagle's algorithm off");
    }
    let _open = crate::metric::Open::connection();
    let watch = Watch::new();
    let (stream, given_back) = WatchedStream::new(stream, Arc::clone(&watch), edge.limits().write_timeout);
    let end = tokio::select! {
        end = speak(stream, peer, &edge, &watch) => end,
        () = cut.requested() => End::Done,
    };
    // hyper has let go of the socket by now, whichever way it ended.
    let Ok(mut stream) = given_back.await else { return };
    match end {
        End::HeadTimedOut => {
            let _ = tokio::time::timeout(FAREWELL, stream.write_all(HEAD_TIMED_OUT)).await;
            let _ = tokio::time::timeout(FAREWELL, stream.shutdown()).await;
        }
        End::Done if watch.left_unread() => {
            let _ = tokio::time::timeout(LINGER, linger(&mut stream)).await;
        }
        End::Done => {}
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    HeadTimedOut,
}

async fn speak(stream: WatchedStream, peer: SocketAddr, edge: &Arc<Edge>, watch: &Arc<Watch>) -> End {
    let (edge_of_requests, watch_of_requests) = (Arc::clone(edge), Arc::clone(watch));
    let service = hyper::service::service_fn(move |request| {
        edge::answer(
            Arc::clone(&edge_of_requests),
            Arc::clone(&watch_of_requests),
            peer,
            request,
        )
    });
    let builder = protocols();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut check_at = Instant::now() + edge.limits().header_timeout;
    let mut ending = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%peer, %error, "a connection ended with an error");
                }
                return End::Done;
            }
            () = edge.shutdown().requested(), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep_until(check_at) => match watch.judge(edge.limits()) {
                Verdict::Until(next) => check_at = next,
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
            }
        }
    }
}

/// hyper's settings; the time limits are the watch's, so hyper's own timer for heads is off.
fn protocols() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(256 * 1_024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(32 * 1_024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(256)
        .initial_stream_window_size(1_024 * 1_024)
        .initial_connection_window_size(4 * 1_024 * 1_024)
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
