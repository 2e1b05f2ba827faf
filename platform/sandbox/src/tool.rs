//! The process that becomes the tool: it limits itself first.

use crate::protocol::GuardArgs;
use rustix::fs::Mode;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, getpriority_process, getrlimit, set_parent_process_death_signal,
    setpriority_process, setrlimit, umask,
};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Open files: inputs, outputs, pipes and libraries are a few dozen.
const OPEN_FILES: u64 = 256;
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Gives up what the tool does not need, then becomes the tool by exec.
pub(crate) fn become_tool(args: &GuardArgs, guard: i32) -> io::Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // No signal comes for a guard that died before that line.
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
    no_core()?;
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Fsize, args.file_size)?;
    limit(Resource::As, args.memory)?;
    if let Some(seconds) = args.cpu_seconds {
        limit(Resource::Cpu, seconds)?;
    }
    // The API and the players come first.
    setpriority_process(None, i32::from(args.nice).max(getpriority_process(None)?))?;
    umask(Mode::RWXG | Mode::RWXO);
    let mut command = Command::new(&tool);
    command.args(arguments).current_dir(&args.folder);
    command.env_clear().env("PATH", search_path());
    let error = command.exec();
    let message = format!("{} cannot be started: {error}", Path::new(&tool).display());
    Err(io::Error::new(error.kind(), message))
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
