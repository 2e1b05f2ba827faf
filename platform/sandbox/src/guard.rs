//! The guard: the process between a worker and its tool, so that neither outlives the other.
//!
//! A worker starts it in a process group of its own and keeps the other end of its standard input:
//!
//! ```text
//! moocflix encoder-child --folder DIR --memory BYTES --file-size BYTES [--nice N] [--cpu-seconds N] -- ffmpeg ARGUMENT…
//! ```
//!
//! This first process is the guard. It lends the tool its files, makes namespaces, and starts itself once more
//! (`--become`); that second process is the first one in the new namespace of processes. It goes through the other layers
//! of the cage, sets limits on itself, and becomes the tool by exec, with the guard's standard output and standard error.
//! The guard then waits for one of two things:
//!
//! - The tool ends: the guard ends in the same way, with the same code or by the same signal (with 128 + signal where that
//!   signal does not end it).
//! - Standard input closes, because the worker let go of it or is dead: the guard kills the tool, removes the staging
//!   folder, removes the worker's own folder too if nobody holds it any more, and kills its whole group.
//!
//! With the tool, every process that it has started ends: as members of its namespace, or because they become children of
//! the guard. If the guard itself is killed, the system kills the tool (parent-death signal). A living worker needs no help:
//! it kills the group.
//!
//! The first process of a namespace gets no signals from itself or its children for which it has no handler. So a tool that
//! aborts ends with the signal of an invalid access, and one whose file grows too long gets an error instead of a signal.
//!
//! The guard's own codes are 125 when the tool has used up its processor time, 127 when it does not exist, and 126 when
//! anything else kept it from starting; standard error has the reason.
//!
//! The guard runs before any async runtime is built and reads no configuration: the parent-death signal is bound to the
//! thread that made the child, so that thread must be the only one.

use crate::cage::identity::Identity;
use crate::cage::loans::Loans;
use crate::cage::spaces::Spaces;
use crate::cage::{Layer, Layers};
use crate::protocol::{COMMAND, EXIT_MISSING, EXIT_OVER_TIME, EXIT_UNUSABLE, Entered, GuardArgs, PROGRAM};
use crate::{staging, tool};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Signal, WaitOptions, getpgrp, getpid, kill_current_process_group, kill_process,
    pidfd_open, pidfd_send_signal, set_child_subreaper, set_dumpable_behavior, setpgid, wait as wait_for_any,
};
use rustix::thread::gettid;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

/// The kernel enforces the limit by a coarse clock, which may run ahead of the precise one that is read here.
///
/// Units: milliseconds
const NEARLY_A_SECOND: u64 = 750;

/// Guards a tool, or becomes it; either way this process ends as the tool does.
///
/// Call it before any other thread starts.
#[must_use]
pub fn stand_guard(args: &GuardArgs) -> ExitCode {
    let outcome = if args.entered.becoming {
        tool::become_tool(args)
    } else {
        guard(args)
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // If standard error is closed, nobody is there to read it.
            let _ = writeln!(io::stderr().lock(), "{PROGRAM} {COMMAND}: {error}");
            ExitCode::from(match error.kind() {
                ErrorKind::NotFound => EXIT_MISSING,
                _ => EXIT_UNUSABLE,
            })
        }
    }
}

/// Waits for the tool's end or the worker's, whichever comes first.
fn guard(args: &GuardArgs) -> io::Result<ExitCode> {
    if getpgrp() != getpid() {
        setpgid(None, None)?;
    }
    tool::no_core()?;
    let folder = Folder::find(&args.folder)?;
    let layers = Layers::without(&args.without);
    make_outputs(&folder.path, &args.writes)?;
    let lodging = lodging(&layers, &folder.path, &args.reads);
    let identity = lodging.as_ref().map(|it| it.0);
    let mut loans = lodging.map(|it| it.1);
    let entered = Entered {
        becoming: true,
        user: identity.map(|it| it.id),
        groups: loans.as_ref().map(|it| it.groups.clone()).unwrap_or_default(),
        counted: false,
    };
    let ended = supervise(args, &folder, &layers, entered);
    if let Some(loans) = &mut loans {
        loans.put_back();
    }
    match ended? {
        Ended::Tool(status) if is_over_time(args, status) => Ok(ExitCode::from(EXIT_OVER_TIME)),
        Ended::Tool(status) => end_alike(status),
        Ended::Worker => {
            // Each step is tried even if an earlier one failed; the next worker that starts removes the rest.
            folder.remove();
            let _ = kill_current_process_group(Signal::KILL);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Makes the files that the tool writes: it can't make any itself.
fn make_outputs(folder: &Path, writes: &[PathBuf]) -> io::Result<()> {
    let inside = |path: &&PathBuf| path.parent() == Some(folder) && fs::symlink_metadata(path).is_err();
    for path in writes.iter().filter(inside) {
        File::options().write(true).create_new(true).mode(0o600).open(path)?;
    }
    Ok(())
}

/// A user for the run, with what it needs; none if this machine has no such layer.
fn lodging(layers: &Layers, folder: &Path, reads: &[PathBuf]) -> Option<(Identity, Loans)> {
    let identity = Identity::of_this_run().filter(|_| layers.has(Layer::User))?;
    let loans = Loans::give(identity, folder, reads, staging::shared(folder)).ok()?;
    Some((identity, loans))
}

/// Runs the tool until it ends or the worker does; afterwards no process of the run is left.
fn supervise(args: &GuardArgs, folder: &Folder, layers: &Layers, entered: Entered) -> io::Result<Ended> {
    let foreign_user = entered.user.is_some();
    let spaces = Spaces::enter(layers, foreign_user)?;
    // A process that can be dumped could be read by others of its user. Not earlier: it also locks its own maps of ids.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if !spaces.processes {
        set_child_subreaper(Some(getpid()))?;
    }
    let entered = Entered {
        counted: spaces.counts_apart(foreign_user),
        ..entered
    };
    let mut child = start_again(args, folder, entered)?;
    let process = Pid::from_child(&child);
    let handle = match pidfd_open(process, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(error) => {
            child.kill()?;
            return Err(io::Error::other(format!("the tool cannot be watched: {error}")));
        }
    };
    let event = wait(&handle);
    if !matches!(event, Ok(Event::ToolEnded)) {
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
    let status = child.wait()?;
    if !spaces.processes {
        end_orphans()?;
    }
    Ok(match event? {
        Event::ToolEnded => Ended::Tool(status),
        Event::WorkerGone => Ended::Worker,
    })
}

/// Starts the guard's program once more, as the process that becomes the tool. The child's standard input stays open as long
/// as this process lives.
fn start_again(args: &GuardArgs, folder: &Folder, entered: Entered) -> io::Result<Child> {
    let args = GuardArgs {
        folder: folder.path.clone(),
        entered,
        ..args.clone()
    };
    // Not by its path: that may be another program by now, or gone.
    let mut command = Command::new("/proc/self/exe");
    command.arg0(PROGRAM).args(args.words());
    command
        .env_clear()
        .env("PATH", tool::search_path())
        .stdin(Stdio::piped());
    command.spawn()
}

/// Ends the processes that the tool has left, until none is left: new ones arrive as their parents end.
fn end_orphans() -> io::Result<()> {
    loop {
        let me = gettid().as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/self/task/{me}/children")).unwrap_or_default();
        for child in children
            .split_whitespace()
            .filter_map(|word| Pid::from_raw(word.parse().ok()?))
        {
            let _ = kill_process(child, Signal::KILL);
        }
        match wait_for_any(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// How a run ended.
enum Ended {
    Tool(ExitStatus),
    Worker,
}

enum Event {
    ToolEnded,
    WorkerGone,
}

/// Sleeps until the tool has ended or standard input has closed.
fn wait(handle: &OwnedFd) -> io::Result<Event> {
    let mut lifeline = io::stdin().lock();
    let mut ignored = [0; 64];
    loop {
        let mut watched = [
            PollFd::new(handle, PollFlags::IN),
            PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN),
        ];
        match poll(&mut watched, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let [tool, worker] = watched.map(|it| it.revents());
        if !tool.is_empty() {
            return Ok(Event::ToolEnded);
        }
        // Bytes carry no message; only the end does.
        if !worker.is_empty() && lifeline.read(&mut ignored).unwrap_or(0) == 0 {
            return Ok(Event::WorkerGone);
        }
    }
}

/// Whether the system ended the tool because it had used up its processor time. The signal alone does not show that: the
/// system also kills a tool when memory runs out.
fn is_over_time(args: &GuardArgs, status: ExitStatus) -> bool {
    let Some(most) = args.cpu_seconds else {
        return false;
    };
    let is_killed = [Signal::KILL, Signal::XCPU]
        .iter()
        .any(|signal| status.signal() == Some(signal.as_raw()));
    // The tool is the only child that has been waited for, or the only one that did much.
    let used =
        getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |it| (it.user_time() + it.system_time()).num_milliseconds());
    is_killed && used.unsigned_abs() >= most.saturating_mul(NEARLY_A_SECOND)
}

/// Ends as the tool has ended.
fn end_alike(status: ExitStatus) -> io::Result<ExitCode> {
    let Some(raw) = status.signal() else {
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(ExitCode::from(code.unwrap_or(EXIT_UNUSABLE)));
    };
    if let Some(signal) = Signal::from_named_raw(raw) {
        kill_process(getpid(), signal)?;
    }
    // This process ignores the signal, or the signal takes a moment to arrive.
    Ok(ExitCode::from(u8::try_from(128 + raw).unwrap_or(EXIT_UNUSABLE)))
}

/// The staging folder as it was when the guard started.
struct Folder {
    path: PathBuf,
    identity: (u64, u64),
}

impl Folder {
    fn find(given: &Path) -> io::Result<Self> {
        let path = std::path::absolute(given)?;
        let identity = identity(&path)
            .ok_or_else(|| io::Error::new(ErrorKind::NotADirectory, format!("{} is not a folder", path.display())))?;
        Ok(Self { path, identity })
    }

    /// Removes the folder if it is still the one that was given, then the worker's folder if that is abandoned.
    fn remove(&self) {
        if identity(&self.path) == Some(self.identity) {
            let _ = staging::remove(&self.path);
        }
        if let Some(worker) = self.path.parent() {
            let _ = staging::remove_abandoned(worker);
        }
    }
}

/// The identity of the folder at a path; `None` for anything else, a link to a folder included.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    found.is_dir().then(|| (found.dev(), found.ino()))
}
