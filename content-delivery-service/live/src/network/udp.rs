//! The UDP port: reads many datagrams in one call, and sends those of a picture in one.

use super::mux::{Mux, Packet};
use crate::metric;
use live::webrtc::{Connector, Departure, Transport};
use metrics::{Counter, counter};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What the system may keep for us in both directions, if it allows that much.
const BUFFER: usize = 4 << 20;
/// The largest datagram.
const LARGEST: usize = 2_048;
/// The most that one call receives of one peer, and sends to one.
const MOST_RECEIVED: usize = 65_536;
const MOST_BYTES: usize = 60_000;
/// How long to wait for room in the system's buffer; then packets are dropped, as a network would.
const PATIENCE: Duration = Duration::from_millis(20);

pub(super) struct UdpPort {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    counters: Counters,
}

struct Counters {
    packets_in: Counter,
    bytes_in: Counter,
    packets_out: Counter,
    bytes_out: Counter,
    unknown: Counter,
    full: Counter,
}

impl UdpPort {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        for set in [
            UdpSocketState::set_send_buffer_size,
            UdpSocketState::set_recv_buffer_size,
        ] {
            if let Err(error) = set(&state, UdpSockRef::from(&socket), BUFFER) {
                tracing::debug!(%error, "the buffers of UDP keep their size");
            }
        }
        let by = |name: &'static str, direction: &'static str| counter!(name, "direction" => direction, "transport" => "udp");
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            state,
            counters: Counters {
                packets_in: by(metric::PACKETS, "in"),
                bytes_in: by(metric::BYTES, "in"),
                packets_out: by(metric::PACKETS, "out"),
                bytes_out: by(metric::BYTES, "out"),
                unknown: counter!(metric::DROPPED, "where" => "unknown"),
                full: counter!(metric::DROPPED, "where" => "socket"),
            },
        })
    }

    /// Receives as long as it is polled.
    pub(super) async fn receive(&self, mux: &Mux, connector: &Connector) {
        let segments = self.state.gro_segments().max(1);
        let length = (LARGEST * segments).min(MOST_RECEIVED);
        let mut memory = vec![0; BATCH_SIZE * length];
        let mut slices: Vec<IoSliceMut<'_>> = memory.chunks_mut(length).map(IoSliceMut::new).collect();
        let mut metas = vec![RecvMeta::default(); BATCH_SIZE];
        loop {
            let read = self.socket.async_io(Interest::READABLE, || {
                self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas)
            });
            match read.await {
                Ok(count) => {
                    let now = Instant::now();
                    for (meta, slice) in metas.iter().zip(&slices).take(count) {
                        self.take(mux, connector, now, meta, slice);
                    }
                }
                Err(error) => {
                    // Such as the answer that a port is closed, to something that was sent before.
                    tracing::debug!(%error, "a datagram could not be received");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }

    fn take(&self, mux: &Mux, connector: &Connector, at: Instant, meta: &RecvMeta, slice: &[u8]) {
        let reached = SocketAddr::new(meta.dst_ip.unwrap_or(self.local.ip()), self.local.port());
        let Some(destination) = connector.destination(Transport::Udp, canonical(reached)) else {
            return;
        };
        let filled = slice.get(..meta.len).unwrap_or_default();
        for contents in filled.chunks(meta.stride.max(1)) {
            self.counters.packets_in.increment(1);
            self.counters.bytes_in.increment(contents.len() as u64);
            let packet = Packet {
                transport: Transport::Udp,
                source: canonical(meta.addr),
                destination,
                contents: contents.to_vec(),
                at,
            };
            if !mux.deliver(packet) {
                self.counters.unknown.increment(1);
            }
        }
    }

    /// Sends packets: those that follow each other to one address, of equal length but for the last, in one call.
    pub(super) async fn send(&self, departures: &[Departure]) {
        let mut rest = departures;
        let mut buffer = Vec::new();
        while let Some(first) = rest.first() {
            let count = together(rest, |length| self.most(length));
            let (now, later) = rest.split_at(count);
            rest = later;
            let packets: usize = now.iter().map(|departure| departure.packets().len()).sum();
            let bytes: usize = now.iter().map(|departure| departure.contents.len()).sum();
            self.counters.packets_out.increment(packets as u64);
            self.counters.bytes_out.increment(bytes as u64);
            if count == 1 {
                self.transmit_all(first.destination, &first.contents, first.length)
                    .await;
                continue;
            }
            buffer.clear();
            buffer.reserve(bytes);
            for departure in now {
                buffer.extend_from_slice(&departure.contents);
            }
            self.transmit_all(first.destination, &buffer, first.length).await;
        }
    }

    /// How many packets of a length one call can send.
    fn most(&self, length: usize) -> usize {
        self.state.max_gso_segments().min(MOST_BYTES / length.max(1)).max(1)
    }

    async fn transmit_all(&self, destination: SocketAddr, contents: &[u8], length: usize) {
        let length = length.max(1);
        for contents in contents.chunks(length * self.most(length)) {
            let segments = (contents.len() > length).then_some(length);
            self.transmit(destination, contents, segments).await;
        }
    }

    async fn transmit(&self, destination: SocketAddr, contents: &[u8], segment_size: Option<usize>) {
        let transmit = Transmit {
            destination: self.for_socket(destination),
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        };
        let send = || self.state.send(UdpSockRef::from(&self.socket), &transmit);
        let sent = self.socket.try_io(Interest::WRITABLE, send);
        let Err(error) = sent else { return };
        if error.kind() == io::ErrorKind::WouldBlock {
            let again = self.socket.async_io(Interest::WRITABLE, send);
            if tokio::time::timeout(PATIENCE, again)
                .await
                .is_ok_and(|sent| sent.is_ok())
            {
                return;
            }
        }
        self.counters.full.increment(1);
    }

    /// A socket of IPv6 that takes both reaches IPv4 by mapped addresses.
    fn for_socket(&self, destination: SocketAddr) -> SocketAddr {
        match destination {
            SocketAddr::V4(v4) if self.local.is_ipv6() => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            destination => destination,
        }
    }
}

/// How many of the first departures one call can send: single packets, or one departure that holds several already. `most` is
/// how many packets of a length a call can send.
fn together(departures: &[Departure], most: impl Fn(usize) -> usize) -> usize {
    let Some(first) = departures.first() else { return 0 };
    let mut count = 0;
    for departure in departures.iter().take(most(first.length)) {
        let length = departure.contents.len();
        let is_single = departure.packets().len() == 1;
        if departure.destination != first.destination || !is_single || length > first.length {
            break;
        }
        count += 1;
        if length < first.length {
            break;
        }
    }
    count.max(1)
}

/// IPv4 where a socket of IPv6 shows it mapped.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of these lengths in one departure.
    fn departure(port: u16, lengths: &[usize]) -> Departure {
        Departure {
            transport: Transport::Udp,
            destination: SocketAddr::from(([192, 0, 2, 1], port)),
            contents: vec![0; lengths.iter().sum()],
            length: lengths[0],
        }
    }

    #[test]
    fn one_call_sends_single_packets_of_equal_length_or_what_is_together_already() {
        let count = |all: &[(u16, &[usize])]| {
            let all: Vec<_> = all.iter().map(|(port, lengths)| departure(*port, lengths)).collect();
            together(&all, |_| 4)
        };
        assert_eq!(count(&[]), 0);
        assert_eq!(
            count(&[(1, &[9]), (1, &[9]), (1, &[5]), (1, &[5])]),
            3,
            "the last may be shorter"
        );
        assert_eq!(count(&[(1, &[5]), (1, &[9])]), 1, "a longer one goes by itself");
        assert_eq!(count(&[(1, &[9]), (2, &[9])]), 1, "to somebody else");
        let one: (u16, &[usize]) = (1, &[9]);
        assert_eq!(count(&[one; 6]), 4, "no more than a call can send");
        assert_eq!(
            count(&[(1, &[9]), (1, &[3, 3])]),
            1,
            "two packets are not one of their length"
        );
        assert_eq!(count(&[(1, &[3, 3, 2]), (1, &[2])]), 1);
    }
}
