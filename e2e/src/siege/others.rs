//! What others see of a server during an attack: people who watch, look around, sign in and upload at another address.

use crate::api::{Answer, Api};
use crate::stage::Stage;
use crate::{media, playlist};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use reqwest::Method;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Their address; attacks come from 127.0.0.1.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// How many people sign in in turn; each stays below the limit of one account.
const PEOPLE: usize = 8;
const LOOK_EVERY: Duration = Duration::from_millis(50);
const SIGN_IN_EVERY: Duration = Duration::from_millis(500);
const UPLOAD_EVERY: Duration = Duration::from_secs(3);
/// How often it is looked whether an upload plays.
const PLAYS_EVERY: Duration = Duration::from_millis(20);
/// How long the first lecture may take until all of it is encoded.
const READY: Duration = Duration::from_secs(300);
/// How long an upload may take before it counts as lost.
const LOST: Duration = Duration::from_secs(60);

/// What they saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How long each segment took.
    pub segments: Vec<Duration>,
    /// How long each profile took.
    pub profiles: Vec<Duration>,
    /// How long each sign-in took.
    pub sign_ins: Vec<Duration>,
    /// How long each upload took from its last byte until it could be watched.
    pub plays: Vec<Duration>,
    /// How many requests were refused because the server is busy or they were too many.
    pub refused: usize,
    /// Answers that nobody should get, and what else went wrong.
    pub broken: Vec<String>,
}

/// People at their work; they stop when this is dropped.
#[derive(Debug)]
pub struct Others {
    api: Api,
    seen: Arc<Mutex<Seen>>,
    tasks: JoinSet<()>,
}

type Share = Arc<Mutex<Seen>>;

fn lock(seen: &Share) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts an answer; returns it if it is what was asked for.
fn count(seen: &Share, answer: Result<Answer>, wanted: u16) -> Option<Answer> {
    let mut seen = lock(seen);
    match answer {
        Ok(answer) if answer.status.as_u16() == wanted => return Some(answer),
        Ok(answer) if answer.status == 429 || (answer.status == 503 && answer.code() == "busy") => seen.refused += 1,
        Ok(answer) => seen.broken.push(format!("{}: {}", answer.status, answer.text())),
        Err(error) => seen.broken.push(format!("{error:#}")),
    }
    None
}

impl Others {
    /// Prepares people and a lecture, and lets them work.
    pub async fn begin(stage: &mut Stage) -> Result<Self> {
        let api = Api::from_address(&stage.server.url(), Some(ADDRESS))?;
        let teacher = stage.account("instructor").await?;
        let lecture = Bytes::from(std::fs::read(media::short().await?)?);
        let id = api.upload(lecture.clone(), &teacher.token).await?;
        // an encoder that still works on it would take the processors
        api.becomes_within(&id, &teacher.token, &["ready"], READY).await?;
        let session = api.session(&id, &teacher.token).await?;
        let rendition = playlist::open(&api, &session.hls_url).await?.remove(0);
        let segment = rendition.segments.first().context("a segment")?.clone();
        let mut people = Vec::new();
        for _ in 0..PEOPLE {
            people.push(stage.account("learner").await?);
        }
        let mut others = Self {
            api,
            seen: Share::default(),
            tasks: JoinSet::new(),
        };
        others.look(segment, String::new(), |seen| &mut seen.segments);
        let profile = "/api/v1/users/profile".to_owned();
        others.look(profile, people[0].token.clone(), |seen| &mut seen.profiles);
        let sign_ins = people.iter().map(|it| (it.email.clone(), it.password.clone()));
        others.sign_in(sign_ins.collect());
        others.upload(lecture, teacher.token);
        Ok(others)
    }

    /// Forgets what was seen so far.
    pub fn forget(&self) {
        *lock(&self.seen) = Seen::default();
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }

    /// Asks for the same again and again.
    fn look(&mut self, path: String, token: String, kept: fn(&mut Seen) -> &mut Vec<Duration>) {
        let (api, seen) = (self.api.clone(), Arc::clone(&self.seen));
        self.tasks.spawn(async move {
            loop {
                let mut request = api.request(Method::GET, &path);
                if !token.is_empty() {
                    request = request.bearer_auth(&token);
                }
                let begun = Instant::now();
                if count(&seen, api.send(request).await, 200).is_some() {
                    kept(&mut lock(&seen)).push(begun.elapsed());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
    }

    fn sign_in(&mut self, people: Vec<(String, String)>) {
        let (api, seen) = (self.api.clone(), Arc::clone(&self.seen));
        self.tasks.spawn(async move {
            for (email, password) in people.iter().cycle() {
                let body = json!({ "email": email, "password": password });
                let begun = Instant::now();
                let answer = api.json(Method::POST, "/api/v1/users/login", "", &body).await;
                if count(&seen, answer, 200).is_some() {
                    lock(&seen).sign_ins.push(begun.elapsed());
                }
                tokio::time::sleep(SIGN_IN_EVERY).await;
            }
        });
    }

    fn upload(&mut self, lecture: Bytes, token: String) {
        let (api, seen) = (self.api.clone(), Arc::clone(&self.seen));
        self.tasks.spawn(async move {
            loop {
                if let Err(error) = upload_once(&api, &seen, &lecture, &token).await {
                    lock(&seen).broken.push(format!("{error:#}"));
                }
                tokio::time::sleep(UPLOAD_EVERY).await;
            }
        });
    }
}

/// Uploads a lecture, waits until it can be watched, and deletes it.
async fn upload_once(api: &Api, seen: &Share, lecture: &Bytes, token: &str) -> Result<()> {
    let request = api.request(Method::POST, "/api/v1/content/upload").bearer_auth(token);
    let request = request.header("content-type", "video/mp4").body(lecture.clone());
    let Some(made) = count(seen, api.send(request).await, 201) else {
        return Ok(());
    };
    let begun = Instant::now();
    let id = made.json()["id"].as_str().context("an id")?.to_owned();
    let path = format!("/api/v1/content/{id}");
    loop {
        let video = api.get(&path, token).await?.json();
        if matches!(video["status"].as_str(), Some("playable" | "ready")) {
            break;
        }
        ensure!(begun.elapsed() < LOST, "an upload does not play: {video}");
        tokio::time::sleep(PLAYS_EVERY).await;
    }
    lock(seen).plays.push(begun.elapsed());
    count(seen, api.delete(&format!("{path}/delete"), token).await, 202);
    Ok(())
}
