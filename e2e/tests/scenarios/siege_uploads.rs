//! Floods of uploads and event streams take little memory, and others are served meanwhile.

use anyhow::{Result, ensure};
use e2e::api::Account;
use e2e::process::{anonymous_memory, until};
use e2e::server::Start;
use e2e::siege::{event_streams, sampled, uploads};
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use e2e::tus;
use std::convert::Infallible;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// The promise is 100 ms; other scenarios run beside this one.
const SERVED: Duration = Duration::from_secs(2);

/// Asks for somebody's profile again and again, and notes the longest wait.
async fn ask(stage: &Stage, other: &Account, longest: &mut Duration) -> Result<Infallible> {
    loop {
        let began = Instant::now();
        let profile = stage.api.get("/api/v1/users/profile", &other.token).await?;
        profile.expect(200)?;
        *longest = (*longest).max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs an attack, with somebody else beside it; returns its result, and the longest wait for a profile.
async fn beside<T>(stage: &Stage, other: &Account, attack: impl Future<Output = Result<T>>) -> Result<(T, Duration)> {
    let mut longest = Duration::ZERO;
    let done = tokio::select! {
        done = attack => done?,
        failed = ask(stage, other, &mut longest) => match failed? {},
    };
    Ok((done, longest))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_and_fifty_uploads_at_once_take_less_than_256_mib() -> Result<()> {
    let any = |start: Start, name: &str| start.set(&format!("CONTENT__QUOTA__{name}"), "0");
    let start = any(any(Start::default(), "UPLOADS"), "REQUESTS");
    scenario(start, async |stage| {
        let (owner, other) = (stage.account("instructor").await?, stage.account("learner").await?);
        let pid = stage.server.pid()?;
        let attack = uploads::at_once(&stage.api, std::slice::from_ref(&owner.token), 150, 3 * MIB);
        let ((flood, longest), peak) = sampled(pid, beside(stage, &other, attack)).await?;
        let text = format!(
            "{} of 150 taken, {} MiB, a profile {longest:?}",
            flood.taken,
            peak / MIB
        );
        report(text.clone());
        ensure!(flood.refused.iter().all(|code| code == "busy"), "{flood:?}");
        ensure!(flood.taken >= 140, "{text}: {:?}", flood.refused);
        ensure!(peak < 256 * MIB && longest < SERVED, "{text}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn six_hundred_event_streams_of_one_user_are_six() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let (owner, other) = (stage.account("instructor").await?, stage.account("learner").await?);
        let upload = tus::create(&stage.api, &owner.token, MIB).await?;
        let pid = stage.server.pid()?;
        let before = anonymous_memory(pid)?;
        let attack = event_streams::open(&stage.api, &owner.token, &upload.id, 600);
        let ((flood, longest), peak) = sampled(pid, beside(stage, &other, attack)).await?;
        let grown = peak.saturating_sub(before) / MIB;
        report(format!(
            "{} open, {grown} MiB more, a profile {longest:?}",
            flood.open.len()
        ));
        ensure!(flood.open.len() == 6, "{} are open", flood.open.len());
        ensure!(flood.refused.iter().all(|status| *status == 429), "{:?}", flood.refused);
        ensure!(grown < 64 && longest < SERVED, "{grown} MiB, {longest:?}");
        drop(flood);
        until("a stream again", Duration::from_secs(20), async || {
            let again = event_streams::open(&stage.api, &owner.token, &upload.id, 1).await?;
            Ok((again.open.len() == 1).then_some(()))
        })
        .await
    })
    .await
}
