//! A running tool: its output, its progress, and how it ended.

use crate::cage::Layer;
use crate::error::RunError;
use crate::order::Order;
use crate::protocol::{EXIT_MISSING, EXIT_OVER_TIME, EXIT_UNUSABLE, GuardArgs, PROGRAM};
use crate::tail::Tail;
use crate::watchdog::Watchdog;
use bytes::{Bytes, BytesMut};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep_until, timeout};

/// How many bytes are read at once.
const CHUNK: usize = 64 * 1_024;
const NOISE: usize = 2 * 1_024;
/// How long the system may take to end a process that was killed.
const DEATH: Duration = Duration::from_secs(5);

/// Starts tools under a guard.
#[derive(Clone, Debug)]
pub struct Sandbox {
    program: PathBuf,
    stall: Duration,
    memory: u64,
    without: Vec<Layer>,
    required: bool,
}

impl Sandbox {
    /// A sandbox whose guards run `program` (see [`crate::COMMAND`]), and that ends a tool after `stall` without progress.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, stall: Duration) -> Self {
        Self {
            program: program.into(),
            stall,
            memory: u64::MAX,
            without: Vec::new(),
            required: false,
        }
    }

    /// Fails a run whose files and system calls can't be restricted, instead of running it with the other layers.
    #[must_use]
    pub fn required(self, required: bool) -> Self {
        Self { required, ..self }
    }

    /// Limits the memory of each tool to so many bytes, even where an order permits more.
    #[must_use]
    pub fn memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// Leaves layers out, so that the others can be tested; no configuration does this.
    #[must_use]
    pub fn without(self, layers: impl IntoIterator<Item = Layer>) -> Self {
        let without = layers.into_iter().collect();
        Self { without, ..self }
    }

    /// The program that guards run.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Starts the tool that an order describes.
    ///
    /// Errors: the guard cannot be started, or the order names paths that it does not list
    pub fn start(&self, order: &Order) -> Result<Running, RunError> {
        order.check()?;
        tracing::debug!(tool = ?order.tool, arguments = ?order.args, "starting a tool");
        let mut command = Command::new(&self.program);
        command
            .arg0(PROGRAM)
            .args(GuardArgs::of(order, self.memory, &self.without, self.required)?.words());
        // This process's secrets are no business of a program that reads strangers' files.
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let mut guard = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Running {
            tool: PathBuf::from(&order.tool),
            _lifeline: guard.stdin.take(),
            out: guard.stdout.take(),
            err: guard.stderr.take(),
            guard,
            buffer: BytesMut::new(),
            tail: Tail::default(),
            handed_out: false,
            watchdog: Watchdog::new(self.stall),
        })
    }
}

/// A running tool. Dropping it ends the tool and its guard at once.
#[derive(Debug)]
pub struct Running {
    tool: PathBuf,
    guard: Child,
    /// Closes when this process ends, however it ends; the guard waits for that.
    _lifeline: Option<ChildStdin>,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    buffer: BytesMut,
    tail: Tail,
    handed_out: bool,
    watchdog: Watchdog,
}

/// An event of the tool, its output, or the clock.
enum Event {
    Out(io::Result<usize>),
    Err(io::Result<usize>),
    Ended(io::Result<ExitStatus>),
    Look,
}

impl Running {
    /// Returns the next bytes of the tool's output; `None` when the tool has ended well.
    ///
    /// Output counts as progress, and the time until the caller asks again does not count against the tool. Dropping the
    /// future loses nothing.
    ///
    /// Errors: the tool did not finish its work; it has ended
    pub async fn next(&mut self) -> Result<Option<Bytes>, RunError> {
        if std::mem::take(&mut self.handed_out) {
            self.progressed();
        }
        let bytes = self.read().await?;
        self.handed_out = bytes.is_some();
        Ok(bytes)
    }

    /// Notes that the tool has made progress, for callers of [`Running::read`].
    pub fn progressed(&mut self) {
        self.watchdog.progressed(Instant::now());
    }

    /// Returns the next bytes like [`Running::next`], but does not take them for progress: the caller judges them.
    ///
    /// Errors: the tool did not finish its work; it has ended
    pub async fn read(&mut self) -> Result<Option<Bytes>, RunError> {
        let mut noise = [0; NOISE];
        loop {
            self.buffer.reserve(CHUNK / 16);
            let event = tokio::select! {
                read = read_into(&mut self.out, &mut self.buffer), if self.out.is_some() => Event::Out(read),
                read = read_some(&mut self.err, &mut noise), if self.err.is_some() => Event::Err(read),
                status = self.guard.wait(), if self.out.is_none() && self.err.is_none() => Event::Ended(status),
                () = sleep_until(self.watchdog.next_look) => Event::Look,
            };
            match event {
                Event::Out(read) => match read? {
                    0 => self.out = None,
                    _ => return Ok(Some(self.buffer.split().freeze())),
                },
                Event::Err(read) => match read? {
                    0 => self.err = None,
                    count => self.tail.push(noise.get(..count).unwrap_or_default()),
                },
                Event::Ended(status) => return self.ended(status?).map(|()| None),
                Event::Look => {
                    let group = self.guard.id();
                    if self.watchdog.is_stalled(Instant::now(), || group.and_then(bytes_read)) {
                        self.kill();
                        // A killed process may still hang in a read from a broken disk, so this wait is limited.
                        let _ = timeout(DEATH, self.guard.wait()).await;
                        return Err(RunError::Stalled);
                    }
                }
            }
        }
    }

    /// The end of what the tool has written to standard error so far.
    #[must_use]
    pub fn messages(&self) -> String {
        self.tail.text()
    }

    /// Reports how the tool ended.
    fn ended(&mut self, status: ExitStatus) -> Result<(), RunError> {
        if self.tail.disk_full() {
            return Err(RunError::DiskFull);
        }
        let signal = status.signal();
        match status.code() {
            Some(0) => Ok(()),
            Some(code) if code == i32::from(EXIT_OVER_TIME) => Err(RunError::OverTime),
            Some(code) if code == i32::from(EXIT_MISSING) => Err(RunError::Missing(self.tool.clone())),
            Some(code) if code == i32::from(EXIT_UNUSABLE) => Err(io::Error::other(self.tail.text()).into()),
            Some(code @ 129..=192) => Err(RunError::Killed(code - 128)),
            Some(code) => Err(RunError::Failed {
                code,
                message: self.tail.text(),
            }),
            None => Err(RunError::Killed(signal.unwrap_or_default())),
        }
    }

    /// Kills the guard and the tool together, even if they are stopped.
    fn kill(&self) {
        // Once the guard has been waited for there is no id, so this is never another process's.
        let group = self
            .guard
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn read_into(from: &mut Option<ChildStdout>, buffer: &mut BytesMut) -> io::Result<usize> {
    match from {
        Some(out) => out.read_buf(buffer).await,
        None => Ok(0),
    }
}

async fn read_some(from: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> io::Result<usize> {
    match from {
        Some(err) => err.read(buffer).await,
        None => Ok(0),
    }
}

/// How many bytes the guard's child has read in its life, if the system reports it.
fn bytes_read(guard: u32) -> Option<u64> {
    let children = std::fs::read_to_string(format!("/proc/{guard}/task/{guard}/children")).ok()?;
    let child: u32 = children.split_whitespace().next()?.parse().ok()?;
    let io = std::fs::read_to_string(format!("/proc/{child}/io")).ok()?;
    let line = io.lines().find_map(|line| line.strip_prefix("rchar:"))?;
    line.trim().parse().ok()
}
