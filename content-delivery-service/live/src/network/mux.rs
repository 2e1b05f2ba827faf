//! Which session a packet belongs to.

use crate::metric;
use live::webrtc::{Arrival, Transport, local_ufrag};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::mpsc;

/// Packets that may wait for a session. A publisher's largest picture is smaller.
const WAITING: usize = 1_024;
/// Addresses of one session; a browser tries a few.
const MOST_ADDRESSES: usize = 32;

/// A packet that has arrived.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) transport: Transport,
    pub(crate) source: SocketAddr,
    /// The address of ours that was offered.
    pub(crate) destination: SocketAddr,
    pub(crate) contents: Vec<u8>,
    pub(crate) at: Instant,
}

impl Packet {
    pub(crate) fn arrival(&self) -> Arrival<'_> {
        Arrival {
            transport: self.transport,
            source: self.source,
            destination: self.destination,
            contents: &self.contents,
        }
    }
}

type Address = (Transport, SocketAddr);

#[derive(Debug, Default)]
struct Tables {
    sessions: HashMap<String, Session>,
    addresses: HashMap<Address, String>,
}

#[derive(Debug)]
struct Session {
    inbox: mpsc::Sender<Packet>,
    addresses: Vec<Address>,
}

/// Hands packets to their sessions; clones share the tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mux(Arc<Mutex<Tables>>);

/// A session's place; dropped with it.
pub(crate) struct Registration {
    mux: Mux,
    ufrag: String,
    pub(crate) packets: mpsc::Receiver<Packet>,
}

impl Mux {
    /// Gives a session the packets that name it.
    pub(crate) fn register(&self, ufrag: String) -> Registration {
        let (inbox, packets) = mpsc::channel(WAITING);
        let session = Session {
            inbox,
            addresses: Vec::new(),
        };
        self.tables().sessions.insert(ufrag.clone(), session);
        Registration {
            mux: self.clone(),
            ufrag,
            packets,
        }
    }

    /// Hands a packet over; returns whether there is a session for it.
    pub(crate) fn deliver(&self, packet: Packet) -> bool {
        let address = (packet.transport, packet.source);
        let named = local_ufrag(&packet.contents);
        let mut tables = self.tables();
        let Tables { sessions, addresses } = &mut *tables;
        let named = named.filter(|ufrag| sessions.contains_key(ufrag));
        let Some(ufrag) = named.as_ref().or_else(|| addresses.get(&address)).cloned() else {
            return false;
        };
        let Some(session) = sessions.get_mut(&ufrag) else {
            return false;
        };
        if named.is_some() && !session.addresses.contains(&address) {
            if session.addresses.len() >= MOST_ADDRESSES {
                return false;
            }
            session.addresses.push(address);
            addresses.insert(address, ufrag);
        }
        if session.inbox.try_send(packet).is_err() {
            metrics::counter!(metric::DROPPED, "where" => "inbox").increment(1);
        }
        true
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut tables = self.mux.tables();
        let Tables { sessions, addresses } = &mut *tables;
        for address in sessions.remove(&self.ufrag).into_iter().flat_map(|it| it.addresses) {
            if addresses.get(&address) == Some(&self.ufrag) {
                addresses.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(from: &str, contents: &[u8]) -> Packet {
        Packet {
            transport: Transport::Udp,
            source: from.parse().unwrap(),
            destination: "127.0.0.1:8189".parse().unwrap(),
            contents: contents.to_vec(),
            at: Instant::now(),
        }
    }

    /// A STUN binding request with the user name `ufrag:remote`, a priority and something where its signature stands.
    fn request(ufrag: &str) -> Vec<u8> {
        let name = format!("{ufrag}:remote");
        let padded = name.len().div_ceil(4) * 4;
        let length = u16::try_from(4 + padded + 8 + 24).unwrap();
        let mut stun = vec![0, 1];
        stun.extend(length.to_be_bytes());
        stun.extend([0x21, 0x12, 0xa4, 0x42]);
        stun.extend([7; 12]);
        stun.extend([0, 6]);
        stun.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
        stun.extend(name.as_bytes());
        stun.resize(20 + 4 + padded, 0);
        stun.extend([0, 0x24, 0, 4, 0, 0, 0, 1]);
        stun.extend([0, 8, 0, 20]);
        stun.extend([0; 20]);
        stun
    }

    #[test]
    fn an_address_belongs_to_the_session_that_its_stun_request_names() {
        let mux = Mux::default();
        let mut one = mux.register("one".to_owned());
        let mut two = mux.register("two".to_owned());
        assert!(!mux.deliver(packet("10.0.0.1:5", &[0x80, 96, 0, 1])), "nobody knows it");
        assert!(mux.deliver(packet("10.0.0.1:5", &request("one"))));
        assert!(mux.deliver(packet("10.0.0.1:5", &[0x80, 96, 0, 1])));
        assert!(!mux.deliver(packet("10.0.0.2:5", &request("three"))));
        assert!(
            mux.deliver(packet("10.0.0.1:5", &request("two"))),
            "a new session of the same port"
        );
        assert!(mux.deliver(packet("10.0.0.1:5", &[0x80, 96, 0, 2])));
        let received = |it: &mut Registration| std::iter::from_fn(|| it.packets.try_recv().ok()).count();
        assert_eq!((received(&mut one), received(&mut two)), (2, 2));
        drop(one);
        assert!(
            mux.deliver(packet("10.0.0.1:5", &[0x80, 96, 0, 2])),
            "it is the second one's"
        );
        drop(two);
        assert!(!mux.deliver(packet("10.0.0.1:5", &[0x80, 96, 0, 2])));
        assert!(mux.tables().addresses.is_empty());
    }
}
