//! How often wrong stream keys come from an address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Wrong keys that an address may send without having to wait.
const FREE_TRIES: u32 = 10;
/// After so much time without a wrong key, an address is as good as new.
const MEMORY: Duration = Duration::from_secs(60);
/// How long an address has to wait for the answer after too many wrong keys. A right key is found after it, too: a class
/// shares its teacher's address.
const WAIT: Duration = Duration::from_secs(2);
/// Addresses that are remembered.
const MOST: usize = 10_000;

/// Wrong keys by address.
#[derive(Debug, Default)]
pub(super) struct Tries(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Tries {
    /// How long an address has to wait before its key is looked at.
    pub(super) fn wait(&self, address: IpAddr) -> Duration {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match tries.get(&address) {
            Some((last, count)) if *count >= FREE_TRIES && last.elapsed() < MEMORY => WAIT,
            _ => Duration::ZERO,
        }
    }

    /// Notes a wrong key.
    pub(super) fn failed(&self, address: IpAddr) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= MOST {
            tries.retain(|_, (last, _)| last.elapsed() < MEMORY);
        }
        if tries.len() >= MOST && !tries.contains_key(&address) {
            return;
        }
        let now = Instant::now();
        let entry = tries.entry(address).or_insert((now, 0));
        let is_old = entry.0.elapsed() >= MEMORY;
        *entry = (now, if is_old { 1 } else { entry.1.saturating_add(1) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_after_ten_wrong_keys_until_a_minute_has_passed() {
        let tries = Tries::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..10 {
            assert_eq!(tries.wait(address), Duration::ZERO);
            tries.failed(address);
        }
        assert_eq!(tries.wait(address), WAIT);
        assert_eq!(tries.wait(IpAddr::from([192, 0, 2, 2])), Duration::ZERO);
        tokio::time::advance(MEMORY).await;
        assert_eq!(tries.wait(address), Duration::ZERO);
    }
}
