//! Configuration → back ends → services → one router and one list of tasks.

use crate::backends::{self, Backends, Schema};
use crate::numbers;
use crate::roles::{Role, Roles};
use crate::settings::Settings;
use anyhow::{Context, Result, anyhow};
use axum::Router;
use backing::Db;
use backing::tasks::Queue;
use runtime::process::{Check, Process};
use runtime::{Authenticator, Background, Keys, Revocations, Routes, Service, Shutdown, metrics};
use std::time::Duration;
use utoipa::openapi::OpenApi;

/// This program as the system holds it, whatever lies at its path meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// Whom the access tokens are for.
const AUDIENCE: &str = "moocflix";
/// Who makes them, when no public address is set; it must not change with the port.
const ISSUER: &str = "urn:moocflix";

/// The users' tables.
pub(crate) const USERS: Schema = Schema {
    service: user_management_service::NAME,
    migrations: user_management_service::MIGRATIONS,
};

/// The lectures' tables.
pub(crate) const CONTENT: Schema = Schema {
    service: content_delivery_service::NAME,
    migrations: content_delivery_service::MIGRATIONS,
};

/// Every service's tables.
pub(crate) const SCHEMAS: &[&Schema] = &[&USERS, &CONTENT];

/// A process, ready to be served.
pub(crate) struct Composed {
    pub(crate) router: Router,
    /// `/metrics` alone.
    pub(crate) metrics: Router,
    pub(crate) tasks: Vec<Background>,
}

/// Puts a process together.
pub(crate) async fn compose(settings: &Settings, roles: &Roles, shutdown: Shutdown) -> Result<Composed> {
    let recorder = metrics::install()?;
    numbers::describe();
    let mut parts = Parts::open(settings).await?;
    parts.play(settings, roles).await?;
    parts.tasks.push(recorder.upkeep());
    parts.tasks.push(backends::lag(&parts.backends));
    let process = Process::new(parts.checks, recorder, shutdown);
    let (routes, _) = process.around(parts.routes, &parts.authenticator, env!("CARGO_PKG_VERSION"));
    routes
        .check()
        .map_err(|faults| anyhow!("the URL tables are wrong: {}", faults.join("; ")))?;
    Ok(Composed {
        router: routes.into_router(),
        metrics: process.metrics_alone(),
        tasks: parts.tasks,
    })
}

/// The documentation of all roles' routes.
pub(crate) async fn document(settings: &Settings) -> Result<OpenApi> {
    let mut parts = Parts::open(settings).await?;
    parts.play(settings, &Roles::all()).await?;
    let process = Process::new(Vec::new(), metrics::install()?, Shutdown::new());
    let (_, api) = process.around(parts.routes, &parts.authenticator, env!("CARGO_PKG_VERSION"));
    Ok(api)
}

/// A process that is being put together.
struct Parts {
    backends: Backends,
    keys: Keys,
    revocations: Revocations,
    authenticator: Authenticator,
    routes: Routes,
    tasks: Vec<Background>,
    checks: Vec<Check>,
    lectures: Option<(Db, Queue)>,
}

impl Parts {
    async fn open(settings: &Settings) -> Result<Self> {
        let backends = Backends::open(settings).await?;
        let clock = backends.clock.clone();
        let (keys, revocations) = (Keys::new(), Revocations::new(clock.clone()));
        let issuer = settings.public_url.clone().unwrap_or_else(|| ISSUER.to_owned());
        Ok(Self {
            authenticator: Authenticator::new(keys.clone(), revocations.clone(), clock, issuer, AUDIENCE),
            checks: vec![backends::storage_check(backends.objects.clone())],
            routes: Routes::none(),
            tasks: Vec::new(),
            lectures: None,
            backends,
            keys,
            revocations,
        })
    }

    async fn play(&mut self, settings: &Settings, roles: &Roles) -> Result<()> {
        if roles.has(Role::Users) {
            self.users(settings).await?;
        }
        if roles.has(Role::Content) {
            self.content(settings).await?;
        }
        if roles.has(Role::Transcode) {
            self.transcode(settings).await?;
        }
        if roles.has(Role::Web) {
            self.add(web::service());
        }
        Ok(())
    }

    async fn users(&mut self, settings: &Settings) -> Result<()> {
        let db = backends::schema(settings, &USERS).await?;
        self.watch(&db);
        self.tasks
            .push(backends::relay("users-outbox", db.clone(), &self.backends));
        let mut config = settings.users.clone();
        config.public_url.clone_from(&settings.public_url);
        let deps = user_management_service::Deps {
            db,
            clock: self.backends.clock.clone(),
            cache: self.backends.cache.clone(),
            keys: self.keys.clone(),
            revocations: self.revocations.clone(),
            authenticator: self.authenticator.clone(),
            secret: self.backends.secret.clone(),
            config,
        };
        self.add(user_management_service::service(deps).await.context("users")?);
        Ok(())
    }

    /// The lectures' schema and its tasks, opened once for all roles that work on them: a finished upload wakes the
    /// worker of this process at once.
    async fn lectures(&mut self, settings: &Settings) -> Result<(Db, Queue)> {
        if let Some(lectures) = &self.lectures {
            return Ok(lectures.clone());
        }
        let db = backends::schema(settings, &CONTENT).await?;
        self.watch(&db);
        let lease = Duration::from_secs(settings.tasks.lease_seconds);
        let queue = Queue::new(db.clone(), self.backends.clock.clone(), lease);
        Ok(self.lectures.insert((db, queue)).clone())
    }

    async fn transcode(&mut self, settings: &Settings) -> Result<()> {
        let (db, queue) = self.lectures(settings).await?;
        let deps = transcoding_jobs::Deps {
            queue,
            one_machine: !db.is_postgres(),
            db,
            clock: self.backends.clock.clone(),
            objects: self.backends.objects.clone(),
            config: settings.content.workers(),
            program: THIS_PROGRAM.into(),
            data_dir: settings.data_dir.clone(),
        };
        self.add(transcoding_jobs::service(deps).context("the staging folder")?);
        Ok(())
    }

    async fn content(&mut self, settings: &Settings) -> Result<()> {
        let (db, queue) = self.lectures(settings).await?;
        self.tasks
            .push(backends::relay("content-outbox", db.clone(), &self.backends));
        let deps = content_delivery_service::Deps {
            db,
            queue,
            objects: self.backends.objects.clone(),
            bus: self.backends.bus.clone(),
            clock: self.backends.clock.clone(),
            authenticator: self.authenticator.clone(),
            secret: self.backends.secret.clone(),
            config: settings.content.service(),
        };
        self.add(content_delivery_service::service(deps).await.context("content")?);
        Ok(())
    }

    fn add(&mut self, service: Service) {
        self.tasks.extend(service.tasks);
        self.routes = std::mem::take(&mut self.routes).merge(service.routes);
    }

    /// One schema stands for the database: the others are in the same place.
    fn watch(&mut self, db: &Db) {
        self.checks.push(backends::database_check(db.clone()));
    }
}
