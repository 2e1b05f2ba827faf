//! `moocflix config check`: reads the configuration as `serve` would and shows the result.

use super::print;
use crate::settings::{self, Overrides};
use anyhow::Result;
use clap::{Args, Subcommand};
use std::fmt::Write;

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the configuration and print it with secrets hidden.
    Check(Overrides),
}

pub(super) fn run(args: ConfigArgs) -> Result<()> {
    let ConfigCommand::Check(overrides) = args.command;
    let loaded = settings::load(&overrides, None)?;
    let mut text = loaded.describe();
    for warning in &loaded.warnings {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# warning: {warning}");
    }
    print(&text)
}
