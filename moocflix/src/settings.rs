//! The configuration: this crate's keys, and a section for each service.

use crate::roles::{Duties, FACES, with_schema};
use adapters::{KafkaAddress, RedisCache};
use anyhow::{Context, Result, anyhow, bail};
use backing::objects::Objects;
use backing::space::Reserve;
use runtime::TrustedProxy;
use runtime::config::{self, Faults, Loaded};
use runtime::server::{PublicHost, ServerLimits};
use runtime::telemetry::LogFormat;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// This program as it runs, even if the file at its path has been replaced.
pub(crate) const THIS_PROGRAM: &str = "/proc/self/exe";

/// What all of MoocFlix's keys on a Redis server begin with.
const REDIS_PREFIX: &str = "moocflix:";

/// The defaults of every crate; together they contain every key.
fn every_default() -> Vec<&'static str> {
    let own = include_str!("../config/default.toml");
    std::iter::once(own)
        .chain(FACES.iter().map(|face| face.defaults))
        .collect()
}

/// Every configuration key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: String,
    pub(crate) metrics_listen: Option<String>,
    pub(crate) public_url: Option<String>,
    database_url: Option<String>,
    database_connections: u32,
    storage_url: Option<String>,
    cache_url: String,
    bus_url: String,
    trusted_proxies: Vec<String>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_filter: String,
    pub(crate) secret_key: Option<SecretString>,
    disk_reserve: String,
    server: Server,
    pub(crate) tasks: Tasks,
    pub(crate) users: user_management_service::Config,
    pub(crate) courses: course_management_service::Config,
    pub(crate) content: Content,
    pub(crate) live: live_server::Config,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    header_timeout: f64,
    idle_timeout: f64,
    body_idle_timeout: f64,
    write_timeout: f64,
    drain_timeout: f64,
    connections: usize,
    connections_per_address: usize,
}

/// The section `content`: the service's keys and its workers'.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    base_url: Option<String>,
    upload: content_delivery_service::UploadConfig,
    playback: content_delivery_service::PlaybackConfig,
    quota: content_delivery_service::QuotaConfig,
    instant: transcoding_jobs::InstantConfig,
    transcode: transcoding_jobs::TranscodeConfig,
}

impl Content {
    /// Whether MoocFlix may encode only if nothing gets out of the encoders' cage.
    pub(crate) fn must_cage(&self) -> bool {
        self.transcode.sandbox == transcoding_jobs::SandboxMode::Required
    }

    /// The service's part.
    pub(crate) fn service(&self) -> content_delivery_service::Config {
        content_delivery_service::Config {
            upload: self.upload.clone(),
            playback: self.playback.clone(),
            quota: self.quota.clone(),
        }
    }
}

/// The task queue's keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tasks {
    pub(crate) lease_seconds: u64,
}

/// Flags that override the file and the environment.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Overrides {
    /// A file with configuration keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder for MoocFlix's data.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Reads the configuration and checks it.
///
/// Errors: all faults, each in a line
pub(crate) fn load(overrides: &Overrides, listen: Option<&str>) -> Result<Loaded<Settings>> {
    load_for(overrides, listen, |_| Ok(()))
}

/// The same with one more check, whose faults are reported with all others.
pub(crate) fn load_for(
    overrides: &Overrides,
    listen: Option<&str>,
    check: impl FnOnce(&Settings) -> Result<(), Faults>,
) -> Result<Loaded<Settings>> {
    let mut environment = config::environment();
    if let Some(folder) = &overrides.data_dir {
        let folder = folder.to_str().context("--data-dir: the path is not UTF-8")?;
        environment.push(("MOOCFLIX_DATA_DIR".to_owned(), folder.to_owned()));
    }
    if let Some(listen) = listen {
        environment.push(("MOOCFLIX_LISTEN".to_owned(), listen.to_owned()));
    }
    let file = overrides.config.as_deref();
    let mut loaded = config::load_checked(&every_default(), file, &environment, |settings: &Settings| {
        let mut faults = Faults::default();
        faults.include(settings.validate());
        faults.include(check(settings));
        faults.into_result()
    })?;
    loaded.value.data_dir = std::path::absolute(&loaded.value.data_dir).context("data_dir")?;
    Ok(loaded)
}

/// Only the defaults, with a data directory.
pub(crate) fn defaults(folder: &Path) -> Result<Settings> {
    let mut settings = config::load::<Settings>(&every_default(), None, &[])?.value;
    settings.data_dir = folder.to_owned();
    Ok(settings)
}

impl Settings {
    fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let databases = ["sqlite", "postgres", "postgresql"];
        faults.take(supported("database_url", &self.database_url(), &databases));
        faults.take(self.connections_per_schema());
        if faults
            .take(supported("storage_url", &self.storage_url(), &["file", "s3"]))
            .is_some()
        {
            faults.include(self.check_s3());
        }
        let cache = supported("cache_url", &self.cache_url, &["memory", "redis", "rediss"]);
        if faults.take(cache).is_some() {
            faults.take(self.redis_cache());
        }
        let bus = supported("bus_url", &self.bus_url, &["embedded", "kafka", "kafkas"]);
        if faults.take(bus).is_some() {
            faults.take(self.kafka_bus());
        }
        let secret = self.secret_key.as_ref().map(|key| key.expose_secret().len());
        faults.unless(secret.is_none_or(|length| length >= 32), || {
            "secret_key: must have at least 32 characters".to_owned()
        });
        faults.within("tasks.lease_seconds", self.tasks.lease_seconds, 1, 600);
        faults.take(self.disk_reserve());
        faults.include(self.read_limits().1);
        for url in FACES.iter().filter_map(|face| self.base_url(face.name)) {
            faults.take(url);
        }
        faults.include(self.users.validate());
        faults.include(self.courses.validate());
        faults.include(self.content.service().validate());
        faults.include(self.live.validate());
        faults.include(self.workers().validate());
        faults.into_result()
    }

    /// Checks what only lectures on a server of S3 need.
    fn check_s3(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let is_on_s3 = faults.take(self.s3_objects()).flatten().is_some();
        let most = adapters::LONGEST_S3_UPLOAD;
        faults.unless(!is_on_s3 || self.content.upload.max_bytes <= most, || {
            format!(
                "content.upload.max_bytes: must be at most {most} if storage_url is s3:, because S3 takes 10000 parts"
            )
        });
        faults.into_result()
    }

    /// Where a role is, for processes without it; none if it is not said, or has no address.
    pub(crate) fn base_url(&self, role: &str) -> Option<Result<Url, String>> {
        let text = match role {
            user_management_service::NAME => self.users.base_url.as_deref(),
            course_management_service::NAME => self.courses.base_url.as_deref(),
            content_delivery_service::NAME => self.content.base_url.as_deref(),
            live_server::NAME => self.live.base_url.as_deref(),
            _ => None,
        };
        text.map(|text| {
            let url = Url::parse(text).ok().filter(|url| {
                let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
                matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty() && is_origin
            });
            url.ok_or_else(|| {
                format!("{role}.base_url = {text}: must be http://HOST:PORT or https://HOST:PORT, without a path")
            })
        })
    }

    /// This process as the leases of its live lectures name it: its address, where others can send clients, or a name that leads
    /// nowhere.
    pub(crate) fn node(&self, duties: &Duties, address: &str) -> String {
        let is_one = address.parse::<SocketAddr>().is_ok_and(|it| !it.ip().is_unspecified());
        match self.live.address() {
            Some(own) if duties.include(live_server::NAME) => own.to_owned(),
            None if is_one => format!("http://{address}"),
            _ => format!("node:{}", Uuid::new_v4()),
        }
    }

    /// Whether the bus only joins roles of one process.
    pub(crate) fn has_embedded_bus(&self) -> bool {
        self.bus_url.starts_with("embedded:")
    }

    /// Whether the database is in a file, which one machine reads.
    pub(crate) fn has_embedded_database(&self) -> bool {
        self.database_url().starts_with("sqlite:")
    }

    /// Whether the lectures are stored where the configuration says, and not in this process's own folder.
    pub(crate) const fn has_named_storage(&self) -> bool {
        self.storage_url.is_some()
    }

    /// The database's URL, the default filled in.
    pub(crate) fn database_url(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| folder_url("sqlite", &self.data_dir))
    }

    /// How many connections to PostgreSQL each schema has: with parts of their own, no service can take all of them.
    pub(crate) fn connections_per_schema(&self) -> Result<u32> {
        let connections = self.database_connections;
        if !(6..=1_000).contains(&connections) {
            bail!("database_connections = {connections}: must be 6 to 1000");
        }
        let schemas = u32::try_from(with_schema().count()).unwrap_or(u32::MAX);
        Ok(connections / schemas.max(1))
    }

    /// The object store's URL, the default filled in.
    pub(crate) fn storage_url(&self) -> String {
        self.storage_url
            .clone()
            .unwrap_or_else(|| folder_url("file", &self.data_dir.join("objects")))
    }

    /// The objects on a server of S3, unless they are in a folder.
    pub(crate) fn s3_objects(&self) -> Result<Option<Objects>> {
        let url = self.storage_url();
        if !url.starts_with("s3:") {
            return Ok(None);
        }
        let objects = adapters::open_s3(&url, &config::variables("AWS_"));
        objects.map(Some).map_err(|why| anyhow!("storage_url: {why}"))
    }

    /// The cache that nodes share, unless each has its own in memory.
    pub(crate) fn redis_cache(&self) -> Result<Option<RedisCache>> {
        if self.cache_url.starts_with("memory:") {
            return Ok(None);
        }
        let cache = RedisCache::new(&self.cache_url, REDIS_PREFIX);
        cache.map(Some).map_err(|why| anyhow!("cache_url: {why}"))
    }

    /// The cluster that carries events between processes, unless they stay in this one.
    pub(crate) fn kafka_bus(&self) -> Result<Option<KafkaAddress>> {
        if self.bus_url.starts_with("embedded:") {
            return Ok(None);
        }
        let address = KafkaAddress::parse(&self.bus_url);
        address.map(Some).map_err(|why| anyhow!("bus_url: {why}"))
    }

    /// How much of the disks uploads and encoders leave free.
    pub(crate) fn disk_reserve(&self) -> Result<Reserve> {
        let reserve = self.disk_reserve.parse::<Reserve>();
        reserve.map_err(|why| anyhow!("disk_reserve = {}: {why}", self.disk_reserve))
    }

    /// The configuration of the workers.
    pub(crate) fn workers(&self) -> transcoding_jobs::Config {
        transcoding_jobs::Config {
            instant: self.content.instant.clone(),
            transcode: self.content.transcode.clone(),
            program: THIS_PROGRAM.into(),
            data_dir: self.data_dir.clone(),
        }
    }

    /// The server's limits.
    ///
    /// Errors: all that is wrong with them
    pub(crate) fn limits(&self) -> Result<ServerLimits, Faults> {
        let (limits, faults) = self.read_limits();
        faults.map(|()| limits)
    }

    /// The limits, and what is wrong with them.
    fn read_limits(&self) -> (ServerLimits, Result<(), Faults>) {
        let (mut faults, server) = (Faults::default(), &self.server);
        let proxies = self.trusted_proxies.iter().map(|text| text.parse::<TrustedProxy>());
        let proxies = proxies.filter_map(|proxy| faults.take_of("trusted_proxies", proxy));
        let trusted_proxies = proxies.collect();
        let public_host = self.public_url.as_deref().map(str::parse::<PublicHost>);
        let public_host = public_host.and_then(|host| faults.take_of("public_url", host));
        let own = self.base_url(live_server::NAME).and_then(Result::ok);
        let public_host = public_host.map(|host| own.iter().fold(host, PublicHost::and));
        let mut seconds = |key: &str, value: f64, low: f64, high: f64| {
            let fits = (low..=high).contains(&value);
            faults.unless(fits, || {
                format!("server.{key} = {value}: must be {low} to {high} seconds")
            });
            Duration::from_secs_f64(if fits { value } else { low })
        };
        let limits = ServerLimits {
            header_timeout: seconds("header_timeout", server.header_timeout, 0.1, 600.0),
            idle_timeout: seconds("idle_timeout", server.idle_timeout, 0.1, 3_600.0),
            body_idle_timeout: seconds("body_idle_timeout", server.body_idle_timeout, 0.1, 3_600.0),
            write_timeout: seconds("write_timeout", server.write_timeout, 0.1, 3_600.0),
            drain_timeout: seconds("drain_timeout", server.drain_timeout, 0.0, 25.0),
            connections: server.connections,
            connections_per_address: server.connections_per_address,
            trusted_proxies,
            public_host,
            ..ServerLimits::default()
        };
        for (key, value) in [
            ("connections", server.connections),
            ("connections_per_address", server.connections_per_address),
        ] {
            faults.unless((1..=1_000_000).contains(&value), || {
                format!("server.{key} = {value}: must be 1 to 1000000")
            });
        }
        (limits, faults.into_result())
    }
}

/// Shape: the unescaped path, as the back ends read it
fn folder_url(scheme: &str, folder: &Path) -> String {
    format!("{scheme}://{}", folder.display())
}

/// Rejects a back end that this build has no adapter for, before anything is opened.
fn supported(key: &str, url: &str, schemes: &[&str]) -> Result<(), String> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    if schemes.contains(&scheme) {
        return Ok(());
    }
    let known = schemes
        .iter()
        .map(|scheme| format!("{scheme}:"))
        .collect::<Vec<_>>()
        .join(", ");
    Err(format!("{key}: this build supports {known} but not `{scheme}:`"))
}
