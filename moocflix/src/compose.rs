//! Configuration → back ends → services → one router and one list of tasks.

use crate::roles::Duties;
use crate::settings::Settings;
use crate::topology::Peers;
use crate::{backends, data_dir, metrics};
use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use backing::tasks::Queue;
use backing::{Backing, Db};
use content_delivery_service::{Answers, Live};
use contracts::events::USERS_TOPIC;
use contracts::questions::live::{LiveDoor, LiveMedia};
use contracts::questions::{Courses, Directory, Identities, Lectures, Watching};
use live_server::encoders::Encoders;
use live_server::nodes::{Nodes, Reading};
use live_server::rooms::Rooms;
use runtime::process::{Check, Process};
use runtime::remote::{Fetch, Peer, Provider, UsersElsewhere};
use runtime::{
    Authenticator, Background, Face, Handlers, InternalKeys, Issuer, KeyFeed, Keys, RevocationFeed, Revocations,
    Routes, Row, Service, Shutdown,
};
use secrecy::{ExposeSecret, SecretSlice};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use utoipa::openapi::OpenApi;

/// The audience of access tokens.
const AUDIENCE: &str = "moocflix";

/// The document of all roles: what a gateway puts on one origin is one API.
const DOCUMENT: &str = include_str!("../../openapi.json");

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
    let mut parts = Parts::open(settings, duties, &address.to_string()).await?;
    parts.play(settings, duties).await?;
    parts.tasks.push(recorder.upkeep());
    parts.tasks.push(backends::lag(&parts.backing));
    parts.tasks.push(backends::space(&parts.backing));
    let process = Process::new(parts.checks, recorder, shutdown);
    if !duties.are_all() {
        process.show_document(DOCUMENT);
    }
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

/// The documentation of all roles' routes, and the questions between roles, which it leaves out.
pub(crate) async fn document(settings: &Settings) -> Result<(OpenApi, Vec<Row>)> {
    let mut parts = Parts::open(settings, &Duties::all(), &settings.listen).await?;
    parts.play(settings, &Duties::all()).await?;
    let process = Process::new(Vec::new(), runtime::metrics::install()?, Shutdown::new());
    let (_, api) = process.around(parts.routes, &parts.authenticator, env!("CARGO_PKG_VERSION"));
    Ok((api, parts.questions))
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
    /// What roles in other processes may ask.
    questions: Vec<Row>,
    tasks: Vec<Background>,
    checks: Vec<Check>,
    peers: Peers,
    /// This node, as the leases of its live lectures name it.
    node: String,
    rooms: Option<Rooms>,
}

impl Parts {
    async fn open(settings: &Settings, duties: &Duties, address: &str) -> Result<Self> {
        let with_objects = duties.keep_objects();
        let (backing, tasks) = backends::open(settings, with_objects).await?;
        let clock = backing.clock.clone();
        let node = settings.node(duties, address);
        let address = format!("http://{address}");
        let name = settings.public_url.as_deref().unwrap_or(&address);
        let secret = data_dir::secret(&settings.data_dir, settings.secret_key.as_ref())?;
        let internal = InternalKeys::new(secret.expose_secret(), clock.clone());
        let peers = Peers::new(duties, settings, internal)?;
        let users = peers.get(user_management_service::NAME);
        let (keys, feed) = match &users {
            Some(_) => {
                let (keys, feed) = Keys::from_elsewhere();
                (keys, Some(feed))
            }
            None => (Keys::new(), None),
        };
        let issuer = Issuer {
            // Tokens outlive a restart at another port.
            is_at_any_address: settings.public_url.is_none(),
            ..Issuer::own(name, AUDIENCE, keys)
        };
        let revocations = Revocations::new(clock.clone());
        let mut parts = Self {
            revocations: revocations.feed(),
            authenticator: Authenticator::new(vec![issuer.clone()], revocations.clone(), clock),
            issuer,
            providers: Vec::new(),
            secret,
            checks: peers.checks(),
            peers,
            node,
            rooms: None,
            questions: Vec::new(),
            schemas: BTreeMap::new(),
            routes: Routes::none(),
            tasks,
            backing,
        };
        if with_objects {
            let storage = backends::storage_check(parts.backing.objects.clone()).await;
            parts.checks.push(storage.context("storage_url")?);
        }
        parts
            .checks
            .push(backends::cache_check(Arc::clone(&parts.backing.cache)));
        parts.checks.push(backends::bus_check(Arc::clone(&parts.backing.bus)));
        if let Some((users, feed)) = users.zip(feed) {
            parts.follow_users(users, feed).await?;
        }
        parts
            .accept_providers(settings, revocations)
            .await
            .context("users.providers")?;
        Ok(parts)
    }

    /// Takes keys and refused tokens from the users' service in another process.
    async fn follow_users(&mut self, peer: Arc<Peer>, keys: KeyFeed) -> Result<()> {
        let (events, hearing) = self.backing.bus.subscribe_broadcast(USERS_TOPIC).await?;
        let elsewhere = UsersElsewhere {
            peer,
            revocations: self.revocations.clone(),
            clock: self.backing.clock.clone(),
        };
        let following = elsewhere.follow(keys, events.listen()).map_err(|why| anyhow!(why))?;
        self.tasks.push(hearing.into());
        self.tasks.extend(following);
        let keys = self.issuer.keys.clone();
        // Without the keys no token can be checked; once they came, the process works while users are away.
        self.checks.push(Check::new(user_management_service::NAME, move || {
            let are_known = keys.are_known();
            async move {
                if are_known {
                    Ok(())
                } else {
                    Err("its keys have not come yet".to_owned())
                }
            }
        }));
        Ok(())
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
        let clock = self.backing.clock.clone();
        let identities: Arc<dyn Identities> = match self.peers.get(user_management_service::NAME) {
            Some(peer) => peer,
            None => {
                let db = self.schema(&user_management_service::FACE, settings).await?;
                Arc::new(user_management_service::Identities::new(
                    db,
                    clock.clone(),
                    &settings.users,
                ))
            }
        };
        self.authenticator = Authenticator::with_identities(issuers, identities, revocations, clock);
        Ok(())
    }

    async fn play(&mut self, settings: &Settings, duties: &Duties) -> Result<()> {
        for face in duties.faces() {
            let service = self.build(face, settings).await.context(face.name)?;
            self.tasks.extend(service.tasks);
            self.questions.extend(service.questions.rows());
            let routes = service.routes.merge(self.peers.answering(service.questions));
            self.routes = std::mem::take(&mut self.routes).merge(routes);
        }
        Ok(())
    }

    async fn build(&mut self, face: &Face, settings: &Settings) -> Result<Service> {
        match face.name {
            user_management_service::NAME => self.users(settings).await,
            course_management_service::NAME => self.courses(settings).await,
            content_delivery_service::NAME => self.content(settings).await,
            live_server::NAME => self.live_sessions(settings).await,
            transcoding_jobs::NAME => self.transcode(settings).await,
            web::NAME => Ok(web::service(settings.live.address())?),
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
        let (lectures, watching) = self.content_answers(settings).await?;
        self.tasks
            .push(backends::relay("courses-outbox", db.clone(), &self.backing));
        let deps = course_management_service::Deps {
            db,
            backing: self.backing.clone(),
            authenticator: self.authenticator.clone(),
            answers: course_management_service::Answers {
                directory: self.directory(settings).await?,
                lectures,
                watching,
            },
            secret: self.secret.clone(),
            completed_share: settings.content.service().playback.completed_share,
            config: settings.courses.clone(),
        };
        Ok(course_management_service::service(deps).await?)
    }

    async fn content(&mut self, settings: &Settings) -> Result<Service> {
        let db = self.schema(&content_delivery_service::FACE, settings).await?;
        self.tasks
            .push(backends::relay("content-outbox", db.clone(), &self.backing));
        let deps = content_delivery_service::Deps {
            queue: self.queue(&db, settings),
            db,
            backing: self.backing.clone(),
            authenticator: self.authenticator.clone(),
            answers: Answers {
                directory: self.directory(settings).await?,
                courses: self.course_answers(settings).await?,
                live: self.live(settings).await?,
            },
            secret: self.secret.clone(),
            config: settings.content.service(),
        };
        Ok(content_delivery_service::service(deps).await?)
    }

    /// What content and the rooms of live lectures in this process hand each other.
    async fn live(&mut self, settings: &Settings) -> Result<Live> {
        let rooms = self.rooms(settings).await?;
        let hung = rooms.clone();
        let media: Arc<dyn LiveMedia> = match self.peers.live_nodes()? {
            Some(nodes) => Arc::new(Reading::new(rooms, nodes)),
            None => Arc::new(rooms),
        };
        Ok(Live {
            media,
            take_door: Box::new(move |door| hung.hang(door)),
            rtmp_port: settings.live.rtmp_address().map(|address| address.port()),
        })
    }

    /// The rooms of the lectures that are live here.
    async fn rooms(&mut self, settings: &Settings) -> Result<Rooms> {
        if let Some(rooms) = &self.rooms {
            return Ok(rooms.clone());
        }
        let db = self.schema(&content_delivery_service::FACE, settings).await?;
        let (objects, clock) = (self.backing.objects.clone(), self.backing.clock.clone());
        let rooms = Rooms::new(&db, objects, clock, self.node.clone());
        let end_after = Duration::from_secs(settings.live.end_after);
        self.tasks.extend(rooms.background(end_after));
        let config = settings.workers();
        let is_required = settings.content.must_cage();
        rooms.equip(Encoders::open(config.program, &config.data_dir, is_required)?);
        Ok(self.rooms.insert(rooms).clone())
    }

    /// The sessions of those who publish and watch live lectures.
    async fn live_sessions(&mut self, settings: &Settings) -> Result<Service> {
        let rooms = self.rooms(settings).await?;
        let door = match rooms.door() {
            Some(door) => door,
            None => {
                let content = self.peers.get(content_delivery_service::NAME);
                let door: Arc<dyn LiveDoor> = content.context("the role `content` is nowhere")?;
                rooms.hang(Arc::clone(&door));
                door
            }
        };
        let (node, clock) = (self.node.clone(), self.backing.clock.clone());
        let nodes = self.peers.live_nodes()?.map(|away| {
            let secret = (self.secret.expose_secret(), clock.clone());
            Nodes::new(rooms.clone(), away, node, secret)
        });
        let deps = live_server::Deps {
            rooms,
            door,
            nodes,
            authenticator: self.authenticator.clone(),
            clock,
            listen: settings.listen.clone(),
            config: settings.live.clone(),
        };
        Ok(live_server::service(deps)?)
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

    /// Who answers questions about people: this process, or another.
    async fn directory(&mut self, settings: &Settings) -> Result<Arc<dyn Directory>> {
        if let Some(peer) = self.peers.get(user_management_service::NAME) {
            return Ok(peer);
        }
        let db = self.schema(&user_management_service::FACE, settings).await?;
        Ok(Arc::new(user_management_service::Directory::new(db)))
    }

    /// Who answers questions about courses.
    async fn course_answers(&mut self, settings: &Settings) -> Result<Arc<dyn Courses>> {
        if let Some(peer) = self.peers.get(course_management_service::NAME) {
            return Ok(peer);
        }
        let db = self.schema(&course_management_service::FACE, settings).await?;
        Ok(Arc::new(course_management_service::CourseAnswers::new(db)))
    }

    /// Who answers questions about lectures and those who watch them.
    async fn content_answers(&mut self, settings: &Settings) -> Result<(Arc<dyn Lectures>, Arc<dyn Watching>)> {
        if let Some(peer) = self.peers.get(content_delivery_service::NAME) {
            return Ok((peer.clone(), peer));
        }
        let db = self.schema(&content_delivery_service::FACE, settings).await?;
        let lectures = content_delivery_service::LectureAnswers::new(db.clone());
        Ok((
            Arc::new(lectures),
            Arc::new(content_delivery_service::WatchAnswers::new(db)),
        ))
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
