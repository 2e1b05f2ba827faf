//! ICE over TCP, for networks that block UDP: a browser connects, and each packet is a frame of the stream.
//!
//! Source: RFC 6544, RFC 4571

use super::mux::{Mux, Packet};
use super::newcomers::{Newcomers, Place};
use crate::metric;
use live::webrtc::{Connector, Departure, Transport};
use runtime::TaskSet;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Connections at once; each viewer has one.
const MOST_CONNECTIONS: usize = 4_096;
/// How long a connection may take to name its session, and how long it may then be silent.
const NAMES_WITHIN: Duration = Duration::from_secs(5);
const SILENT_FOR: Duration = Duration::from_secs(60);
/// Packets that may wait for a connection: about a second of the largest layer.
const WAITING: usize = 512;
/// The largest packet.
const LARGEST: usize = 2_048;
/// What one call writes at most.
const MOST_BYTES: usize = 32 * 1_024;

type Streams = Arc<Mutex<HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>>>;

pub(super) struct TcpPort {
    listener: TcpListener,
    local: SocketAddr,
    streams: Streams,
    newcomers: Newcomers,
}

impl TcpPort {
    pub(super) fn new(listener: TcpListener, local: SocketAddr) -> Self {
        Self {
            listener,
            local,
            streams: Streams::default(),
            newcomers: Newcomers::default(),
        }
    }

    /// Serves connections as long as it is polled.
    pub(super) async fn receive(&self, mux: &Mux, connector: &Connector) {
        let mut connections = TaskSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept(), if connections.count() < MOST_CONNECTIONS => accepted,
                Some(_) = connections.ended() => continue,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let Some(place) = self.newcomers.enter(peer.ip()) else {
                metrics::counter!(metric::CONNECTIONS_REFUSED).increment(1);
                continue;
            };
            let reached = stream.local_addr().unwrap_or(self.local);
            let reached = SocketAddr::new(reached.ip().to_canonical(), reached.port());
            if let Some(destination) = connector.destination(Transport::Tcp, reached) {
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                let connection = Connection {
                    mux: mux.clone(),
                    streams: Arc::clone(&self.streams),
                    peer,
                    destination,
                };
                connections.run(connection.run(stream, place));
            }
        }
    }

    /// Queues packets; returns false if the connection is too full, which packets for none are not.
    pub(super) fn send(&self, departure: &Departure) -> bool {
        let stream = streams(&self.streams).get(&departure.destination).cloned();
        let Some(stream) = stream else { return true };
        for packet in departure.packets() {
            match stream.try_send(packet.to_vec()) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => return true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    metrics::counter!(metric::DROPPED, "where" => "tcp").increment(1);
                    return false;
                }
            }
        }
        true
    }
}

fn streams(all: &Streams) -> MutexGuard<'_, HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Connection {
    mux: Mux,
    streams: Streams,
    peer: SocketAddr,
    destination: SocketAddr,
}

impl Drop for Connection {
    fn drop(&mut self) {
        streams(&self.streams).remove(&self.peer);
    }
}

impl Connection {
    async fn run(self, stream: TcpStream, place: Place) {
        // Media waits for nothing.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let (reader, writer) = stream.into_split();
        let (queue, packets) = mpsc::channel(WAITING);
        let ended = tokio::select! {
            ended = self.read(BufReader::with_capacity(8_192, reader), (queue, place)) => ended,
            ended = write(writer, packets) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, peer = %self.peer, "a connection of ICE over TCP has ended");
        }
    }

    /// Reads frames. The first one has to name a session; before that, the connection is nobody's.
    async fn read(
        &self,
        mut reader: BufReader<OwnedReadHalf>,
        (queue, place): (mpsc::Sender<Vec<u8>>, Place),
    ) -> io::Result<()> {
        let mut patience = NAMES_WITHIN;
        let (mut queue, mut place) = (Some(queue), Some(place));
        loop {
            let frame = tokio::time::timeout(patience, frame(&mut reader));
            let contents = frame.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            metrics::counter!(metric::PACKETS, "direction" => "in", "transport" => "tcp").increment(1);
            metrics::counter!(metric::BYTES, "direction" => "in", "transport" => "tcp")
                .increment(contents.len() as u64);
            if let Some(queue) = queue.take() {
                // The answer to the first packet has to find its way.
                streams(&self.streams).insert(self.peer, queue);
            }
            let packet = Packet {
                transport: Transport::Tcp,
                source: self.peer,
                destination: self.destination,
                contents,
                at: Instant::now(),
            };
            if !self.mux.deliver(packet) {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
            }
            drop(place.take());
            patience = SILENT_FOR;
        }
    }
}

/// One packet, after its length in two bytes.
async fn frame(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Vec<u8>> {
    let length = usize::from(reader.read_u16().await?);
    if length > LARGEST {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut contents = vec![0; length];
    reader.read_exact(&mut contents).await?;
    Ok(contents)
}

async fn write(mut writer: OwnedWriteHalf, mut packets: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(MOST_BYTES);
    while let Some(packet) = packets.recv().await {
        buffer.clear();
        add(&mut buffer, &packet);
        let mut count = 1;
        while buffer.len() < MOST_BYTES
            && let Ok(packet) = packets.try_recv()
        {
            add(&mut buffer, &packet);
            count += 1;
        }
        writer.write_all(&buffer).await?;
        metrics::counter!(metric::PACKETS, "direction" => "out", "transport" => "tcp").increment(count);
        metrics::counter!(metric::BYTES, "direction" => "out", "transport" => "tcp").increment(buffer.len() as u64);
    }
    // The reader has ended.
    std::future::pending().await
}

fn add(buffer: &mut Vec<u8>, packet: &[u8]) {
    if let Ok(length) = u16::try_from(packet.len()) {
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.extend_from_slice(packet);
    }
}
