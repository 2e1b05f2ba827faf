//! `moocflix openapi`: prints the document that `/openapi.json` serves, without a server.

use super::say;
use crate::{compose, data_dir, settings};
use anyhow::Result;
use uuid::Uuid;

pub(super) async fn run() -> Result<()> {
    // The services are built for real, so they need a place; nothing of it stays.
    let folder = std::env::temp_dir().join(format!("moocflix-openapi-{}", Uuid::now_v7()));
    data_dir::prepare(&folder)?;
    let result = print(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    result
}

async fn print(folder: &std::path::Path) -> Result<()> {
    let settings = settings::defaults(folder)?;
    let api = compose::document(&settings).await?;
    say(&format!("{}\n", api.to_pretty_json()?))
}
