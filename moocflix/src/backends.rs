//! The outside world, opened as the URLs say.

use crate::data_dir;
use crate::settings::Settings;
use anyhow::{Context, Result};
use backing::bus::{Bus, EmbeddedBus, Relay, report_lag};
use backing::cache::{Cache, MemoryCache};
use backing::objects::Objects;
use backing::{Clock, Db, Migration, record};
use contracts::{ObjectKey, VideoId};
use runtime::Background;
use runtime::process::Check;
use secrecy::SecretSlice;
use std::sync::Arc;

/// Memory for what the cache holds.
const CACHE_BYTES: usize = 64 * 1_024 * 1_024;

/// A service's schema: its name and how it comes to its newest form.
pub(crate) struct Schema {
    pub(crate) service: &'static str,
    pub(crate) migrations: &'static [Migration],
}

/// What services are built from.
pub(crate) struct Backends {
    pub(crate) clock: Clock,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) objects: Objects,
    pub(crate) secret: SecretSlice<u8>,
}

impl Backends {
    /// Opens everything but the schemas, which are their services' own.
    pub(crate) async fn open(settings: &Settings) -> Result<Self> {
        data_dir::prepare(&settings.data_dir)?;
        let clock = Clock::system();
        let objects = Objects::open(&settings.storage_url()).await.context("storage_url")?;
        Ok(Self {
            cache: Arc::new(MemoryCache::new(clock.clone(), CACHE_BYTES)),
            bus: bus(),
            clock,
            objects,
            secret: data_dir::secret(&settings.data_dir, settings.secret_key.as_ref())?,
        })
    }
}

/// Opens the bus.
pub(crate) fn bus() -> Arc<dyn Bus> {
    Arc::new(EmbeddedBus::new())
}

/// Measures how far this process's groups lag behind.
pub(crate) fn lag(backends: &Backends) -> Background {
    let bus = Arc::clone(&backends.bus);
    Background::new("bus-lag", move |shutdown| async move {
        report_lag(bus, async move { shutdown.requested().await }).await;
        Ok(())
    })
}

/// Publishes what a service's outbox holds.
pub(crate) fn relay(name: &'static str, db: Db, backends: &Backends) -> Background {
    let relay = Relay::new(db, Arc::clone(&backends.bus), backends.clock.clone());
    Background::new(name, move |shutdown| async move {
        relay.run(async move { shutdown.requested().await }).await;
        Ok(())
    })
}

/// Opens a service's schema and brings it up to date.
pub(crate) async fn schema(settings: &Settings, schema: &Schema) -> Result<Db> {
    let opened = Db::open(&settings.database_url(), schema.service, schema.migrations).await;
    opened.with_context(|| format!("database_url: cannot open the schema of {}", schema.service))
}

record! {
    struct One {
        one: i64,
    }
}

/// Asks the database the smallest question there is.
pub(crate) async fn ask(db: &Db) -> Result<(), String> {
    match db.read().one::<One>("SELECT 1 AS one", Vec::new()).await {
        Ok(Some(One { one: 1 })) => Ok(()),
        Ok(_) => Err("the database cannot count to one".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The database answers.
pub(crate) fn database_check(db: Db) -> Check {
    Check::new("database", move || {
        let db = db.clone();
        async move { ask(&db).await }
    })
}

/// The object store takes something and gives it up again.
pub(crate) fn storage_check(objects: Objects) -> Check {
    Check::new("storage", move || {
        let objects = objects.clone();
        async move {
            let key = ObjectKey::VideoSourceIndex(VideoId::generate());
            objects.put(&key, "x".into()).await.map_err(|error| error.to_string())?;
            objects.delete(&key).await.map_err(|error| error.to_string())
        }
    })
}
