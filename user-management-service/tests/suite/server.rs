//! The service on a port of its own, with what its tests ask of it again and again.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::RsaKeyPair;
use backing::db::Db;
use backing::{args, record};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::Role;
use reqwest::{Method, RequestBuilder};
use runtime::server::ServerLimits;
use serde_json::{Value, json};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testing::{Identity, Signer, Site, back_ends};
use user_management_service::{Config, Deps, FACE, MIGRATIONS, NAME, NewAccount, create_user, service};

/// A password that is good everywhere.
pub(crate) const PASSWORD: &str = "a long enough password";
const SECRET: [u8; 32] = [7; 32];

/// An answer that may carry tokens.
#[derive(Debug)]
pub(crate) struct Reply(testing::Reply);

impl Deref for Reply {
    type Target = testing::Reply;

    fn deref(&self) -> &testing::Reply {
        &self.0
    }
}

impl Reply {
    pub(crate) fn access(&self) -> &str {
        self.json["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no access token: {self:?}"))
    }

    pub(crate) fn token_header(&self) -> Value {
        part(self.access(), 0)
    }

    pub(crate) fn claims(&self) -> Value {
        part(self.access(), 1)
    }

    #[track_caller]
    pub(crate) fn is_oauth_error(&self, status: u16, error: &str) {
        assert_eq!(
            (self.status, self.json["error"].as_str()),
            (status, Some(error)),
            "{self:?}"
        );
        assert!(self.json["error_description"].is_string(), "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store");
    }
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A server with its folder.
pub(crate) struct Server {
    site: Site,
    config: Config,
    limits: ServerLimits,
    folder: Arc<TempDir>,
}

impl Deref for Server {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// The shipped defaults.
fn defaults() -> Config {
    let table: runtime::config::Loaded<Wrapped> = runtime::config::load(&[FACE.defaults], None, &[]).unwrap();
    table.value.users
}

#[derive(serde::Deserialize)]
struct Wrapped {
    users: Config,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::set_up(change, ServerLimits::default()).await
    }

    /// A server that believes what the loopback address forwards.
    pub(crate) async fn behind_proxy(change: impl FnOnce(&mut Config)) -> Self {
        let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        Self::set_up(
            change,
            ServerLimits {
                trusted_proxies,
                ..ServerLimits::default()
            },
        )
        .await
    }

    async fn set_up(change: impl FnOnce(&mut Config), limits: ServerLimits) -> Self {
        let mut config = defaults();
        // The tests wait for each other's hashes; what the queue does is shown beside it.
        config.hash_workers = 4;
        change(&mut config);
        let folder = Arc::new(TempDir::new().unwrap());
        Self::launch(folder, Identity::new(), config, limits, &SECRET)
            .await
            .unwrap()
    }

    async fn launch(
        folder: Arc<TempDir>,
        identity: Identity,
        config: Config,
        limits: ServerLimits,
        secret: &[u8],
    ) -> Result<Self, String> {
        let deps = Deps {
            providers: Vec::new(),
            db: open(&folder).await,
            backing: back_ends(folder.path(), &identity.clock).await,
            issuer: identity.issuer(),
            revocations: identity.revocations.feed(),
            authenticator: identity.authenticator(),
            secret: secret.to_vec().into(),
            config: config.clone(),
        };
        let service = service(deps).await.map_err(|error| error.to_string())?;
        Ok(Self {
            site: Site::serve(identity, service, limits.clone()).await,
            config,
            limits,
            folder,
        })
    }

    /// A second server on the same database, with another process's worth of memory.
    pub(crate) async fn beside(&self) -> Self {
        let (folder, identity) = (Arc::clone(&self.folder), Identity::at(self.clock.clone()));
        Self::launch(folder, identity, self.config.clone(), self.limits.clone(), &SECRET)
            .await
            .unwrap()
    }

    /// The same folder after a restart.
    pub(crate) async fn restarted(self) -> Self {
        self.restart_with_secret(&SECRET).await.unwrap()
    }

    pub(crate) async fn restart_with_secret(self, secret: &[u8]) -> Result<Self, String> {
        let Self {
            site,
            config,
            limits,
            folder,
        } = self;
        let clock = site.clock.clone();
        site.stop().await;
        Self::launch(folder, Identity::at(clock), config, limits, secret).await
    }

    pub(crate) async fn second_handle(&self) -> Db {
        open(&self.folder).await
    }

    pub(crate) fn origin(&self) -> String {
        self.site.url("")
    }

    /// What browsers call the page's origin.
    pub(crate) fn public_origin(&self) -> String {
        self.config.public_url.clone().unwrap_or_else(|| self.origin())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.site.url(&format!("/api/v1/users{path}"))
    }

    pub(crate) fn request(&self, method: Method, path: &str, bearer: &str) -> RequestBuilder {
        self.client
            .request(method, self.url(path))
            .header("authorization", format!("Bearer {bearer}"))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Reply {
        Reply(self.site.send(request).await)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(self.client.post(self.url(path)).json(&body)).await
    }

    pub(crate) async fn post_text(&self, path: &str, kind: &str, body: &str) -> Reply {
        self.send(
            self.client
                .post(self.url(path))
                .header("content-type", kind)
                .body(body.to_owned()),
        )
        .await
    }

    pub(crate) async fn get(&self, path: &str, bearer: &str) -> Reply {
        self.send(self.request(Method::GET, path, bearer)).await
    }

    pub(crate) async fn put(&self, path: &str, bearer: &str, body: Value) -> Reply {
        self.send(self.request(Method::PUT, path, bearer).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str, bearer: &str) -> Reply {
        self.send(self.request(Method::DELETE, path, bearer)).await
    }

    pub(crate) async fn keys(&self) -> Value {
        let reply = self.site.get("/.well-known/jwks.json").await;
        reply.is(200).json.clone()
    }

    pub(crate) async fn signed_up(&self, email: &str) -> Reply {
        let made = self
            .post(
                "/signup",
                json!({"email": email, "password": PASSWORD, "name": "Somebody"}),
            )
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        made
    }

    pub(crate) async fn login(&self, email: &str) -> Reply {
        let tokens = self.post("/login", json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        tokens
    }

    pub(crate) async fn signed_in(&self, email: &str) -> Reply {
        self.signed_up(email).await;
        self.login(email).await
    }

    /// An admin, made as on the machine.
    pub(crate) async fn admin(&self, email: &str) -> Reply {
        let account = NewAccount {
            email: email.to_owned(),
            name: "Root".to_owned(),
            role: Role::Admin,
            password: PASSWORD.to_owned().into(),
        };
        create_user(&self.second_handle().await, &self.clock, account)
            .await
            .unwrap();
        self.login(email).await
    }

    pub(crate) async fn refresh(&self, tokens: &Reply) -> Reply {
        let token = tokens.json["refresh_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no refresh token: {tokens:?}"));
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        self.post_text("/token", "application/x-www-form-urlencoded", &form)
            .await
    }

    pub(crate) async fn refreshed(&self, tokens: &Reply) -> Reply {
        let next = self.refresh(tokens).await;
        assert_eq!(next.status, 200, "{next:?}");
        next
    }

    /// Waits until a token is refused, as long as it may take.
    pub(crate) async fn until_refused(&self, token: &str, most: Duration) {
        let start = Instant::now();
        while self.get("/profile", token).await.status == 200 {
            assert!(start.elapsed() < most, "still good after {most:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.get("/profile", token).await.is_problem(401, "unauthenticated");
    }

    /// A token that the server's own key signed, with changed contents.
    pub(crate) async fn signed(&self, tokens: &Reply, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let (mut header, mut claims) = (tokens.token_header(), tokens.claims());
        let key = self.private_key().await;
        change(&mut header, &mut claims);
        Signer::with_pair("", key).sign_text(&header.to_string(), &claims.to_string())
    }

    async fn private_key(&self) -> RsaKeyPair {
        let db = self.second_handle().await;
        let row = db
            .read()
            .one::<KeyRow>("SELECT kid, sealed FROM signing_keys", args![])
            .await
            .unwrap()
            .unwrap();
        let purpose = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), b"moocflix signing keys 1");
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, purpose.as_ref()).unwrap());
        let (nonce, text) = row.sealed.split_at(12);
        let mut text = text.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
        let plain = key
            .open_in_place(nonce, Aad::from(row.kid.as_bytes()), &mut text)
            .unwrap();
        RsaKeyPair::from_pkcs8(plain).unwrap()
    }
}

record! {
    struct KeyRow {
        kid: String,
        sealed: Vec<u8>,
    }
}

async fn open(folder: &TempDir) -> Db {
    let url = format!("sqlite://{}", folder.path().display());
    Db::open(&url, NAME, MIGRATIONS).await.unwrap()
}
