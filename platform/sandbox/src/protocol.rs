//! The protocol between a worker and its guard: a command line, and exit codes.

use crate::cage::Layer;
use crate::order::Order;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// The program's name in the process table.
pub(crate) const PROGRAM: &str = "moocflix";
/// The first argument of a guard. A program that is given to [`crate::Sandbox::new`] answers it by parsing the others as
/// [`GuardArgs`] and calling [`crate::stand_guard`].
pub const COMMAND: &str = "encoder-child";
/// The guard's exit code when the tool has used up its processor time.
pub(crate) const EXIT_OVER_TIME: u8 = 125;
/// The guard's exit code when the tool does not exist.
pub(crate) const EXIT_MISSING: u8 = 127;
/// The guard's exit code when anything else kept the tool from starting.
pub(crate) const EXIT_UNUSABLE: u8 = 126;

/// The arguments of a guard.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct GuardArgs {
    /// The staging folder: the tool's working directory, removed when the worker is gone.
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Memory that the tool may use.
    #[arg(long, value_name = "BYTES")]
    pub(crate) memory: u64,
    /// The length that a file may reach when the tool writes it.
    #[arg(long, value_name = "BYTES")]
    pub(crate) file_size: u64,
    /// The tool's niceness.
    #[arg(long, value_name = "LEVEL", default_value_t = 19, value_parser = clap::value_parser!(u8).range(0..=19))]
    pub(crate) nice: u8,
    /// Processor time that the tool may use.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) cpu_seconds: Option<u64>,
    /// A file that the tool may read, or a folder of such files.
    #[arg(long = "read", value_name = "PATH")]
    pub(crate) reads: Vec<PathBuf>,
    /// A file that the tool may write, or a folder in which it may make files. A missing file is made.
    #[arg(long = "write", value_name = "PATH")]
    pub(crate) writes: Vec<PathBuf>,
    /// Fail if the tool's files and system calls can't be restricted.
    #[arg(long)]
    pub(crate) required: bool,
    /// A layer to leave out; only for tests of the others.
    #[arg(long, value_name = "LAYER", hide = true)]
    pub(crate) without: Vec<Layer>,
    /// Set by the guard when it starts itself once more.
    #[command(flatten)]
    pub(crate) entered: Entered,
    /// The tool and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// What the guard has prepared for the process that becomes the tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Entered {
    /// Become the tool, if standard input is still open.
    #[arg(long = "become", hide = true)]
    pub(crate) becoming: bool,
    /// The user and group to take on.
    #[arg(long, value_name = "ID", hide = true)]
    pub(crate) user: Option<u32>,
    /// A group to join.
    #[arg(long = "group", value_name = "ID", hide = true)]
    pub(crate) groups: Vec<u32>,
    /// Limit the number of tasks: they are counted apart from those of others.
    #[arg(long, hide = true)]
    pub(crate) counted: bool,
}

impl GuardArgs {
    /// The guard's arguments for an order, with no more than this much memory.
    pub(crate) fn of(order: &Order, memory: u64, without: &[Layer], required: bool) -> io::Result<Self> {
        let mut command = vec![order.tool.clone()];
        command.extend(order.args.iter().cloned());
        Ok(Self {
            folder: std::path::absolute(&order.folder)?,
            memory: order.limits.memory.min(memory),
            file_size: order.limits.file_size,
            nice: order.limits.nice,
            cpu_seconds: order.limits.cpu.map(|cpu| cpu.as_secs().max(1)),
            reads: order.reads.clone(),
            writes: order.writes.clone(),
            required,
            without: without.to_vec(),
            entered: Entered::default(),
            command,
        })
    }

    /// The command line that parses to these arguments.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![COMMAND.into(), "--folder".into(), self.folder.clone().into()];
        let mut option = |name: &str, value: OsString| words.extend([name.into(), value]);
        option("--memory", self.memory.to_string().into());
        option("--file-size", self.file_size.to_string().into());
        option("--nice", self.nice.to_string().into());
        if let Some(seconds) = self.cpu_seconds {
            option("--cpu-seconds", seconds.to_string().into());
        }
        for path in &self.reads {
            option("--read", path.into());
        }
        for path in &self.writes {
            option("--write", path.into());
        }
        for layer in self.without.iter().filter_map(Layer::to_possible_value) {
            option("--without", layer.get_name().into());
        }
        if let Some(user) = self.entered.user {
            option("--user", user.to_string().into());
        }
        for group in &self.entered.groups {
            option("--group", group.to_string().into());
        }
        for (flag, set) in [
            ("--required", self.required),
            ("--become", self.entered.becoming),
            ("--counted", self.entered.counted),
        ] {
            if set {
                words.push(flag.into());
            }
        }
        words.push("--".into());
        words.extend(self.command.iter().cloned());
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    enum Program {
        EncoderChild(GuardArgs),
    }

    #[test]
    fn a_command_line_parses_to_the_arguments_that_wrote_it() {
        let entered = Entered {
            becoming: true,
            user: Some(4_711),
            groups: vec![1, 2],
            counted: true,
        };
        for (cpu_seconds, without, entered) in [
            (None, vec![], Entered::default()),
            (Some(77), Layer::ALL.to_vec(), entered),
        ] {
            let args = GuardArgs {
                folder: "/data/--nice/a b".into(),
                memory: 3 << 30,
                file_size: 0,
                nice: 10,
                cpu_seconds,
                reads: vec!["/data/a b".into(), "/--write".into()],
                writes: vec!["/data/c".into()],
                required: cpu_seconds.is_some(),
                without,
                entered,
                command: ["sh", "-c", "--become", "--", "x y"].map(Into::into).into(),
            };
            let words = std::iter::once("program".into()).chain(args.words());
            let Program::EncoderChild(parsed) = Program::try_parse_from(words).unwrap();
            assert_eq!(parsed, args);
        }
    }
}
