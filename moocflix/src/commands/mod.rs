//! The commands that a person types.

mod access_table;
mod client;
mod config;
mod doctor;
mod events;
mod keys;
mod migrate;
mod openapi;
mod serve;
mod upload;
mod user;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Stream lectures: upload them, watch them a second later.
#[derive(Debug, Parser)]
#[command(name = "moocflix", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, the media and the page.
    Serve(serve::ServeArgs),
    /// Bring the database up to date without serving.
    Migrate(migrate::MigrateArgs),
    /// Upload a lecture, or resume an interrupted upload.
    Upload(upload::UploadArgs),
    /// Create and change accounts on this machine.
    User(user::UserArgs),
    /// Give other services credentials.
    Client(client::ClientArgs),
    /// Replace the keys that access tokens are signed with.
    Keys(keys::KeysArgs),
    /// Inspect the events between services.
    Events(events::EventsArgs),
    /// Check this machine and suggest how to fix problems.
    Doctor(doctor::DoctorArgs),
    /// Print the OpenAPI document.
    Openapi(openapi::OpenapiArgs),
    /// Check the configuration.
    Config(config::ConfigArgs),
    /// Guards an encoder for a worker, which starts it.
    #[command(hide = true)]
    EncoderChild(sandbox::GuardArgs),
    /// Tries to break out of an encoder's place.
    #[command(hide = true)]
    SandboxAttempts(sandbox::AttemptArgs),
}

impl Cli {
    /// Runs the encoder's guard, which needs a process without threads to itself, or a program in the encoder's place.
    pub(crate) fn run_alone(&self) -> Option<ExitCode> {
        match &self.command {
            Command::EncoderChild(args) => Some(sandbox::stand_guard(args)),
            Command::SandboxAttempts(args) => Some(sandbox::attempt(args)),
            _ => None,
        }
    }
}

/// Runs a command.
pub(crate) async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => Box::pin(serve::run(args)).await?,
        Command::Migrate(args) => migrate::run(args).await?,
        Command::Upload(args) => Box::pin(upload::run(args)).await?,
        Command::User(args) => Box::pin(user::run(args)).await?,
        Command::Client(args) => client::run(args).await?,
        Command::Keys(args) => keys::run(args).await?,
        Command::Events(args) => Box::pin(events::run(args)).await?,
        Command::Doctor(args) => return doctor::run(args).await,
        Command::Openapi(args) => Box::pin(openapi::run(args)).await?,
        Command::Config(args) => config::run(args)?,
        Command::EncoderChild(args) => return Ok(sandbox::stand_guard(&args)),
        Command::SandboxAttempts(args) => return Ok(sandbox::attempt(&args)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reports why a command failed.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    // If standard error is closed, there is nowhere to report to.
    let _ = writeln!(std::io::stderr().lock(), "moocflix: {error:#}");
    ExitCode::FAILURE
}

/// Writes a command's output.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
