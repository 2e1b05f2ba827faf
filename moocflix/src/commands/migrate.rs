//! `moocflix migrate`: brings every service's schema up to date.

use super::say;
use crate::data_dir;
use crate::settings::{self, Overrides};
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    overrides: Overrides,
}

pub(super) async fn run(args: MigrateArgs) -> Result<()> {
    let settings = settings::load(&args.overrides, None)?.value;
    data_dir::prepare(&settings.data_dir)?;
    say("the database is up to date\n")
}
