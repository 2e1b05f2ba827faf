//! Every metric of live lectures changes when its subject happens.

use super::metrics::{LIVE, documented, moved};
use anyhow::{Context, Result, ensure};
use e2e::live::{BEGINNING, free, lecture, playlists, publish};
use e2e::process::{encoders, signal, until};
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::viewers::Audience;
use e2e::webrtc::{Lecture, SMALL};
use reqwest::Method;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Metrics of several nodes, of what becomes of a recording, of a store that is too slow, and of too many connections, which
/// other tests are about.
const LATER: [&str; 6] = [
    "moocflix_live_files_read_by_nodes_total",
    "moocflix_live_files_read_elsewhere_total",
    "moocflix_live_segments_joined_total",
    "moocflix_live_segments_lost_total",
    "moocflix_live_webrtc_connections_refused_total",
    "moocflix_live_webrtc_sent_elsewhere_total",
];

/// Does everything that a metric of live lectures counts.
async fn busy(stage: &mut Stage, (media, rtmp): (SocketAddr, SocketAddr)) -> Result<()> {
    let owner = stage.account("instructor").await?;
    let api = &stage.api;
    let mut stranger = publish(&format!("rtmp://{rtmp}/live/no-such-key"))?;
    timeout(BEGINNING, stranger.wait()).await.context("a refusal")??;
    let (id, url, _) = lecture(api, &owner).await?;
    let _by_rtmp = publish(&url)?;
    playlists(api, &id, &owner.token).await?;
    let lecture = Lecture::announce(api, owner).await?;
    let _by_webrtc = lecture.with_ffmpeg(&lecture.key, SMALL).await?;
    lecture.is_published(api, true).await?;
    let token = &lecture.owner.token;
    let offer = api.request(Method::POST, &lecture.path("/whep")).bearer_auth(token);
    let offer = offer.header("content-type", "application/sdp").body("nothing");
    api.send(offer).await?.problem(400, "malformed_sdp")?;
    let mut audience = Audience::open()?;
    audience.comes("one", &lecture.whep, token).await?;
    audience.hears("one", "playing", BEGINNING).await?;
    audience.leaves("one").await?;
    audience.hears("one", "left", BEGINNING).await?;
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.send_to(b"nobody knows this", media).await?;
    until("an encoder", Duration::from_secs(20), async || {
        let running = encoders(stage.server.data())?;
        let found = running.into_iter().find(e2e::process::Running::is_tool);
        Ok(match found {
            Some(encoder) => signal(encoder.pid, Signal::KILL)?.then_some(()),
            None => None,
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_metric_of_live_lectures_moves() -> Result<()> {
    let (media, rtmp) = (free()?, free()?);
    let start = Start::default()
        .set("LIVE__UDP_LISTEN", media.to_string())
        .set("LIVE__RTMP_LISTEN", rtmp.to_string());
    let mut due: BTreeSet<_> = documented()?.into_iter().collect();
    due.retain(|it| it.starts_with(LIVE));
    ensure!(LATER.iter().all(|it| due.remove(*it)), "{LATER:?}");
    ensure!(due.len() >= 8, "only {due:?} are documented");
    scenario(start, async |stage| {
        let everything = async |stage: &mut Stage| busy(stage, (media, rtmp)).await;
        let seen = moved(stage, everything, |seen| seen.is_superset(&due)).await?;
        let still: Vec<_> = due.difference(&seen).collect();
        ensure!(still.is_empty(), "these did not move: {still:?}");
        Ok(())
    })
    .await
}
