//! An upload of any length takes little memory.

use anyhow::{Result, ensure};
use e2e::process::{anonymous_memory, files, until};
use e2e::s3::S3Server;
use e2e::server::Start;
use e2e::siege::uploads::film;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use e2e::{settings, tus};
use std::path::Path;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// The server's memory when it is idle.
async fn at_rest(pid: u32) -> Result<u64> {
    let mut last = 0;
    until("rest", Duration::from_secs(30), async || {
        let now = anonymous_memory(pid)?;
        let rests = now == std::mem::replace(&mut last, now);
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(rests.then_some(now))
    })
    .await
}

async fn send(stage: &Stage, token: &str, length: u64) -> Result<()> {
    let upload = tus::create(&stage.api, token, length).await?;
    let request = tus::patch(&stage.api, &upload.url, 0, film(length)).timeout(Duration::from_secs(600));
    stage
        .api
        .send(request.header("content-length", length))
        .await?
        .expect(204)?;
    stage
        .api
        .delete(&format!("/api/v1/content/{}/delete", upload.id), token)
        .await?
        .expect(202)?;
    Ok(())
}

/// How much a long upload grows a server.
///
/// Units: MiB
async fn growth(start: Start, length: u64) -> Result<u64> {
    let mut grown = 0;
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        // a first upload starts threads and database connections once, which must not count
        send(stage, &owner.token, 64 * MIB).await?;
        let pid = stage.server.pid()?;
        let before = at_rest(pid).await?;
        let mut peak = before;
        let watch = async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                peak = peak.max(anonymous_memory(pid).unwrap_or_default());
            }
        };
        tokio::select! {
            sent = send(stage, &owner.token, length) => sent?,
            () = watch => {}
        }
        grown = (peak - before) / MIB;
        report(format!("{grown} MiB more for {} MiB", length / MIB));
        Ok(())
    })
    .await?;
    Ok(grown)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_upload_grows_the_server_by_16_mib_at_most() -> Result<()> {
    let length = if settings::long() { 2_048 * MIB } else { 512 * MIB };
    let grown = growth(Start::default(), length).await?;
    ensure!(grown <= 16, "{grown} MiB more for {} MiB", length / MIB);
    Ok(())
}

/// The bytes in a server's data folder, without the ballast.
fn kept(folder: &Path) -> u64 {
    let files = files(folder).into_iter().filter(|file| !file.ends_with("ballast"));
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_upload_to_s3_grows_the_server_by_32_mib_at_most_and_leaves_nothing_on_its_disk() -> Result<()> {
    let length = if settings::long() { 2_048 * MIB } else { 256 * MIB };
    let (s3, folder) = (S3Server::start().await?, tempfile::tempdir()?);
    let mut most = 0;
    let watch = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            most = most.max(kept(folder.path()));
        }
    };
    let grown = tokio::select! {
        grown = growth(s3.node().on(folder.path()), length) => grown?,
        () = watch => 0,
    };
    ensure!(grown <= 32, "{grown} MiB more for {} MiB", length / MIB);
    ensure!(most < 32 * MIB, "{most} bytes on the server's disk");
    Ok(())
}
