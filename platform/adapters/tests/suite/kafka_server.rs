//! Kafka brokers for tests: the one that all tests share, and one of a test alone, which may kill it.

use adapters::{KafkaAddress, KafkaBus};
use backing::bus::Bus;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

/// A URL on the broker that `MOOCFLIX_TEST_KAFKA` names, with topics and groups of its own.
pub(crate) fn url() -> String {
    let server = std::env::var_os("MOOCFLIX_TEST_KAFKA")
        .and_then(|url| url.into_string().ok())
        .expect("MOOCFLIX_TEST_KAFKA is not set: e2e/servers/kafka.sh start DIR prints a URL for it");
    format!("{server}?prefix={}.&partitions=2", Uuid::now_v7())
}

pub(crate) fn kafka(url: &str) -> KafkaBus {
    KafkaBus::new(KafkaAddress::parse(url).unwrap()).unwrap()
}

/// Two instances on one URL.
pub(crate) fn same(url: &str) -> [Arc<dyn Bus>; 2] {
    [Arc::new(kafka(url)), Arc::new(kafka(url))]
}

/// A broker of one test.
pub(crate) struct KafkaServer {
    folder: TempDir,
    /// Its URL, the same after a restart.
    pub(crate) url: String,
}

impl KafkaServer {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with options of the script.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = script("start", &folder, options);
        Self { folder, url }
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Stops it in the middle of its work: it keeps its connections, and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    fn signal(&self, signal: Signal) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), signal).unwrap();
    }

    /// Starts it again after a kill.
    pub(crate) fn restart(&self) {
        assert_eq!(script("start", &self.folder, &[]), self.url);
    }
}

impl Drop for KafkaServer {
    fn drop(&mut self) {
        script("stop", &self.folder, &[]);
    }
}

/// Runs the script and returns its last line.
fn script(command: &str, folder: &TempDir, options: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e/servers/kafka.sh");
    let mut script = Command::new(script);
    let output = script.arg(command).arg(folder.path()).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().last().unwrap_or_default().to_owned()
}
