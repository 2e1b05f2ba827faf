//! A worker's staging folder, orders to run in it, and the processes that come of them.

use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use transcoding_jobs::encoder::{Encoder, Limits, Order, Tool};
use transcoding_jobs::staging::{Staging, TaskFolder};
use uuid::Uuid;

/// The binary that a worker starts encoders through: itself.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_moocflix");
/// Long enough for a loaded machine to start a process.
pub(crate) const SOON: Duration = Duration::from_secs(20);

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

    pub(crate) fn order<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Order {
        Order {
            tool: Tool::Ffmpeg,
            args: args.into_iter().map(Into::into).collect(),
            folder: self.task.path().to_owned(),
            limits: Limits::default(),
        }
    }

    /// Encodes until somebody ends it.
    pub(crate) fn endless(&self) -> Order {
        self.order(endless(self.task.path()))
    }
}

/// Arguments of an encode that never ends by itself.
pub(crate) fn endless(folder: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = "-nostdin -v error -progress pipe:1 -stats_period 0.1 -f lavfi -i \
        testsrc2=size=320x180:rate=30 -c:v libx264 -preset ultrafast -g 30 -f mp4 -movflags frag_keyframe"
        .split_whitespace()
        .map(Into::into)
        .collect();
    args.push(folder.join("240p.mp4").into());
    args
}

pub(crate) fn encoder(stall: Duration) -> Encoder {
    Encoder::new(PROGRAM, stall)
}

/// A shell in the place of the tool, to look at what a tool has.
pub(crate) fn shell(stall: Duration) -> Encoder {
    encoder(stall).with_tools("sh", "sh")
}

/// A process as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) pid: i32,
    pub(crate) name: String,
    pub(crate) group: i32,
}

/// The living processes that were given this folder.
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
    // What has ended has no command line any more.
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

/// The guard and the encoder, once both are there and the encoder has written something.
pub(crate) fn pair(folder: &Path) -> (Found, Found) {
    let late = Instant::now() + SOON;
    loop {
        let all = processes(folder);
        let of = |name: &str| all.iter().find(|it| it.name == name).cloned();
        let written = fs::metadata(folder.join("240p.mp4")).is_ok_and(|it| it.len() > 0);
        if let (Some(guard), Some(encoder), true) = (of("moocflix"), of("ffmpeg"), written) {
            return (guard, encoder);
        }
        assert!(Instant::now() < late, "only {all:?} came up");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn signal(process: &Found, signal: Signal) {
    kill_process(Pid::from_raw(process.pid).unwrap(), signal).unwrap();
}

/// Waits until no process has the folder, and says how long that took.
pub(crate) fn gone(folder: &Path) -> Duration {
    let begun = Instant::now();
    loop {
        let left = processes(folder);
        if left.is_empty() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < SOON, "{left:?} live on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What is in a folder.
pub(crate) fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect()
}
