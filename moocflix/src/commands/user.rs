//! `moocflix user create` and `user role`: create and change accounts on the machine itself.
//!
//! The first admin is created here, never over HTTP. Both commands work while the server runs, because they use its
//! database. Only `create` creates one where there is none.

use super::print;
use crate::settings::{self, Overrides};
use crate::{backends, data_dir};
use anyhow::{Context, Result, bail};
use backing::Clock;
use clap::{Args, Subcommand};
use contracts::Role;
use std::io::{BufRead, Read};
use user_management_service::NewAccount;

/// More than the longest password.
const MOST_PASSWORD: u64 = 8 * 1_024;

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Create an account, with a password from standard input.
    Create(CreateArgs),
    /// Replace an account's roles with one role.
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
    /// Read the password from standard input (required: there is no other way to pass it).
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
struct RoleArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// The account's e-mail address.
    #[arg(long)]
    email: String,
    /// learner, instructor or admin.
    #[arg(long)]
    role: Role,
}

pub(super) async fn run(args: UserArgs) -> Result<()> {
    match args.command {
        UserCommand::Create(args) => create(args).await,
        UserCommand::Role(args) => change(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<()> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(MOST_PASSWORD)
        .read_line(&mut line)
        .context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("no password on standard input");
    }
    let settings = settings::load(&args.overrides, None)?.value;
    data_dir::prepare(&settings.data_dir)?;
    let db = backends::schema(&settings, &user_management_service::FACE).await?;
    let account = NewAccount {
        email: args.email,
        name: args.name,
        role: args.role,
        password: password.into(),
    };
    let user = user_management_service::create_user(&db, &Clock::system(), account).await?;
    db.close().await;
    let email = user.email.unwrap_or_default();
    print(&format!("created {email} ({}, {})\n", user.roles, user.id))
}

async fn change(args: RoleArgs) -> Result<()> {
    let settings = settings::load(&args.overrides, None)?.value;
    let face = &user_management_service::FACE;
    let Some(db) = backends::existing_schema(&settings, face).await? else {
        return Err(backends::no_data(&settings));
    };
    let user = user_management_service::set_role(&db, &Clock::system(), &args.email, args.role).await?;
    db.close().await;
    print(&format!("{} is now {}\n", args.email, user.roles))
}
