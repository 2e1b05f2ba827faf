//! What a tool that was taken over would try: each attempt does what an attacker would do, and nothing that harms if it
//! succeeds.
//!
//! The program runs itself in the tool's place ([`ATTEMPTS`]) and prints a line for each attempt.

use clap::{Args, ValueEnum};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use rustix::process::{Pid, setsid, test_kill_process};
use std::fmt::{self, Display};
use std::fs::{self, File, Permissions};
use std::io::{self, IoSliceMut, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

/// The first argument of a program that tries to break out. A program that is given to [`crate::Sandbox::new`] answers it by
/// parsing the others as [`AttemptArgs`] and calling [`attempt`].
pub const ATTEMPTS: &str = "sandbox-attempts";

/// An attempt to reach something outside the cage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Attack {
    /// Reads a file of MoocFlix.
    Read,
    /// Writes a file outside the staging folder.
    Write,
    /// Makes a file of MoocFlix readable for everybody.
    Mode,
    /// Fills the disk with files.
    Disk,
    /// Connects to a server on this machine.
    Tcp,
    /// Sends a datagram.
    Udp,
    /// Connects to a server by a path.
    Unix,
    /// Sends a signal to MoocFlix.
    Signal,
    /// Reads the memory of MoocFlix.
    Memory,
    /// Starts processes without end.
    Fork,
    /// Leaves a process behind.
    Outlive,
    /// Makes a namespace in which it has all rights.
    Namespace,
    /// Becomes a shell.
    Shell,
}

impl Attack {
    /// Every attack; the last one ends the program that tries them.
    pub const ALL: [Self; 13] = [
        Self::Read,
        Self::Write,
        Self::Mode,
        Self::Disk,
        Self::Tcp,
        Self::Udp,
        Self::Unix,
        Self::Signal,
        Self::Memory,
        Self::Fork,
        Self::Outlive,
        Self::Namespace,
        Self::Shell,
    ];

    /// What the attack does.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Read => "reads the secret, a database or another lecture",
            Self::Write => "writes outside its folder",
            Self::Mode => "makes the secret readable for everybody",
            Self::Disk => "fills the disk with files",
            Self::Tcp => "connects to a server (TCP)",
            Self::Udp => "sends a datagram (UDP)",
            Self::Unix => "connects to a server by its path (Unix)",
            Self::Signal => "sends the server a signal",
            Self::Memory => "reads the server's memory",
            Self::Fork => "starts processes without end",
            Self::Outlive => "leaves a process behind",
            Self::Namespace => "makes a namespace with all rights in it",
            Self::Shell => "becomes a shell",
        }
    }
}

impl Display for Attack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// What to try, and where.
#[derive(Clone, Debug, Args)]
pub struct AttemptArgs {
    /// The attempts.
    #[arg(long = "try", value_enum)]
    pub(super) attacks: Vec<Attack>,
    /// A file of MoocFlix.
    #[arg(long)]
    pub(super) secret: PathBuf,
    /// A server by TCP.
    #[arg(long)]
    pub(super) tcp: SocketAddr,
    /// A server by UDP.
    #[arg(long)]
    pub(super) udp: SocketAddr,
    /// A server by its path.
    #[arg(long)]
    pub(super) unix: PathBuf,
    /// MoocFlix's process.
    #[arg(long)]
    pub(super) process: i32,
    /// This program.
    #[arg(long)]
    pub(super) program: PathBuf,
    /// Sleep in a session of its own, as a process that is left behind.
    #[arg(long)]
    pub(super) linger: bool,
}

/// How long a process that is left behind lives.
const LINGER: Duration = Duration::from_secs(30);
/// A file to fill the disk with, and how many are tried.
static BLOCK: [u8; 65_536] = [0; 65_536];
const FILES: usize = 32;
/// What a program with a fixed address has there.
const ADDRESS: usize = 0x40_0000;

/// Tries to break out, and prints how each attempt ended.
#[must_use]
pub fn attempt(args: &AttemptArgs) -> ExitCode {
    if args.linger {
        let _ = setsid();
        thread::sleep(LINGER);
        return ExitCode::SUCCESS;
    }
    for &attack in &args.attacks {
        let line = match try_one(attack, args) {
            Ok(()) => format!("{attack} done\n"),
            Err(error) => format!("{attack} held {error}\n"),
        };
        let mut output = io::stdout().lock();
        if output.write_all(line.as_bytes()).and_then(|()| output.flush()).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn try_one(attack: Attack, args: &AttemptArgs) -> io::Result<()> {
    match attack {
        Attack::Read => fs::read(&args.secret).map(drop),
        Attack::Write => fs::write(args.secret.with_extension("written"), "x"),
        Attack::Mode => fs::set_permissions(&args.secret, Permissions::from_mode(0o644)),
        Attack::Disk => fill(),
        Attack::Tcp => TcpStream::connect(args.tcp).map(drop),
        Attack::Udp => UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", args.udp).map(drop),
        Attack::Unix => UnixStream::connect(&args.unix).map(drop),
        Attack::Signal => {
            let process = Pid::from_raw(args.process).ok_or(io::ErrorKind::InvalidInput)?;
            Ok(test_kill_process(process)?)
        }
        Attack::Memory => read_memory(args.process),
        Attack::Fork => fork(args),
        Attack::Outlive => lingering(args).spawn().map(drop),
        Attack::Namespace => Ok(unshare(CloneFlags::CLONE_NEWUSER)?),
        Attack::Shell => Err(Command::new("/bin/sh").args(["-c", "echo shell done"]).exec()),
    }
}

fn fill() -> io::Result<()> {
    let names: Vec<String> = (0..FILES).map(|n| format!("fill-{n}")).collect();
    let written = names.iter().try_for_each(|name| fs::write(name, BLOCK));
    for name in &names {
        let _ = fs::remove_file(name);
    }
    written
}

fn read_memory(process: i32) -> io::Result<()> {
    if File::open(format!("/proc/{process}/mem")).is_ok() {
        return Ok(());
    }
    let mut byte = [0];
    let remote = [RemoteIoVec { base: ADDRESS, len: 1 }];
    let process = nix::unistd::Pid::from_raw(process);
    match process_vm_readv(process, &mut [IoSliceMut::new(&mut byte)], &remote) {
        // It may read there, but there is nothing.
        Ok(_) | Err(Errno::EFAULT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// More tasks than a run may have on this machine.
fn too_many() -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    80 + 16 * processors
}

fn fork(args: &AttemptArgs) -> io::Result<()> {
    let mut children = Vec::new();
    let mut failed = Ok(());
    for _ in 0..too_many() {
        match lingering(args).spawn() {
            Ok(child) => children.push(child),
            Err(error) => {
                failed = Err(error);
                break;
            }
        }
    }
    for child in &mut children {
        let _ = child.kill();
        let _ = child.wait();
    }
    failed
}

fn lingering(args: &AttemptArgs) -> Command {
    let mut command = Command::new(&args.program);
    command.arg(ATTEMPTS).arg("--linger").args(args.places());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl AttemptArgs {
    /// The arguments that say where everything is; none is a path by itself, which an order would have to list.
    pub(super) fn places(&self) -> Vec<String> {
        vec![
            format!("--secret={}", self.secret.display()),
            format!("--tcp={}", self.tcp),
            format!("--udp={}", self.udp),
            format!("--unix={}", self.unix.display()),
            format!("--process={}", self.process),
            format!("--program={}", self.program.display()),
        ]
    }
}
