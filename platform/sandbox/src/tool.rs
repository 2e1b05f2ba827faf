//! The process that becomes the tool: it goes through the layers of the cage first.

use crate::cage::files::Rules;
use crate::cage::identity::Identity;
use crate::cage::programs::Programs;
use crate::cage::root::{View, drop_capabilities};
use crate::cage::{Layer, Layers, calls};
use crate::protocol::GuardArgs;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{
    Resource, Rlimit, Signal, getpriority_process, getrlimit, set_parent_process_death_signal, setpriority_process,
    setrlimit, umask,
};
use rustix::thread::set_no_new_privs;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Open files: inputs, outputs, pipes and libraries are a few dozen.
const OPEN_FILES: u64 = 256;
/// Threads: an encoder has several for each processor and rendition.
const TASKS: u64 = 64;
const TASKS_OF_A_PROCESSOR: u64 = 16;
/// Address space in addition to the memory: decoders' libraries, and the heaps of threads, reserve far more than they use.
const RESERVED: u64 = 8 << 30;
/// If the system runs out of memory, a tool is the first to go.
const MOST_EXPENDABLE: &str = "1000";
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Whether a tool is there: an executable file, by its path or in a folder of `PATH`.
#[must_use]
pub fn is_installed(tool: &str) -> bool {
    Programs::find(OsStr::new(tool), &search_path()).is_some()
}

/// Gives up what the tool does not need, then becomes the tool by exec.
pub(crate) fn become_tool(args: &GuardArgs) -> io::Result<ExitCode> {
    tie_to_guard()?;
    let [tool, arguments @ ..] = args.command.as_slice() else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "no tool is given"));
    };
    let missing = || {
        let message = format!("{} cannot be started: it does not exist", Path::new(tool).display());
        io::Error::new(ErrorKind::NotFound, message)
    };
    let programs = Programs::find(tool, &search_path()).ok_or_else(missing)?;
    let layers = Layers::without(&args.without);
    // This system may not have it.
    let _ = fs::write("/proc/self/oom_score_adj", MOST_EXPENDABLE);
    std::env::set_current_dir(&args.folder)?;
    let view = View {
        programs: &programs,
        reads: &args.reads,
        writes: &args.writes,
        folder: &args.folder,
    };
    let has_own_root = layers.has(Layer::Root) && view.enter().is_ok();
    let reads = open_all(&args.reads);
    let files: Vec<OwnedFd> = reads.iter().filter_map(|(_, file)| file.try_clone().ok()).collect();
    let rules = layers
        .has(Layer::Landlock)
        .then(|| Rules::new(&programs, &files, &args.writes));
    let rules = rules.transpose()?;
    let mut arguments = arguments.to_vec();
    if let Some(id) = args.entered.user {
        if !has_own_root {
            hand_on(&reads, &mut arguments)?;
        }
        Identity { id }.take_on(&args.entered.groups)?;
        // A change of the user clears the parent-death signal.
        tie_to_guard()?;
    }
    limits(args, &layers)?;
    umask(Mode::RWXG | Mode::RWXO);
    set_no_new_privs(true)?;
    let is_enforced = rules.map(Rules::enforce).transpose()?.unwrap_or(false);
    drop_capabilities()?;
    let is_filtered = layers.has(Layer::Calls) && calls::enforce().inspect_err(|_| ()).is_ok();
    if args.required && !(is_enforced && is_filtered) {
        let message = "the tool's files and system calls cannot be restricted on this machine";
        return Err(io::Error::other(message));
    }
    let mut command = Command::new(&programs.tool);
    command.arg0(tool).args(arguments).stdin(Stdio::null());
    command.env_clear().env("PATH", search_path());
    let error = command.exec();
    let message = format!("{} cannot be started: {error}", Path::new(tool).display());
    Err(io::Error::other(message))
}

/// Dies with the guard, which holds the other end of standard input.
fn tie_to_guard() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // No signal comes for a guard that died before that line.
    let mut lifeline = [PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)];
    poll(&mut lifeline, Some(&Timespec::default()))?;
    let [lifeline] = lifeline;
    if lifeline.revents().is_empty() {
        return Ok(());
    }
    Err(io::Error::other("the guard is gone"))
}

/// Opens files without reading them. What is missing is for the tool to find out.
fn open_all(paths: &[PathBuf]) -> Vec<(&Path, OwnedFd)> {
    let opened = paths.iter().filter_map(|path| {
        let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some((path.as_path(), file))
    });
    opened.collect()
}

/// Hands open files on to the tool, which can't reach their folders as another user.
fn hand_on(files: &[(&Path, OwnedFd)], arguments: &mut [OsString]) -> io::Result<()> {
    for (path, file) in files {
        fcntl_setfd(file, FdFlags::empty())?;
        let number = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut url = OsString::from("file:");
        url.push(path);
        for argument in &mut *arguments {
            if argument.as_os_str() == path.as_os_str() {
                *argument = number.clone().into();
            } else if *argument == url {
                *argument = format!("file:{number}").into();
            }
        }
    }
    Ok(())
}

fn limits(args: &GuardArgs, layers: &Layers) -> io::Result<()> {
    no_core()?;
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Fsize, args.file_size)?;
    limit(Resource::Data, args.memory)?;
    limit(Resource::As, args.memory.saturating_add(RESERVED))?;
    if let Some(seconds) = args.cpu_seconds {
        limit(Resource::Cpu, seconds)?;
    }
    if layers.has(Layer::Tasks) && args.entered.counted {
        let processors = std::thread::available_parallelism().map_or(1, |it| u64::try_from(it.get()).unwrap_or(1));
        limit(Resource::Nproc, TASKS + processors * TASKS_OF_A_PROCESSOR)?;
    }
    // The API and the players come first.
    Ok(setpriority_process(
        None,
        i32::from(args.nice).max(getpriority_process(None)?),
    )?)
}

/// Writes no core file, whatever happens.
pub(crate) fn no_core() -> io::Result<()> {
    limit(Resource::Core, 0)
}

/// Sets a limit, or leaves it if it is lower already.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let ceiling = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
    let limit = Rlimit {
        current: Some(ceiling),
        maximum: Some(ceiling),
    };
    Ok(setrlimit(resource, limit)?)
}

/// Where tools are looked up: the one environment variable that a tool gets.
pub(crate) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| OsStr::new(USUAL_PATH).to_owned())
}
