//! Asks a role that runs in another process.
//!
//! A question has a time limit and is asked a second time if the role does not answer, within a budget; all questions
//! only read, or do once what they do twice. A role that fails again and again is left alone for moments, so that whoever
//! waits for it gets to know at once.

use super::breaker::{Breaker, RetryBudget};
use super::causes::innermost;
use crate::auth::internal_keys::InternalKeys;
use crate::metric;
use contracts::asked::Question;
use contracts::questions::Unanswered;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// How long an answer may take, from the connection to its last byte.
const PATIENCE: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(1);
/// How long a connection without questions is kept: less than any server keeps it.
const IDLE: Duration = Duration::from_secs(20);
/// Longer answers are refused: one about many people and many lectures has some megabytes.
const MAX_BYTES: usize = 32 * 1_024 * 1_024;

/// A role in another process.
pub struct Peer {
    /// The role.
    pub role: &'static str,
    base: Url,
    client: Client,
    /// The roles that ask.
    askers: Vec<&'static str>,
    keys: InternalKeys,
    link: Mutex<Link>,
}

/// What is known of the way to it.
struct Link {
    breaker: Breaker,
    budget: RetryBudget,
}

/// Why a question has no answer.
enum Failed {
    /// The role is away, too slow, or can't answer at the moment.
    Away(String),
    /// It answers with something that will be the same next time.
    Refused(String),
}

impl Peer {
    /// A role at an address, for the questions of other roles.
    ///
    /// Errors: TLS can't be set up
    pub fn new(role: &'static str, base: Url, askers: Vec<&'static str>, keys: InternalKeys) -> Result<Self, String> {
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("moocflix/", env!("CARGO_PKG_VERSION")));
        let client = client.build().map_err(|error| error.to_string())?;
        let link = Link {
            breaker: Breaker::default(),
            budget: RetryBudget::new(Instant::now()),
        };
        Ok(Self {
            role,
            base,
            client,
            askers,
            keys,
            link: Mutex::new(link),
        })
    }

    /// Whether its process lives.
    ///
    /// Errors: why it seems not to
    pub async fn probe(&self) -> Result<(), String> {
        let answer = self.client.get(self.at("/health/live")).send().await;
        match answer.map_err(|error| innermost(&error))?.status() {
            StatusCode::OK => Ok(()),
            status => Err(format!("it answers {status}")),
        }
    }

    /// A document that everybody may read.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.at(path))
    }

    /// Asks.
    ///
    /// Errors: no answer in time, or none that can be read
    pub(super) async fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Unanswered> {
        let unanswered = |why: String| Unanswered(format!("{} can't answer: {why}", self.role));
        let body = serde_json::to_vec(question).map_err(|error| unanswered(error.to_string()))?;
        let begun = Instant::now();
        // A process with several roles asks as the one that may.
        let asker = self.askers.iter().find(|asker| Q::ASKERS.contains(asker));
        let asker = asker.or(self.askers.first()).copied().unwrap_or_default();
        let answer = self.ask_again((asker, Q::PATH), &body).await;
        metric::question(Q::PATH, self.role, begun.elapsed(), answer.is_ok());
        let bytes = answer.map_err(unanswered)?;
        serde_json::from_slice(&bytes).map_err(|error| unanswered(error.to_string()))
    }

    /// Asks once, and once more if that may help.
    async fn ask_again(&self, way: (&str, &str), body: &[u8]) -> Result<Vec<u8>, String> {
        self.link().budget.earn(Instant::now());
        let mut is_second = false;
        loop {
            if !self.link().breaker.admits(Instant::now()) {
                return Err("it did not answer the last questions".to_owned());
            }
            let why = match self.ask_once(way, body).await {
                Ok(bytes) => {
                    self.link().breaker.answered();
                    metric::left_alone(self.role, false);
                    return Ok(bytes);
                }
                Err(Failed::Refused(why)) => return Err(why),
                Err(Failed::Away(why)) => why,
            };
            let is_open = self.note_failure();
            if is_second || is_open || !self.link().budget.take() {
                return Err(why);
            }
            metric::asked_again(self.role);
            is_second = true;
        }
    }

    async fn ask_once(&self, (asker, path): (&str, &str), body: &[u8]) -> Result<Vec<u8>, Failed> {
        let request = self.client.post(self.at(path)).body(body.to_vec());
        let request = request
            .header(AUTHORIZATION, self.keys.sign(asker, path, body))
            .header(CONTENT_TYPE, "application/json");
        let away = |error: reqwest::Error| Failed::Away(innermost(&error));
        let mut answer = request.send().await.map_err(away)?;
        let status = answer.status();
        if status.is_server_error() {
            return Err(Failed::Away(format!("it answers {status}")));
        }
        if status != StatusCode::OK {
            tracing::error!(role = self.role, path, %status, "another role refuses a question: is its secret_key another?");
            return Err(Failed::Refused(format!("it answers {status}")));
        }
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(away)? {
            if bytes.len() + part.len() > MAX_BYTES {
                return Err(Failed::Refused(format!("its answer is longer than {MAX_BYTES} bytes")));
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    /// Returns whether the role is left alone from now on.
    fn note_failure(&self) -> bool {
        let is_open = {
            let mut link = self.link();
            link.breaker.failed(Instant::now());
            link.breaker.is_open()
        };
        metric::left_alone(self.role, is_open);
        is_open
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
