//! `moocflix migrate`: brings every service's schema up to date and makes the bus's topics.

use super::say;
use crate::settings::{self, Overrides};
use crate::{backends, compose, data_dir};
use anyhow::{Context, Result};
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    overrides: Overrides,
}

pub(super) async fn run(args: MigrateArgs) -> Result<()> {
    let settings = settings::load(&args.overrides, None)?.value;
    data_dir::prepare(&settings.data_dir)?;
    for schema in compose::SCHEMAS {
        let db = backends::schema(&settings, schema).await?;
        let newest = schema.migrations.last().map_or(0, |migration| migration.number);
        say(&format!("{}: at {newest}\n", schema.service))?;
        db.close().await;
    }
    backends::bus()
        .prepare(contracts::events::TOPICS)
        .await
        .context("bus_url")
}
