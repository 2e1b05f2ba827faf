//! Connections that have not named a session yet: one address has few of them at a time.
//!
//! A connection that has named its session no longer counts, since a school may share one address.

use runtime::ClientAddress;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Newcomers of one address; a /64 of IPv6 is one, too.
const MOST_OF_ADDRESS: usize = 256;

/// How many newcomers each address has; clones share it.
#[derive(Clone, Default)]
pub(super) struct Newcomers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The place of a newcomer; dropped when it has named its session, or has gone.
pub(super) struct Place {
    newcomers: Newcomers,
    address: IpAddr,
}

impl Newcomers {
    /// A place for a newcomer; none if its address has as many as it may.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = ClientAddress(address).subnet();
        let mut counts = self.counts();
        let count = counts.entry(address).or_default();
        if *count >= MOST_OF_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Place {
            newcomers: self.clone(),
            address,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.newcomers.counts();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_apart_and_places_are_free_again() {
        let newcomers = Newcomers::default();
        let enter = |address: &str| newcomers.enter(address.parse().unwrap());
        let all = |address: &str| -> Vec<Place> { (0..MOST_OF_ADDRESS).map_while(|_| enter(address)).collect() };
        let mut one = all("192.0.2.1");
        assert!(one.len() == MOST_OF_ADDRESS && enter("::ffff:192.0.2.1").is_none());
        let other = all("2001:db8::1");
        assert!(other.len() == MOST_OF_ADDRESS && enter("2001:db8::2:1").is_none());
        assert!(enter("2001:db8:0:1::1").is_some());
        one.pop();
        let again = enter("192.0.2.1");
        assert!(again.is_some() && enter("192.0.2.1").is_none());
        drop((one, other, again));
        assert!(newcomers.counts().is_empty());
    }
}
