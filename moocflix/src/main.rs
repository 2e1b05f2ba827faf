//! MoocFlix's program: all roles and commands.
//!
//! `commands` holds the commands, `settings` the configuration; `roles` lists the services, `compose` builds those that
//! a process runs, on the back ends that `backends` opens; `data_dir` reserves the data directory for one server.

mod backends;
mod commands;
mod compose;
mod data_dir;
mod metrics;
mod roles;
mod settings;

use clap::Parser;
use commands::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(code) = cli.run_alone() {
        return code;
    }
    // Otherwise the first TLS connection would choose the provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return commands::failed(&error.into()),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => commands::failed(&error),
    }
}
