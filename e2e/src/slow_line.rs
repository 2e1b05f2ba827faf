//! A line to a server, which can be made slow.

use anyhow::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Blocks on their way in one direction of a connection.
const ON_THEIR_WAY: usize = 256;
const BLOCK: usize = 64 << 10;

/// The end of a line at which clients connect, before its server is known.
#[derive(Debug)]
pub struct Socket(TcpListener);

impl Socket {
    /// Listens at a free port.
    pub async fn listen() -> Result<Self> {
        Ok(Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?))
    }

    /// The port.
    pub fn port(&self) -> Result<u16> {
        Ok(self.0.local_addr()?.port())
    }
}

/// A line that passes bytes on in both directions; it is cut when dropped.
#[derive(Debug)]
pub struct SlowLine {
    delay: Arc<AtomicU64>,
    _work: JoinSet<()>,
}

impl SlowLine {
    /// A line to a port of this machine, which delays nothing yet.
    #[must_use]
    pub fn to(server: u16, socket: Socket) -> Self {
        let delay = Arc::new(AtomicU64::new(0));
        let mut work = JoinSet::new();
        work.spawn(pass_all(socket.0, server, Arc::clone(&delay)));
        Self { delay, _work: work }
    }

    /// From now on, an answer comes this much later than without the line.
    pub fn delay(&self, by: Duration) {
        let half = u64::try_from(by.as_micros()).unwrap_or(u64::MAX) / 2;
        self.delay.store(half, Ordering::Relaxed);
    }
}

async fn pass_all(listener: TcpListener, server: u16, delay: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                connections.spawn(connection(client, server, Arc::clone(&delay)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Passes one connection on; a client of a server that is away loses its connection.
async fn connection(client: TcpStream, server: u16, delay: Arc<AtomicU64>) {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, server));
    if let Ok(server) = TcpStream::connect(server).await {
        for stream in [&client, &server] {
            // small messages must not wait for an acknowledgement of earlier ones
            let _ = stream.set_nodelay(true);
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::join!(
            pass(from_client, to_server, &delay),
            pass(from_server, to_client, &delay)
        );
    }
}

/// Passes bytes on, each block after its delay and none before an earlier one.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: &AtomicU64) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THEIR_WAY);
    let take = async move {
        let mut block = vec![0; BLOCK];
        while let Ok(count @ 1..) = from.read(&mut block).await {
            let at = Instant::now() + Duration::from_micros(delay.load(Ordering::Relaxed));
            if sender.send((at, block[..count].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let give = async move {
        while let Some((at, bytes)) = receiver.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // the other side may have closed the connection
        let _ = to.shutdown().await;
    };
    tokio::join!(take, give);
}
