//! Serves connections, with a limit on everything that a client can draw out.
//!
//! `serve` accepts; `connection` drives one connection and ends it when it is silent; `watch` keeps
//! what a connection does; `stream` is the socket with a limit on stalled writes; `edge` stands between
//! hyper and the routes: ids, limits, panics, problems, logs.
//!
//! Source: RFC 9110, RFC 9112

mod connection;
mod edge;
mod stream;
mod watch;

use crate::Shutdown;
use crate::messages::client_address::TrustedProxy;
use axum::Router;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

pub use edge::{Quiet, RequestId};

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
    /// Whose forwarded addresses are believed.
    pub trusted_proxies: Vec<TrustedProxy>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            body_idle_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(20),
            trusted_proxies: Vec::new(),
        }
    }
}

/// Serves until the shutdown is asked for and the running requests have ended, or their time is over.
pub async fn serve(listener: TcpListener, router: Router, limits: ServerLimits, shutdown: Shutdown) -> io::Result<()> {
    let edge = Arc::new(edge::Edge::new(router, limits.clone(), shutdown.clone()));
    let connections = TaskTracker::new();
    let cut = Shutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.requested() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let driven = connection::drive(stream, peer, Arc::clone(&edge), cut.clone());
                connections.spawn(driven);
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain_timeout, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "requests still run at the end of the drain time: they are cut"
        );
        cut.request();
        connections.wait().await;
    }
    Ok(())
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
