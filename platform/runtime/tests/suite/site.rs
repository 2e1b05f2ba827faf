//! A small service that uses everything of the runtime.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::{ClientId, Role, UserId};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use runtime::server::ServerLimits;
use runtime::{
    Access, Authenticator, Caller, ClientAddress, Json, PathId, Principal, Problem, Query, Questions, Routes, Service,
    Table, broken_body, routes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use testing::{Identity, Person, Signer};
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

/// About how many bytes the answer of `/large` has: more than the system takes for a client that reads nothing.
pub(crate) const LARGE: usize = 30_000_000;

#[derive(Clone)]
pub(crate) struct Stage {
    /// Lets `/slow` answer.
    pub(crate) go: Arc<Notify>,
    /// Hears that `/slow` was reached.
    pub(crate) reached: mpsc::UnboundedSender<()>,
}

pub(crate) struct Site {
    pub(crate) served: testing::Site,
    pub(crate) authenticator: Authenticator,
    pub(crate) go: Arc<Notify>,
    pub(crate) reached: mpsc::UnboundedReceiver<()>,
}

impl Deref for Site {
    type Target = testing::Site;

    fn deref(&self) -> &testing::Site {
        &self.served
    }
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

#[utoipa::path(get, path = "/grades", operation_id = "grades", responses((status = 200)))]
async fn grades(principal: Principal) -> String {
    match principal {
        Principal::Client { id, .. } => id.to_string(),
        Principal::User(_) => "a user".to_owned(),
    }
}

#[utoipa::path(get, path = "/all-grades", operation_id = "all_grades", responses((status = 200)))]
async fn all_grades() -> &'static str {
    "all grades"
}

#[utoipa::path(get, path = "/mine", operation_id = "mine", responses((status = 200)))]
async fn mine(caller: Caller) -> String {
    caller.user_id.to_string()
}

#[utoipa::path(post, path = "/things", operation_id = "makeThing", request_body = Thing, responses((status = 201, body = Thing)))]
async fn make_thing(Json(thing): Json<Thing>) -> (StatusCode, Json<Thing>) {
    (StatusCode::CREATED, Json(thing))
}

#[utoipa::path(post, path = "/small", operation_id = "makeSmallThing", request_body = Thing, responses((status = 201, body = Thing)))]
async fn make_small_thing(thing: Json<Thing>) -> (StatusCode, Json<Thing>) {
    (StatusCode::CREATED, thing)
}

#[utoipa::path(get, path = "/large", operation_id = "large", responses((status = 200)))]
async fn large() -> Json<Value> {
    Json(json!({"text": "x".repeat(LARGE)}))
}

/// Reads a body and answers when the test allows it.
#[utoipa::path(post, path = "/keep", operation_id = "keepThing", request_body = Thing, responses((status = 200)))]
async fn keep_thing(State(stage): State<Stage>, Json(thing): Json<Thing>) -> String {
    stage.reached.send(()).unwrap();
    stage.go.notified().await;
    thing.name.len().to_string()
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wish {
    name: String,
    #[serde(default)]
    count: i64,
}

#[utoipa::path(get, path = "/things", operation_id = "findThings", params(Wish), responses((status = 200)))]
async fn find_things(Query(wish): Query<Wish>) -> String {
    format!("{} {}", wish.count, wish.name)
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

#[utoipa::path(get, path = "/anything", operation_id = "anything", responses((status = 200)))]
async fn anything() -> &'static str {
    "anything"
}

pub(crate) fn table(authenticator: &Authenticator, stage: Stage) -> Routes {
    let lenient = Table::new("/api/v1/site", authenticator)
        .with_any_query()
        .row(Method::GET, "/anything", Access::Public, routes!(anything))
        .with_state(());
    Table::new("/api/v1/site", authenticator)
        .row(Method::GET, "/", Access::Public, routes!(root))
        .row(Method::GET, "/open", Access::Public, routes!(open))
        .row(Method::GET, "/me", Access::SignedIn, routes!(me))
        .row(Method::GET, "/teach", Access::Instructor, routes!(teach))
        .row(Method::GET, "/admin", Access::Admin, routes!(admin))
        .row(Method::GET, "/grades", Access::Scope("grades:read"), routes!(grades))
        .row(
            Method::GET,
            "/all-grades",
            Access::AdminOrScope("grades:read"),
            routes!(all_grades),
        )
        .row(Method::GET, "/mine", Access::ByService("owner"), routes!(mine))
        .row(Method::POST, "/things", Access::Public, routes!(make_thing))
        .row(
            Method::POST,
            "/small",
            Access::Public.with_body_limit(1_024),
            routes!(make_small_thing),
        )
        .row(Method::POST, "/keep", Access::Public, routes!(keep_thing))
        .row(Method::GET, "/large", Access::Public, routes!(large))
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
        .merge(lenient)
}

/// The client of [`Site::client_token`].
pub(crate) fn grader() -> ClientId {
    ClientId::from(Uuid::from_u128(7))
}

/// Limits that are short enough to wait for.
pub(crate) fn short_limits() -> ServerLimits {
    ServerLimits {
        header_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_secs(1),
        body_idle_timeout: Duration::from_secs(1),
        write_timeout: Duration::from_secs(1),
        drain_timeout: Duration::from_secs(1),
        ..ServerLimits::default()
    }
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(ServerLimits::default()).await
    }

    pub(crate) async fn start_with(limits: ServerLimits) -> Self {
        let identity = Identity::new();
        let authenticator = identity.authenticator();
        let go = Arc::new(Notify::new());
        let (sender, reached) = mpsc::unbounded_channel();
        let routes = table(
            &authenticator,
            Stage {
                go: Arc::clone(&go),
                reached: sender,
            },
        );
        let service = Service {
            questions: Questions::none(),
            name: "site",
            routes,
            tasks: Vec::new(),
        };
        Self {
            served: testing::Site::serve(identity, service, limits).await,
            authenticator,
            go,
            reached,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.served.url(&format!("/api/v1/site{path}"))
    }

    /// The claims of a correct token of a new person.
    pub(crate) fn claims(&self, role: Role) -> Value {
        self.identity.claims(&Person::new(role))
    }

    /// A correct token of a new person.
    pub(crate) fn token(&self, role: Role) -> String {
        self.identity.token(&Person::new(role))
    }

    /// The caller of a token that is valid.
    pub(crate) async fn caller(&self, token: &str) -> Caller {
        match self.authenticator.verify(token).await {
            Ok(Principal::User(caller)) => caller,
            other => panic!("{other:?}"),
        }
    }

    /// A correct token of a client.
    pub(crate) fn client_token(&self, scope: &str) -> String {
        let claims = self.identity.client_claims(grader(), Uuid::now_v7(), scope);
        Signer::shared().sign(&claims)
    }
}
