//! Attacks with as much as one client can send or ask for: the server stays small and serves others.

use anyhow::{Result, ensure};
use e2e::process::anonymous_memory;
use e2e::server::Start;
use e2e::siege::bodies::{Bodies, Size};
use e2e::siege::neighbour::{Neighbour, watch};
use e2e::siege::readers::Readers;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use e2e::{media, playlist};
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Somebody with a lecture of their own, and their segments.
async fn neighbour(stage: &mut Stage) -> Result<Neighbour> {
    let account = stage.account("instructor").await?;
    let id = stage.api.playable(&media::short().await?, &account.token).await?;
    let session = stage.api.session(&id, &account.token).await?;
    let rendition = playlist::open(&stage.api, &session.hls_url).await?.remove(0);
    Neighbour::new(&stage.api, &account, &rendition.segments[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_end_hold_little_memory() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let neighbour = neighbour(stage).await?;
        let pid = stage.server.pid()?;
        let before = anonymous_memory(pid)?;
        let size = Size {
            connections: 22,
            streams: 120,
            sent: 1_000_000,
            announced: 1_048_000,
        };
        let flood = Bodies::begin(stage.server.address(), size);
        let seen = watch(pid, &neighbour, Duration::from_secs(5)).await?;
        ensure!(flood.connections() == 22 && flood.sent() > 0, "the flood did not run");
        let grown = seen.peak.saturating_sub(before) / MIB;
        report(format!(
            "{grown} MiB more for {} MiB sent, {seen:?}",
            flood.sent() / MIB
        ));
        ensure!(grown < 128, "{grown} MiB more");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_of_the_largest_segments_hold_little_memory() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let neighbour = neighbour(stage).await?;
        let attacker = stage.account("instructor").await?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("fat.mp4");
        let fat = media::fat::segments(&path, 12, 31 << 20).await?;
        let file = tokio::fs::File::open(&path).await?;
        let id = stage.api.upload(file, &attacker.token).await?;
        stage.api.becomes(&id, &attacker.token, &["playable", "ready"]).await?;
        let session = stage.api.session(&id, &attacker.token).await?;
        let rendition = playlist::open(&stage.api, &session.hls_url).await?.remove(0);
        let paths: Vec<String> = fat.iter().map(|n| rendition.segments[*n].clone()).collect();
        let pid = stage.server.pid()?;
        let readers = Readers::begin(stage.server.address(), &paths);
        let seen = watch(pid, &neighbour, Duration::from_secs(5)).await?;
        ensure!(readers.readers() == 12 && readers.begun() > 0, "nobody read");
        report(format!("{} readers got an answer, {seen:?}", readers.begun()));
        let peak = seen.peak / MIB;
        ensure!(peak < 700, "{peak} MiB");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_names_its_bytes_again_and_again_is_refused() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.upload(media::fat::overlapping().await?, &owner.token).await?;
        let video = e2e::process::until("the verdict", Duration::from_secs(60), async || {
            let video = stage.api.video(&id, &owner.token).await?;
            let settled = !matches!(video["status"].as_str(), Some("uploading" | "processing"));
            Ok(settled.then_some(video))
        })
        .await?;
        ensure!(
            video["status"] == "failed" && video["reason"]["code"] == "media_malformed",
            "{video}"
        );
        Ok(())
    })
    .await
}
