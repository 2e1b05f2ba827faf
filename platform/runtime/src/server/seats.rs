//! How many connections there are, in all and from each address.
//!
//! A trusted proxy carries everybody's connections, so it only counts in all. The addresses of one IPv6 subnet count as
//! one address, because a subnet is the least that one client gets. A connection that plays a lecture only counts in all,
//! too: a lecture hall shares one address.

use super::ServerLimits;
use crate::messages::client_address::{self, subnet};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The open connections.
#[derive(Default)]
pub(super) struct Seats(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why there is no room for a connection; the name is the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The process has as many connections as it may.
    Process,
    /// The address has.
    Address,
}

impl Full {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Process => "connections",
            Self::Address => "connections_of_address",
        }
    }
}

/// A connection that counts until it is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    /// The address that it counts for; none for a trusted proxy.
    address: Option<IpAddr>,
    /// Whether it no longer counts for its address.
    plays: AtomicBool,
}

impl Seat {
    /// Notes that the connection plays a lecture that its client may watch.
    pub(super) fn plays(&self) {
        if !self.plays.load(Ordering::Relaxed) && !self.plays.swap(true, Ordering::Relaxed) {
            self.seats.lock().leave(self.address);
        }
    }
}

impl Seats {
    /// Counts a connection, if there is room for it.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr, limits: &ServerLimits) -> Result<Seat, Full> {
        let trusted = client_address::is_trusted(peer, &limits.trusted_proxies);
        let address = (!trusted).then(|| subnet(peer));
        let mut taken = self.lock();
        if taken.all >= limits.connections {
            return Err(Full::Process);
        }
        if let Some(address) = address {
            let count = taken.by_address.entry(address).or_default();
            if *count >= limits.connections_per_address {
                return Err(Full::Address);
            }
            *count += 1;
        }
        taken.all += 1;
        Ok(Seat {
            seats: Arc::clone(self),
            address,
            plays: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Counts a connection less for its address.
    fn leave(&mut self, address: Option<IpAddr>) {
        let Some(address) = address else { return };
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.all -= 1;
        if !*self.plays.get_mut() {
            taken.leave(self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_apart_and_a_trusted_proxy_only_in_all() {
        let limits = ServerLimits {
            connections: 5,
            connections_per_address: 2,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..ServerLimits::default()
        };
        let seats = Arc::new(Seats::default());
        let take = |peer: &str| seats.take(peer.parse().unwrap(), &limits);
        let mut held = vec![take("192.0.2.1").unwrap(), take("192.0.2.1").unwrap()];
        assert_eq!(take("192.0.2.1").err(), Some(Full::Address));
        assert_eq!(take("::ffff:192.0.2.1").err(), Some(Full::Address));
        held.extend([
            take("10.0.0.1").unwrap(),
            take("10.0.0.1").unwrap(),
            take("10.0.0.1").unwrap(),
        ]);
        assert_eq!(take("192.0.2.2").err(), Some(Full::Process));
        held.clear();
        let mut held = vec![take("2001:db8::1").unwrap(), take("2001:db8::2:1").unwrap()];
        assert_eq!(take("2001:db8::3").err(), Some(Full::Address));
        held.push(take("2001:db8:0:1::1").unwrap());
        drop(held);
        assert!(seats.lock().by_address.is_empty());
        assert_eq!(seats.lock().all, 0);
    }

    #[test]
    fn connections_that_play_a_lecture_leave_room_for_others_of_their_address() {
        let limits = ServerLimits {
            connections: 3,
            connections_per_address: 1,
            ..ServerLimits::default()
        };
        let seats = Arc::new(Seats::default());
        let take = || seats.take("192.0.2.1".parse().unwrap(), &limits);
        let first = take().unwrap();
        assert_eq!(take().err(), Some(Full::Address));
        first.plays();
        first.plays();
        let second = take().unwrap();
        assert_eq!(take().err(), Some(Full::Address));
        second.plays();
        let third = take().unwrap();
        assert_eq!(take().err(), Some(Full::Process));
        drop((first, second, third));
        assert!(seats.lock().by_address.is_empty());
        assert_eq!(seats.lock().all, 0);
    }
}
