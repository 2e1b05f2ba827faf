//! Starts the binary and ends what it started.

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The binary.
pub(crate) fn moocflix() -> Command {
    unconfigured(Command::new(env!("CARGO_BIN_EXE_moocflix")))
}

/// A command without the tester's own configuration.
fn unconfigured(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MOOCFLIX_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command, input: &str) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads nothing closes its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// A running server, killed when it is dropped.
pub(crate) struct Server {
    pub(crate) base: String,
    folder: Folder,
    child: Child,
    log: PathBuf,
}

enum Folder {
    Own(TempDir),
    Given(PathBuf),
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[], &[])
    }

    pub(crate) fn start_with(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::launch(Folder::Own(tempfile::tempdir().unwrap()), flags, variables)
    }

    pub(crate) fn start_in(folder: &Path, flags: &[&str]) -> Self {
        Self::launch(Folder::Given(folder.to_owned()), flags, &[])
    }

    /// Starts a server that another program runs, such as a tracer.
    pub(crate) fn start_under(program: &[&str]) -> Self {
        let (name, arguments) = program.split_first().unwrap();
        let mut command = unconfigured(Command::new(name));
        command.args(arguments).arg(moocflix().get_program());
        Self::launch_by(command, Folder::Own(tempfile::tempdir().unwrap()), &[], &[])
    }

    fn launch(folder: Folder, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::launch_by(moocflix(), folder, flags, variables)
    }

    fn launch_by(mut command: Command, folder: Folder, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let path = folder.path().join("data");
        std::fs::create_dir_all(&path).unwrap();
        let log = folder.path().join(format!("log-{}", uuid::Uuid::now_v7()));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&path)
            .args(flags);
        command
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command.stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let Some(base) = line.trim_end().strip_prefix("listening on ") else {
            panic!("no server: {line}{}", std::fs::read_to_string(&log).unwrap());
        };
        child.stdout = Some(out.into_inner());
        Self {
            base: base.to_owned(),
            folder,
            child,
            log,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn address(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Lets the process open only a few more files than it has open now.
    pub(crate) fn allow_files(&self, more: u64) {
        let now = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count();
        let most = Some(u64::try_from(now).unwrap() + more);
        let limit = Rlimit {
            current: most,
            maximum: most,
        };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit).unwrap();
    }

    /// Waits for the end of the process and returns the rest of its standard output.
    pub(crate) fn ended(&mut self, within: Duration) -> (ExitStatus, String) {
        let late = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut rest = String::new();
                self.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
                return (status, rest);
            }
            assert!(Instant::now() < late, "the server still runs: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Given(folder) => folder,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
