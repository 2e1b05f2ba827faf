//! Several processes encode one lecture: each piece once, even if one of them is suspended.

use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::encoding::{encoding, front, is_tidy, is_whole, pieces, taken_again, worker};
use e2e::media::sources;
use e2e::process::{self, signal, until};
use e2e::raw;
use e2e::server::{SLOTS, Server};
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;

/// An address that is free for the moment.
fn free() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// The number of encodings that a process has finished.
async fn encoded(address: &str) -> Result<f64> {
    let (status, text) = raw::get(address, "GET", "/metrics", "").await?;
    ensure!(status == 200, "{status}");
    let wanted = |it: &&str| it.starts_with("moocflix_tasks_total") && it.contains("encode") && it.contains("\"done\"");
    let lines = text.lines().filter(wanted);
    Ok(lines.filter_map(|it| it.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

async fn with_metrics(stage: &Stage, lease: &str) -> Result<(Server, String)> {
    let address = free()?;
    let start = encoding("90,180")
        .set("METRICS_LISTEN", &address)
        .set("TASKS__LEASE_SECONDS", lease)
        .set(SLOTS, "1");
    Ok((worker(stage, start).await?, address))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_lectures_pieces_and_encode_none_twice() -> Result<()> {
    scenario(front("90,180"), async |stage| {
        let owner = stage.account("instructor").await?;
        let (one, at_one) = with_metrics(stage, "30").await?;
        let (other, at_other) = with_metrics(stage, "30").await?;
        let path = sources::long(2, "320x180", "12").await?;
        let id = stage.api.upload(std::fs::read(&path)?, &owner.token).await?;
        let within = Duration::from_secs(120);
        let ready = stage.api.becomes_within(&id, &owner.token, &["ready"], within).await;
        ready.with_context(|| one.log() + &other.log())?;
        let (one, other) = (encoded(&at_one).await?, encoded(&at_other).await?);
        let pieces = pieces(stage.server.data(), &id);
        let (sound, lowest): (Vec<_>, Vec<_>) = (
            pieces.keys().filter(|(name, _)| name == "audio").collect(),
            pieces.keys().filter(|(name, _)| name == "90p").collect(),
        );
        ensure!(!sound.is_empty(), "{pieces:?}");
        // a task for the audio, one for each of the lowest rung's pieces, one for each piece of the others
        let tasks = 1 + lowest.len() * 2;
        ensure!(
            one > 0.0 && other > 0.0 && one + other == tasks as f64,
            "{one} and {other} encodings were done for {tasks} tasks"
        );
        let again = taken_again(&pieces);
        ensure!(again.is_empty(), "these were encoded more than once: {again:?}");
        report(format!("{tasks} encodings were shared as {one} and {other}"));
        is_whole(stage, &owner, &id, &path).await?;
        is_tidy(stage.server.data(), &id).await
    })
    .await
}

/// Suspends a worker in the middle of an encoding, but not in the middle of a transaction: nobody could write to an
/// embedded database while its writer is suspended.
async fn freeze(stage: &Stage, owner: &Account, id: &str, pid: u32) -> Result<()> {
    let data = stage.server.data().to_owned();
    until(
        "a moment between two transactions",
        Duration::from_secs(150),
        async || {
            let busy = process::encoders(&data)?.iter().any(process::Running::is_tool);
            if !busy || pieces(&data, id).len() < 2 {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
            signal(pid, Signal::STOP)?;
            let title = json!({ "title": "Frost" });
            let path = format!("/api/v1/content/{id}");
            let write = stage.api.json(Method::PATCH, &path, &owner.token, &title);
            let written = tokio::time::timeout(Duration::from_secs(2), write).await;
            if written.is_ok_and(|it| it.is_ok_and(|it| it.status == 200)) {
                return Ok(Some(()));
            }
            signal(pid, Signal::CONT)?;
            Ok(None)
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_suspended_past_its_lease_publishes_nothing() -> Result<()> {
    scenario(front("90,180").set("TASKS__LEASE_SECONDS", "2"), async |stage| {
        let owner = stage.account("instructor").await?;
        let (frozen, at_frozen) = with_metrics(stage, "2").await?;
        let path = sources::long(4, "320x180", "12").await?;
        let id = stage.api.upload(std::fs::read(&path)?, &owner.token).await?;
        let data = stage.server.data().to_owned();
        let pid = frozen.pid()?;
        freeze(stage, &owner, &id, pid).await?;
        let before = pieces(&data, &id).len();
        let (awake, at_awake) = with_metrics(stage, "2").await?;
        // the other worker has claimed the suspended one's tasks
        until("a taken-over piece", Duration::from_secs(60), async || {
            Ok((!taken_again(&pieces(&data, &id)).is_empty()).then_some(()))
        })
        .await?;
        signal(pid, Signal::CONT)?;
        let within = Duration::from_secs(120);
        let ready = stage.api.becomes_within(&id, &owner.token, &["ready"], within).await;
        ready.with_context(|| frozen.log() + &awake.log())?;
        is_tidy(&data, &id).await?;
        let all = pieces(&data, &id);
        let again = taken_again(&all);
        report(format!(
            "{before} pieces before the suspension, {} in total, claimed again: {again:?}; {} and {} encodings finished",
            all.len(),
            encoded(&at_frozen).await?,
            encoded(&at_awake).await?
        ));
        // one encoder was suspended: the rest of the audio, or one piece of some rungs, has another fence
        let pictures = again.keys().filter(|(name, _)| name != "audio");
        ensure!(
            pictures.count() <= 1,
            "more than the lost piece was encoded again: {all:?}"
        );
        is_whole(stage, &owner, &id, &path).await?;
        Ok(())
    })
    .await
}
