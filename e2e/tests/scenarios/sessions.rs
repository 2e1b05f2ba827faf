//! One person watches in three places at once, and continues in a fourth by ending one of the others.

use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::media;
use e2e::process::until;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use futures::future::join_all;
use reqwest::Method;
use reqwest::header::{ACCEPT, USER_AGENT};
use serde_json::Value;
use std::time::Duration;

/// A browser by its `User-Agent`, and how people call it.
const BROWSERS: [(&str, &str); 3] = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
        "Firefox on Windows",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 \
         Mobile/15E148 Safari/604.1",
        "Safari on iPhone",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        "Chrome on Linux",
    ),
];

async fn open(stage: &Stage, account: &Account, path: &str, browser: &str) -> Result<e2e::api::Answer> {
    let request = stage.api.request(Method::GET, path).bearer_auth(&account.token);
    let request = request.header(ACCEPT, "application/json").header(USER_AGENT, browser);
    stage.api.send(request).await
}

fn text(document: &Value, member: &str) -> Result<String> {
    let found = document[member].as_str().map(str::to_owned);
    found.with_context(|| format!("{member} in {document}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_place_is_offered_instead_of_one_of_three() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let path = format!("/api/v1/content/{id}/stream");
        let mut playing = Vec::new();
        for (browser, _) in BROWSERS {
            let account = stage.api.login(&owner.email, &owner.password).await?;
            let session = open(stage, &account, &path, browser).await?.expect(200)?.json();
            let index = text(&session, "hls_url")?;
            stage.api.secret(index.split('/').nth(2).context("a token")?);
            stage.api.fetch(&index).await?.expect(200)?;
            playing.push((account, text(&session, "session_id")?, index));
        }
        let refused = open(stage, &owner, &path, BROWSERS[0].0).await?;
        let refused = refused.problem(429, "too_many_sessions")?.json();
        let sessions = refused["sessions"].as_array().context("sessions")?;
        let named: Vec<_> = sessions.iter().rev().map(|it| it["device"].as_str()).collect();
        let meant: Vec<_> = BROWSERS.iter().map(|(_, name)| Some(*name)).collect();
        ensure!(named == meant, "{refused}");
        ensure!(sessions.iter().all(|it| it["video_id"] == id.as_str()), "{refused}");

        // Playback continues here, and the phone stops.
        let taken = format!("{path}?take_over={}", playing[1].1);
        let session = open(stage, &owner, &taken, BROWSERS[0].0).await?.expect(200)?.json();
        let index = text(&session, "hls_url")?;
        stage.api.secret(index.split('/').nth(2).context("a token")?);
        stage.api.fetch(&index).await?.expect(200)?;
        stage.api.fetch(&playing[1].2).await?.expect(403)?;
        let again = open(stage, &playing[1].0, &path, BROWSERS[1].0).await?;
        again.problem(429, "too_many_sessions")?;
        for (_, _, index) in [&playing[0], &playing[2]] {
            stage.api.fetch(index).await?.expect(200)?;
        }

        // Whoever signs out leaves a place.
        let out = serde_json::json!({});
        let left = stage
            .api
            .json(Method::POST, "/api/v1/users/logout", &playing[0].0.token, &out);
        left.await?.expect(204)?;
        until("a free place", Duration::from_secs(3), async || {
            let opened = open(stage, &playing[1].0, &path, BROWSERS[1].0).await?;
            Ok((opened.status == 200).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_players_that_begin_at_once_get_exactly_three_places() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let mut indices = Vec::new();
        for _ in 0..10 {
            let account = stage.api.login(&owner.email, &owner.password).await?;
            indices.push(stage.api.session(&id, &account.token).await?.hls_url);
        }
        let answers = join_all(indices.iter().map(|index| stage.api.fetch(index))).await;
        let mut statuses = Vec::new();
        for answer in answers {
            statuses.push(answer?.status.as_u16());
        }
        statuses.sort_unstable();
        let meant = [vec![200; 3], vec![403; 7]].concat();
        ensure!(statuses == meant, "{statuses:?}");
        Ok(())
    })
    .await
}
