//! A tool that runs: what it writes, whether it gets on, how it ended.

use super::tail::Tail;
use super::{EXIT_MISSING, EXIT_UNUSABLE, Encoder, EncoderError, Order, Tool};
use bytes::{Bytes, BytesMut};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep_until, timeout};

/// How much is read at once.
const CHUNK: usize = 64 * 1_024;
const NOISE: usize = 2 * 1_024;
/// A tool that reads its input is alive though it writes nothing (it looks for where it has to begin), but not forever.
const READING: u32 = 30;
/// How long the system may take to end a process that was killed.
const DEATH: Duration = Duration::from_secs(5);

/// A running tool. Dropping it ends the tool and its guard at once.
#[derive(Debug)]
pub struct Running {
    tool: Tool,
    guard: Child,
    /// Closed by this process's end, however it ends; the guard waits for that.
    _lifeline: Option<ChildStdin>,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    buffer: BytesMut,
    tail: Tail,
    handed_out: bool,
    watchdog: Watchdog,
}

/// What the tool, its output, or the clock has brought.
enum Event {
    Out(io::Result<usize>),
    Err(io::Result<usize>),
    Ended(io::Result<ExitStatus>),
    Look,
}

impl Running {
    pub(super) fn start(encoder: &Encoder, order: &Order) -> Result<Self, EncoderError> {
        let limits = order.limits;
        let mut command = Command::new(encoder.program());
        command
            .arg0("moocflix")
            .arg("encoder-child")
            .arg("--folder")
            .arg(std::path::absolute(&order.folder)?)
            .args(["--memory", &limits.memory.to_string()])
            .args(["--file-size", &limits.file_size.to_string()])
            .args(["--nice", &limits.nice.to_string()]);
        if let Some(cpu) = limits.cpu {
            command.args(["--cpu-seconds", &cpu.as_secs().max(1).to_string()]);
        }
        command.arg("--").arg(encoder.tool(order.tool)).args(&order.args);
        // The secrets of this process are no business of a program that reads strangers' files.
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
        Ok(Self {
            tool: order.tool,
            _lifeline: guard.stdin.take(),
            out: guard.stdout.take(),
            err: guard.stderr.take(),
            guard,
            buffer: BytesMut::new(),
            tail: Tail::default(),
            handed_out: false,
            watchdog: Watchdog::new(encoder.stall),
        })
    }

    /// The next bytes that the tool writes; nothing when it has come to a good end.
    ///
    /// The time until the caller asks again does not count against the tool. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The tool did not come to a good end. It is ended then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, EncoderError> {
        if std::mem::take(&mut self.handed_out) {
            self.got_on();
        }
        let bytes = self.pull().await?;
        self.handed_out = bytes.is_some();
        Ok(bytes)
    }

    /// Notes that the tool has got on.
    pub(super) fn got_on(&mut self) {
        self.watchdog.got_on(Instant::now());
    }

    /// The next bytes; that they came is no progress by itself.
    pub(super) async fn pull(&mut self) -> Result<Option<Bytes>, EncoderError> {
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
                        // Killed is killed; whoever waits for a disk that hangs is not waited for.
                        let _ = timeout(DEATH, self.guard.wait()).await;
                        return Err(EncoderError::Stalled);
                    }
                }
            }
        }
    }

    /// Says how the tool came to its end.
    fn ended(&mut self, status: ExitStatus) -> Result<(), EncoderError> {
        if self.tail.disk_full() {
            return Err(EncoderError::DiskFull);
        }
        let signal = status.signal();
        match status.code() {
            Some(0) => Ok(()),
            Some(code) if code == i32::from(EXIT_MISSING) => Err(EncoderError::Missing(self.tool)),
            Some(code) if code == i32::from(EXIT_UNUSABLE) => Err(io::Error::other(self.tail.text()).into()),
            Some(code @ 129..=192) => Err(EncoderError::Killed(code - 128)),
            Some(code) => Err(EncoderError::Failed {
                code,
                message: self.tail.text(),
            }),
            None => Err(EncoderError::Killed(signal.unwrap_or_default())),
        }
    }

    /// Kills the guard and the tool together; a process that is stopped dies of it too.
    fn kill(&self) {
        // The id is gone once the guard was waited for, so that it can't be another process's.
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

/// Notices when nothing happens for too long.
#[derive(Debug)]
struct Watchdog {
    stall: Duration,
    interval: Duration,
    next_look: Instant,
    /// When output was last seen to grow.
    output: Instant,
    /// When anything was last seen to happen.
    alive: Instant,
    read: u64,
}

impl Watchdog {
    fn new(stall: Duration) -> Self {
        let interval = (stall / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        let now = Instant::now();
        Self {
            stall,
            interval,
            next_look: now + interval,
            output: now,
            alive: now,
            read: 0,
        }
    }

    fn got_on(&mut self, now: Instant) {
        self.output = now;
        self.alive = now;
    }

    /// Looks whether too much time has passed, and at what the tool has read since.
    fn is_stalled(&mut self, now: Instant, bytes_read: impl FnOnce() -> Option<u64>) -> bool {
        let late = now.saturating_duration_since(self.next_look);
        self.next_look = now + self.interval;
        if late > self.stall / 2 {
            // It was this process that stood still; what the tool has done meanwhile is yet to be read.
            self.got_on(now);
            return false;
        }
        if let Some(read) = bytes_read()
            && read > self.read
        {
            self.read = read;
            if now.saturating_duration_since(self.output) < self.stall * READING {
                self.alive = now;
            }
        }
        now.saturating_duration_since(self.alive) >= self.stall
    }
}

/// How many bytes the guard's child has read in its life; nothing where the system does not tell.
fn bytes_read(guard: u32) -> Option<u64> {
    let children = std::fs::read_to_string(format!("/proc/{guard}/task/{guard}/children")).ok()?;
    let child: u32 = children.split_whitespace().next()?.parse().ok()?;
    let io = std::fs::read_to_string(format!("/proc/{child}/io")).ok()?;
    let line = io.lines().find_map(|line| line.strip_prefix("rchar:"))?;
    line.trim().parse().ok()
}
