//! Third-party tus clients work unchanged, even if their token expires on the way.

use anyhow::{Context, Result, ensure};
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, tools};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;

async fn big() -> Result<PathBuf> {
    media::noisy().await
}

async fn upload(stage: &Stage, mut client: Command, token: &str, path: &Path, pause: u32) -> Result<Value> {
    let chunk = std::fs::metadata(path)?.len() / 6;
    client
        .env("TOKEN", token)
        .arg(format!("{}/api/v1/content/upload", stage.api.base))
        .arg(path);
    client.args([chunk.to_string(), pause.to_string()]);
    let output = tools::output(&mut client, &[]).await?;
    serde_json::from_slice(&output).with_context(|| String::from_utf8_lossy(&output).into_owned())
}

/// Pauses that add up to more than a five-second token is accepted, including the tolerance for clocks.
const PAUSE_MS: u32 = 7_500;

/// Uploads with a client while its token expires, and checks the result.
async fn outlives_its_token(make: fn() -> Result<Command>, name: &str) -> Result<()> {
    scenario(
        Start::default().set("USERS__ACCESS_TOKEN_SECONDS", "5"),
        async |stage| {
            let path = big().await?;
            let owner = stage.account("instructor").await?;
            let begun = Instant::now();
            let output = upload(stage, make()?, &owner.token, &path, PAUSE_MS).await?;
            ensure!(begun.elapsed() > Duration::from_secs(40), "the token did not expire");
            let late = stage.api.get("/api/v1/users/profile", &owner.token).await?;
            late.problem(401, "unauthenticated")
                .context("the token should have expired")?;

            let owner = stage.api.login(&owner.email, &owner.password).await?;
            let id = output["id"].as_str().context("an id")?;
            let video = stage.api.becomes(id, &owner.token, &["playable", "ready"]).await?;
            ensure!(video["source"]["bytes"] == std::fs::metadata(&path)?.len(), "{video}");
            ensure!(video["title"] == format!("By {name}"), "{video}");
            ensure!(video["source"]["filename"] == format!("{name}.mp4"), "{video}");
            Ok(())
        },
    )
    .await
}

/// Side by side, because both wait most of the time.
#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_and_tuspy_continue_after_their_token_has_expired() -> Result<()> {
    let one = outlives_its_token(|| tools::node("upload.mjs"), "tus-js-client");
    let other = outlives_its_token(|| tools::python("upload.py"), "tuspy");
    tokio::try_join!(Box::pin(one), Box::pin(other))?;
    Ok(())
}
