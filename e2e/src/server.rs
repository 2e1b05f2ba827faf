//! The program under test, started as operators start it.

use crate::process::until;
use crate::settings;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a server may take to listen on a busy machine.
const START: Duration = Duration::from_secs(30);

/// The sizes that lectures are encoded to. The default is none, so that scenarios about other subjects encode nothing.
pub const RUNGS: &str = "CONTENT__TRANSCODE__RUNGS";

/// How many encoders run at once.
pub const SLOTS: &str = "CONTENT__TRANSCODE__SLOTS";

/// In how many places a user watches at once; scenarios in which one owner watches many lectures set any number (0).
pub const PLACES: &str = "CONTENT__PLAYBACK__SESSIONS_PER_USER";

/// The options of a server's start.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Settings: names of environment variables without `MOOCFLIX_`, and values.
    pub settings: Vec<(String, String)>,
    /// Additional arguments of `moocflix serve`.
    pub arguments: Vec<String>,
    /// The data folder; default: a new one.
    pub data: Option<PathBuf>,
    /// `127.0.0.1:PORT`; default: a free port.
    pub listen: Option<String>,
    /// Other environment variables.
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

    /// Listens on this address, which others have to know before the start.
    #[must_use]
    pub fn listening(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// Serves only these roles, such as `users,courses,content`.
    #[must_use]
    pub fn roles(self, names: &str) -> Self {
        self.argument("--roles").argument(names)
    }

    /// Runs with a clock that is ahead, for example by `+7h`.
    pub fn ahead(self, by: &str) -> Result<Self> {
        self.clock(by)
    }

    /// Runs with a clock that starts at a time, in seconds since 1970.
    pub fn at(self, seconds: u64) -> Result<Self> {
        self.clock(&format!("@{seconds}"))
    }

    /// Fakes the clock; monotonic clocks are unaffected.
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

    /// Uses an existing data folder.
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
        let listen = start.listen.clone().unwrap_or_else(|| "127.0.0.1:0".to_owned());
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

    /// The output of all runs of this server.
    #[must_use]
    pub fn log(&self) -> String {
        let logs = |run| {
            [self.log_file(run, "out"), self.log_file(run, "err")]
                .map(|it| fs::read_to_string(it).unwrap_or_default())
                .concat()
        };
        (1..=self.runs).map(logs).collect()
    }

    fn log_file(&self, run: u32, kind: &str) -> PathBuf {
        self.folder.path().join(format!("{run}.{kind}"))
    }

    /// The command that starts this server.
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
        let (out, err) = (self.log_file(self.runs, "out"), self.log_file(self.runs, "err"));
        let mut command = self.command()?;
        command
            .stdin(Stdio::null())
            .stdout(fs::File::create(&out)?)
            .stderr(fs::File::create(&err)?);
        self.child = Some(command.spawn().context("start moocflix")?);
        let listening = until("listening", START, async || {
            let output = fs::read_to_string(&out)?;
            let address = output
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

    /// Kills the process, as a power cut would.
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

    /// Restarts on the same data and the same port, with a clock that is ahead.
    pub async fn restart_ahead(&mut self, by: &str) -> Result<()> {
        self.start.environment.clear();
        self.start = std::mem::take(&mut self.start).ahead(by)?;
        self.restart().await
    }

    /// Restarts on the same data and the same port.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.launch().await
    }

    /// Starts another server, which must fail; returns its exit status and its output.
    pub fn refused(start: &Start, listen: &str, data: &Path) -> Result<(ExitStatus, String)> {
        // a server that is not refused would run forever
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
        let output = [out.stdout, out.stderr]
            .map(|it| String::from_utf8_lossy(&it).into_owned())
            .concat();
        Ok((out.status, output))
    }

    /// Runs another command of the program on this server's data.
    pub async fn moocflix(&self, arguments: &[&str], input: &str) -> Result<String> {
        command_of(&self.start, &self.data, arguments, input).await
    }

    /// Runs a command of the program before a server of these options is started.
    pub async fn command_of(start: &Start, data: &Path, arguments: &[&str]) -> Result<String> {
        command_of(start, data, arguments, "").await
    }
}

async fn command_of(start: &Start, data: &Path, arguments: &[&str], input: &str) -> Result<String> {
    let mut command = tokio::process::Command::new(settings::binary()?);
    command.args(arguments).env("MOOCFLIX_DATA_DIR", data);
    for (name, value) in &start.settings {
        command.env(format!("MOOCFLIX_{name}"), value);
    }
    let keys = start.environment.iter().filter(|(name, _)| name.starts_with("AWS_"));
    command.envs(keys.cloned());
    let output = crate::tools::output(&mut command, input.as_bytes()).await?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

impl Drop for Server {
    fn drop(&mut self) {
        // the process may have ended already
        let _ = self.kill();
    }
}
