//! The service on a port of its own, on one engine, and what its tests ask of it again and again.

use crate::world::World;
use backing::bus::{Broadcast, Bus, EmbeddedBus, Relay};
use backing::db::Db;
use backing::{Backing, outbox};
use contracts::events::COURSES_TOPIC;
use contracts::{Event, EventData, EventId, NewEvent, Role, UserId, VideoId};
use course_management_service::{Answers, Config, Deps, FACE, MIGRATIONS, NAME, service};
use reqwest::Method;
use runtime::Background;
use runtime::server::ServerLimits;
use serde_json::{Value, json};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;
use testing::{Identity, Person, Place, Reply, Site, back_ends, deliver, places, until};
use tokio::sync::broadcast::Receiver;

/// A running service.
pub(crate) struct Server {
    site: Site,
    pub(crate) world: Arc<World>,
    pub(crate) db: Db,
    bus: Arc<EmbeddedBus>,
    changes: Broadcast,
    accounts: AtomicU32,
    _place: Place,
    _folder: TempDir,
}

impl Deref for Server {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

#[derive(serde::Deserialize)]
struct Wrapped {
    courses: Config,
}

/// The shipped defaults.
fn defaults() -> Config {
    let defaults: runtime::config::Loaded<Wrapped> = runtime::config::load(&[FACE.defaults], None, &[]).unwrap();
    defaults.value.courses
}

impl Server {
    /// One server on each engine.
    pub(crate) async fn on_each_engine() -> Vec<Self> {
        Self::with(|_| ()).await
    }

    /// One server on each engine, with a changed configuration.
    pub(crate) async fn with(change: impl Fn(&mut Config)) -> Vec<Self> {
        let mut config = defaults();
        change(&mut config);
        let mut servers = Vec::new();
        for place in places().await.unwrap() {
            servers.push(Self::start(place, config.clone()).await);
        }
        servers
    }

    async fn start(place: Place, config: Config) -> Self {
        let (folder, identity) = (TempDir::new().unwrap(), Identity::new());
        let db = Db::open(&place.url, NAME, MIGRATIONS).await.unwrap();
        let (bus, clock, world) = (
            Arc::new(EmbeddedBus::new()),
            identity.clock.clone(),
            Arc::new(World::default()),
        );
        let deps = Deps {
            db: db.clone(),
            backing: Backing {
                bus: bus.clone(),
                ..back_ends(folder.path(), &clock).await
            },
            authenticator: identity.authenticator(),
            answers: Answers {
                directory: world.clone(),
                lectures: world.clone(),
                watching: world.clone(),
            },
            secret: vec![7; 32].into(),
            completed_share: 0.9,
            config,
        };
        let (changes, _) = bus.subscribe_broadcast(COURSES_TOPIC).await.unwrap();
        let mut site = Site::serve(identity, service(deps).await.unwrap(), ServerLimits::default()).await;
        let relay = Relay::new(db.clone(), bus.clone(), clock);
        site.running.start(Background::new("relay", move |shutdown| async move {
            relay.run(async move { shutdown.requested().await }).await;
            Ok(())
        }));
        Self {
            site,
            world,
            db,
            bus,
            changes,
            accounts: AtomicU32::new(0),
            _place: place,
            _folder: folder,
        }
    }

    /// A new person with an account.
    pub(crate) fn person(&self, role: Role) -> Person {
        let number = self.accounts.fetch_add(1, Ordering::SeqCst);
        self.world.person(role, &format!("{role}{number}@example.org"))
    }

    pub(crate) fn instructor(&self) -> Person {
        self.person(Role::Instructor)
    }

    pub(crate) fn learner(&self) -> Person {
        self.person(Role::Learner)
    }

    /// A request to a path below the courses, with a body.
    pub(crate) async fn call(&self, by: &Person, method: Method, path: &str, body: &Value) -> Reply {
        let request = self.request_by(by, method, &format!("/api/v1/courses{path}"));
        self.send(request.json(body)).await
    }

    /// The same, based on a version of the course.
    pub(crate) async fn call_if(&self, by: &Person, (method, path): (Method, &str), etag: &str, body: &Value) -> Reply {
        let request = self.request_by(by, method, &format!("/api/v1/courses{path}"));
        self.send(request.header("if-match", etag).json(body)).await
    }

    pub(crate) async fn post(&self, by: &Person, path: &str, body: Value) -> Reply {
        self.call(by, Method::POST, path, &body).await
    }

    pub(crate) async fn patch(&self, by: &Person, path: &str, body: Value) -> Reply {
        self.call(by, Method::PATCH, path, &body).await
    }

    pub(crate) async fn put(&self, by: &Person, path: &str, body: Value) -> Reply {
        self.call(by, Method::PUT, path, &body).await
    }

    pub(crate) async fn read(&self, by: &Person, path: &str) -> Reply {
        self.ask(by, Method::GET, &format!("/api/v1/courses{path}")).await
    }

    pub(crate) async fn delete(&self, by: &Person, path: &str) -> Reply {
        self.ask(by, Method::DELETE, &format!("/api/v1/courses{path}")).await
    }

    /// A draft; its path below the courses.
    pub(crate) async fn course(&self, owner: &Person, fields: Value) -> String {
        let mut body = json!({"title": "Graphs"});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let made = self.post(owner, "", body).await;
        format!("/{}", made.is(201).id())
    }

    /// A module; its path below the courses.
    pub(crate) async fn module(&self, by: &Person, course: &str, title: &str) -> String {
        let made = self
            .post(by, &format!("{course}/modules"), json!({"title": title}))
            .await;
        format!("{course}/modules/{}", made.is(201).id())
    }

    /// An item; its path below the courses.
    pub(crate) async fn item(&self, by: &Person, module: &str, video: VideoId) -> String {
        let body = json!({"kind": "video", "content_id": video});
        let made = self.post(by, &format!("{module}/items"), body).await;
        format!("{module}/items/{}", made.is(201).id())
    }

    /// A published course of one lecture: its path, and the lecture.
    pub(crate) async fn published(&self, owner: &Person, fields: Value) -> (String, VideoId) {
        let course = self.course(owner, fields).await;
        let video = self.world.film(owner, "Trees", "ready");
        let module = self.module(owner, &course, "One").await;
        self.item(owner, &module, video).await;
        self.post(owner, &format!("{course}/publish"), json!({})).await.is(200);
        (course, video)
    }

    /// Enrols somebody and gives them a role.
    pub(crate) async fn member(&self, owner: &Person, course: &str, role: &str) -> Person {
        let person = self.learner();
        let body = json!({"user_id": person.id});
        self.post(owner, &format!("{course}/enrolments"), body).await.is(201);
        if role != "learner" {
            let path = format!("{course}/members/{}", person.id);
            self.put(owner, &path, json!({"role": role})).await.is(200);
        }
        person
    }

    /// Delivers an event of another service and waits until it is handled.
    pub(crate) async fn tell(&self, event: NewEvent, sequence: i64) {
        let event = event.published(EventId::generate(), self.clock.now(), sequence);
        deliver(self.bus.as_ref(), &event).await;
    }

    /// Delivers an event about a user.
    pub(crate) async fn tell_of(&self, user: UserId, sequence: i64, data: impl Into<EventData>) {
        self.tell(NewEvent::of_user(user, data.into()), sequence).await;
    }

    /// The events of what happens from now on.
    pub(crate) async fn events(&self) -> Receiver<Event> {
        until("earlier events are published", || async {
            outbox::waiting(&self.db).await.unwrap() == 0
        })
        .await;
        self.changes.listen()
    }
}

/// The last part of a path.
pub(crate) fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// The values of a field of each item of a page.
pub(crate) fn column(reply: &Reply, field: &str) -> Vec<String> {
    let items = reply.json["items"].as_array().unwrap();
    let texts = items
        .iter()
        .map(|item| item[field].as_str().unwrap_or_default().to_owned());
    texts.collect()
}
