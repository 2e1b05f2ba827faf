//! Clients that ask for much and read it slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The readers; they end when this is dropped.
#[derive(Debug)]
pub struct Readers {
    tasks: JoinSet<()>,
    begun: Arc<AtomicU64>,
}

impl Readers {
    /// One reader for each path, all from the media plane.
    #[must_use]
    pub fn begin(address: &str, paths: &[String]) -> Self {
        let (mut tasks, begun) = (JoinSet::new(), Arc::new(AtomicU64::new(0)));
        for path in paths {
            let (address, path, begun) = (address.to_owned(), path.clone(), Arc::clone(&begun));
            tasks.spawn(async move {
                // A reader that is refused or cut asks again.
                loop {
                    let _ = read(&address, &path, &begun).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
        Self { tasks, begun }
    }

    /// How many answers with media have begun.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// How many clients still read.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.tasks.len()
    }
}

async fn read(address: &str, path: &str, begun: &AtomicU64) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 16 * 1_024];
    let read = stream.read(&mut buffer).await?;
    if buffer[..read].starts_with(b"HTTP/1.1 200") {
        begun.fetch_add(1, Ordering::Relaxed);
    }
    while stream.read(&mut buffer).await? > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
