//! A Redis server of one test, which may freeze it and kill it.

use rustix::process::{Pid, Signal, kill_process};
use std::process::Command;
use tempfile::TempDir;

pub(crate) struct RedisServer {
    folder: TempDir,
    /// Its URL, the same after a restart.
    pub(crate) url: String,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = script("start", &folder);
        Self { folder, url }
    }

    /// Starts a server again that was killed.
    pub(crate) fn restart(&self) {
        assert_eq!(script("start", &self.folder), self.url);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), signal).unwrap();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        script("stop", &self.folder);
    }
}

/// Runs the script and returns its first line.
fn script(command: &str, folder: &TempDir) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/redis.sh");
    let output = Command::new(script).arg(command).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().next().unwrap_or_default().to_owned()
}
