//! Request bodies that come nearly to their end and no further.

use super::h2::Connection;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// The flood; it ends when it is dropped.
#[derive(Debug)]
pub struct Bodies {
    tasks: JoinSet<()>,
    sent: Arc<AtomicU64>,
}

/// How much is sent, of which body.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Connections.
    pub connections: usize,
    /// Requests of each connection.
    pub streams: usize,
    /// Bytes that are sent of each body.
    pub sent: usize,
    /// Bytes that the body is said to have; every second connection doesn't say.
    pub announced: usize,
}

impl Bodies {
    /// Begins the flood of sign-ins.
    #[must_use]
    pub fn begin(address: &str, size: Size) -> Self {
        let (mut tasks, sent) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
        for n in 0..size.connections {
            let (address, sent) = (address.to_owned(), Arc::clone(&sent));
            tasks.spawn(async move {
                // A connection that the server closes is opened again.
                loop {
                    let _ = send(&address, size, n % 2 == 0, &sent).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
        Self { tasks, sent }
    }

    /// How many bytes of bodies were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many connections still send.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.tasks.len()
    }
}

/// Sends all bodies of a connection as far as they go, and keeps them there.
async fn send(address: &str, size: Size, announced: bool, count: &AtomicU64) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let length = size.announced.to_string();
    let mut headers = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", address),
        (":path", "/api/v1/users/login"),
        ("content-type", "application/json"),
    ];
    headers.extend(announced.then_some(("content-length", length.as_str())));
    let body = [&b"{\"email\": \""[..], &vec![b'a'; size.sent.saturating_sub(11)]].concat();
    let mut open: Vec<(u32, usize)> = Vec::new();
    let mut begun = 0;
    loop {
        while begun < size.streams && open.len() < size.streams {
            open.push((connection.request(&headers, true).await?, 0));
            begun += 1;
        }
        for (stream, sent) in &mut open {
            let more = connection.write(*stream, &body[*sent..]).await?;
            *sent += more;
            count.fetch_add(more as u64, Ordering::Relaxed);
        }
        if !connection.listen(Duration::from_millis(50)).await? {
            return Ok(());
        }
        open.retain(|(stream, _)| connection.lives(*stream));
        if open.is_empty() {
            return Ok(());
        }
    }
}
