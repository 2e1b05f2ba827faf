//! Uploads survive `kill -9` at any moment: acknowledged bytes are kept, and complete uploads become playable.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use e2e::api::Api;
use e2e::random::Random;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::tus::{self, Upload};
use e2e::{media, settings};
use futures::future::join_all;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Slows bytes down, so that there is time for a kill in between.
pub(crate) fn paced(bytes: Bytes, block: usize, pause: Duration) -> reqwest::Body {
    let stream = futures::stream::unfold((bytes, 0), move |(bytes, at)| async move {
        if at >= bytes.len() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let end = (at + block).min(bytes.len());
        Some((Ok::<_, std::io::Error>(bytes.slice(at..end)), (bytes, end)))
    });
    reqwest::Body::wrap_stream(stream)
}

/// The path of a video's source in the data folder.
fn stored(folder: &Path, id: &str) -> Result<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.ends_with(format!("videos/{id}/source")) {
                return Ok(path);
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    anyhow::bail!("no source of {id} is stored")
}

async fn patch_and_kill(
    stage: &mut Stage,
    upload: &Upload,
    rest: Bytes,
    offset: u64,
    after: Duration,
) -> Result<Option<u64>> {
    let body = paced(rest, 64 << 10, Duration::from_millis(4));
    let api = stage.api.clone();
    let sending = tus::send(&api, &upload.url, offset, body);
    let acknowledged = tokio::select! {
        answer = sending => Some(answer?.expect(204)?.header("upload-offset").parse()?),
        () = tokio::time::sleep(after) => None,
    };
    stage.server.kill()?;
    stage.server.restart().await?;
    Ok(acknowledged)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_resumes_after_every_kill_and_is_stored_unchanged() -> Result<()> {
    let mut random = Random::start("an upload that is killed");
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let path = media::noisy().await?;
        let bytes = Bytes::from(std::fs::read(&path)?);
        let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
        let kills = settings::rounds(6, 50);
        let (mut furthest, length) = (0, bytes.len() as u64);
        for round in 0..kills {
            let offset = tus::offset(&stage.api, &upload.url).await?;
            ensure!(
                offset >= furthest,
                "round {round}: {furthest} was acknowledged, now {offset}"
            );
            furthest = offset;
            // the remaining bytes are spread over the remaining kills
            let share = usize::try_from((length - offset) / (kills - round) as u64 * 2)?.max(1 << 16);
            let blocks = (share >> 16) as u64;
            let after = Duration::from_millis(random.within(1..blocks * 5 + 2));
            let rest = bytes.slice(usize::try_from(offset)?..);
            if let Some(acknowledged) = patch_and_kill(stage, &upload, rest, offset, after).await? {
                furthest = acknowledged;
                break;
            }
        }
        let offset = tus::offset(&stage.api, &upload.url).await?;
        ensure!(offset >= furthest, "{furthest} was acknowledged, now {offset}");
        if offset < length {
            let rest = bytes.slice(usize::try_from(offset)?..);
            tus::send(&stage.api, &upload.url, offset, rest).await?.expect(204)?;
        }
        stage
            .api
            .becomes(&upload.id, &owner.token, &["playable", "ready"])
            .await?;
        let kept = media::sha256(&stored(stage.server.data(), &upload.id)?)?;
        ensure!(kept == media::sha256(&path)?, "the stored bytes differ");
        Ok(())
    })
    .await
}

/// One small upload; counts the responses, and the uploads whose last bytes were sent.
async fn small(
    api: &Api,
    token: &str,
    bytes: Bytes,
    pause: Duration,
    left: &AtomicU64,
    acknowledged: &AtomicU64,
) -> Result<Upload> {
    let upload = tus::create(api, token, bytes.len() as u64).await?;
    tokio::time::sleep(pause).await;
    left.fetch_add(1, Ordering::Relaxed);
    // the server may be gone before it responds
    if let Ok(answer) = tus::send(api, &upload.url, 0, bytes).await {
        answer.expect(204)?;
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    Ok(upload)
}

async fn resumed(api: &Api, token: &str, upload: &Upload, bytes: &Bytes) -> Result<()> {
    let offset = tus::offset(api, &upload.url).await?;
    if offset < bytes.len() as u64 {
        let rest = bytes.slice(usize::try_from(offset)?..);
        tus::send(api, &upload.url, offset, rest).await?.expect(204)?;
    }
    api.becomes(&upload.id, token, &["playable", "ready"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_killed_while_they_finish_end_playable() -> Result<()> {
    let mut random = Random::start("uploads killed around their last byte");
    let inside = AtomicU64::new(0);
    // a killed scan is claimed again when its lease has expired
    scenario(Start::default().set("TASKS__LEASE_SECONDS", "2"), async |stage| {
        let mut owner = stage.account("instructor").await?;
        let bytes = Bytes::from(std::fs::read(media::lecture(4, &["-crf", "38"]).await?)?);
        for _ in 0..settings::rounds(4, 40) {
            owner = stage.api.login(&owner.email, &owner.password).await?;
            let (left, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
            let pauses: Vec<_> = (0..8)
                .map(|_| Duration::from_micros(random.within(0..60_000)))
                .collect();
            let api = stage.api.clone();
            let all = join_all(
                pauses
                    .iter()
                    .map(|it| small(&api, &owner.token, bytes.clone(), *it, &left, &acknowledged)),
            );
            let at = Duration::from_micros(random.within(20_000..90_000));
            let kill = async {
                while left.load(Ordering::Relaxed) == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                tokio::time::sleep(at).await;
                inside.fetch_add(
                    left.load(Ordering::Relaxed) - acknowledged.load(Ordering::Relaxed),
                    Ordering::Relaxed,
                );
                stage.server.kill()
            };
            let (uploads, killed) = tokio::join!(all, kill);
            killed?;
            stage.server.restart().await?;
            for upload in uploads.into_iter().flatten() {
                resumed(&stage.api, &owner.token, &upload, &bytes)
                    .await
                    .with_context(|| upload.id.clone())?;
            }
        }
        Ok(())
    })
    .await?;
    let inside = inside.into_inner();
    ensure!(
        inside >= settings::rounds(1, 10) as u64,
        "only {inside} uploads were killed while they finished"
    );
    Ok(())
}
