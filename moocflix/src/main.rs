//! The one binary: MoocFlix's roles and commands.
//!
//! `commands` is what a person types; `settings` what can be set; `roles` what a process can be;
//! `compose` puts back ends and services together; `data_dir` keeps the folder to one server.

mod backends;
mod commands;
mod compose;
mod data_dir;
mod numbers;
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
    // Whoever opens a TLS connection first would choose the provider otherwise; installed once, before all.
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
