//! A network and a clock that only the test moves.

use crate::webrtc::{Arrival, Departure, Transport};
use core::net::SocketAddr;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

/// The server's address.
pub(super) const SERVER: &str = "192.0.2.1:8189";
/// The address of a client.
pub(super) const CLIENT: &str = "198.51.100.7:4000";

pub(super) fn server() -> SocketAddr {
    SERVER.parse().unwrap()
}

pub(super) fn client() -> SocketAddr {
    CLIENT.parse().unwrap()
}

/// Pseudo-random numbers of a seed (xorshift).
pub(super) struct Random(u64);

impl Random {
    /// From `MOOCFLIX_TEST_SEED`, else a new one; it is printed.
    #[expect(clippy::disallowed_methods, reason = "a test's seed is its own setting")]
    pub(super) fn new() -> Self {
        let given = std::env::var("MOOCFLIX_TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        println!("MOOCFLIX_TEST_SEED={seed}");
        Self(seed.max(1))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// What the way does to packets.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Way {
    /// Of 1,000 packets.
    pub(super) lost: usize,
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    /// Units: bits a second; 0 for any
    pub(super) narrow: u64,
    pub(super) cut: bool,
}

/// A packet on its way to one end.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OnItsWay {
    at: Instant,
    number: u64,
    to: SocketAddr,
    from: SocketAddr,
    contents: Vec<u8>,
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) begin: Instant,
    pub(super) random: Random,
    pub(super) ways: BTreeMap<SocketAddr, Way>,
    free: BTreeMap<SocketAddr, Instant>,
    packets: BinaryHeap<Reverse<OnItsWay>>,
    number: u64,
    /// Everything that arrived at the server, for those who want to change it.
    pub(super) recorded: Vec<Vec<u8>>,
}

/// What a narrow way keeps before it drops.
const QUEUE: Duration = Duration::from_millis(300);

impl World {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            begin: now,
            random: Random::new(),
            ways: BTreeMap::new(),
            free: BTreeMap::new(),
            packets: BinaryHeap::new(),
            number: 0,
            recorded: Vec::new(),
        }
    }

    /// Sends packets; what happens to each is decided by the way to where it goes.
    pub(super) fn send(&mut self, from: SocketAddr, departure: &Departure) {
        for packet in departure.packets() {
            self.send_one(from, departure.destination, packet);
        }
    }

    fn send_one(&mut self, from: SocketAddr, to: SocketAddr, contents: &[u8]) {
        let way = self.ways.get(&to).copied().unwrap_or_default();
        if way.cut || self.random.below(1_000) < way.lost {
            return;
        }
        let mut at = self.now + way.delay;
        if !way.jitter.is_zero() {
            let most = usize::try_from(way.jitter.as_micros()).unwrap();
            at += Duration::from_micros(u64::try_from(self.random.below(most)).unwrap());
        }
        let length = u64::try_from(contents.len() + 28).unwrap();
        if let Some(takes) = (length * 8_000_000).checked_div(way.narrow) {
            let takes = Duration::from_micros(takes);
            let free = self.free.entry(to).or_insert(self.now);
            let begins = (*free).max(self.now);
            if begins.duration_since(self.now) > QUEUE {
                return;
            }
            *free = begins + takes;
            at += begins.duration_since(self.now) + takes;
        }
        self.number += 1;
        self.packets.push(Reverse(OnItsWay {
            at,
            number: self.number,
            to,
            from,
            contents: contents.to_vec(),
        }));
    }

    /// When the next packet arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        self.packets.peek().map(|Reverse(packet)| packet.at)
    }

    /// A packet that has arrived by now: where, and what.
    pub(super) fn arrived(&mut self) -> Option<(SocketAddr, SocketAddr, Vec<u8>)> {
        if self.next()? > self.now {
            return None;
        }
        let Reverse(packet) = self.packets.pop()?;
        if packet.to == server() {
            self.recorded.push(packet.contents.clone());
        }
        Some((packet.to, packet.from, packet.contents))
    }
}

pub(super) fn arrival(from: SocketAddr, to: SocketAddr, contents: &[u8]) -> Arrival<'_> {
    Arrival {
        transport: Transport::Udp,
        source: from,
        destination: to,
        contents,
    }
}
