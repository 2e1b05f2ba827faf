//! The process as operators see it: locks, ports, signals, restarts, roles.

use anyhow::{Context, Result, ensure};
use e2e::server::{Server, Start};
use e2e::stage::scenario;
use e2e::{media, playlist, process};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_or_port_reports_what_is_wrong() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let (status, output) = Server::refused(&Start::default(), "127.0.0.1:0", stage.server.data())?;
        ensure!(
            !status.success() && status.code() != Some(124),
            "a second server started: {output}"
        );
        ensure!(
            output.contains(&stage.server.data().to_string_lossy().into_owned()),
            "which folder? {output}"
        );
        let fresh = tempfile::tempdir()?;
        let (status, output) = Server::refused(&Start::default(), stage.server.address(), fresh.path())?;
        ensure!(
            !status.success() && status.code() != Some(124),
            "a taken port was used again: {output}"
        );
        ensure!(output.contains(stage.server.address()), "which port? {output}");
        stage.api.get("/health/ready", "").await?.expect(200)?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_requests_finish_and_exits_with_0() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let bytes = bytes::Bytes::from(std::fs::read(media::short().await?)?);
        let blocks: Vec<_> = bytes.chunks(32 << 10).map(bytes::Bytes::copy_from_slice).collect();
        let slow = futures::stream::unfold(blocks.into_iter(), |mut blocks| async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            blocks.next().map(|it| (Ok::<_, std::io::Error>(it), blocks))
        });
        let api = stage.api.clone();
        let sending = api.upload(reqwest::Body::wrap_stream(slow), &owner.token);
        let ending = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            stage.server.terminate().await
        };
        let (sent, ended) = tokio::join!(sending, ending);
        let id = sent.context("a request that ran during the shutdown")?;
        ensure!(ended?.code() == Some(0), "not 0");
        stage.server.restart().await?;
        stage.api.becomes(&id, &owner.token, &["playable", "ready"]).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_and_playback_survive_a_restart() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        for clean in [true, false] {
            if clean {
                let status = stage.server.terminate().await?;
                ensure!(status.success(), "{status}");
            }
            stage.server.restart().await?;
            stage
                .api
                .get("/api/v1/users/profile", &owner.token)
                .await?
                .expect(200)?;
            playlist::open(&stage.api, &session.hls_url).await?;
        }
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", owner.refresh.as_str()),
        ];
        let request = stage
            .api
            .request(reqwest::Method::POST, "/api/v1/users/token")
            .form(&form);
        let tokens = stage.api.send(request).await?.expect(200)?.json();
        stage.api.secret(tokens["access_token"].as_str().context("a token")?);
        stage.api.secret(tokens["refresh_token"].as_str().context("a token")?);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_survives_a_restart() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let out = serde_json::json!({});
        stage
            .api
            .json(reqwest::Method::POST, "/api/v1/users/logout", &owner.token, &out)
            .await?
            .expect(204)?;
        stage.server.restart().await?;
        stage
            .api
            .get("/api/v1/users/profile", &owner.token)
            .await?
            .problem(401, "unauthenticated")?;
        // The process was killed before it could notify content; after the retry, media ends as soon as otherwise.
        process::until("the playback's end", Duration::from_secs(5), async || {
            Ok((stage.api.fetch(&session.hls_url).await?.status == 403).then_some(()))
        })
        .await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_may_run_in_a_separate_process() -> Result<()> {
    let start = Start::default().roles("users,courses,content,web");
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage
            .api
            .upload(std::fs::read(media::short().await?)?, &owner.token)
            .await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ensure!(
            stage.api.video(&id, &owner.token).await?["status"] == "processing",
            "no process could have scanned it"
        );
        let jobs = Start::default().on(stage.server.data()).roles("transcode");
        let jobs = Server::start(jobs).await.context("a second process for the jobs")?;
        let playable = stage.api.becomes(&id, &owner.token, &["playable", "ready"]).await;
        playable.with_context(|| jobs.log())?;
        let session = stage.api.session(&id, &owner.token).await?;
        playlist::open(&stage.api, &session.hls_url).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn health_checks_report_that_the_server_is_live_and_ready() -> Result<()> {
    scenario(Start::default(), async |stage| {
        for path in ["/health/live", "/health/ready", "/health/ready/"] {
            let ready = process::until(path, Duration::from_secs(5), async || {
                let answer = stage.api.send(stage.api.request(reqwest::Method::GET, path)).await?;
                Ok((answer.status == 200).then_some(()))
            });
            ready.await?;
        }
        Ok(())
    })
    .await
}
