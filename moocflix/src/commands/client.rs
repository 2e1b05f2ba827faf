//! `moocflix client create`: gives another service credentials, on the machine itself.

use super::print;
use crate::backends;
use crate::settings::{self, Overrides};
use anyhow::Result;
use backing::Clock;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    #[command(subcommand)]
    command: ClientCommand,
}

#[derive(Debug, Subcommand)]
enum ClientCommand {
    /// Make a client; prints its id and its secret, which is shown once, as JSON.
    Create(CreateArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// The name that admins know it by.
    #[arg(long)]
    name: String,
    /// What it may do: content:access, content:read, content:stream, courses:read; may be given several times.
    #[arg(long = "scope", required = true, value_name = "SCOPE", value_delimiter = ' ')]
    scopes: Vec<String>,
}

pub(super) async fn run(args: ClientArgs) -> Result<()> {
    let ClientCommand::Create(args) = args.command;
    let settings = settings::load(&args.overrides, None)?.value;
    let face = &user_management_service::FACE;
    let Some(db) = backends::existing_schema(&settings, face).await? else {
        return Err(backends::no_data(&settings));
    };
    let clock = Clock::system();
    let (id, secret) = user_management_service::create_client(&db, &clock, &args.name, &args.scopes).await?;
    db.close().await;
    let shown = json!({"client_id": id, "client_secret": secret.expose_secret()});
    print(&format!("{shown}\n"))
}
