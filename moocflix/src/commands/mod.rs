//! What a person types.

mod config;
mod doctor;
mod events;
mod migrate;
mod openapi;
mod serve;
mod upload;
mod user;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Lectures: upload them, watch them a second later.
#[derive(Debug, Parser)]
#[command(name = "moocflix", version, about, propagate_version = true)]
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
    /// Send a lecture, and go on where it was stopped.
    Upload(upload::UploadArgs),
    /// Accounts, made and changed on this machine.
    User(user::UserArgs),
    /// What services report to each other.
    Events(events::EventsArgs),
    /// Say what is missing on this machine, and how to get it.
    Doctor(doctor::DoctorArgs),
    /// Print the OpenAPI document.
    Openapi(openapi::OpenapiArgs),
    /// The configuration.
    Config(config::ConfigArgs),
    /// Guards an encoder for a worker; MoocFlix starts it itself.
    #[command(hide = true)]
    EncoderChild(sandbox::GuardArgs),
}

impl Cli {
    /// Runs a command that must be alone in its process, without threads: the encoder's guard.
    pub(crate) fn run_alone(&self) -> Option<ExitCode> {
        match &self.command {
            Command::EncoderChild(args) => Some(sandbox::stand_guard(args)),
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
        Command::Events(args) => Box::pin(events::run(args)).await?,
        Command::Doctor(args) => return doctor::run(args).await,
        Command::Openapi(args) => Box::pin(openapi::run(args)).await?,
        Command::Config(args) => config::run(args)?,
        Command::EncoderChild(args) => return Ok(sandbox::stand_guard(&args)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says why a command failed.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "moocflix: {error:#}");
    ExitCode::FAILURE
}

/// Writes what the command was asked for.
fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
