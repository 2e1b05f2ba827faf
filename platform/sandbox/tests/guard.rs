//! A program that is only the guard, like the command `moocflix encoder-child`; as `worker`, it attacks the cage; and by the
//! name of ffprobe or ffmpeg, it is one that its file has taken over: the file's last lines are its orders. By the name of
//! ffmpeg, it is the real one for files without orders.

use clap::Parser;
use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, set_dumpable_behavior, umask};
use sandbox::staging::Staging;
use sandbox::{Attack, Layer, Sandbox, attack};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

const PROGRAM: &str = "program";

#[derive(Parser)]
enum Program {
    EncoderChild(sandbox::GuardArgs),
    SandboxAttempts(sandbox::AttemptArgs),
    Worker(WorkerArgs),
    /// Aborts, as the C library does when it finds its heap damaged.
    Crash,
}

/// A worker that attacks its own cage and prints which attacks succeeded, in a line for each cage.
#[derive(clap::Args)]
struct WorkerArgs {
    #[arg(long)]
    data: PathBuf,
    /// This program, where another user can reach it.
    #[arg(long)]
    program: PathBuf,
    /// The layers to leave out of a cage, separated by commas.
    #[arg(long)]
    cage: Vec<String>,
}

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().collect();
    let name = words.first().cloned().unwrap_or_default();
    let is_tool = name.ends_with("ffprobe") || name.ends_with("ffmpeg");
    if is_tool {
        let input = words.iter().skip_while(|word| *word != "-i").nth(1);
        words = match input.and_then(|source| orders(source)) {
            Some(orders) => orders,
            None if name.ends_with("ffmpeg") => {
                let error = Command::new("/usr/bin/ffmpeg").args(&words[1..]).exec();
                let _ = writeln!(io::stderr(), "the real ffmpeg: {error}");
                return ExitCode::FAILURE;
            }
            None => return ExitCode::FAILURE,
        };
    }
    match Program::parse_from(words) {
        Program::EncoderChild(args) => sandbox::stand_guard(&args),
        Program::SandboxAttempts(args) => match sandbox::attempt(&args) {
            // A tool that was taken over does not end well.
            _ if is_tool => ExitCode::FAILURE,
            code => code,
        },
        Program::Worker(args) => work(&args),
        Program::Crash => std::process::abort(),
    }
}

/// The command line that a source holds; what it prints goes where a tool's complaints go.
fn orders(source: &str) -> Option<Vec<String>> {
    let path = Path::new(source.strip_prefix("file:")?);
    // The bytes of a pipe are for the real tool.
    let text = path.is_file().then(|| std::fs::read(path))?.ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, lines) = text.rsplit_once("\n--\n")?;
    let mut words = vec![PROGRAM.to_owned()];
    let lines: Vec<&str> = lines.lines().filter(|line| !line.is_empty()).collect();
    if lines.iter().all(|line| line.starts_with("--")) {
        words.push(sandbox::ATTEMPTS.to_owned());
    }
    words.extend(lines.into_iter().map(str::to_owned));
    rustix::stdio::dup2_stdout(rustix::stdio::stderr()).ok()?;
    Some(words)
}

fn work(args: &WorkerArgs) -> ExitCode {
    // As the server does.
    umask(Mode::RWXG | Mode::RWXO);
    if set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        return ExitCode::FAILURE;
    }
    let attacks = async {
        let staging = Staging::open(&args.data)?;
        for cage in &args.cage {
            let without = cage.split(',').filter(|name| !name.is_empty());
            let without: Vec<Layer> = Layer::ALL
                .into_iter()
                .filter(|layer| without.clone().any(|name| name == layer.to_string()))
                .collect();
            let sandbox = Sandbox::new(&args.program, Duration::from_secs(60)).without(without);
            let outcomes = attack(&sandbox, &staging, &Attack::ALL).await?;
            let open = outcomes
                .iter()
                .filter(|(_, held)| !**held)
                .map(|(attack, _)| attack.to_string());
            let line = open.collect::<Vec<_>>().join(",");
            writeln!(io::stdout(), "{cage}={line}")?;
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(attacks));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
