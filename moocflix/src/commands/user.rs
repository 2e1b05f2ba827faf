//! `moocflix user create` and `user role`: accounts, made and changed on the machine itself.
//!
//! The first admin is made here and never over HTTP. Both work while the server runs: the database is
//! what they share.

use crate::settings::Overrides;
use anyhow::Result;
use clap::{Args, Subcommand};
use contracts::Role;

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account; the password comes on standard input.
    Create(CreateArgs),
    /// Give an account one role in the place of those that it has.
    Role(RoleArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// The address to sign in with.
    #[arg(long)]
    email: String,
    /// The person's name.
    #[arg(long)]
    name: String,
    /// learner, instructor or admin.
    #[arg(long, default_value = "learner")]
    role: Role,
    /// Read the password from standard input; there is no other way to give it.
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
struct RoleArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// Whose role.
    #[arg(long)]
    email: String,
    /// learner, instructor or admin.
    #[arg(long)]
    role: Role,
}

pub(super) async fn run(args: UserArgs) -> Result<()> {
    match args.command {
        UserCommand::Create(_args) => Ok(()),
        UserCommand::Role(_args) => Ok(()),
    }
}
