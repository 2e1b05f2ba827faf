//! An installation on servers of its own, the people who use it, and what they have done so far.

use anyhow::{Context, Result, anyhow, ensure};
use e2e::api::{Account, Answer, Api};
use e2e::back_ends::{BackEnd, BackEnds};
use e2e::courses::Course;
use e2e::media;
use e2e::process::until;
use e2e::topology::Installation;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Three times the promise of five seconds.
pub(super) const BACK: Duration = Duration::from_secs(15);
/// No request stays without an answer for longer, whatever is away or frozen.
const ANSWERED: Duration = Duration::from_secs(60);
const LEARNERS: usize = 6;
const SETTINGS: &[(&str, &str)] = &[
    ("CONTENT__TRANSCODE__RUNGS", "240"),
    ("CONTENT__TRANSCODE__PRESET", "ultrafast"),
    ("CONTENT__PLAYBACK__SESSIONS_PER_USER", "0"),
    ("CONTENT__QUOTA__UPLOADS", "0"),
    ("USERS__ACCESS_TOKEN_SECONDS", "3600"),
    ("USERS__LIMITS__SIGNINS_PER_ACCOUNT", "0"),
];

/// Something that people have done, counted as soon as it is acknowledged.
#[derive(Default)]
pub(super) struct Done(AtomicU64);

impl Done {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until it goes on; returns how long that took.
    pub(super) async fn goes_on(&self, what: &str, within: Duration) -> Result<Duration> {
        let (since, before) = (Instant::now(), self.count());
        until(what, within, async || Ok((self.count() > before).then_some(()))).await?;
        Ok(since.elapsed())
    }
}

/// The installation and its people.
pub(super) struct World {
    pub(super) back_ends: BackEnds,
    pub(super) site: Installation,
    pub(super) api: Api,
    pub(super) teacher: Account,
    pub(super) learners: Vec<Account>,
    /// Somebody who leaves the course while Kafka is away.
    pub(super) leaving: Account,
    pub(super) course: Course,
    pub(super) lecture: String,
    /// Parts of uploads.
    pub(super) parts: Done,
    /// Enrolments that began or ended.
    pub(super) changes: Done,
    /// Segments.
    pub(super) segments: Done,
    away: Mutex<Option<BackEnd>>,
    is_over: AtomicBool,
}

impl World {
    /// Starts MoocFlix, with each role in a process of its own or all in one.
    pub(super) async fn start(back_ends: BackEnds, apart: bool) -> Result<Self> {
        let start = back_ends.node()?;
        let mut site = if apart {
            Installation::apart(start, SETTINGS).await?
        } else {
            Installation::in_one(start, SETTINGS).await?
        };
        let teacher = site.account("instructor").await?;
        let mut learners = Vec::new();
        for _ in 0..LEARNERS {
            learners.push(site.account("learner").await?);
        }
        let (leaving, api) = (site.account("learner").await?, site.api.clone());
        let lecture = api.playable(&media::short().await?, &teacher.token).await?;
        let course = Course::publish(&api, &teacher, &[&lecture], &json!({"access": "enrolled"})).await?;
        Ok(Self {
            back_ends,
            site,
            api,
            teacher,
            learners,
            leaving,
            course,
            lecture,
            parts: Done::default(),
            changes: Done::default(),
            segments: Done::default(),
            away: Mutex::new(None),
            is_over: AtomicBool::new(false),
        })
    }

    /// The server that is away now.
    pub(super) fn away(&self) -> Option<BackEnd> {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_away(&self, back_end: Option<BackEnd>) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = back_end;
    }

    /// Whether people should come to an end.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// A client of the process with a role.
    pub(super) fn role(&self, name: &str) -> Result<Api> {
        Api::new(&self.site.address(name)?)
    }
}

/// The answer to a request; none if the connection broke.
///
/// Errors: a request that nobody answers
pub(super) async fn answered(request: impl Future<Output = Result<Answer>>) -> Result<Option<Answer>> {
    let answer = tokio::time::timeout(ANSWERED, request).await;
    let answer = answer.map_err(|_| anyhow!("a request was not answered within {ANSWERED:?}"))?;
    // a server's fault is an answer, too
    Ok(answer.ok())
}

/// The status of an answer; 0 if the connection broke.
pub(super) fn status(answer: Option<&Answer>) -> u16 {
    answer.map_or(0, |answer| answer.status.as_u16())
}

/// Fails unless a status means that something is away for now.
pub(super) fn is_away(answer: Option<&Answer>) -> Result<()> {
    let text = answer.map(Answer::text).unwrap_or_default();
    let status = status(answer);
    ensure!(matches!(status, 0 | 502 | 503), "{status}: {text}");
    Ok(())
}

/// The number that a query answers.
pub(super) async fn number(world: &World, sql: &str) -> Result<u64> {
    let answer = world.back_ends.query(sql).await?;
    answer.parse().with_context(|| format!("{sql}: {answer}"))
}
