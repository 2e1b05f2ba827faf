//! Asks other nodes for files of the lectures that they hold.
//!
//! Unlike other questions, one may wait for a part that is about to come, and its answer is bytes. A node that does not answer
//! is not asked again: what it has stored is served instead, and its lecture goes on at another node.

use super::causes::innermost;
use crate::auth::internal_keys::InternalKeys;
use crate::live_reply::{self, Arrived};
use bytes::{Bytes, BytesMut};
use contracts::asked::{LiveFileAsked, Question};
use contracts::questions::Unanswered;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode, redirect};
use std::time::Duration;
use url::Url;

/// Who asks.
const ASKER: &str = "content";
/// How long an answer may take: longer than a node waits for a part.
const PATIENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(1);
/// How long a node may take to show that it lives.
const PROBE: Duration = Duration::from_secs(2);
/// How long a connection without questions is kept: less than any server keeps it.
const IDLE: Duration = Duration::from_secs(20);
/// Longer files are refused: a segment has some seconds of one layer.
const MAX_BYTES: usize = 64 * 1_024 * 1_024;

/// The way to other nodes; clones share its connections.
#[derive(Debug, Clone)]
pub struct LiveNodes {
    client: Client,
    keys: InternalKeys,
}

impl LiveNodes {
    /// No connections yet.
    ///
    /// Errors: TLS can't be set up
    pub fn new(keys: InternalKeys) -> Result<Self, String> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("moocflix/", env!("CARGO_PKG_VERSION")));
        let client = client.build().map_err(|error| error.to_string())?;
        Ok(Self { client, keys })
    }

    /// Whether the node at an address lives.
    pub async fn lives(&self, node: &Url) -> bool {
        let answer = self.client.get(at(node, "/health/live")).timeout(PROBE).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// A file of a lecture that the node at an address holds.
    ///
    /// Errors: no answer in time, or none that can be read
    pub async fn read(&self, node: &Url, asked: &LiveFileAsked) -> Result<Arrived, Unanswered> {
        let unanswered = |why: String| Unanswered(format!("{node} can't answer: {why}"));
        let body = serde_json::to_vec(asked).map_err(|error| unanswered(error.to_string()))?;
        let request = self
            .client
            .post(at(node, LiveFileAsked::PATH))
            .header(AUTHORIZATION, self.keys.sign(ASKER, LiveFileAsked::PATH, &body))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let away = |error: reqwest::Error| unanswered(innermost(&error));
        let mut answer = request.send().await.map_err(away)?;
        let bytes = collect(&mut answer).await.map_err(away)?;
        let bytes = bytes.ok_or_else(|| unanswered(format!("its answer is longer than {MAX_BYTES} bytes")))?;
        let status = answer.status();
        let arrived = live_reply::read(status, answer.headers(), bytes);
        arrived.ok_or_else(|| unanswered(format!("it answers {status}")))
    }
}

/// The body; none if it is too long.
async fn collect(answer: &mut Response) -> Result<Option<Bytes>, reqwest::Error> {
    let mut bytes = BytesMut::new();
    while let Some(part) = answer.chunk().await? {
        if bytes.len() + part.len() > MAX_BYTES {
            return Ok(None);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(Some(bytes.freeze()))
}

fn at(node: &Url, path: &str) -> Url {
    let mut url = node.clone();
    url.set_path(path);
    url
}
