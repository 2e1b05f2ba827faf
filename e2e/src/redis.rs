//! A Redis server of one scenario, which may kill it.

use crate::process::signal;
use crate::settings;
use crate::tools::output;
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// A running server; it is removed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    /// Its URL, the same after a restart.
    pub url: String,
    /// Its URL with TLS.
    pub tls_url: String,
}

fn script() -> PathBuf {
    settings::root().join("platform/adapters/tests/redis.sh")
}

async fn start(folder: &TempDir) -> Result<(String, String)> {
    let lines = output(Command::new(script()).arg("start").arg(folder.path()), b"").await?;
    let lines = String::from_utf8(lines)?;
    let mut lines = lines.lines().map(str::to_owned);
    lines.next().zip(lines.next()).context("two URLs")
}

impl RedisServer {
    /// Starts a server.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (url, tls_url) = start(&folder).await?;
        Ok(Self { folder, url, tls_url })
    }

    /// Kills the server, which forgets everything.
    pub fn kill(&self) -> Result<()> {
        ensure!(signal(self.pid()?, Signal::KILL)?, "Redis does not run");
        Ok(())
    }

    /// The process.
    pub fn pid(&self) -> Result<u32> {
        let pid = std::fs::read_to_string(self.folder.path().join("pid"))?;
        Ok(pid.trim().parse()?)
    }

    /// Starts it again after a kill, at the same address.
    pub async fn restart(&self) -> Result<()> {
        let (url, _) = start(&self.folder).await?;
        ensure!(url == self.url, "another address: {url}");
        Ok(())
    }

    /// The file with the certificate of the authority that has signed the server's.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // the folder may be gone already
        let _ = std::process::Command::new(script())
            .arg("stop")
            .arg(self.folder.path())
            .status();
    }
}
