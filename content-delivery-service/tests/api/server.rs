//! A real service on a port of its own, with embedded back ends in a fresh folder, and the people who use it.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use backing::bus::{Bus, EmbeddedBus};
use backing::db::Db;
use backing::objects::Objects;
use backing::outbox::Relay;
use backing::tasks::Queue;
use backing::{Clock, args};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use content_delivery_service::{Config, DEFAULTS, Deps, MIGRATIONS, NAME, service};
use contracts::{Event, EventData, EventId, NewEvent, Role, SessionId, Timestamp, UserId};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use runtime::server::ServerLimits;
use runtime::{Authenticator, Background, Keys, PublicKey, Revocations, Running};
use serde_json::{Value, json};
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testing::{TestDatabase, databases};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::Receiver;

const ISSUER: &str = "https://mooc.test";
const PATIENCE: Duration = Duration::from_secs(20);
/// Where uploads begin.
pub(crate) const UPLOAD: &str = "/api/v1/content/upload";

/// A running service.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) faults: Vec<String>,
    pub(crate) revocations: Revocations,
    pub(crate) db: Db,
    address: String,
    bus: Arc<EmbeddedBus>,
    running: Running,
    folder: Arc<TempDir>,
    url: String,
    database: Option<TestDatabase>,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) session: SessionId,
    role: Role,
}

impl Person {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            id: UserId::generate(),
            session: SessionId::generate(),
            role,
        }
    }

    pub(crate) fn instructor() -> Self {
        Self::new(Role::Instructor)
    }
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text)
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn offset(&self) -> &str {
        self.header("upload-offset")
    }

    pub(crate) fn id(&self) -> String {
        self.json["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no id: {self:?}"))
            .to_owned()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.json["code"].as_str()),
            (status, Some(code)),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["type"], format!("urn:moocflix:problem:{code}"));
    }
}

#[derive(serde::Deserialize)]
struct Wrapped {
    content: Config,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let defaults: runtime::config::Loaded<Wrapped> = runtime::config::load(&[DEFAULTS], None, &[]).unwrap();
        let mut config = defaults.value.content;
        change(&mut config);
        let folder = Arc::new(TempDir::new().unwrap());
        let url = format!("sqlite://{}", folder.path().display());
        Self::launch(folder, url, standing(), config).await
    }

    /// One server on each engine.
    pub(crate) async fn on_each_engine() -> Vec<Self> {
        let mut servers = Vec::new();
        for database in databases(NAME, MIGRATIONS).await.unwrap() {
            let defaults: runtime::config::Loaded<Wrapped> = runtime::config::load(&[DEFAULTS], None, &[]).unwrap();
            let (folder, url) = (Arc::new(TempDir::new().unwrap()), database.url.clone());
            let server = Self::launch(folder, url, standing(), defaults.value.content).await;
            servers.push(Self {
                database: Some(database),
                ..server
            });
        }
        servers
    }

    async fn launch(folder: Arc<TempDir>, url: String, clock: Clock, config: Config) -> Self {
        let db = Db::open(&url, NAME, MIGRATIONS).await.unwrap();
        let objects = Objects::open(&format!("file://{}/objects", folder.path().display()))
            .await
            .unwrap();
        let (keys, revocations) = (Keys::new(), Revocations::new(clock.clone()));
        keys.publish(vec![signer().public()]);
        let bus = Arc::new(EmbeddedBus::new());
        let deps = Deps {
            db: db.clone(),
            queue: Queue::new(db.clone(), clock.clone(), Duration::from_secs(30)),
            objects,
            bus: bus.clone(),
            clock: clock.clone(),
            authenticator: Authenticator::new(keys, revocations.clone(), clock.clone(), ISSUER, ISSUER),
            secret: vec![7; 32].into(),
            config,
        };
        let content = service(deps).await.unwrap();
        let faults = content.routes.check().err().unwrap_or_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut running = Running::new();
        let relay = Relay::new(db.clone(), bus.clone(), clock.clone());
        running.start(Background::new("relay", move |shutdown| async move {
            relay.run(async move { shutdown.requested().await }).await;
            Ok(())
        }));
        let routes = running.add(content);
        running.serve(listener, routes.into_router(), ServerLimits::default());
        Self {
            client: Client::new(),
            clock,
            faults,
            revocations,
            db,
            address,
            bus,
            running,
            folder,
            url,
            database: None,
        }
    }

    /// The same folder, another process's worth of memory.
    pub(crate) async fn restarted(self, config: impl FnOnce(&mut Config)) -> Self {
        let (folder, clock) = (Arc::clone(&self.folder), self.clock.clone());
        let (url, database) = (self.url.clone(), self.database);
        self.running.shutdown().request();
        drop(self.client);
        self.running.wait().await.unwrap();
        let defaults: runtime::config::Loaded<Wrapped> = runtime::config::load(&[DEFAULTS], None, &[]).unwrap();
        let mut changed = defaults.value.content;
        config(&mut changed);
        let server = Box::pin(Self::launch(folder, url, clock, changed)).await;
        Self { database, ..server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) fn token(&self, person: &Person) -> String {
        let now = self.clock.now().seconds();
        signer().sign(&json!({
            "iss": ISSUER, "aud": ISSUER, "sub": person.id, "client_id": "web", "jti": "1",
            "sid": person.session, "ver": 1, "roles": [person.role.as_str()],
            "auth_time": now, "iat": now, "exp": now + 300,
        }))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Reply {
        read(request.send().await.unwrap()).await
    }

    /// Asks as somebody.
    pub(crate) async fn ask(&self, person: &Person, method: Method, path: &str) -> Reply {
        self.send(self.request(method, path).bearer_auth(self.token(person)))
            .await
    }

    pub(crate) async fn details(&self, person: &Person, id: &str) -> Reply {
        self.ask(person, Method::GET, &format!("/api/v1/content/{id}")).await
    }

    pub(crate) fn creation(&self, person: &Person, length: usize) -> RequestBuilder {
        let request = self.request(Method::POST, UPLOAD).bearer_auth(self.token(person));
        request.header("tus-resumable", "1.0.0").header("upload-length", length)
    }

    /// Begins an upload and gives where it goes on.
    pub(crate) async fn begin(&self, person: &Person, length: usize) -> String {
        let reply = self.send(self.creation(person, length)).await;
        reply.is(201);
        reply.header("location").to_owned()
    }

    pub(crate) fn piece(&self, location: &str, offset: usize, bytes: &[u8]) -> RequestBuilder {
        self.request(Method::PATCH, location)
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(bytes.to_vec())
    }

    pub(crate) async fn patch(&self, location: &str, offset: usize, bytes: &[u8]) -> Reply {
        self.send(self.piece(location, offset, bytes)).await
    }

    pub(crate) async fn head(&self, location: &str) -> Reply {
        self.send(self.request(Method::HEAD, location).header("tus-resumable", "1.0.0"))
            .await
    }

    /// Tells the service what user-management tells.
    pub(crate) async fn tell(&self, user: UserId, data: impl Into<EventData>) {
        let event = NewEvent::of_user(user, data.into()).published(EventId::generate(), self.clock.now(), 1);
        self.bus
            .publish(contracts::events::USERS_TOPIC, &[event])
            .await
            .unwrap();
    }

    /// What the service tells from now on.
    pub(crate) fn told(&self) -> Receiver<Event> {
        self.bus.subscribe_broadcast(contracts::events::CONTENT_TOPIC)
    }

    /// Every file of the object store, unfinished uploads too.
    pub(crate) fn stored(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.folder.path().join("objects"), &mut files);
        files
    }

    /// The object store, as a worker in another process opens it.
    pub(crate) async fn objects(&self) -> Objects {
        let url = format!("file://{}/objects", self.folder.path().display());
        Objects::open(&url).await.unwrap()
    }

    /// The source as it lies in the store.
    pub(crate) fn source(&self, id: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(format!("objects/videos/{id}/source"))).unwrap()
    }

    /// Waits until nothing lies in the object store.
    pub(crate) async fn emptied(&self) {
        until("the store is empty", || async { self.stored().is_empty() }).await;
    }

    /// How many lectures the database has, dead or alive.
    pub(crate) async fn rows(&self) -> i64 {
        let counted: Option<(i64,)> = self
            .db
            .read()
            .one("SELECT COUNT(*) FROM videos", args![])
            .await
            .unwrap();
        counted.unwrap().0
    }

    /// Asserts that a refused upload left nothing behind.
    #[track_caller]
    pub(crate) fn holds_no_file(&self) {
        assert_eq!(self.stored(), Vec::<PathBuf>::new());
    }

    /// A connection for what no client library would send.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }
}

fn standing() -> Clock {
    Clock::fixed(Timestamp::from_seconds(1_800_000_000))
}

pub(crate) async fn read(response: reqwest::Response) -> Reply {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Reply {
        status,
        headers,
        json,
        text,
    }
}

/// Sends the head and the first bytes of a PATCH whose rest is still to come.
pub(crate) async fn open_patch(
    server: &Server,
    location: &str,
    offset: usize,
    length: usize,
    first: &[u8],
) -> TcpStream {
    let mut wire = server.connect().await;
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nupload-offset: {offset}\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: {length}\r\n\r\n"
    );
    wire.write_all(head.as_bytes()).await.unwrap();
    wire.write_all(first).await.unwrap();
    wire.flush().await.unwrap();
    wire
}

/// The status of the answer on a connection.
pub(crate) async fn status(wire: &mut TcpStream) -> u16 {
    let mut answer = vec![0; 4_096];
    let read = wire.read(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    text.split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {text}"))
}

/// Waits until something is so.
pub(crate) async fn until<F, W>(what: &str, mut is_so: W)
where
    W: FnMut() -> F,
    F: Future<Output = bool>,
{
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Bytes that begin like a film.
pub(crate) fn film(length: usize) -> Vec<u8> {
    let mut bytes = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec();
    let mut state: u32 = 1;
    while bytes.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The value of `Upload-Checksum` for these bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256 {}", base64(digest::digest(&digest::SHA256, bytes)))
}

pub(crate) fn sha1(bytes: &[u8]) -> String {
    format!(
        "sha1 {}",
        base64(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes))
    )
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Signs access tokens, as user-management does.
struct Signer(KeyPair);

fn signer() -> &'static Signer {
    static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer(KeyPair::generate(KeySize::Rsa2048).unwrap()));
    &SIGNER
}

impl Signer {
    fn public(&self) -> PublicKey {
        let key = self.0.public_key();
        let jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one",
            "n": URL_SAFE_NO_PAD.encode(key.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(key.exponent().big_endian_without_leading_zero()),
        });
        PublicKey {
            kid: "one".to_owned(),
            jwk: serde_json::from_value(jwk).unwrap(),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!(
            "{}.{}",
            part(&json!({"alg": "RS256", "typ": "at+jwt", "kid": "one"})),
            part(claims)
        );
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
