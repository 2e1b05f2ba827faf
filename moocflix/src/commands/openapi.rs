//! `moocflix openapi`: prints the document that `/openapi.json` serves, without a server.

use super::{access_table, print};
use crate::{compose, data_dir, settings};
use anyhow::Result;
use clap::Args;
use contracts::events::{CourseItem, CourseModule};
use contracts::{
    CourseAccess, CourseId, CourseRole, CourseStatus, ItemId, ModuleId, Role, Roles, SessionId, Timestamp, UserId,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

#[derive(Debug, Args)]
pub(crate) struct OpenapiArgs {
    /// Print the schemas of the events' data instead, by event type.
    #[arg(long, conflicts_with = "access")]
    events: bool,
    /// Print the table of roles and routes instead, in Markdown.
    #[arg(long)]
    access: bool,
}

pub(super) async fn run(args: OpenapiArgs) -> Result<()> {
    if args.events {
        return print(&format!("{}\n", serde_json::to_string_pretty(&event_schemas())?));
    }
    // The services are really built, so they need a folder; it is deleted afterwards.
    let folder = std::env::temp_dir().join(format!("moocflix-openapi-{}", Uuid::now_v7()));
    data_dir::prepare(&folder)?;
    let result = Box::pin(print_document(&folder, args.access)).await;
    std::fs::remove_dir_all(&folder)?;
    result
}

/// The schema of each event's data by the event's type, with the schemas that they reference.
fn event_schemas() -> Value {
    fn shared<T: ToSchema>() -> (String, RefOr<Schema>) {
        (T::name().into_owned(), T::schema())
    }
    let events: BTreeMap<_, _> = contracts::events::schemas().into_iter().collect();
    let shared = [
        shared::<UserId>(),
        shared::<SessionId>(),
        shared::<CourseId>(),
        shared::<ModuleId>(),
        shared::<ItemId>(),
        shared::<CourseModule>(),
        shared::<CourseItem>(),
        shared::<CourseStatus>(),
        shared::<CourseAccess>(),
        shared::<CourseRole>(),
        shared::<Timestamp>(),
        shared::<Roles>(),
        shared::<Role>(),
    ];
    json!({"events": events, "components": {"schemas": BTreeMap::from(shared)}})
}

async fn print_document(folder: &Path, access: bool) -> Result<()> {
    let settings = settings::defaults(folder)?;
    let (api, questions) = Box::pin(compose::document(&settings)).await?;
    if access {
        let mut table = access_table::markdown(&serde_json::to_value(api)?);
        table.push_str(&access_table::internal(&questions));
        return print(&table);
    }
    print(&format!("{}\n", api.to_pretty_json()?))
}
