//! The protocol between a worker and its guard: a command line, and exit codes.

use crate::order::Order;
use clap::Args;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// The program's name in the process table.
pub(crate) const PROGRAM: &str = "moocflix";
/// The first argument of a guard. A program that is given to [`crate::Sandbox::new`] answers it by parsing the others as
/// [`GuardArgs`] and calling [`crate::stand_guard`].
pub const COMMAND: &str = "encoder-child";
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
    /// Address space that the tool may use.
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
    /// Set by the guard when it starts itself once more: become the tool, if this process is still the parent.
    #[arg(long = "become", value_name = "PID")]
    pub(crate) guard: Option<i32>,
    /// The tool and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

impl GuardArgs {
    /// The guard's arguments for an order.
    pub(crate) fn of(order: &Order) -> io::Result<Self> {
        let mut command = vec![order.tool.clone()];
        command.extend(order.args.iter().cloned());
        Ok(Self {
            folder: std::path::absolute(&order.folder)?,
            memory: order.limits.memory,
            file_size: order.limits.file_size,
            nice: order.limits.nice,
            cpu_seconds: order.limits.cpu.map(|cpu| cpu.as_secs().max(1)),
            guard: None,
            command,
        })
    }

    /// The command line that parses to these arguments.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![COMMAND.into(), "--folder".into(), self.folder.clone().into()];
        let mut option = |name: &str, value: String| words.extend([name.into(), value.into()]);
        option("--memory", self.memory.to_string());
        option("--file-size", self.file_size.to_string());
        option("--nice", self.nice.to_string());
        if let Some(seconds) = self.cpu_seconds {
            option("--cpu-seconds", seconds.to_string());
        }
        if let Some(guard) = self.guard {
            option("--become", guard.to_string());
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
        for (cpu_seconds, guard) in [(None, None), (Some(77), Some(4_711))] {
            let args = GuardArgs {
                folder: "/data/--nice/a b".into(),
                memory: 3 << 30,
                file_size: 0,
                nice: 10,
                cpu_seconds,
                guard,
                command: ["sh", "-c", "--become", "--", "x y"].map(Into::into).into(),
            };
            let words = std::iter::once("program".into()).chain(args.words());
            let Program::EncoderChild(parsed) = Program::try_parse_from(words).unwrap();
            assert_eq!(parsed, args);
        }
    }
}
