//! The same lecture on PostgreSQL: only one URL is different.

use anyhow::{Context, Result, ensure};
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::{media, playlist, process, tools};
use reqwest::Method;
use std::time::Duration;
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
