//! The memory that bodies of requests and replies take: one limit for the process, and a share of it for each address.
//!
//! A request's body counts from its first byte until the request is answered, and a reply that was made for one request
//! until it is sent. Bodies that are stored as they come, such as uploads, don't count here, and neither do bytes that
//! replies share, such as media and files: who holds them bounds them.

use super::client_address::subnet;
use crate::Problem;
use bytes::Bytes;
use http::StatusCode;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Marks a reply, as an extension, whose body was made for it alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MadeForOne;

/// The largest body of a row that states no other limit.
pub(crate) const DEFAULT_LIMIT: usize = 64 * 1_024;

/// An address may hold the limit divided by this.
const SHARES: u64 = 4;

/// What all bodies hold.
#[derive(Debug)]
pub(crate) struct MessageMemory {
    most: u64,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: u64,
    by_address: HashMap<IpAddr, u64>,
}

/// What one body holds; clones are of the same body.
#[derive(Debug, Clone)]
pub(crate) struct HeldBytes(Arc<Held>);

#[derive(Debug)]
struct Held {
    memory: Arc<MessageMemory>,
    address: IpAddr,
    bytes: AtomicU64,
    limit: AtomicUsize,
}

impl MessageMemory {
    pub(crate) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            used: Mutex::default(),
        })
    }

    /// The body of a request from this address or of a reply to it, which holds nothing yet.
    pub(crate) fn body(self: &Arc<Self>, address: IpAddr) -> HeldBytes {
        HeldBytes(Arc::new(Held {
            memory: Arc::clone(self),
            address: subnet(address),
            bytes: AtomicU64::new(0),
            limit: AtomicUsize::new(DEFAULT_LIMIT),
        }))
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldBytes {
    /// The row that the request is for takes bodies of this many bytes.
    pub(crate) fn set_limit(&self, bytes: usize) {
        self.0.limit.store(bytes, Ordering::Relaxed);
    }

    /// The largest body of the request's row.
    pub(crate) fn limit(&self) -> usize {
        self.0.limit.load(Ordering::Relaxed)
    }

    /// Holds more bytes, if there is room for them.
    ///
    /// Errors: 503 `busy`
    pub(crate) fn hold(&self, more: usize) -> Result<(), Problem> {
        let held = &*self.0;
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let mut used = held.memory.used();
        let all = used.all.saturating_add(more);
        let here = used.by_address.get(&held.address).copied().unwrap_or(0);
        let here = here.saturating_add(more);
        if all > held.memory.most {
            return Err(busy("memory"));
        }
        if here > held.memory.most / SHARES {
            return Err(busy("memory_of_address"));
        }
        used.all = all;
        used.by_address.insert(held.address, here);
        held.bytes.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// Holds more bytes, whether there is room for them or not.
    pub(crate) fn hold_anyway(&self, more: usize) {
        let held = &*self.0;
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let mut used = held.memory.used();
        used.all = used.all.saturating_add(more);
        let here = used.by_address.entry(held.address).or_default();
        *here = here.saturating_add(more);
        held.bytes.fetch_add(more, Ordering::Relaxed);
    }

    /// Bytes that hold this as long as anybody has them.
    pub(crate) fn with(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Holding { bytes, _held: self })
    }
}

struct Holding {
    bytes: Bytes,
    _held: HeldBytes,
}

impl AsRef<[u8]> for Holding {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        if bytes == 0 {
            return;
        }
        let mut used = self.memory.used();
        used.all -= bytes;
        if let Some(here) = used.by_address.get_mut(&self.address) {
            *here -= bytes;
            if *here == 0 {
                used.by_address.remove(&self.address);
            }
        }
    }
}

/// 503 `busy`, to be tried again soon.
fn busy(reason: &'static str) -> Problem {
    crate::metric::refused(reason);
    let detail = "too much is being received and sent; try again in a moment";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(memory: &Arc<MessageMemory>, address: &str) -> HeldBytes {
        memory.body(address.parse().unwrap())
    }

    #[test]
    fn an_address_holds_its_share_and_all_together_the_limit() {
        let memory = MessageMemory::new(1_000);
        let mut held = Vec::new();
        for host in 1..=4 {
            let one = body(&memory, &format!("192.0.2.{host}"));
            one.hold(200).unwrap();
            one.hold(50).unwrap();
            assert_eq!(one.hold(1).unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
            let other = body(&memory, &format!("192.0.2.{host}"));
            assert_eq!(other.hold(1).unwrap_err().code(), "busy");
            held.push(one);
        }
        let late = body(&memory, "192.0.2.5");
        assert_eq!(late.hold(1).unwrap_err().code(), "busy");
        held.truncate(3);
        late.hold(250).unwrap();
        drop((late, held));
        assert_eq!(memory.used().all, 0);
        assert!(memory.used().by_address.is_empty());
    }

    #[test]
    fn a_body_is_released_when_its_request_is_answered() {
        let memory = MessageMemory::new(4_000);
        let at_the_edge = body(&memory, "2001:db8::1");
        at_the_edge.clone().hold(1_000).unwrap();
        assert!(body(&memory, "2001:db8::2").hold(1).is_err());
        drop(at_the_edge);
        body(&memory, "2001:db8::2").hold(1_000).unwrap();
    }
}
