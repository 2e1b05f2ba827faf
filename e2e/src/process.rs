//! What the system says of a process.

use anyhow::{Context, Result};
use std::fs;
use std::time::{Duration, Instant};

/// A line of `/proc/PID/status` that counts KiB, in bytes.
fn status(pid: u32, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|it| it.strip_prefix(name))
        .with_context(|| format!("no {name}"))?;
    let kib: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1_024)
}

/// Memory of a process that no file stands behind.
pub fn anonymous_memory(pid: u32) -> Result<u64> {
    status(pid, "RssAnon")
}

/// Waits until something is so, looking again and again.
pub async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        anyhow::ensure!(begun.elapsed() < within, "{what} did not come within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
