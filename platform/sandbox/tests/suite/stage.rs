//! A worker's staging folder, orders to run in it, and their processes.

use rustix::process::{Pid, Signal, kill_process};
use sandbox::staging::{Staging, TaskFolder};
use sandbox::{Layer, Limits, Order, RunError, Sandbox};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

/// The program that runs guards.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_sandbox-guard");
/// Long enough for a loaded machine to start a process.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// Longer than any tool here is silent.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);
/// A tool that writes until something ends it. Its argument names the folder, by which its process is found.
pub(crate) const ENDLESS: [&str; 2] = ["-c", "while :; do echo line; echo line >> written; sleep 0.05; done"];

pub(crate) struct Stage {
    pub(crate) task: TaskFolder,
    pub(crate) staging: Staging,
    pub(crate) data: TempDir,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let data = tempfile::tempdir().unwrap();
        let staging = Staging::open(data.path()).unwrap();
        let task = staging.task(Uuid::now_v7()).unwrap();
        Self { task, staging, data }
    }

    /// A shell in the place of the tool.
    pub(crate) fn order<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Order {
        let folder = self.task.path().to_owned();
        Order {
            tool: "sh".into(),
            args: args.into_iter().map(Into::into).collect(),
            reads: Vec::new(),
            writes: vec![folder.clone()],
            folder,
            limits: Limits::default(),
        }
    }

    pub(crate) fn endless(&self) -> Order {
        let mut order = self.order(ENDLESS);
        order.args.push(self.task.path().into());
        order
    }
}

/// A sandbox in which a shell can be the tool: with namespaces and a user of its own, but all programs and files.
pub(crate) fn sandbox(stall: Duration) -> Sandbox {
    Sandbox::new(PROGRAM, stall).without([Layer::Landlock, Layer::Calls, Layer::Root])
}

/// A sandbox with limits only.
pub(crate) fn bare(stall: Duration) -> Sandbox {
    Sandbox::new(PROGRAM, stall).without(Layer::ALL)
}

/// Runs a tool to its end and returns its output.
pub(crate) async fn output(sandbox: &Sandbox, order: &Order) -> Result<String, RunError> {
    let mut running = sandbox.start(order)?;
    let mut output = Vec::new();
    while let Some(bytes) = running.next().await? {
        output.extend_from_slice(&bytes);
    }
    Ok(String::from_utf8(output).unwrap())
}

/// A process as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) pid: i32,
    pub(crate) name: String,
    pub(crate) group: i32,
}

/// The living processes whose command line names this folder.
pub(crate) fn processes(folder: &Path) -> Vec<Found> {
    let folder = folder.to_str().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| found(&entry.path(), folder))
        .filter(|it| it.pid != i32::try_from(std::process::id()).unwrap())
        .collect()
}

fn found(process: &Path, folder: &str) -> Option<Found> {
    let pid = process.file_name()?.to_str()?.parse().ok()?;
    // An ended process has no command line any more.
    let line = fs::read(process.join("cmdline")).ok()?;
    if !String::from_utf8_lossy(&line).contains(folder) {
        return None;
    }
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let group = after.split_whitespace().nth(2)?.parse().ok()?;
    let name = before.split_once('(')?.1.to_owned();
    Some(Found { pid, name, group })
}

/// The guard and the tool, once both run and the tool has written something.
pub(crate) fn pair(folder: &Path) -> (Found, Found) {
    let late = Instant::now() + SOON;
    loop {
        let all = processes(folder);
        let of = |name: &str| all.iter().find(|it| it.name == name).cloned();
        let written = fs::metadata(folder.join("written")).is_ok_and(|it| it.len() > 0);
        if let (Some(guard), Some(tool), true) = (of("sandbox-guard"), of("sh"), written) {
            return (guard, tool);
        }
        assert!(Instant::now() < late, "only {all:?} came up");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn signal(process: &Found, signal: Signal) {
    kill_process(Pid::from_raw(process.pid).unwrap(), signal).unwrap();
}

/// Waits until no process names the folder, and returns how long that took.
pub(crate) fn gone(folder: &Path) -> Duration {
    let begun = Instant::now();
    loop {
        let left = processes(folder);
        if left.is_empty() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < SOON, "{left:?} are still alive");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The contents of a folder.
pub(crate) fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect()
}
