//! `moocflix migrate`: brings every service's schema up to date and creates the bus's topics.

use super::print;
use crate::settings::{self, Overrides};
use crate::{backends, data_dir, roles};
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
    for face in roles::with_schema() {
        let db = backends::schema(&settings, face).await?;
        let newest = face.migrations.last().map_or(0, |migration| migration.number);
        print(&format!("{}: at {newest}\n", face.name))?;
        db.close().await;
    }
    backends::prepare_bus(&settings).await
}
