//! The group of pictures that a late viewer begins with.
//!
//! It goes out faster than it was made, but not all at once, which would fill the queues on the way and make the connection
//! look worse than it is. Its pictures get times just before the present, so that a player that begins now is not behind.

use super::super::packetiser::Packets;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How much faster than it was made.
const HASTE: u64 = 8;
/// Units: bits a second
const SLOWEST: u64 = 6_000_000;
const FASTEST: u64 = 24_000_000;
/// The time of one step.
const STEP: Duration = Duration::from_millis(5);

/// What is still to be sent of it, with the live pictures that have come meanwhile.
#[derive(Debug, Default)]
pub(super) struct Burst {
    /// Packets with the times that they are shown at.
    queue: VecDeque<(Arc<Packets>, i64)>,
    /// When the next step is due.
    next: Option<Instant>,
    /// Bytes that a step may send, and those of the current one.
    step: (usize, usize),
}

impl Burst {
    /// Takes a group of pictures, the newest of which is shown at this time; whether it does.
    pub(super) fn begin(&mut self, now: Instant, group: Vec<Arc<Packets>>, newest: i64) -> bool {
        let bytes: usize = group.iter().map(|packets| packets.bytes).sum();
        let Some(rate) = group.iter().map(|packets| packets.bit_rate).max() else {
            return false;
        };
        let rate = rate.saturating_mul(HASTE).clamp(SLOWEST, FASTEST);
        let count = i64::try_from(group.len()).unwrap_or(i64::MAX);
        let lasts = u64::try_from(bytes).unwrap_or(0).saturating_mul(8_000_000) / rate;
        let apart = i64::try_from(lasts).unwrap_or(0) / count.max(1);
        self.queue = group
            .into_iter()
            .zip(1..)
            .map(|(packets, place)| (packets, newest - (count - place) * apart))
            .collect();
        let step = u64::try_from(STEP.as_millis()).unwrap_or(5);
        self.step = (usize::try_from(rate * step / 8_000).unwrap_or(usize::MAX), 0);
        self.next = Some(now);
        true
    }

    /// The next picture to send now.
    pub(super) fn due(&mut self, now: Instant) -> Option<(Arc<Packets>, i64)> {
        let next = self.next?;
        if next > now {
            return None;
        }
        let picture = self.queue.pop_front();
        let Some((packets, _)) = &picture else {
            self.next = None;
            return None;
        };
        self.step.1 += packets.bytes;
        // A key frame goes out as a whole, and what follows waits the longer.
        let steps = u32::try_from(self.step.1 / self.step.0.max(1)).unwrap_or(u32::MAX);
        if steps > 0 {
            self.step.1 %= self.step.0.max(1);
            self.next = Some(next.max(now.checked_sub(STEP).unwrap_or(now)) + STEP * steps);
        }
        picture
    }

    /// Queues a live picture behind the group; returns whether there is a group.
    pub(super) fn queue(&mut self, packets: &Arc<Packets>) -> bool {
        if self.queue.is_empty() {
            self.next = None;
            return false;
        }
        self.queue.push_back((Arc::clone(packets), packets.time));
        true
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.next = None;
    }
}
