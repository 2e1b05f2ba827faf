//! What goes on while a server is away, what pauses, and how soon all goes on when it is back.

use super::world::{BACK, World, number};
use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::back_ends::BackEnd;
use e2e::process::until;
use e2e::tools::report;
use e2e::{media, playlist};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

/// How long a server is away at least.
const AWAY: Duration = Duration::from_secs(2);
/// Three times what people need for something by themselves.
const GOES_ON: Duration = Duration::from_secs(10);
/// Three times the promise of a minute.
const REPAIRED: Duration = Duration::from_secs(180);

/// How many events of courses have had their effect in content.
const EFFECTS: &str = "SELECT count(*) FROM content.inbox WHERE consumer = 'content-courses'";

/// Checks what goes on and what pauses without a server that was killed or is frozen.
pub(super) async fn check(world: &World, back_end: BackEnd) -> Result<()> {
    let since = Instant::now();
    match back_end {
        BackEnd::Postgres => {}
        BackEnd::Redis => {
            let viewer = world
                .api
                .login(&world.teacher.email, &world.teacher.password)
                .await
                .context("a login without Redis")?;
            segment(world, &world.lecture, &viewer).await?;
            world.changes.goes_on("enrolments without Redis", GOES_ON).await?;
            world.parts.goes_on("uploads without Redis", GOES_ON).await?;
        }
        BackEnd::S3 => {
            world.segments.goes_on("hot segments without S3", GOES_ON).await?;
            world.changes.goes_on("enrolments without S3", GOES_ON).await?;
        }
        BackEnd::Kafka => {
            world.changes.goes_on("enrolments without Kafka", GOES_ON).await?;
            world.parts.goes_on("uploads without Kafka", GOES_ON).await?;
        }
    }
    tokio::time::sleep(AWAY.saturating_sub(since.elapsed())).await;
    Ok(())
}

/// Waits until everything goes on that needed a server, from the moment on at which it is back.
pub(super) async fn recovers(world: &World, back_end: BackEnd, effects: u64) -> Result<Duration> {
    let since = Instant::now();
    match back_end {
        BackEnd::Postgres => {
            until("the database", BACK, async || {
                let profile = world.api.get("/api/v1/users/profile", &world.teacher.token).await?;
                Ok((profile.status == 200).then_some(()))
            })
            .await?;
            tokio::try_join!(
                world.changes.goes_on("enrolments", BACK),
                world.parts.goes_on("uploads", BACK),
                world.segments.goes_on("playback", BACK)
            )?;
        }
        BackEnd::Redis => {
            let users = world.role("users")?;
            until("Redis", BACK, async || {
                let health = users.get("/health/ready", "").await?;
                Ok((health.status == 200 && health.json()["notes"]["cache"].is_null()).then_some(()))
            })
            .await?;
        }
        BackEnd::S3 => {
            world.parts.goes_on("uploads", BACK).await?;
        }
        BackEnd::Kafka => {
            until("effects of events", BACK, async || {
                Ok((number(world, EFFECTS).await? > effects).then_some(()))
            })
            .await?;
        }
    }
    Ok(since.elapsed())
}

/// How many events have had their effect; none is counted unless that matters, because counting needs PostgreSQL.
pub(super) async fn effects(world: &World, back_end: BackEnd) -> Result<u64> {
    if back_end == BackEnd::Kafka {
        number(world, EFFECTS).await
    } else {
        Ok(0)
    }
}

/// A segment that somebody has just watched.
async fn segment(world: &World, lecture: &str, who: &Account) -> Result<String> {
    let session = world.api.session(lecture, &who.token).await?;
    let renditions = playlist::open(&world.api, &session.hls_url).await?;
    let path = renditions[0].segments.first().context("a segment")?.clone();
    world.api.fetch(&path).await?.expect(200)?;
    Ok(path)
}

/// Waits until a segment is refused.
async fn is_refused(world: &World, segment: &str, why: &str, within: Duration) -> Result<()> {
    let since = Instant::now();
    until(&format!("a refusal after {why}"), within, async || {
        Ok((world.api.fetch(segment).await?.status == 403).then_some(()))
    })
    .await?;
    report(format!("without Kafka, {why} bites after {:?}", since.elapsed()));
    Ok(())
}

/// Somebody whose rights end while Kafka is away.
pub(super) struct Leaving {
    viewer: Account,
    segment: String,
    deleted: String,
}

impl Leaving {
    /// Makes everything ready while Kafka is there.
    pub(super) async fn prepare(world: &World) -> Result<Self> {
        let viewer = &world.leaving;
        world.course.enrol(&world.api, viewer).await?;
        let stream = format!("/api/v1/content/{}/stream", world.lecture);
        until("the enrolment", BACK, async || {
            let answer = world.api.get(&stream, &viewer.token).await?;
            Ok((answer.status == 307).then_some(()))
        })
        .await?;
        let short = media::lecture(4, &["-crf", "38"]).await?;
        Ok(Self {
            viewer: viewer.clone(),
            segment: segment(world, &world.lecture, viewer).await?,
            deleted: world.api.playable(&short, &world.teacher.token).await?,
        })
    }

    /// Signs out, deletes and leaves the course: each bites in time without Kafka, too.
    pub(super) async fn check(&self, world: &World) -> Result<()> {
        let (api, teacher) = (&world.api, &world.teacher);
        let path = world.course.path("/enrolments/me");
        api.delete(&path, &self.viewer.token).await?.expect(204)?;
        let gone = is_refused(world, &self.segment, "an un-enrolment", REPAIRED);
        let others = async {
            let account = api.login(&teacher.email, &teacher.password).await?;
            let watched = segment(world, &world.lecture, &account).await?;
            let nothing = json!({});
            let out = api.json(Method::POST, "/api/v1/users/logout", &account.token, &nothing);
            out.await?.expect(204)?;
            is_refused(world, &watched, "a sign-out", BACK).await?;
            let watched = segment(world, &self.deleted, teacher).await?;
            let path = format!("/api/v1/content/{}/delete", self.deleted);
            let deleted = api.delete(&path, &teacher.token).await?;
            ensure!(deleted.status == 202, "{}", deleted.text());
            is_refused(world, &watched, "a deletion", BACK).await
        };
        tokio::try_join!(gone, others)?;
        Ok(())
    }
}
