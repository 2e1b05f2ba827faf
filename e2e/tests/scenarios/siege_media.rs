//! Files that are made to cost memory: the server and its tools stay small, and the server still answers others.

use anyhow::{Result, bail, ensure};
use e2e::settings::long;
use e2e::siege::attacks::{Attack, Ready, upload};
use e2e::siege::memory::of_tree;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use std::time::{Duration, Instant};

const LIMIT: u64 = 2 << 30;
const SAMPLING: Duration = Duration::from_millis(50);

/// How long an attack is watched if its files have not settled by then. The longest takes more than two minutes of processor
/// time, so only the full test waits for all of them.
fn watched() -> Duration {
    Duration::from_secs(if long() { 500 } else { 30 })
}

/// How the files of an attack ended, as far as they did; all of them in the full test.
async fn attacked(stage: &mut Stage, attack: Attack) -> Result<Vec<String>> {
    let Ready::Lectures(api, owner, files) = attack.prepare(stage).await? else {
        bail!("{} uploads no files", attack.name());
    };
    let pid = stage.server.pid()?;
    let mut ids = Vec::new();
    for file in &files {
        ids.push(upload(&api, &owner.token, file).await?);
    }
    let (begun, mut peak, mut ends) = (Instant::now(), 0, Vec::new());
    while begun.elapsed() < watched() && ends.len() < ids.len() {
        peak = peak.max(of_tree(pid)?);
        tokio::time::sleep(SAMPLING).await;
        ends.clear();
        for id in &ids {
            let video = api.video(id, &owner.token).await?;
            match video["status"].as_str().unwrap_or_default() {
                "failed" => ends.push(video["reason"]["code"].as_str().unwrap_or_default().to_owned()),
                "ready" => ends.push("ready".to_owned()),
                _ => {}
            }
        }
    }
    ensure!(peak < LIMIT, "{}: {} MiB", attack.name(), peak >> 20);
    report(format!("{}: {} MiB, {ends:?}", attack.name(), peak >> 20));
    ensure!(!long() || ends.len() == ids.len(), "{}: {ends:?}", attack.name());
    // Somebody else signs in and is served.
    let other = stage.account("instructor").await?;
    stage.api.playable(&e2e::media::short().await?, &other.token).await?;
    Ok(ends)
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_of_nothing_take_no_memory() -> Result<()> {
    scenario(Attack::target(), async |stage| {
        let ends = attacked(stage, Attack::Gaps).await?;
        ensure!(
            ends.iter().all(|end| end == "media_timeline" || end == "ready"),
            "{ends:?}"
        );
        Ok(())
    })
    .await
}

/// In thirty seconds no file settles, so that only memory and survival are checked then.
#[tokio::test(flavor = "multi_thread")]
async fn millions_of_tiny_packets_take_little_memory() -> Result<()> {
    scenario(Attack::target(), async |stage| {
        let ends = attacked(stage, Attack::Surveys).await?;
        let known = ["media_too_large", "media_too_slow"];
        ensure!(ends.iter().all(|end| known.contains(&end.as_str())), "{ends:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_pictures_are_refused_before_they_are_decoded() -> Result<()> {
    scenario(Attack::target(), async |stage| {
        let ends = attacked(stage, Attack::Pixels).await?;
        ensure!(ends == ["media_limits"; 3], "{ends:?}");
        Ok(())
    })
    .await
}
