//! Information about processes from the system.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A field of `/proc/PID/status` in KiB, converted to bytes.
fn status(pid: u32, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|it| it.strip_prefix(name))
        .with_context(|| format!("no {name}"))?;
    let kib: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1_024)
}

/// When a process was started, in the system's own units.
///
/// Errors: a process that has ended, with its status as `wait` returns it (a signal is its number)
pub fn started(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // PID (NAME) STATE …, where the name may contain anything
    let (_, rest) = stat.rsplit_once(") ").context("a state")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    ensure!(
        fields.first() != Some(&"Z"),
        "process {pid} has ended: {:?}",
        fields.last()
    );
    Ok(fields.get(19).context("a time")?.parse()?)
}

/// A process's anonymous memory.
pub fn anonymous_memory(pid: u32) -> Result<u64> {
    status(pid, "RssAnon")
}

/// Polls until `look` returns a value.
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

/// A running process.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its id.
    pub pid: u32,
    /// Its arguments.
    pub words: Vec<String>,
}

impl Running {
    /// Whether it is ffmpeg or ffprobe.
    #[must_use]
    pub fn is_tool(&self) -> bool {
        let program = self.words.first().map_or("", String::as_str);
        matches!(program.rsplit('/').next(), Some("ffmpeg" | "ffprobe"))
    }

    /// Whether it is the guard of one.
    #[must_use]
    pub fn is_guard(&self) -> bool {
        self.words.get(1).is_some_and(|it| it == "encoder-child")
    }
}

/// Guards and encoders that work in a data folder.
pub fn encoders(data: &Path) -> Result<Vec<Running>> {
    let named = data.to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else {
            continue;
        };
        // the process may be gone by now
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let words: Vec<String> = line
            .split(|byte| *byte == 0)
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .collect();
        let running = Running { pid, words };
        let here = running.words.iter().any(|it| it.contains(named.as_ref()));
        if here && (running.is_tool() || running.is_guard()) {
            found.push(running);
        }
    }
    Ok(found)
}

/// The children of a process.
pub fn children(pid: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        // the process may be gone by now
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // PID (NAME) STATE PARENT …, where the name may contain anything
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        if parent.and_then(|it| it.parse().ok()) == Some(pid) {
            found.extend(entry.file_name().to_str().and_then(|it| it.parse::<u32>().ok()));
        }
    }
    Ok(found)
}

/// Sends a signal; returns whether the process still existed.
pub fn signal(pid: u32, signal: Signal) -> Result<bool> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("a process id")?;
    Ok(kill_process(pid, signal).is_ok())
}

/// Every file in a folder, at any depth.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        // a file may be removed while this runs
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}
