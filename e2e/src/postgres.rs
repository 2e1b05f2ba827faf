//! A PostgreSQL server of one scenario, which may kill it.

use crate::process::signal;
use crate::settings;
use crate::tools::output;
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// A running server with TLS; it is removed when dropped.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    /// Its URL, the same after a restart.
    pub url: String,
}

fn script() -> PathBuf {
    settings::root().join("platform/backing/tests/postgres.sh")
}

async fn start(folder: &TempDir) -> Result<String> {
    let mut start = Command::new(script());
    let lines = output(start.arg("start").arg(folder.path()).arg("tls"), b"").await?;
    let lines = String::from_utf8(lines)?;
    lines.lines().last().map(str::to_owned).context("a URL")
}

impl PostgresServer {
    /// Starts a server.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let url = start(&folder).await?;
        Ok(Self { folder, url })
    }

    /// Makes the server log the plan of each statement of later connections, without scans of whole tables where an index
    /// fits.
    pub async fn explain(&self) -> Result<()> {
        const SETTINGS: [&str; 6] = [
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_nested_statements = on",
            "enable_seqscan = off",
            "enable_bitmapscan = off",
            "log_min_messages = log",
        ];
        for setting in SETTINGS {
            let alter = format!("ALTER DATABASE postgres SET {setting}");
            output(Command::new("psql").args([&self.url, "-qXc", &alter]), b"").await?;
        }
        Ok(())
    }

    /// The plans that the server has logged, each with its statement.
    pub fn plans(&self) -> Result<Vec<String>> {
        let log = std::fs::read_to_string(self.folder.path().join("log"))?;
        let entries = log.split("duration: ").skip(1);
        // the plan's lines are indented, and the next entry's first line is not
        let plan = |entry: &str| {
            let lines = entry.lines().enumerate();
            let own = lines.take_while(|(number, line)| *number == 0 || line.starts_with(['\t', ' ']));
            own.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
        };
        Ok(entries.map(plan).collect())
    }

    /// Kills the server; what was committed is still there after a restart.
    pub fn kill(&self) -> Result<()> {
        ensure!(signal(self.pid()?, Signal::KILL)?, "PostgreSQL does not run");
        Ok(())
    }

    /// The process that starts all others of the server.
    pub fn pid(&self) -> Result<u32> {
        let file = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid"))?;
        let pid = file.lines().next().context("a process")?;
        Ok(pid.trim().parse()?)
    }

    /// Starts it again after a kill, at the same address.
    pub async fn restart(&self) -> Result<()> {
        let url = start(&self.folder).await?;
        ensure!(url == self.url, "another address: {url}");
        Ok(())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // the folder may be gone already
        let _ = std::process::Command::new(script())
            .arg("stop")
            .arg(self.folder.path())
            .status();
    }
}
