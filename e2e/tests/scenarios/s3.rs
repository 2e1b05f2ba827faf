//! Lectures on a server of S3: no node keeps anything of them, and all go on when the server is back.

use crate::killed::paced;
use crate::postgres::database;
use anyhow::{Result, ensure};
use bytes::Bytes;
use e2e::api::Api;
use e2e::process::{files, until};
use e2e::s3::S3Server;
use e2e::server::{Server, Start};
use e2e::stage::scenario;
use e2e::tus::{self, Upload};
use e2e::{media, playlist};
use std::time::Duration;

/// Sends the rest of an upload slowly, until something happens to the servers; returns the answer if it came first.
async fn send_until(
    api: &Api,
    upload: &Upload,
    whole: &Bytes,
    happens: impl Future<Output = Result<()>>,
) -> Result<Option<u16>> {
    let offset = tus::offset(api, &upload.url).await?;
    let rest = whole.slice(usize::try_from(offset)?..);
    let body = paced(rest, 64 << 10, Duration::from_millis(16));
    let (answered, happened) = futures::join!(tus::send(api, &upload.url, offset, body), happens);
    happened?;
    Ok(answered.ok().map(|answer| answer.status.as_u16()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_finished_by_another_node_although_the_first_and_s3_are_killed() -> Result<()> {
    let (s3, database) = (S3Server::start().await?, database().await?);
    let node = || -> Start {
        let start = s3.node().set("DATABASE_URL", &database);
        start.set("SECRET_KEY", "the same secret on both of the nodes")
    };
    scenario(node(), async |stage| {
        let other = Server::start(node()).await?;
        let second = Api::new(&other.url())?;
        let owner = stage.account("instructor").await?;
        let path = media::noisy().await?;
        let whole = Bytes::from(std::fs::read(&path)?);
        let upload = tus::create(&stage.api, &owner.token, whole.len() as u64).await?;
        let first = stage.api.clone();
        let killed = async {
            until("the first bytes", Duration::from_secs(30), async || {
                Ok((tus::offset(&second, &upload.url).await? > 0).then_some(()))
            })
            .await?;
            stage.server.kill()
        };
        send_until(&first, &upload, &whole, killed).await?;
        let begun = tus::offset(&second, &upload.url).await?;

        let away = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            s3.kill()
        };
        let answer = send_until(&second, &upload, &whole, away).await?;
        // a client that still sends may miss the answer
        ensure!(matches!(answer, Some(503) | None), "{answer:?} without S3");
        s3.restart().await?;
        let offset = tus::offset(&second, &upload.url).await?;
        ensure!(offset >= begun, "{begun} bytes were acknowledged, and now {offset}");
        let rest = whole.slice(usize::try_from(offset)?..);
        tus::send(&second, &upload.url, offset, rest).await?.expect(204)?;
        second.becomes(&upload.id, &owner.token, &["playable", "ready"]).await?;

        let kept = s3.kept(&format!("videos/{}", upload.id));
        let source = kept.iter().find(|file| file.ends_with("source"));
        let source = source.ok_or_else(|| anyhow::anyhow!("no source in {kept:?}"))?;
        ensure!(
            media::sha256(source)? == media::sha256(&path)?,
            "the stored bytes differ"
        );
        ensure!(s3.kept("uploads").is_empty(), "{:?} is left", s3.kept("uploads"));
        for server in [&stage.server, &other] {
            let objects = server.data().join("objects");
            ensure!(files(&objects).is_empty(), "a node keeps {:?}", files(&objects));
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_segments_play_on_while_s3_is_away_and_the_others_when_it_is_back() -> Result<()> {
    let s3 = S3Server::start().await?;
    scenario(s3.node(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let renditions = playlist::open(&stage.api, &session.hls_url).await?;
        let segments = &renditions[0].segments;
        let (hot, cold) = (&segments[0], &segments[segments.len() - 1]);
        let seen = stage.api.fetch(hot).await?.expect(200)?.body;
        s3.kill()?;
        let again = stage.api.fetch(hot).await?.expect(200)?.body;
        ensure!(seen == again, "the segment is another");
        stage.api.fetch(cold).await?.expect(503)?;
        until("a note", Duration::from_secs(10), async || {
            let health = stage.api.get("/health/ready", "").await?.expect(200)?.json();
            Ok(health["notes"]["storage"].is_string().then_some(()))
        })
        .await?;
        s3.restart().await?;
        stage.api.fetch(cold).await?.expect(200)?;
        stage
            .api
            .delete(&format!("/api/v1/content/{id}/delete"), &owner.token)
            .await?
            .expect(202)?;
        until("deletion", Duration::from_secs(30), async || {
            Ok(s3.kept("videos").is_empty().then_some(()))
        })
        .await
    })
    .await
}
