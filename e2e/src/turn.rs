//! A TURN server of one scenario.

use crate::settings;
use crate::tools::output;
use anyhow::{Context, Result};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// A running coturn; it is removed when dropped.
#[derive(Debug)]
pub struct TurnServer {
    folder: TempDir,
    /// Its URL with its secret, as `live.ice_servers` wants it.
    pub url: String,
}

fn script() -> PathBuf {
    settings::root().join("e2e/servers/coturn.sh")
}

impl TurnServer {
    /// Starts a server.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let lines = output(Command::new(script()).arg("start").arg(folder.path()), b"").await?;
        let lines = String::from_utf8(lines)?;
        let url = lines.lines().last().context("a URL")?.to_owned();
        Ok(Self { folder, url })
    }
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        // the folder may be gone already
        let _ = std::process::Command::new(script())
            .arg("stop")
            .arg(self.folder.path())
            .status();
    }
}
