//! Attacks, each for itself, and what they cost the server. Scenarios run each once; `bench/siege` drives the same ones.

pub mod attacks;
pub mod bodies;
pub mod event_streams;
pub mod h2;
pub mod memory;
pub mod neighbour;
pub mod others;
pub mod readers;
pub mod sign_ins;
pub mod uploads;

use crate::process::anonymous_memory;
use anyhow::Result;
use std::pin::pin;
use std::time::Duration;

/// How often memory is sampled.
const SAMPLING: Duration = Duration::from_millis(20);

/// Runs an attack and returns its result with the greatest memory that the process had meanwhile.
///
/// Units: bytes of anonymous memory
pub async fn sampled<T>(pid: u32, attack: impl Future<Output = Result<T>>) -> Result<(T, u64)> {
    let mut peak = anonymous_memory(pid)?;
    let mut attack = pin!(attack);
    loop {
        tokio::select! {
            done = &mut attack => return Ok((done?, peak)),
            () = tokio::time::sleep(SAMPLING) => peak = peak.max(anonymous_memory(pid).unwrap_or_default()),
        }
    }
}
