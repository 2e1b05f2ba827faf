//! `moocflix encoder-child`: what stands between a worker and ffmpeg, so that neither outlives the other.
//!
//! A worker starts it in a process group of its own and keeps the other end of its standard input:
//!
//! ```text
//! moocflix encoder-child --folder DIR --memory BYTES --file-size BYTES [--nice N] [--cpu-seconds N] -- ffmpeg ARGUMENT…
//! ```
//!
//! This first process is the guard. It starts itself once more (`--become`, with the guard's process id); that second
//! process sets limits on itself and becomes ffmpeg by exec, with standard output and standard error as they were given.
//! The guard then waits for one of two things:
//!
//! - ffmpeg ends: the guard ends in the same way, by the same code or by the same signal (by 128 + signal where that
//!   signal does not end it).
//! - Standard input closes, because the worker let go of it or is dead: the guard kills ffmpeg, removes the staging
//!   folder, also the worker's own folder where nobody holds that any more, and kills its whole group.
//!
//! Where the guard itself is killed, the system kills ffmpeg (parent-death signal). A worker that is alive needs no
//! help: it kills the group.
//!
//! Own codes: 127 where the tool is not there, 126 where anything else kept it from starting, told on standard error.
//!
//! It runs before any runtime is built and reads no configuration: the parent-death signal is bound to the thread that
//! made the child, which is therefore the only one.

use clap::Args;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getpgrp, getpid, getppid, getpriority_process, getrlimit,
    kill_current_process_group, kill_process, pidfd_open, pidfd_send_signal, set_parent_process_death_signal, setpgid,
    setpriority_process, setrlimit, umask,
};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use transcoding_jobs::encoder::{EXIT_MISSING, EXIT_UNUSABLE};
use transcoding_jobs::staging;

/// Open files: inputs, outputs, pipes and libraries are a few dozen.
const OPEN_FILES: u64 = 256;
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

#[derive(Debug, Args)]
pub(crate) struct EncoderChildArgs {
    /// The staging folder: where the tool runs, and what is removed when the worker is gone.
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Address space that the tool may take.
    #[arg(long, value_name = "BYTES")]
    memory: u64,
    /// How long a file the tool may write.
    #[arg(long, value_name = "BYTES")]
    file_size: u64,
    /// How far the tool steps back for others.
    #[arg(long, value_name = "LEVEL", default_value_t = 19, value_parser = clap::value_parser!(i32).range(0..=19))]
    nice: i32,
    /// Processor time that the tool may take.
    #[arg(long, value_name = "SECONDS")]
    cpu_seconds: Option<u64>,
    /// Set by the guard, for itself started once more: become the tool, as long as this process is the parent.
    #[arg(long = "become", value_name = "PID")]
    guard: Option<i32>,
    /// The tool and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Plays the guard, or becomes the tool; either way it ends as the tool does.
pub(super) fn run(args: &EncoderChildArgs) -> ExitCode {
    let outcome = match args.guard {
        Some(guard) => become_tool(args, guard),
        None => stand_guard(args),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr().lock(), "moocflix encoder-child: {error}");
            ExitCode::from(match error.kind() {
                ErrorKind::NotFound => EXIT_MISSING,
                _ => EXIT_UNUSABLE,
            })
        }
    }
}

/// Waits for the tool's end or the worker's, whichever comes first.
fn stand_guard(args: &EncoderChildArgs) -> io::Result<ExitCode> {
    if getpgrp() != getpid() {
        setpgid(None, None)?;
    }
    limit(Resource::Core, 0)?;
    let folder = Folder::find(&args.folder)?;
    let mut child = start_again(args, &folder)?;
    let process = Pid::from_child(&child);
    let handle = match pidfd_open(process, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(error) => {
            child.kill()?;
            return Err(io::Error::other(format!("the tool can't be watched: {error}")));
        }
    };
    match wait(&handle)? {
        Event::ToolEnded => end_alike(child.wait()?),
        Event::WorkerGone => Ok(end_all(&mut child, &handle, &folder)),
    }
}

/// The guard's program once more, as the process that becomes the tool.
fn start_again(args: &EncoderChildArgs, folder: &Folder) -> io::Result<Child> {
    // Not by its path: that may be another program by now, or gone.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("moocflix")
        .args(["encoder-child", "--become"])
        .arg(getpid().as_raw_nonzero().to_string())
        .arg("--folder")
        .arg(&folder.path)
        .args(["--memory", &args.memory.to_string()])
        .args(["--file-size", &args.file_size.to_string()])
        .args(["--nice", &args.nice.to_string()]);
    if let Some(seconds) = args.cpu_seconds {
        command.args(["--cpu-seconds", &seconds.to_string()]);
    }
    command.arg("--").args(&args.command);
    command.env_clear().env("PATH", search_path()).stdin(Stdio::null());
    command.spawn()
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
        // Bytes mean nothing here, only that the worker is there.
        if !worker.is_empty() && lifeline.read(&mut ignored).unwrap_or(0) == 0 {
            return Ok(Event::WorkerGone);
        }
    }
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
    // A signal that this process ignores, or that takes a moment to come.
    Ok(ExitCode::from(u8::try_from(128 + raw).unwrap_or(EXIT_UNUSABLE)))
}

/// Leaves nothing behind of a task whose worker is gone.
fn end_all(child: &mut Child, handle: &OwnedFd, folder: &Folder) -> ExitCode {
    // Whatever fails here, the rest is still to be done; the next worker's start clears up what stays.
    let _ = pidfd_send_signal(handle, Signal::KILL);
    let _ = child.wait();
    folder.remove();
    let _ = kill_current_process_group(Signal::KILL);
    ExitCode::FAILURE
}

/// The staging folder as it was when the guard began.
struct Folder {
    path: PathBuf,
    identity: (u64, u64),
}

impl Folder {
    fn find(given: &Path) -> io::Result<Self> {
        let path = std::path::absolute(given)?;
        let identity = identity(&path)
            .ok_or_else(|| io::Error::new(ErrorKind::NotADirectory, format!("{} is no folder", path.display())))?;
        Ok(Self { path, identity })
    }

    /// Removes the folder if it is still the one that was given, then its worker's if that is abandoned.
    fn remove(&self) {
        if identity(&self.path) == Some(self.identity) {
            let _ = staging::remove(&self.path);
        }
        if let Some(worker) = self.path.parent() {
            let _ = staging::remove_abandoned(worker);
        }
    }
}

/// Which folder stands at a path; nothing where it is anything else, a link to a folder included.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    found.is_dir().then(|| (found.dev(), found.ino()))
}

/// Gives up what the tool does not need, then is the tool.
fn become_tool(args: &EncoderChildArgs, guard: i32) -> io::Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A guard that died before that line would not be told of.
    if getppid() != Pid::from_raw(guard) {
        return Err(io::Error::other("the guard is gone"));
    }
    let [tool, arguments @ ..] = args.command.as_slice() else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "no tool is given"));
    };
    let tool = if tool.as_encoded_bytes().contains(&b'/') {
        std::path::absolute(tool)?.into_os_string()
    } else {
        tool.clone()
    };
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Fsize, args.file_size)?;
    limit(Resource::As, args.memory)?;
    if let Some(seconds) = args.cpu_seconds {
        limit(Resource::Cpu, seconds)?;
    }
    // The API and the players come first.
    setpriority_process(None, args.nice.max(getpriority_process(None)?))?;
    umask(Mode::RWXG | Mode::RWXO);
    let mut command = Command::new(&tool);
    command.args(arguments).current_dir(&args.folder);
    command.env_clear().env("PATH", search_path());
    let error = command.exec();
    let told = format!("{} can't be started: {error}", Path::new(&tool).display());
    Err(io::Error::new(error.kind(), told))
}

/// Sets a limit, or leaves it where it is lower already.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let ceiling = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
    let limit = Rlimit {
        current: Some(ceiling),
        maximum: Some(ceiling),
    };
    Ok(setrlimit(resource, limit)?)
}

/// Where tools are looked for: the one variable that is handed on.
fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| OsStr::new(USUAL_PATH).to_owned())
}
