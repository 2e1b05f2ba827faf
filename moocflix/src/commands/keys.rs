//! `moocflix keys rotate`: adds a key that access tokens are signed with, on the machine itself.

use super::print;
use crate::settings::{self, Overrides};
use crate::{backends, data_dir};
use anyhow::Result;
use backing::Clock;
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Add a key that signs access tokens; the keys before stay published while tokens carry their names.
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
struct RotateArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// Sign with it at once instead of ten minutes after its publication; programs that keep the public keys may refuse its
    /// tokens until they read them again. Tokens of the old key are accepted for two more hours.
    #[arg(long)]
    now: bool,
}

pub(super) async fn run(args: KeysArgs) -> Result<()> {
    let KeysCommand::Rotate(args) = args.command;
    let settings = settings::load(&args.overrides, None)?.value;
    let face = &user_management_service::FACE;
    let Some(db) = backends::existing_schema(&settings, face).await? else {
        return Err(backends::no_data(&settings));
    };
    let secret = data_dir::secret(&settings.data_dir, settings.secret_key.as_ref())?;
    let (clock, secret) = (Clock::system(), secret.expose_secret());
    let (kid, active_from) = user_management_service::rotate_keys(&db, &clock, secret, args.now).await?;
    db.close().await;
    print(&format!("added the key {kid}, which signs from {active_from}\n"))
}
