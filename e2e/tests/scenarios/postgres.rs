//! The same lecture on PostgreSQL: only one URL is different. PostgreSQL may die, and comes back.

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use e2e::postgres::PostgresServer;
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::{media, playlist, process, tools};
use reqwest::Method;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// A new database on the server that `MOOCFLIX_TEST_POSTGRES` names; the server is removed after the tests.
pub(crate) async fn database() -> Result<String> {
    let server = std::env::var_os("MOOCFLIX_TEST_POSTGRES")
        .and_then(|url| url.into_string().ok())
        .context(
            "MOOCFLIX_TEST_POSTGRES is not set: platform/backing/tests/postgres.sh start DIR prints a URL for it",
        )?;
    let name = format!("scenario_{}", uuid::Uuid::now_v7().simple());
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    tools::output(Command::new("psql").args([&server, "-qc", &create]), b"").await?;
    let (base, _) = server.rsplit_once('/').context("the URL has no database")?;
    Ok(format!("{base}/{name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_is_uploaded_watched_and_deleted_on_postgresql() -> Result<()> {
    let start = Start::default().set("DATABASE_URL", database().await?);
    scenario(start, async |stage| {
        let embedded = stage.server.data().join("users.sqlite");
        ensure!(!embedded.exists(), "{} was made", embedded.display());
        let owner = stage.account("instructor").await?;
        let stranger = stage.account("learner").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let renditions = playlist::open(&stage.api, &session.hls_url).await?;
        let shown = media::frames(&format!("{}{}", stage.api.base, session.hls_url)).await?;
        let there = media::frames(media::short().await?.to_str().context("a path")?).await?;
        ensure!(shown == there, "{} frames of {}", shown.len(), there.len());
        let stream = format!("/api/v1/content/{id}/stream");
        stage
            .api
            .get(&stream, &stranger.token)
            .await?
            .problem(404, "video_not_found")?;

        stage.server.kill()?;
        stage.server.restart().await?;
        playlist::open(&stage.api, &session.hls_url).await?;

        let path = format!("/api/v1/content/{id}/delete");
        stage.api.delete(&path, &owner.token).await?.expect(202)?;
        let first = &renditions.first().context("a rendition")?.playlist;
        process::until("darkness", Duration::from_secs(5), async || {
            Ok((stage.api.fetch(first).await?.status == 403).then_some(()))
        })
        .await?;
        let out = serde_json::json!({});
        stage
            .api
            .json(Method::POST, "/api/v1/users/logout", &owner.token, &out)
            .await?
            .expect(204)?;
        stage
            .api
            .get("/api/v1/users/profile", &owner.token)
            .await?
            .problem(401, "unauthenticated")?;
        Ok(())
    })
    .await
}

/// Three times the promise of five seconds.
const BACK: Duration = Duration::from_secs(15);
/// Three times as long as a request waits for a connection.
const REFUSED: Duration = Duration::from_secs(6);

/// Checks that a request which needs the database is refused soon, and that readiness names the database.
async fn misses_the_database(api: &Api, token: &str) -> Result<()> {
    process::until("a refusal", REFUSED, async || {
        let begun = Instant::now();
        let answer = api.get("/api/v1/users/profile", token).await?;
        ensure!(begun.elapsed() < REFUSED, "{:?}", begun.elapsed());
        // the processes of a killed server end one by one
        if answer.status == 200 {
            return Ok(None);
        }
        answer.problem(503, "unavailable")?;
        let health = api.get("/health/ready", "").await?;
        let database = health.json()["checks"]["database"] == "failing";
        Ok((health.status == 503 && database).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_was_killed_is_used_again_and_work_goes_on() -> Result<()> {
    let postgres = PostgresServer::start().await?;
    let start = Start::default().set("DATABASE_URL", &postgres.url);
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        let first = stage.api.playable(&media::short().await?, &owner.token).await?;
        for _ in 0..2 {
            postgres.kill()?;
            misses_the_database(&stage.api, &owner.token).await?;
            postgres.restart().await?;
            process::until("the database", BACK, async || {
                let profile = stage.api.get("/api/v1/users/profile", &owner.token).await?;
                let health = stage.api.get("/health/ready", "").await?;
                Ok((profile.status == 200 && health.status == 200).then_some(()))
            })
            .await?;
            // workers and relays go on
            let next = stage.api.playable(&media::short().await?, &owner.token).await?;
            for id in [&first, &next] {
                let session = stage.api.session(id, &owner.token).await?;
                playlist::open(&stage.api, &session.hls_url).await?;
            }
        }
        Ok(())
    })
    .await
}
