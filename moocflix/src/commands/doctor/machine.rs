//! The machine: processors, memory, clock, limits.

use super::Finding::{self, Doubtful, Good};
use super::Findings;
use crate::settings::Settings;
use backing::Clock;
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

const GIB: u64 = 1_024 * 1_024 * 1_024;
/// Below this, the server and one encoder of 1080p don't fit.
const LOW_MEMORY: u64 = GIB;
const LOW_OPEN_FILES: u64 = 4_096;
/// How far a file's time may be ahead of the clock.
const AHEAD: Duration = Duration::from_secs(60);

pub(super) fn check(settings: &Settings) -> Findings {
    let mut findings = vec![("processors", processors())];
    findings.extend(memory().map(|finding| ("memory", finding)));
    findings.push(("clock", clock(&settings.data_dir)));
    findings.push(("open files", open_files()));
    findings
}

fn processors() -> Finding {
    match std::thread::available_parallelism() {
        Ok(count) if count.get() == 1 => Doubtful(
            "1: viewers and encoders share it".to_owned(),
            "add processors, or encode on another machine with `serve --roles transcode`".to_owned(),
        ),
        Ok(count) => Good(count.to_string()),
        Err(error) => Good(format!("unknown: {error}")),
    }
}

fn memory() -> Option<Finding> {
    let available = available_memory(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let text = format!("{}.{} GiB available", available / GIB, available % GIB * 10 / GIB);
    Some(if available < LOW_MEMORY {
        Doubtful(
            text,
            "add memory, or stop other programs; encoders may be ended for want of it".to_owned(),
        )
    } else {
        Good(text)
    })
}

/// Source: proc_meminfo(5); the value is in KiB
fn available_memory(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let amount: u64 = line.split_whitespace().next()?.parse().ok()?;
    amount.checked_mul(1_024)
}

/// Tokens and leases depend on the clock; one that was set back makes them wrong.
fn clock(data_dir: &Path) -> Finding {
    let newest = fs::read_dir(data_dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok())
        .max();
    let now = u64::try_from(Clock::system().now().0).unwrap_or_default();
    let now = UNIX_EPOCH + Duration::from_micros(now);
    match newest.and_then(|newest| newest.duration_since(now).ok()) {
        Some(ahead) if ahead > AHEAD => Doubtful(
            format!(
                "{} seconds behind the newest file in the data directory",
                ahead.as_secs()
            ),
            "set the clock, and keep it set (apt-get install chrony)".to_owned(),
        ),
        _ => Good("not behind the stored data".to_owned()),
    }
}

fn open_files() -> Finding {
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < LOW_OPEN_FILES => Doubtful(
            format!("at most {most}"),
            "raise the hard limit (LimitNOFILE= in systemd); a viewer needs one or two".to_owned(),
        ),
        Some(most) => Good(format!("at most {most}")),
        None => Good("no limit".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::available_memory;

    #[test]
    fn available_memory_is_read_in_bytes() {
        let text = "MemTotal:        8000000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available_memory(text), Some(2_048 * 1_024));
        assert_eq!(available_memory("MemTotal: 1 kB\n"), None);
    }
}
