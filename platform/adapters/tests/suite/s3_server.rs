//! A server of S3 that one test has for itself, and the one that all share.

use adapters::open_s3;
use backing::objects::Objects;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Command;
use tempfile::TempDir;

/// The variables with the keys that the scripts give their servers.
pub(crate) fn keys() -> Vec<(String, String)> {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "moocflix-test"),
        ("AWS_SECRET_ACCESS_KEY", "moocflix-test-secret"),
    ];
    keys.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The bucket on the server that all tests share.
pub(crate) fn shared_url() -> String {
    let url = std::env::var_os("MOOCFLIX_TEST_S3").and_then(|url| url.into_string().ok());
    url.expect("MOOCFLIX_TEST_S3 is not set: e2e/servers/versitygw.sh start DIR prints a URL for it")
}

/// Objects in a bucket, as another process would open them.
pub(crate) fn objects(url: &str) -> Objects {
    open_s3(url, &keys()).unwrap()
}

pub(crate) struct S3Server {
    folder: TempDir,
    /// Its bucket's URL, the same after a restart.
    pub(crate) url: String,
}

impl S3Server {
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = script("start", &folder, options);
        Self { folder, url }
    }

    /// Starts a server again that was killed.
    pub(crate) fn restart(&self) {
        assert_eq!(script("start", &self.folder, &[]), self.url);
    }

    pub(crate) fn kill(&self) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        script("stop", &self.folder, &[]);
    }
}

/// Runs the script and returns its last line.
fn script(command: &str, folder: &TempDir, options: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../e2e/servers/versitygw.sh");
    let output = Command::new(script)
        .arg(command)
        .arg(folder.path())
        .args(options)
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().last().unwrap_or_default().to_owned()
}
