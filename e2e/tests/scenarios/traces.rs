//! A live lecture whose viewers come and go keeps no trace of them.

use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Api};
use e2e::live::{BEGINNING, playlists};
use e2e::playlist::renditions;
use e2e::process::{anonymous_memory, encoders, until};
use e2e::server::{PLACES, Start};
use e2e::settings::long;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use e2e::viewers::Audience;
use e2e::webrtc::{Lecture, Pictures, SMALL};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MIB: u64 = 1 << 20;
/// More than a short lecture keeps of itself in memory, and less than its viewers would if anything of them stayed.
const GROWTH: u64 = 24 * MIB;
/// A lecture as long as the issue has it.
const LARGE: Pictures = Pictures {
    size: "1280x720",
    rate: 2_500,
};

/// What a server holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    memory: u64,
    files: usize,
    sockets: usize,
    threads: usize,
}

impl Held {
    fn of(pid: u32) -> Result<Self> {
        let mut targets = Vec::new();
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
            // it may be closed by now
            if let Ok(target) = fs::read_link(entry?.path()) {
                targets.push(target.to_string_lossy().into_owned());
            }
        }
        let sockets = targets.iter().filter(|it| it.starts_with("socket:")).count();
        Ok(Self {
            memory: anonymous_memory(pid)?,
            files: targets.len() - sockets,
            sockets,
            threads: fs::read_dir(format!("/proc/{pid}/task"))?.count(),
        })
    }
}

/// A gauge of `/metrics`.
async fn gauge(api: &Api, admin: &Account, series: &str) -> Result<f64> {
    let text = api.get("/metrics", &admin.token).await?.expect(200)?.text();
    let line = text.lines().find(|line| line.starts_with(series));
    Ok(line
        .and_then(|line| line.rsplit_once(' ')?.1.parse().ok())
        .unwrap_or_default())
}

/// Some viewers who come together, each with a sign-in of its own: one sign-in has one place in a lecture. So many say
/// good-bye; the others are gone without a word.
async fn visit(api: &Api, lecture: &Lecture, (count, polite): (usize, usize)) -> Result<()> {
    let watcher = api.login(&lecture.owner.email, &lecture.owner.password).await?;
    let mut audience = Audience::blind()?;
    let names: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    for name in &names {
        let signed_in = api.login(&watcher.email, &watcher.password).await?;
        audience.comes(name, &lecture.whep, &signed_in.token).await?;
    }
    for name in &names {
        audience.hears(name, "playing", BEGINNING).await?;
    }
    let index = playlists(api, &lecture.id, &watcher.token).await?;
    let index = index.strip_prefix(&api.base).context("a path")?.to_owned();
    let text = api.send(api.request(Method::GET, &index)).await?.expect(200)?.text();
    let playlist = renditions(&index, &text).into_iter().next().context("a rendition")?;
    for _ in 0..10 {
        api.send(api.request(Method::GET, &playlist)).await?.expect(200)?;
        sleep(Duration::from_millis(300)).await;
    }
    for name in names.iter().take(polite) {
        audience.leaves(name).await?;
        audience.hears(name, "left", BEGINNING).await?;
    }
    Ok(())
}

/// Waits until nobody watches any more; returns what the server holds then.
async fn alone(stage: &Stage, admin: &Account) -> Result<Held> {
    until("the viewers' end", Duration::from_secs(90), async || {
        let viewers = gauge(&stage.api, admin, "moocflix_live_webrtc_sessions{kind=\"viewer\"}").await?;
        Ok((viewers < 0.5).then_some(()))
    })
    .await?;
    // the memory of a password's hash stays for a while: it is there each time
    stage.api.login(&admin.email, &admin.password).await?;
    // connections of the client itself, and of the database, are closed a little later
    sleep(Duration::from_secs(2)).await;
    Held::of(stage.server.pid()?)
}

async fn come_and_go(stage: &mut Stage) -> Result<()> {
    let (owner, admin) = (stage.account("instructor").await?, stage.account("admin").await?);
    let lecture = Lecture::announce(&stage.api, owner).await?;
    let pictures = if long() { LARGE } else { SMALL };
    let mut publisher = lecture.with_ffmpeg(&lecture.key, pictures).await?;
    lecture.is_published(&stage.api, true).await?;
    let api = &stage.api;
    // Threads, connections and buffers that are made once, whoever comes, must not count.
    visit(api, &lecture, (4, 4)).await?;
    let before = alone(stage, &admin).await?;
    let (begun, lasts) = (Instant::now(), Duration::from_secs(if long() { 7_200 } else { 40 }));
    let mut visits = 0;
    while begun.elapsed() < lasts {
        let count = if long() { 20 } else { 5 };
        visit(api, &lecture, (count, count / 2)).await?;
        visits += count;
    }
    let admin = api.login(&admin.email, &admin.password).await?;
    let after = alone(stage, &admin).await?;
    report(format_args!(
        "{visits} viewers came and went: {before:?}, then {after:?}"
    ));
    let grown = after.memory.saturating_sub(before.memory);
    ensure!(grown <= GROWTH, "{} MiB more", grown / MIB);
    ensure!(after.sockets <= before.sockets + 2, "{before:?} {after:?}");
    ensure!(after.files <= before.files + 4, "{before:?} {after:?}");
    ensure!(after.threads <= before.threads + 4, "{before:?} {after:?}");
    ensure!(visits >= 10, "only {visits} visits");
    let owner = api.login(&lecture.owner.email, &lecture.owner.password).await?;
    let end = lecture.path("/end");
    let end = api.json(Method::POST, &end, &owner.token, &json!({})).await?;
    end.expect(200)?;
    publisher.start_kill()?;
    until("the end of everything", Duration::from_secs(30), async || {
        let sessions = gauge(api, &admin, "moocflix_live_webrtc_sessions{kind=\"publisher\"}").await?;
        let encoders = encoders(stage.server.data())?;
        Ok((sessions < 0.5 && encoders.is_empty()).then_some(()))
    })
    .await?;
    let last = Held::of(stage.server.pid()?)?;
    report(format_args!("after the end: {last:?}"));
    // one or two are the test's own connections
    ensure!(
        last.sockets <= before.sockets + 2 && last.files <= before.files + 4,
        "{before:?} {last:?}"
    );
    let ended = api.get(&lecture.path(""), &owner.token).await?.expect(200)?.json();
    ensure!(ended["status"] == "ended" && ended["ingest"] == Value::Null, "{ended}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_who_come_and_go_leave_nothing_behind() -> Result<()> {
    let start = Start::default()
        .set(PLACES, "0")
        .set("USERS__LIMITS__SIGNINS_PER_ACCOUNT", "0");
    scenario(start, come_and_go).await
}
