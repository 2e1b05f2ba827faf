//! Serves connections, with a limit on everything that a client can draw out.
//!
//! `serve` accepts; `seats` counts connections; `connection` drives one connection; `watch` keeps what a connection does;
//! `keeper` looks at all of them and has silent ones judged; `stream` is the socket, which reports to the watch; `edge`
//! stands between hyper and the routes: ids, limits, panics, problems, logs. `fast` answers what a fast path knows before
//! that; `finish` completes every answer, and `answer_body` is its body. `head` looks at a request's head, `host` knows which
//! names the server goes by.
//!
//! Source: RFC 9110, RFC 9112

mod answer_body;
mod connection;
mod edge;
mod fast;
mod finish;
mod head;
mod host;
mod keeper;
mod seats;
mod stream;
mod watch;

use crate::messages::client_address::TrustedProxy;
use crate::{Handlers, Shutdown};
use edge::Edge;
use keeper::Keeper;
use seats::Seats;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use watch::{Watch, Wish};

pub use finish::Quiet;
pub use host::PublicHost;

/// How many refused connections are sent their 503 at the same time.
const REFUSALS: usize = 64;

/// What a client may draw out, and how much.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// How long the head of a request may take, from its first byte (from the connect for the first one).
    pub header_timeout: Duration,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// How long a body may be silent.
    pub body_idle_timeout: Duration,
    /// How long a client may leave an answer unread.
    pub write_timeout: Duration,
    /// How long running requests may take to their end after the shutdown was asked for.
    pub drain_timeout: Duration,
    /// How many connections there may be.
    pub connections: usize,
    /// How many of them from one address that is no trusted proxy.
    pub connections_per_address: usize,
    /// How many bytes of requests' bodies and of unsent answers may be in memory; those of one address, a quarter of it.
    pub message_memory: u64,
    /// Whose forwarded addresses are believed.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// The name that the server is known by; without one, it answers to any name.
    pub public_host: Option<PublicHost>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            body_idle_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(20),
            connections: 8_192,
            connections_per_address: 4_096,
            message_memory: 64 << 20,
            trusted_proxies: Vec::new(),
            public_host: None,
        }
    }
}

/// Serves until the shutdown is asked for and the running requests have ended, or their time is over.
pub async fn serve(
    listener: TcpListener,
    handlers: Handlers,
    limits: ServerLimits,
    shutdown: Shutdown,
) -> io::Result<()> {
    let edge = Arc::new(Edge::new(handlers, limits.clone(), shutdown));
    let keeper = Keeper::default();
    tokio::select! {
        () = serve_kept(listener, &edge, &keeper) => Ok(()),
        never = keeper.run(&limits) => match never {},
    }
}

async fn serve_kept(listener: TcpListener, edge: &Arc<Edge>, keeper: &Keeper) {
    let connections = TaskTracker::new();
    accept(&listener, edge, keeper, &connections).await;
    drop(listener);
    connections.close();
    keeper.ask(Wish::Finish);
    let drained = tokio::time::timeout(edge.limits().drain_timeout, connections.wait());
    if drained.await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests still run at the end of the drain time: they are cut"
        );
        keeper.ask(Wish::Cut);
        connections.wait().await;
    }
}

/// Accepts connections until the shutdown is asked for.
async fn accept(listener: &TcpListener, edge: &Arc<Edge>, keeper: &Keeper, connections: &TaskTracker) {
    let limits = edge.limits();
    let seats = Arc::new(Seats::default());
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = edge.shutdown().requested() => return,
        };
        match accepted {
            Ok((stream, peer)) => match seats.take(peer.ip(), limits) {
                Ok(seat) => {
                    let watch = Watch::new();
                    keeper.keep(&watch, limits);
                    let seat = Arc::new(seat);
                    connections.spawn(connection::drive(stream, (peer, seat), Arc::clone(edge), watch));
                }
                Err(full) => {
                    crate::metric::refused(full.label());
                    // Beyond that number, the connection is closed without an answer.
                    if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
                        connections.spawn(async move {
                            connection::refuse(stream).await;
                            drop(place);
                        });
                    }
                }
            },
            Err(error) => pause_after(&error).await,
        }
    }
}

/// A failed accept is the connection's fault or a shortage that passes: it never ends the server.
async fn pause_after(error: &io::Error) {
    let of_the_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !of_the_connection {
        tracing::warn!(%error, "cannot accept connections now");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
