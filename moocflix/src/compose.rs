//! Configuration → back ends → services → one router and one list of tasks.

use crate::roles::Duties;
use crate::settings::Settings;
use crate::{backends, data_dir, metrics};
use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use backing::tasks::Queue;
use backing::{Backing, Db};
use runtime::process::{Check, Process};
use runtime::remote::{Fetch, Provider};
use runtime::{
    Authenticator, Background, Face, Handlers, Issuer, Keys, RevocationFeed, Revocations, Routes, Service, Shutdown,
};
use secrecy::SecretSlice;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use utoipa::openapi::OpenApi;

/// The audience of access tokens.
const AUDIENCE: &str = "moocflix";

/// A composed process, ready to serve.
pub(crate) struct Composed {
    pub(crate) handlers: Handlers,
    /// Only `/metrics`.
    pub(crate) metrics: Router,
    pub(crate) tasks: Vec<Background>,
    /// The open schemas, which are to be closed at the end.
    pub(crate) schemas: Vec<Db>,
}

/// Composes a process that listens at an address.
pub(crate) async fn compose(
    settings: &Settings,
    duties: &Duties,
    address: SocketAddr,
    shutdown: Shutdown,
) -> Result<Composed> {
    let recorder = runtime::metrics::install()?;
    metrics::describe();
    let mut parts = Parts::open(settings, &address.to_string()).await?;
    parts.play(settings, duties).await?;
    parts.tasks.push(recorder.upkeep());
    parts.tasks.push(backends::lag(&parts.backing));
    parts.tasks.push(backends::space(&parts.backing));
    let process = Process::new(parts.checks, recorder, shutdown);
    let (routes, _) = process.around(parts.routes, &parts.authenticator, env!("CARGO_PKG_VERSION"));
    routes
        .check()
        .map_err(|faults| anyhow!("the URL tables are wrong: {}", faults.join("; ")))?;
    Ok(Composed {
        handlers: routes.into(),
        metrics: process.metrics_alone(),
        tasks: parts.tasks,
        schemas: parts.schemas.into_values().collect(),
    })
}

/// The documentation of all roles' routes.
pub(crate) async fn document(settings: &Settings) -> Result<OpenApi> {
    let mut parts = Parts::open(settings, &settings.listen).await?;
    parts.play(settings, &Duties::all()).await?;
    let process = Process::new(Vec::new(), runtime::metrics::install()?, Shutdown::new());
    let (_, api) = process.around(parts.routes, &parts.authenticator, env!("CARGO_PKG_VERSION"));
    Ok(api)
}

/// The parts of a process under composition.
struct Parts {
    backing: Backing,
    secret: SecretSlice<u8>,
    issuer: Issuer,
    revocations: RevocationFeed,
    authenticator: Authenticator,
    providers: Vec<Arc<Provider>>,
    /// The open schemas, by service.
    schemas: BTreeMap<&'static str, Db>,
    routes: Routes,
    tasks: Vec<Background>,
    checks: Vec<Check>,
}

impl Parts {
    async fn open(settings: &Settings, address: &str) -> Result<Self> {
        let (backing, tasks) = backends::open(settings).await?;
        let clock = backing.clock.clone();
        let address = format!("http://{address}");
        let name = settings.public_url.as_deref().unwrap_or(&address);
        let issuer = Issuer {
            // Tokens outlive a restart at another port.
            is_at_any_address: settings.public_url.is_none(),
            ..Issuer::own(name, AUDIENCE, Keys::new())
        };
        let revocations = Revocations::new(clock.clone());
        let storage = backends::storage_check(backing.objects.clone()).await;
        let mut parts = Self {
            revocations: revocations.feed(),
            authenticator: Authenticator::new(vec![issuer.clone()], revocations.clone(), clock),
            issuer,
            providers: Vec::new(),
            secret: data_dir::secret(&settings.data_dir, settings.secret_key.as_ref())?,
            checks: vec![
                storage.context("storage_url")?,
                backends::cache_check(Arc::clone(&backing.cache)),
                backends::bus_check(Arc::clone(&backing.bus)),
            ],
            schemas: BTreeMap::new(),
            routes: Routes::none(),
            tasks,
            backing,
        };
        parts
            .accept_providers(settings, revocations)
            .await
            .context("users.providers")?;
        Ok(parts)
    }

    /// Accepts the tokens of the configured providers, too.
    async fn accept_providers(&mut self, settings: &Settings, revocations: Revocations) -> Result<()> {
        if settings.users.providers.is_empty() {
            return Ok(());
        }
        let fetch = Fetch::new().map_err(|why| anyhow!(why))?;
        let mut issuers = vec![self.issuer.clone()];
        for (name, config) in &settings.users.providers {
            let (provider, feed) = Provider::new(name, config.clone(), fetch.clone()).map_err(|why| anyhow!(why))?;
            if issuers.iter().any(|it| it.name == provider.issuer()) {
                bail!("{name}.issuer: {} is this server's own", provider.issuer());
            }
            issuers.extend(provider.of_bearers());
            let source = Arc::clone(&provider);
            let follow = |shutdown| async move { source.follow_keys(feed, shutdown).await };
            self.tasks.push(Background::new("provider-keys", follow));
            self.providers.push(provider);
        }
        let db = self.schema(&user_management_service::FACE, settings).await?;
        let clock = self.backing.clock.clone();
        let identities = user_management_service::Identities::new(db, clock.clone(), &settings.users);
        self.authenticator = Authenticator::with_identities(issuers, Arc::new(identities), revocations, clock);
        Ok(())
    }

    async fn play(&mut self, settings: &Settings, duties: &Duties) -> Result<()> {
        for face in duties.faces() {
            let service = self.build(face, settings).await.context(face.name)?;
            self.tasks.extend(service.tasks);
            self.routes = std::mem::take(&mut self.routes).merge(service.routes);
        }
        Ok(())
    }

    async fn build(&mut self, face: &Face, settings: &Settings) -> Result<Service> {
        match face.name {
            user_management_service::NAME => self.users(settings).await,
            course_management_service::NAME => self.courses(settings).await,
            content_delivery_service::NAME => self.content(settings).await,
            transcoding_jobs::NAME => self.transcode(settings).await,
            web::NAME => Ok(web::service()),
            _ => bail!("it has no builder"),
        }
    }

    async fn users(&mut self, settings: &Settings) -> Result<Service> {
        let db = self.schema(&user_management_service::FACE, settings).await?;
        self.tasks
            .push(backends::relay("users-outbox", db.clone(), &self.backing));
        let mut config = settings.users.clone();
        config.public_url.clone_from(&settings.public_url);
        let deps = user_management_service::Deps {
            db,
            backing: self.backing.clone(),
            issuer: self.issuer.clone(),
            revocations: self.revocations.clone(),
            authenticator: self.authenticator.clone(),
            secret: self.secret.clone(),
            providers: self.providers.clone(),
            config,
        };
        Ok(user_management_service::service(deps).await?)
    }

    async fn courses(&mut self, settings: &Settings) -> Result<Service> {
        let db = self.schema(&course_management_service::FACE, settings).await?;
        let users = self.schema(&user_management_service::FACE, settings).await?;
        let content = self.schema(&content_delivery_service::FACE, settings).await?;
        self.tasks
            .push(backends::relay("courses-outbox", db.clone(), &self.backing));
        let deps = course_management_service::Deps {
            db,
            backing: self.backing.clone(),
            authenticator: self.authenticator.clone(),
            directory: Arc::new(user_management_service::Directory::new(users)),
            lectures: Arc::new(content_delivery_service::LectureAnswers::new(content.clone())),
            watching: Arc::new(content_delivery_service::WatchAnswers::new(content)),
            secret: self.secret.clone(),
            config: settings.courses.clone(),
        };
        Ok(course_management_service::service(deps).await?)
    }

    async fn content(&mut self, settings: &Settings) -> Result<Service> {
        let db = self.schema(&content_delivery_service::FACE, settings).await?;
        let courses = self.schema(&course_management_service::FACE, settings).await?;
        let users = self.schema(&user_management_service::FACE, settings).await?;
        self.tasks
            .push(backends::relay("content-outbox", db.clone(), &self.backing));
        let deps = content_delivery_service::Deps {
            queue: self.queue(&db, settings),
            db,
            backing: self.backing.clone(),
            authenticator: self.authenticator.clone(),
            directory: Arc::new(user_management_service::Directory::new(users)),
            courses: Arc::new(course_management_service::CourseAnswers::new(courses)),
            secret: self.secret.clone(),
            config: settings.content.service(),
        };
        Ok(content_delivery_service::service(deps).await?)
    }

    async fn transcode(&mut self, settings: &Settings) -> Result<Service> {
        let db = self.schema(&content_delivery_service::FACE, settings).await?;
        let deps = transcoding_jobs::Deps {
            queue: self.queue(&db, settings),
            db,
            backing: self.backing.clone(),
            config: settings.workers(),
        };
        let encoder = Check::new(transcoding_jobs::NAME, || async { transcoding_jobs::check_encoder() });
        self.checks.push(encoder.noted());
        Ok(transcoding_jobs::service(deps).await?)
    }

    /// A service's schema, opened when the first role needs it. Roles that share it share its handle, so that a finished
    /// upload wakes this process's workers at once.
    async fn schema(&mut self, face: &Face, settings: &Settings) -> Result<Db> {
        if let Some(db) = self.schemas.get(face.name) {
            return Ok(db.clone());
        }
        let db = backends::schema(settings, face).await?;
        self.checks.push(backends::database_check(db.clone()));
        Ok(self.schemas.entry(face.name).or_insert(db).clone())
    }

    /// The tasks of a schema.
    fn queue(&self, db: &Db, settings: &Settings) -> Queue {
        let lease = Duration::from_secs(settings.tasks.lease_seconds);
        Queue::new(db.clone(), self.backing.clock.clone(), lease)
    }
}
