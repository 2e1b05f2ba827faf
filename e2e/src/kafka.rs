//! A Kafka broker of one scenario, which may kill it.

use crate::settings;
use crate::tools::output;
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// A running broker; it is removed when dropped.
#[derive(Debug)]
pub struct KafkaServer {
    folder: TempDir,
    /// Its URL, the same after a restart.
    pub url: String,
}

fn script() -> PathBuf {
    settings::root().join("e2e/servers/kafka.sh")
}

async fn start(folder: &TempDir, behind: Option<u16>) -> Result<String> {
    let mut command = Command::new(script());
    command.arg("start").arg(folder.path());
    if let Some(port) = behind {
        command.args(["--behind", &port.to_string()]);
    }
    let lines = String::from_utf8(output(&mut command, b"").await?)?;
    lines.lines().last().map(str::to_owned).context("a URL")
}

impl KafkaServer {
    /// Starts a broker, which names this port to its clients if they reach it through a proxy.
    pub async fn start(behind: Option<u16>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = start(&folder, behind).await?;
        Ok(Self { folder, url })
    }

    fn number(&self, file: &str) -> Result<u32> {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.trim().parse()?)
    }

    /// The port at which it listens.
    pub fn port(&self) -> Result<u16> {
        Ok(u16::try_from(self.number("port")?)?)
    }

    /// The process.
    pub fn pid(&self) -> Result<u32> {
        self.number("pid")
    }

    /// Starts it again after a kill, at the same address.
    pub async fn restart(&self) -> Result<()> {
        let url = start(&self.folder, None).await?;
        ensure!(url == self.url, "another address: {url}");
        Ok(())
    }
}

impl Drop for KafkaServer {
    fn drop(&mut self) {
        // the folder may be gone already
        let _ = std::process::Command::new(script())
            .arg("stop")
            .arg(self.folder.path())
            .status();
    }
}
