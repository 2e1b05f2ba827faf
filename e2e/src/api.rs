//! A client of the HTTP API.

use crate::process::until;
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty if missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A problem's stable code; empty if the response is no problem.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Fails unless the response has this status.
    pub fn expect(self, status: u16) -> Result<Self> {
        ensure!(
            self.status.as_u16() == status,
            "{} instead of {status}: {}",
            self.status,
            self.text()
        );
        Ok(self)
    }

    /// Fails unless the response is this problem, in its complete form.
    pub fn problem(self, status: u16, code: &str) -> Result<Self> {
        let answer = self.expect(status)?;
        let body = answer.json();
        ensure!(
            answer.header("content-type").starts_with("application/problem+json"),
            "{:?}",
            answer.headers
        );
        ensure!(body["code"] == code, "{body} instead of {code}");
        ensure!(body["type"] == format!("urn:moocflix:problem:{code}"), "{body}");
        ensure!(
            body["status"] == status && body["title"].is_string() && body["request_id"].is_string(),
            "{body}"
        );
        Ok(answer)
    }
}

/// A user and their sign-in.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// The user's id.
    pub id: String,
    /// The address to sign in with.
    pub email: String,
    /// The password.
    pub password: String,
    /// An access token.
    pub token: String,
    /// The refresh token of the same sign-in.
    pub refresh: String,
}

/// A playback session, as `GET stream` returns it.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// Its id.
    pub session_id: String,
    /// The path of the multivariant playlist, with the token.
    pub hls_url: String,
    /// When it expires.
    pub expires_at: String,
    /// The address for the player's heartbeats.
    pub heartbeat_url: String,
    /// The interval of the heartbeats, in seconds.
    pub heartbeat_interval: f64,
}

/// A client of one server. Clones share the secrets and playlists that they have seen.
#[derive(Debug, Clone)]
pub struct Api {
    /// The server's base, `http://…`.
    pub base: String,
    client: Client,
    secrets: Arc<Mutex<Vec<String>>>,
    playlists: Arc<Mutex<Vec<(String, String)>>>,
}

impl Api {
    /// A client that follows no redirects and uses no proxy.
    pub fn new(base: &str) -> Result<Self> {
        Self::from_address(base, None)
    }

    /// Such a client at this address, for servers that count what each address does.
    pub fn from_address(base: &str, address: Option<IpAddr>) -> Result<Self> {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client
            .local_address(address)
            .timeout(Duration::from_secs(120))
            .build()?;
        Ok(Self {
            base: base.to_owned(),
            client,
            secrets: Arc::default(),
            playlists: Arc::default(),
        })
    }

    /// A request to a path of the server.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request and reads the whole response.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer {
            status,
            headers,
            body: answer.bytes().await?,
        })
    }

    /// A GET, with a token unless it is empty.
    pub async fn get(&self, path: &str, token: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    /// A request with a JSON body.
    pub async fn json(&self, method: Method, path: &str, token: &str, body: &Value) -> Result<Answer> {
        let request = self.request(method, path).json(body);
        self.send(if token.is_empty() {
            request
        } else {
            request.bearer_auth(token)
        })
        .await
    }

    /// A DELETE.
    pub async fn delete(&self, path: &str, token: &str) -> Result<Answer> {
        self.send(self.request(Method::DELETE, path).bearer_auth(token)).await
    }

    /// Remembers a secret that must never appear in a log.
    pub fn secret(&self, secret: &str) {
        if secret.len() >= 8 {
            self.secrets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(secret.to_owned());
        }
    }

    /// Every secret that was seen.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every fetched playlist: its address and its text.
    #[must_use]
    pub fn playlists(&self) -> Vec<(String, String)> {
        self.playlists.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Signs in.
    pub async fn login(&self, email: &str, password: &str) -> Result<Account> {
        self.secret(password);
        let body = serde_json::json!({ "email": email, "password": password });
        let answer = self
            .json(Method::POST, "/api/v1/users/login", "", &body)
            .await?
            .expect(200)?
            .json();
        let text = |it: &Value| it.as_str().map(str::to_owned).with_context(|| format!("{answer}"));
        let (token, refresh) = (text(&answer["access_token"])?, text(&answer["refresh_token"])?);
        self.secret(&token);
        self.secret(&refresh);
        let (email, password) = (email.to_owned(), password.to_owned());
        Ok(Account {
            id: text(&answer["user"]["id"])?,
            email,
            password,
            token,
            refresh,
        })
    }

    /// A video's details.
    pub async fn video(&self, id: &str, token: &str) -> Result<Value> {
        let video = self
            .get(&format!("/api/v1/content/{id}"), token)
            .await?
            .expect(200)?
            .json();
        if let Some(url) = video["upload"]["url"].as_str() {
            self.secret(url.rsplit("k=").next().unwrap_or_default());
        }
        Ok(video)
    }

    /// Waits until a video is in one of these states.
    pub async fn becomes(&self, id: &str, token: &str, states: &[&str]) -> Result<Value> {
        self.becomes_within(id, token, states, Duration::from_secs(60)).await
    }

    /// Waits until a video is in one of these states, but no longer than `within`.
    pub async fn becomes_within(&self, id: &str, token: &str, states: &[&str], within: Duration) -> Result<Value> {
        until(&format!("{id} {states:?}"), within, async || {
            let video = self.video(id, token).await?;
            let state = video["status"].as_str().unwrap_or_default();
            if states.contains(&state) {
                return Ok(Some(video));
            }
            let renditions = video["renditions"].as_array().into_iter().flatten();
            let lost = states == ["ready"] && renditions.into_iter().any(|it| it["state"] == "failed");
            if lost || matches!(state, "failed" | "deleted") {
                bail!("instead of {states:?}: {video}");
            }
            Ok(None)
        })
        .await
    }

    /// Uploads a whole file as one raw body and returns the video's id.
    pub async fn upload(&self, bytes: impl Into<reqwest::Body>, token: &str) -> Result<String> {
        let request = self
            .request(Method::POST, "/api/v1/content/upload?title=A%20lecture")
            .bearer_auth(token);
        let answer = self
            .send(request.header(CONTENT_TYPE, "video/mp4").body(bytes))
            .await?
            .expect(201)?
            .json();
        answer["id"]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("{answer}"))
    }

    /// Uploads a file and waits until it can be watched.
    pub async fn playable(&self, path: &std::path::Path, token: &str) -> Result<String> {
        let id = self.upload(std::fs::read(path)?, token).await?;
        self.becomes(&id, token, &["playable", "ready"]).await?;
        Ok(id)
    }

    /// Opens a playback session.
    pub async fn session(&self, id: &str, token: &str) -> Result<Session> {
        let request = self
            .request(Method::GET, &format!("/api/v1/content/{id}/stream"))
            .bearer_auth(token);
        let answer = self
            .send(request.header(ACCEPT, "application/json"))
            .await?
            .expect(200)?;
        let session: Session = serde_json::from_value(answer.json())?;
        self.secret(session.hls_url.split('/').nth(2).context("a token in the path")?);
        Ok(session)
    }

    /// Fetches from the media plane, without a bearer token; keeps playlists for the strict parser.
    pub async fn fetch(&self, path: &str) -> Result<Answer> {
        let answer = self.send(self.request(Method::GET, path)).await?;
        if answer.status == StatusCode::OK && path.ends_with(".m3u8") {
            let seen = (path.to_owned(), answer.text());
            self.playlists.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        }
        Ok(answer)
    }
}
