//! A small site that uses everything of the runtime, and a client that speaks HTTP byte by byte.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backing::Clock;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use contracts::{Role, SessionId, Timestamp, UserId};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use runtime::server::ServerLimits;
use runtime::{
    Access, Authenticator, Caller, ClientAddress, Json, Keys, PathId, Problem, PublicKey, Query, Revocations, Routes,
    Running, Service, Table, broken_body, routes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

pub(crate) const ISSUER: &str = "https://moocflix.test";
pub(crate) const AUDIENCE: &str = "moocflix";

#[derive(Clone)]
pub(crate) struct Stage {
    /// Lets `/slow` answer.
    pub(crate) go: Arc<Notify>,
    /// Hears that `/slow` was reached.
    pub(crate) reached: mpsc::UnboundedSender<()>,
}

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Clock,
    pub(crate) keys: Keys,
    pub(crate) revocations: Revocations,
    pub(crate) authenticator: Authenticator,
    pub(crate) signer: Signer,
    pub(crate) go: Arc<Notify>,
    pub(crate) reached: mpsc::UnboundedReceiver<()>,
    pub(crate) running: Running,
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thing {
    name: String,
    #[serde(default)]
    count: i64,
    #[serde(default)]
    place: Option<Place>,
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    room: i64,
}

#[utoipa::path(get, path = "/open", operation_id = "open", responses((status = 200)))]
async fn open(caller: Option<Caller>) -> String {
    caller.map_or_else(|| "nobody".to_owned(), |caller| caller.user_id.to_string())
}

#[utoipa::path(get, path = "/me", operation_id = "me", responses((status = 200)))]
async fn me(caller: Caller) -> Json<Value> {
    Json(json!({"user_id": caller.user_id, "version": caller.version}))
}

#[utoipa::path(get, path = "/teach", operation_id = "teach", responses((status = 200)))]
async fn teach() -> &'static str {
    "teach"
}

#[utoipa::path(get, path = "/admin", operation_id = "admin", responses((status = 200)))]
async fn admin() -> &'static str {
    "admin"
}

#[utoipa::path(post, path = "/things", operation_id = "makeThing", request_body = Thing, responses((status = 201, body = Thing)))]
async fn make_thing(Json(thing): Json<Thing>) -> (StatusCode, Json<Thing>) {
    (StatusCode::CREATED, Json(thing))
}

#[utoipa::path(get, path = "/things", operation_id = "findThings", responses((status = 200)))]
async fn find_things(Query(thing): Query<Thing>) -> String {
    thing.name
}

#[utoipa::path(get, path = "/things/{id}", operation_id = "fetchThing", responses((status = 200)))]
async fn fetch_thing(PathId(id): PathId<UserId>) -> String {
    id.to_string()
}

#[utoipa::path(post, path = "/refuse", operation_id = "refuse", responses((status = 403)))]
async fn refuse() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "refused", "not today")
}

#[utoipa::path(post, path = "/swallow", operation_id = "swallow", responses((status = 200)))]
async fn swallow(mut body: Body) -> Result<String, Problem> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame
            .map_err(|error| broken_body(&error))?
            .data_ref()
            .map_or(0, Bytes::len);
    }
    Ok(bytes.to_string())
}

#[utoipa::path(get, path = "/panic", operation_id = "panics", responses((status = 500)))]
async fn panics() -> &'static str {
    panic!("a secret that no client may see")
}

#[utoipa::path(get, path = "/slow", operation_id = "slow", responses((status = 200)))]
async fn slow(State(stage): State<Stage>) -> &'static str {
    stage.reached.send(()).unwrap();
    stage.go.notified().await;
    "done"
}

#[utoipa::path(get, path = "/endless", operation_id = "endless", responses((status = 200)))]
async fn endless() -> Response {
    let piece = Bytes::from(vec![7_u8; 64 * 1_024]);
    Body::from_stream(futures::stream::repeat_with(move || {
        Ok::<_, std::io::Error>(piece.clone())
    }))
    .into_response()
}

#[utoipa::path(get, path = "/events", operation_id = "events", responses((status = 200)))]
async fn events() -> Response {
    let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"event: hello\n\n"))]);
    let body = Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending()));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

#[utoipa::path(get, path = "/from", operation_id = "from", responses((status = 200)))]
async fn from(ClientAddress(address): ClientAddress) -> String {
    address.to_string()
}

#[utoipa::path(get, path = "/", operation_id = "root", responses((status = 200)))]
async fn root() -> &'static str {
    "root"
}

pub(crate) fn table(authenticator: &Authenticator, stage: Stage) -> Routes {
    Table::new("/api/v1/site", authenticator)
        .row(Method::GET, "/", Access::Public, routes!(root))
        .row(Method::GET, "/open", Access::Public, routes!(open))
        .row(Method::GET, "/me", Access::SignedIn, routes!(me))
        .row(Method::GET, "/teach", Access::Instructor, routes!(teach))
        .row(Method::GET, "/admin", Access::Admin, routes!(admin))
        .row(Method::POST, "/things", Access::Public, routes!(make_thing))
        .row(Method::GET, "/things", Access::Public, routes!(find_things))
        .row(Method::GET, "/things/{id}", Access::Public, routes!(fetch_thing))
        .row(Method::POST, "/refuse", Access::Public, routes!(refuse))
        .row(Method::POST, "/swallow", Access::Public, routes!(swallow))
        .row(Method::GET, "/panic", Access::Public, routes!(panics))
        .row(Method::GET, "/slow", Access::Public, routes!(slow))
        .row(Method::GET, "/endless", Access::Public, routes!(endless))
        .row(Method::GET, "/events", Access::Public, routes!(events))
        .row(Method::GET, "/from", Access::Public, routes!(from))
        .with_state(stage)
}

/// Limits that are short enough to wait for.
pub(crate) fn short_limits() -> ServerLimits {
    ServerLimits {
        header_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_secs(1),
        body_idle_timeout: Duration::from_secs(1),
        write_timeout: Duration::from_secs(1),
        drain_timeout: Duration::from_secs(1),
        trusted_proxies: Vec::new(),
    }
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(ServerLimits::default()).await
    }

    pub(crate) async fn start_with(limits: ServerLimits) -> Self {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
        let keys = Keys::new();
        let signer = Signer::new("key-1");
        keys.publish(vec![signer.public()]);
        let revocations = Revocations::new(clock.clone());
        let authenticator = Authenticator::new(keys.clone(), revocations.clone(), clock.clone(), ISSUER, AUDIENCE);
        let go = Arc::new(Notify::new());
        let (sender, reached) = mpsc::unbounded_channel();
        let routes = table(
            &authenticator,
            Stage {
                go: Arc::clone(&go),
                reached: sender,
            },
        );
        let mut running = Running::new();
        let routes = running.add(Service {
            name: "site",
            routes,
            tasks: Vec::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        running.serve(listener, routes.into_router(), limits);
        Self {
            address,
            clock,
            keys,
            revocations,
            authenticator,
            signer,
            go,
            reached,
            running,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1/site{path}", self.address)
    }

    pub(crate) async fn connect(&self) -> Wire {
        Wire(TcpStream::connect(self.address).await.unwrap())
    }

    /// The claims of a token that is in order.
    pub(crate) fn claims(&self, role: Role) -> Value {
        let now = self.clock.now().seconds();
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": UserId::generate(), "client_id": "web", "jti": "1",
            "sid": SessionId::generate(), "ver": 1, "roles": [role.as_str()],
            "auth_time": now, "iat": now, "exp": now + 300,
        })
    }

    pub(crate) fn token(&self, role: Role) -> String {
        self.signer.sign(&self.claims(role))
    }
}

/// Signs tokens, good ones and others.
pub(crate) struct Signer {
    pub(crate) kid: String,
    pair: KeyPair,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        Self {
            kid: kid.to_owned(),
            pair: KeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    pub(crate) fn public(&self) -> PublicKey {
        let key = self.pair.public_key();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": part(key.modulus().big_endian_without_leading_zero()),
            "e": part(key.exponent().big_endian_without_leading_zero()),
        });
        PublicKey {
            kid: self.kid.clone(),
            jwk: serde_json::from_value(jwk).unwrap(),
        }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": self.kid});
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
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

/// A connection, byte by byte.
pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads to the end of the connection; a reset is an end, too.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let reading = self.0.read_to_end(&mut bytes);
        // A server that never closes fails the test here, not the machine's patience.
        let _ = tokio::time::timeout(Duration::from_secs(20), reading)
            .await
            .expect("the connection stays open");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads until the text has come.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(text) {
            let mut byte = [0; 1];
            let read = tokio::time::timeout(Duration::from_secs(20), self.0.read(&mut byte))
                .await
                .expect("silence");
            assert_eq!(read.unwrap(), 1, "closed after {}", String::from_utf8_lossy(&all));
            all.push(byte[0]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}
