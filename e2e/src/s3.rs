//! A server of S3 of one scenario, which may kill it.

use crate::process::{files, signal};
use crate::server::Start;
use crate::settings;
use crate::tools::output;
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// A running server; it is removed when dropped.
#[derive(Debug)]
pub struct S3Server {
    folder: TempDir,
    /// The variables with its keys.
    keys: Vec<(String, String)>,
    /// The URL of its bucket, the same after a restart.
    pub url: String,
}

fn script() -> PathBuf {
    settings::root().join("e2e/servers/versitygw.sh")
}

async fn start(folder: &TempDir) -> Result<(String, String)> {
    let lines = output(Command::new(script()).arg("start").arg(folder.path()), b"").await?;
    let lines = String::from_utf8(lines)?;
    let mut lines = lines.lines().map(str::to_owned);
    lines.next().zip(lines.next()).context("keys and a URL")
}

impl S3Server {
    /// Starts a server.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (keys, url) = start(&folder).await?;
        let keys = keys.split(' ').filter_map(|word| word.split_once('='));
        Ok(Self {
            keys: keys.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            folder,
            url,
        })
    }

    /// The options of a MoocFlix that keeps its lectures there.
    #[must_use]
    pub fn node(&self) -> Start {
        let mut start = Start::default().set("STORAGE_URL", &self.url);
        start.environment.extend(self.keys.iter().cloned());
        start
    }

    /// Kills the server.
    pub fn kill(&self) -> Result<()> {
        ensure!(signal(self.pid()?, Signal::KILL)?, "the server does not run");
        Ok(())
    }

    /// The process.
    pub fn pid(&self) -> Result<u32> {
        let pid = std::fs::read_to_string(self.folder.path().join("pid"))?;
        Ok(pid.trim().parse()?)
    }

    /// Starts it again after a kill, at the same address.
    pub async fn restart(&self) -> Result<()> {
        let (_, url) = start(&self.folder).await?;
        ensure!(url == self.url, "another address: {url}");
        Ok(())
    }

    /// The files that it keeps for objects and parts whose keys begin with these words.
    #[must_use]
    pub fn kept(&self, prefix: &str) -> Vec<PathBuf> {
        files(&self.folder.path().join("data/lectures").join(prefix))
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // the folder may be gone already
        let _ = std::process::Command::new(script())
            .arg("stop")
            .arg(self.folder.path())
            .status();
    }
}
