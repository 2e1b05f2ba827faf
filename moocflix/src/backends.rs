//! Opens the back ends that the URLs name.

use crate::data_dir;
use crate::settings::Settings;
use adapters::KafkaBus;
use anyhow::{Context, Result, anyhow, ensure};
use backing::bus::{Bus, EmbeddedBus, Relay, report_lag};
use backing::cache::{Cache, MemoryCache};
use backing::db::Inspected;
use backing::objects::{ObjectError, Objects};
use backing::space::Space;
use backing::{Backing, Clock, Db, record};
use contracts::ObjectKey;
use contracts::events::TOPICS;
use runtime::process::Check;
use runtime::{Background, Face};
use std::sync::Arc;

/// The memory of a cache in this process.
const CACHE_BYTES: usize = 64 * 1_024 * 1_024;

/// Opens everything except the schemas, which belong to their services, and the object store only for roles that keep objects;
/// returns also the tasks that keep it open.
pub(crate) async fn open(settings: &Settings, with_objects: bool) -> Result<(Backing, Vec<Background>)> {
    data_dir::prepare(&settings.data_dir)?;
    let clock = Clock::system();
    let objects = if with_objects {
        objects(settings).await?
    } else {
        Objects::nowhere()
    };
    let (cache, mut tasks) = cache(settings, &clock).await?;
    let (bus, more) = bus(settings).await?;
    tasks.extend(more);
    let backing = Backing {
        cache,
        bus,
        space: Space::of(&settings.data_dir, objects.folder(), settings.disk_reserve()?),
        clock,
        objects,
    };
    Ok((backing, tasks))
}

async fn objects(settings: &Settings) -> Result<Objects> {
    match settings.s3_objects()? {
        Some(objects) => Ok(objects),
        None => Objects::open(&settings.storage_url()).await.context("storage_url"),
    }
}

/// Opens the cache. MoocFlix also starts without its server.
async fn cache(settings: &Settings, clock: &Clock) -> Result<(Arc<dyn Cache>, Vec<Background>)> {
    let Some(redis) = settings.redis_cache()?.map(Arc::new) else {
        return Ok((Arc::new(MemoryCache::new(clock.clone(), CACHE_BYTES)), Vec::new()));
    };
    if let Err(error) = redis.connect().await {
        tracing::warn!(%error, "cache_url: MoocFlix starts without the cache's server and goes on trying");
    }
    let kept = Arc::clone(&redis);
    let keep = Background::new("cache", move |shutdown| async move {
        kept.keep_connected(async move { shutdown.requested().await }).await;
        Ok(())
    });
    Ok((redis, vec![keep]))
}

/// Opens the bus. MoocFlix also starts without its broker, but not without the broker's topics.
async fn bus(settings: &Settings) -> Result<(Arc<dyn Bus>, Vec<Background>)> {
    let Some(address) = settings.kafka_bus()? else {
        return Ok((Arc::new(EmbeddedBus::new()), Vec::new()));
    };
    let kafka = KafkaBus::new(address).context("bus_url")?;
    match kafka.missing(TOPICS).await {
        Ok(missing) => ensure!(
            missing.is_empty(),
            "bus_url: the broker has no topics {}; `moocflix migrate` makes them",
            missing.join(", ")
        ),
        Err(error) => tracing::warn!(%error, "bus_url: MoocFlix starts without the bus's broker and goes on trying"),
    }
    Ok((Arc::new(kafka), Vec::new()))
}

/// Makes the bus's topics, unless they are there.
pub(crate) async fn prepare_bus(settings: &Settings) -> Result<()> {
    let Some(address) = settings.kafka_bus()? else {
        return Ok(()); // nothing to make
    };
    let kafka = KafkaBus::new(address).context("bus_url")?;
    kafka.prepare(TOPICS).await.context("bus_url")
}

/// Measures how far this process's consumer groups lag behind.
pub(crate) fn lag(backing: &Backing) -> Background {
    let bus = Arc::clone(&backing.bus);
    Background::new("bus-lag", move |shutdown| async move {
        report_lag(bus, async move { shutdown.requested().await }).await;
        Ok(())
    })
}

/// Watches the free space, and keeps a ballast that a deletion on a full disk may use.
pub(crate) fn space(backing: &Backing) -> Background {
    let space = backing.space.clone();
    Background::new("disk-space", move |shutdown| async move {
        space.watch(async move { shutdown.requested().await }).await;
        Ok(())
    })
}

/// Publishes the events in a service's outbox.
pub(crate) fn relay(name: &'static str, db: Db, backing: &Backing) -> Background {
    let relay = Relay::new(db, Arc::clone(&backing.bus), backing.clock.clone());
    Background::new(name, move |shutdown| async move {
        relay.run(async move { shutdown.requested().await }).await;
        Ok(())
    })
}

/// Opens a service's schema and brings it up to date.
pub(crate) async fn schema(settings: &Settings, face: &Face) -> Result<Db> {
    let connections = settings.connections_per_schema()?;
    let opened = Db::open_within(&settings.database_url(), face.name, face.migrations, connections).await;
    opened.with_context(|| format!("database_url: cannot open the schema of {}", face.name))
}

/// Opens a service's schema and brings it up to date if it exists; creates nothing otherwise.
pub(crate) async fn existing_schema(settings: &Settings, face: &Face) -> Result<Option<Db>> {
    let exists = Db::exists(&settings.database_url(), face.name).await;
    if exists.with_context(|| format!("database_url: cannot look for the schema of {}", face.name))? {
        schema(settings, face).await.map(Some)
    } else {
        Ok(None)
    }
}

/// Looks at a service's schema and changes nothing.
pub(crate) async fn inspect(settings: &Settings, face: &Face) -> Result<Inspected> {
    let inspected = Db::inspect(&settings.database_url(), face.name, face.migrations).await;
    inspected.with_context(|| format!("database_url: cannot open the schema of {}", face.name))
}

/// The error of a command that needs data where there is none.
pub(crate) fn no_data(settings: &Settings) -> anyhow::Error {
    let url = settings.database_url();
    // PostgreSQL's URL may contain a password
    let place = url.strip_prefix("sqlite://").unwrap_or("the configured database");
    anyhow!("there is no MoocFlix data in {place}; choose the server's directory with --data-dir, or its database_url")
}

record! {
    struct One {
        one: i64,
    }
}

/// Runs the smallest possible query.
pub(crate) async fn ask(db: &Db) -> Result<(), String> {
    match db.read().one::<One>("SELECT 1 AS one", Vec::new()).await {
        Ok(Some(One { one: 1 })) => Ok(()),
        Ok(_) => Err("the database cannot count to one".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Checks that the database answers.
pub(crate) fn database_check(db: Db) -> Check {
    Check::new("database", move || {
        let db = db.clone();
        async move { ask(&db).await }
    })
}

/// Notes when the cache doesn't answer.
pub(crate) fn cache_check(cache: Arc<dyn Cache>) -> Check {
    let check = Check::new("cache", move || {
        let cache = Arc::clone(&cache);
        async move { cache.get("probe").await.map(|_| ()).map_err(|error| error.to_string()) }
    });
    check.noted()
}

/// Notes when the bus can't be reached: events wait in the outboxes meanwhile.
pub(crate) fn bus_check(bus: Arc<dyn Bus>) -> Check {
    let check = Check::new("bus", move || {
        let bus = Arc::clone(&bus);
        async move { bus.check().await.map_err(|error| error.to_string()) }
    });
    check.noted()
}

/// Checks that the object store still has the object that the first start put there; only notes it if the store is remote.
pub(crate) async fn storage_check(objects: Objects) -> Result<Check, ObjectError> {
    let is_away = match objects.size(&ObjectKey::Probe).await {
        Err(ObjectError::NotFound) => {
            put_probe(&objects).await?;
            false
        }
        found => matches!(found, Err(ObjectError::Unavailable(_))),
    };
    let is_shared = objects.folder().is_none();
    let check = Check::new("storage", move || {
        let objects = objects.clone();
        async move {
            let found = match objects.size(&ObjectKey::Probe).await {
                // the store did not answer at the start, which may have been the first
                Err(ObjectError::NotFound) if is_away => put_probe(&objects).await,
                size => size.map(|_| ()),
            };
            found.map_err(|error| error.to_string())
        }
    });
    // Without a server that all nodes share, none is better than another, and what is in memory plays on.
    Ok(if is_shared { check.noted() } else { check })
}

async fn put_probe(objects: &Objects) -> Result<(), ObjectError> {
    let content = "MoocFlix looks for this object.\n".into();
    objects.put(&ObjectKey::Probe, content).await
}
