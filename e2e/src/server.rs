//! The program under test, started as its operators do.

use crate::process::until;
use crate::settings;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a server may take to listen, on a machine that does much else.
const START: Duration = Duration::from_secs(30);

/// The sizes that lectures are encoded to. None without a scenario's word: what it is not about shall not be encoded
/// beside it.
pub const RUNGS: &str = "CONTENT__TRANSCODE__RUNGS";

/// How many encoders it runs at once.
pub const SLOTS: &str = "CONTENT__TRANSCODE__SLOTS";

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Its settings: the names of environment variables without `MOOCFLIX_`, and values.
    pub settings: Vec<(String, String)>,
    /// More arguments of `moocflix serve`.
    pub arguments: Vec<String>,
    /// Its data folder; a fresh one without it.
    pub data: Option<PathBuf>,
    /// Other variables of its environment.
    pub environment: Vec<(String, String)>,
    /// A command that runs it, such as `unshare`.
    pub wrap: Vec<String>,
}

impl Start {
    /// Adds a setting, by its name without `MOOCFLIX_`.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, it: impl Into<String>) -> Self {
        self.arguments.push(it.into());
        self
    }

    /// Runs with a clock that is ahead, such as `+7h`.
    pub fn ahead(self, by: &str) -> Result<Self> {
        self.clock(by)
    }

    /// Runs with a clock that begins at a time, in seconds since 1970.
    pub fn at(self, seconds: u64) -> Result<Self> {
        self.clock(&format!("@{seconds}"))
    }

    /// Fakes the clock; clocks that measure durations are unaffected.
    fn clock(mut self, time: &str) -> Result<Self> {
        let library =
            ["x86_64-linux-gnu", "aarch64-linux-gnu"].map(|it| format!("/usr/lib/{it}/faketime/libfaketimeMT.so.1"));
        let library = library
            .into_iter()
            .find(|it| Path::new(it).exists())
            .context("Debian's faketime is needed")?;
        let set = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME", time),
            ("FAKETIME_FMT", "%s"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        self.environment
            .extend(set.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(self)
    }

    /// Uses a data folder that is there.
    #[must_use]
    pub fn on(mut self, data: &Path) -> Self {
        self.data = Some(data.to_owned());
        self
    }
}

/// A running server; it is killed when dropped.
#[derive(Debug)]
pub struct Server {
    start: Start,
    folder: tempfile::TempDir,
    data: PathBuf,
    child: Option<Child>,
    /// `127.0.0.1:PORT`, the same after a restart.
    listen: String,
    runs: u32,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub async fn start(start: Start) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = start.data.clone().unwrap_or_else(|| folder.path().join("data"));
        let listen = "127.0.0.1:0".to_owned();
        let mut server = Self {
            start,
            folder,
            data,
            child: None,
            listen,
            runs: 0,
        };
        server.launch().await?;
        Ok(server)
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.listen
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The process.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.child.as_ref().context("the server does not run")?.id())
    }

    /// Everything that all runs of this server have said.
    #[must_use]
    pub fn log(&self) -> String {
        let said = |run| {
            [self.said(run, "out"), self.said(run, "err")]
                .map(|it| fs::read_to_string(it).unwrap_or_default())
                .concat()
        };
        (1..=self.runs).map(said).collect()
    }

    fn said(&self, run: u32, kind: &str) -> PathBuf {
        self.folder.path().join(format!("{run}.{kind}"))
    }

    /// The command of this server, not yet started.
    fn command(&self) -> Result<Command> {
        let mut words = self.start.wrap.clone();
        words.push(settings::binary()?.to_string_lossy().into_owned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg("serve")
            .arg("--data-dir")
            .arg(&self.data)
            .args(["--listen", &self.listen]);
        command
            .args(&self.start.arguments)
            .envs(self.start.environment.iter().cloned());
        command.env(format!("MOOCFLIX_{RUNGS}"), "");
        for (name, value) in &self.start.settings {
            command.env(format!("MOOCFLIX_{name}"), value);
        }
        Ok(command)
    }

    async fn launch(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the server runs already");
        self.runs += 1;
        let (out, err) = (self.said(self.runs, "out"), self.said(self.runs, "err"));
        let mut command = self.command()?;
        command
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out)?)
            .stderr(fs::File::create(&err)?);
        self.child = Some(command.spawn().context("start moocflix")?);
        let listening = until("listening", START, async || {
            let told = fs::read_to_string(&out)?;
            let address = told
                .lines()
                .find_map(|it| it.strip_prefix("listening on http://"))
                .map(str::to_owned);
            if address.is_none()
                && let Some(status) = self.child.as_mut().context("no child")?.try_wait()?
            {
                bail!("the server ended at start, {status}:\n{}", self.log());
            }
            Ok(address)
        });
        self.listen = listening.await?;
        Ok(())
    }

    /// Ends the process as a power cut would, as far as a process can tell.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks the process to end and waits for it.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("the server does not run")?;
        let pid = Pid::from_raw(i32::try_from(child.id())?).context("a process id")?;
        kill_process(pid, Signal::TERM)?;
        let ended = until("the end after SIGTERM", Duration::from_secs(35), async || {
            Ok(child.try_wait()?)
        })
        .await;
        if ended.is_err() {
            child.kill()?;
            child.wait()?;
        }
        ended
    }

    /// Starts again on the same data and the same port, with a clock that is ahead.
    pub async fn restart_ahead(&mut self, by: &str) -> Result<()> {
        self.start.environment.clear();
        self.start = std::mem::take(&mut self.start).ahead(by)?;
        self.restart().await
    }

    /// Starts again on the same data and the same port.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.launch().await
    }

    /// Starts one more server with these words and gives how it ended and what it said.
    pub fn refused(start: &Start, listen: &str, data: &Path) -> Result<(ExitStatus, String)> {
        // one that is not refused would run for ever
        let mut command = Command::new("timeout");
        command
            .arg("30")
            .arg(settings::binary()?)
            .arg("serve")
            .arg("--data-dir")
            .arg(data);
        command.args(["--listen", listen]).args(&start.arguments);
        for (name, value) in &start.settings {
            command.env(format!("MOOCFLIX_{name}"), value);
        }
        let out = command.stdin(Stdio::null()).output()?;
        let said = [out.stdout, out.stderr]
            .map(|it| String::from_utf8_lossy(&it).into_owned())
            .concat();
        Ok((out.status, said))
    }

    /// Runs another command of the program on this server's data.
    pub async fn moocflix(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = tokio::process::Command::new(settings::binary()?);
        command.args(arguments).env("MOOCFLIX_DATA_DIR", &self.data);
        for (name, value) in &self.start.settings {
            command.env(format!("MOOCFLIX_{name}"), value);
        }
        let said = crate::tools::output(&mut command, input.as_bytes()).await?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // a process that is gone already needs no killing
        let _ = self.kill();
    }
}
