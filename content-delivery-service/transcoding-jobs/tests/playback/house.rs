//! A running content service with a worker for its scans, and the people who use it.

use crate::films::Film;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use backing::bus::{Bus, EmbeddedBus};
use backing::objects::Objects;
use backing::outbox::Relay;
use backing::tasks::Queue;
use backing::{Clock, Db};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use content_delivery_service::{Config, MIGRATIONS, NAME, PlaybackConfig, UploadConfig};
use contracts::events::{CONTENT_TOPIC, USERS_TOPIC};
use contracts::{Event, EventData, EventId, NewEvent, Role, SessionId, Timestamp, UserId, VideoId};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response};
use runtime::server::ServerLimits;
use runtime::{Authenticator, Background, Keys, PublicKey, Revocations, Running};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use transcoding_jobs::{InstantConfig, TranscodeConfig};

const ISSUER: &str = "http://moocflix.test";
const PATIENCE: Duration = Duration::from_secs(20);

/// A node of the service.
pub(crate) struct House {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    address: String,
    bus: Arc<EmbeddedBus>,
    heard: Arc<Mutex<Vec<String>>>,
    running: Running,
    folder: Arc<TempDir>,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) role: Role,
    pub(crate) version: i64,
}

impl Person {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            user: UserId::generate(),
            session: SessionId::generate(),
            role,
            version: 1,
        }
    }

    pub(crate) fn on_another_device(&self) -> Self {
        Self {
            session: SessionId::generate(),
            ..*self
        }
    }
}

impl House {
    /// A service on an empty folder.
    pub(crate) async fn open() -> Self {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
        Self::start(Arc::new(tempfile::tempdir().unwrap()), clock, true).await
    }

    /// Two services on one folder; the second one does no tasks and shares no bus with the first.
    pub(crate) async fn open_two() -> (Self, Self) {
        let first = Self::open().await;
        let second = Self::start(Arc::clone(&first.folder), first.clock.clone(), false).await;
        (first, second)
    }

    /// Stops and starts again on the same folder.
    pub(crate) async fn restart(self) -> Self {
        let (folder, clock) = (Arc::clone(&self.folder), self.clock.clone());
        self.running.shutdown().request();
        self.running.wait().await.unwrap();
        Self::start(folder, clock, true).await
    }

    async fn start(folder: Arc<TempDir>, clock: Clock, works: bool) -> Self {
        let path: PathBuf = folder.path().to_owned();
        let db_url = format!("sqlite://{}", path.display());
        let db = Db::open(&db_url, NAME, MIGRATIONS).await.unwrap();
        let objects = Objects::open(&format!("file://{}", path.join("objects").display()))
            .await
            .unwrap();
        let keys = Keys::new();
        keys.publish(vec![signer().public()]);
        let revocations = Revocations::new(clock.clone());
        let bus = Arc::new(EmbeddedBus::new());
        let queue = Queue::new(db.clone(), clock.clone(), Duration::from_secs(40));
        let deps = content_delivery_service::Deps {
            db: db.clone(),
            queue: queue.clone(),
            objects: objects.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            authenticator: Authenticator::new(keys, revocations, clock.clone(), ISSUER, ISSUER),
            secret: b"a secret of thirty-two characters!".to_vec().into(),
            config: config(),
        };
        let content = content_delivery_service::service(deps).await.unwrap();
        content.routes.check().unwrap();
        let mut running = Running::new();
        if works {
            work(&mut running, (db, queue, objects), (bus.clone(), clock.clone()), path);
        }
        let heard = listen(&bus, &mut running);
        let routes = running.add(content);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        running.serve(listener, routes.into_router(), ServerLimits::default());
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            client,
            clock,
            address,
            bus,
            heard,
            running,
            folder,
        }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks the API as somebody.
    pub(crate) async fn get(&self, person: &Person, path: &str) -> Response {
        self.client
            .get(self.at(path))
            .bearer_auth(self.token(person))
            .send()
            .await
            .unwrap()
    }

    /// Asks the media plane, as a player does.
    pub(crate) async fn media(&self, url: &str) -> Response {
        self.client.get(self.at(url)).send().await.unwrap()
    }

    pub(crate) async fn text(&self, url: &str) -> String {
        self.media(url).await.text().await.unwrap()
    }

    fn token(&self, person: &Person) -> String {
        let now = self.clock.now().seconds();
        signer().sign(&json!({
            "iss": ISSUER, "aud": ISSUER, "sub": person.user, "client_id": "web", "jti": "1",
            "sid": person.session, "ver": person.version, "roles": [person.role.as_str()],
            "auth_time": now, "iat": now, "exp": now + 300,
        }))
    }

    /// Uploads bytes in one request.
    pub(crate) async fn upload(&self, owner: &Person, bytes: &'static [u8]) -> VideoId {
        let request = self
            .client
            .post(self.at("/api/v1/content/upload"))
            .bearer_auth(self.token(owner));
        let response = request
            .header("content-type", "application/octet-stream")
            .body(bytes)
            .send()
            .await
            .unwrap();
        let status = response.status();
        let video: Value = response.json().await.unwrap();
        assert_eq!(status, 201, "{video}");
        serde_json::from_value(video["id"].clone()).unwrap()
    }

    /// Begins an upload by tus and gives its URL, with the key in it.
    pub(crate) async fn begin_upload(&self, owner: &Person, length: u64) -> String {
        let request = self
            .client
            .post(self.at("/api/v1/content/upload"))
            .bearer_auth(self.token(owner));
        let request = request.header("tus-resumable", "1.0.0").header("upload-length", length);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Asks how far an upload is, with nothing but its URL.
    pub(crate) async fn ask_upload(&self, url: &str) -> u16 {
        let request = self.client.head(self.at(url)).header("tus-resumable", "1.0.0");
        request.send().await.unwrap().status().as_u16()
    }

    /// Uploads a film and waits for its scan.
    pub(crate) async fn uploaded(&self, owner: &Person, film: Film) -> VideoId {
        let video = self.upload(owner, film.bytes()).await;
        self.scanned(owner, video).await;
        video
    }

    /// Waits until a video was looked into.
    pub(crate) async fn scanned(&self, owner: &Person, video: VideoId) {
        let began = Instant::now();
        loop {
            let details = self.details(owner, video).await;
            if details["status"] != "processing" || details["reason"] != Value::Null {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "never scanned: {details}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn details(&self, owner: &Person, video: VideoId) -> Value {
        self.get(owner, &format!("/api/v1/content/{video}"))
            .await
            .json()
            .await
            .unwrap()
    }

    pub(crate) async fn delete(&self, owner: &Person, video: VideoId) {
        let url = self.at(&format!("/api/v1/content/{video}/delete"));
        let response = self
            .client
            .delete(url)
            .bearer_auth(self.token(owner))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 202);
    }

    /// Opens a session as a program does.
    pub(crate) async fn session(&self, person: &Person, video: VideoId) -> (u16, HeaderMap, Value) {
        let url = self.at(&format!("/api/v1/content/{video}/stream"));
        let request = self
            .client
            .get(url)
            .bearer_auth(self.token(person))
            .header("accept", "application/json");
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.json().await.unwrap())
    }

    /// Opens a session and gives its playlist's path.
    pub(crate) async fn index(&self, person: &Person, video: VideoId) -> String {
        let (status, _, session) = self.session(person, video).await;
        assert_eq!(status, 200, "{session}");
        session["hls_url"].as_str().unwrap().to_owned()
    }

    /// Tells the service what user-management tells.
    pub(crate) async fn tell(&self, user: UserId, data: impl Into<EventData>) {
        let event = NewEvent::of_user(user, data.into()).published(EventId::generate(), self.clock.now(), 1);
        self.bus.publish(USERS_TOPIC, &[event]).await.unwrap();
    }

    /// The kinds of events that content has told, once there are some.
    pub(crate) async fn events(&self) -> Vec<String> {
        // The relay is behind the commit by a moment; what was told first shows that it has caught up.
        let (began, mut last) = (Instant::now(), 0);
        loop {
            assert!(began.elapsed() < PATIENCE, "content tells nothing");
            let heard = self.heard.lock().unwrap().clone();
            if !heard.is_empty() && heard.len() == last {
                return heard;
            }
            last = heard.len();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Asserts that every URL is served.
    pub(crate) async fn plays(&self, urls: &Urls) {
        for url in &urls.0 {
            let response = self.media(url).await;
            assert_eq!(response.status(), 200, "{url}");
            assert!(!response.bytes().await.unwrap().is_empty());
        }
    }

    /// Asserts that no URL is served, by any method, not a byte of it.
    pub(crate) async fn refuses(&self, urls: &Urls) {
        for url in &urls.0 {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST] {
                let request = self.client.request(method.clone(), self.at(url));
                self.is_refused(&format!("{method} {url}"), request).await;
            }
            let conditions = [
                ("range", "bytes=0-0"),
                ("range", "bytes=-1"),
                ("if-none-match", "*"),
                ("if-match", "x"),
            ];
            for (name, value) in conditions {
                let request = self.client.get(self.at(url)).header(name, value);
                self.is_refused(&format!("{name}: {value} {url}"), request).await;
            }
        }
    }

    async fn is_refused(&self, what: &str, request: reqwest::RequestBuilder) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{what}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{what}");
        assert!(!response.headers().contains_key("etag"), "{what}");
        assert!(response.bytes().await.unwrap().is_empty(), "{what}");
    }

    /// Waits until the first URL is refused.
    pub(crate) async fn refused_soon(&self, urls: &Urls) {
        let began = Instant::now();
        while self.media(&urls.0[0]).await.status() != 403 {
            assert!(began.elapsed() < PATIENCE, "still served");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends a path exactly as it is spelled.
    pub(crate) async fn raw(&self, method: &str, path: &str) -> (u16, String) {
        let mut wire = TcpStream::connect(&self.address).await.unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        wire.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        wire.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.unwrap_or_else(|| panic!("no answer: {answer}")), answer)
    }
}

fn config() -> Config {
    let upload = UploadConfig {
        max_bytes: 1 << 30,
        expires_days: 7,
        checkpoint_bytes: 1 << 20,
    };
    Config {
        upload,
        playback: PlaybackConfig { hot_bytes: 1 << 26 },
    }
}

fn workers() -> transcoding_jobs::Config {
    let instant = InstantConfig {
        max_bit_rate: 12_000_000,
        max_gap_seconds: 10.0,
    };
    transcoding_jobs::Config {
        instant,
        transcode: TranscodeConfig {
            rungs: Vec::new(),
            slots: 1,
            preset: "ultrafast".to_owned(),
            stall_seconds: 60.0,
        },
    }
}

/// What the house does by itself: events leave, tasks are worked on.
fn work(
    running: &mut Running,
    (db, queue, objects): (Db, Queue, Objects),
    (bus, clock): (Arc<EmbeddedBus>, Clock),
    data_dir: PathBuf,
) {
    let relay = Relay::new(db.clone(), bus, clock.clone());
    running.start(Background::new("relay", move |shutdown| async move {
        relay.run(async move { shutdown.requested().await }).await;
        Ok(())
    }));
    let jobs = transcoding_jobs::Deps {
        queue,
        db,
        clock,
        objects,
        config: workers(),
        program: "/nowhere/moocflix".into(),
        data_dir,
        one_machine: true,
    };
    let _ = running.add(transcoding_jobs::service(jobs).unwrap());
}

fn listen(bus: &EmbeddedBus, running: &mut Running) -> Arc<Mutex<Vec<String>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (writes, mut events) = (Arc::clone(&heard), bus.subscribe_broadcast(CONTENT_TOPIC));
    running.start(Background::new("ears", move |shutdown| async move {
        loop {
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                event = events.recv() => match event {
                    Ok(Event { data, .. }) => writes.lock().unwrap().push(data.kind().to_owned()),
                    Err(_) => { shutdown.requested().await; return Ok(()) }
                },
            }
        }
    }));
    heard
}

/// The paths of one session: index, media playlists, init segments, first segments.
#[derive(Debug, Clone)]
pub(crate) struct Urls(pub(crate) Vec<String>);

impl Urls {
    pub(crate) fn of(index: &str) -> Self {
        let base = index.strip_suffix("/index.m3u8").unwrap();
        let mut urls = vec![index.to_owned()];
        for file in ["media.m3u8", "init.mp4", "0.m4s"] {
            urls.push(format!("{base}/0/source/{file}"));
        }
        Self(urls)
    }

    pub(crate) fn token(&self) -> &str {
        self.0[0].split('/').nth(2).unwrap()
    }

    /// The same paths with something else in the token's place.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        let changed = self.0.iter().map(|url| url.replacen(self.token(), token, 1));
        Self(changed.collect())
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
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "one",
            "n": part(key.modulus().big_endian_without_leading_zero()),
            "e": part(key.exponent().big_endian_without_leading_zero()),
        });
        PublicKey {
            kid: "one".to_owned(),
            jwk: serde_json::from_value(jwk).unwrap(),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": "one"});
        let parts = [header.to_string(), claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
        let message = parts.join(".");
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
