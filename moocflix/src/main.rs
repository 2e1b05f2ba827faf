//! MoocFlix's program: all roles and commands.
//!
//! `commands` holds the commands, `settings` the configuration; `roles` lists the services, `compose` builds those that
//! a process runs, on the back ends that `backends` opens; `topology` knows the roles of other processes; `data_dir` reserves the data directory for one server.

mod backends;
mod commands;
mod compose;
mod data_dir;
mod metrics;
mod roles;
mod settings;
mod topology;

use clap::Parser;
use commands::Cli;
use std::process::ExitCode;
use std::time::Duration;

/// How long calls of client libraries may still take at the end.
const LAST_CALLS: Duration = Duration::from_secs(2);

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
    let ended = runtime.block_on(commands::run(cli));
    // everything has ended in order, and no client library may hold the process up
    runtime.shutdown_timeout(LAST_CALLS);
    match ended {
        Ok(code) => code,
        Err(error) => commands::failed(&error),
    }
}
