//! Live lectures by WebRTC: Chromium, aiortc and ffmpeg as they are, against the real server.

use super::scenario;
use anyhow::{Context, Result, ensure};
use e2e::server::Start;
use e2e::stage::Stage;
use e2e::tools::{self, report};
use e2e::turn::TurnServer;
use e2e::webrtc::{Lecture, SMALL};
use serde_json::{Value, json};

/// The longest time between two pictures.
const GAP: f64 = 2.0;

async fn announce(stage: &mut Stage) -> Result<Lecture> {
    let owner = stage.account("instructor").await?;
    Lecture::announce(&stage.api, owner).await
}

/// Publishes and watches a lecture in Chromium.
async fn in_chromium(lecture: &Lecture, stage: &Stage, rids: &[&str], blocked: bool) -> Result<Value> {
    let order = json!({
        "origin": stage.server.url(),
        "whip": { "url": lecture.whip, "bearer": lecture.key },
        "whep": { "url": lecture.whep, "bearer": lecture.owner.token },
        "seconds": 7,
        "rids": rids,
        "blocked": blocked,
    });
    let seen = tools::output(&mut tools::node("live.mjs")?, &serde_json::to_vec(&order)?).await?;
    Ok(serde_json::from_slice(&seen)?)
}

/// Watches a lecture with aiortc.
async fn with_aiortc(lecture: &Lecture, seconds: &str) -> Result<Value> {
    let mut watch = tools::python("whep.py")?;
    watch.args([&lecture.whep, &lecture.owner.token, seconds]);
    Ok(serde_json::from_slice(&tools::output(&mut watch, &[]).await?)?)
}

/// Checks that the metrics of WebRTC have counted a publisher and a viewer.
async fn counted(stage: &mut Stage) -> Result<()> {
    let admin = stage.account("admin").await?;
    let metrics = stage.api.get("/metrics", &admin.token).await?.expect(200)?.text();
    for series in [
        "webrtc_opened_total{kind=\"publisher\"}",
        "webrtc_opened_total{kind=\"viewer\"}",
        "webrtc_ended_total{kind=\"viewer\"",
        "webrtc_packets_total{direction=\"in\",transport=\"udp\"}",
        "webrtc_packets_total{direction=\"out\",transport=\"udp\"}",
        "webrtc_bytes_total{direction=\"out\",transport=\"udp\"}",
        "webrtc_sessions{kind=\"publisher\"}",
        "key_frame_requests_total",
    ] {
        let name = format!("moocflix_live_{series}");
        let mut lines = metrics.lines().filter(|line| line.starts_with(&name));
        let value = lines.find_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        ensure!(value.is_some(), "{name}: {value:?}");
    }
    Ok(())
}

/// The median of numbers.
fn median(numbers: &Value) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.as_array()?.iter().filter_map(Value::as_f64).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

fn number(seen: &Value, name: &str) -> Result<f64> {
    seen[name].as_f64().with_context(|| format!("{name}: {seen}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_publishes_another_one_sees_and_hears() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let lecture = announce(stage).await?;
        let seen = in_chromium(&lecture, stage, &[], false).await?;
        report(format!(
            "WHEP in Chromium: connected after {} ms, first picture after {} ms, {} pictures, largest gap {} s, median \
             delay {:?} ms, by {}",
            seen["connected"],
            seen["first"],
            seen["frames"],
            seen["gap"],
            median(&seen["glass"]),
            seen["kinds"]
        ));
        ensure!(number(&seen, "frames")? >= 100.0, "{seen}");
        ensure!(number(&seen, "gap")? <= GAP, "{seen}");
        ensure!(number(&seen, "heard")? >= 3.5, "{seen}");
        counted(stage).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layers_that_a_browser_publishes_reach_a_viewer() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let lecture = announce(stage).await?;
        let seen = in_chromium(&lecture, stage, &["q", "h", "f"], false).await?;
        report(format!(
            "WHEP of simulcast: {} pictures of {}",
            seen["frames"], seen["sizes"]
        ));
        ensure!(number(&seen, "frames")? >= 60.0, "{seen}");
        ensure!(number(&seen, "gap")? <= GAP, "{seen}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_udp_watches_over_tcp() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let lecture = announce(stage).await?;
        let seen = in_chromium(&lecture, stage, &[], true).await?;
        let connected = number(&seen, "connected")?;
        report(format!(
            "WHEP over TCP: connected after {connected} ms, by {}",
            seen["kinds"]
        ));
        ensure!(number(&seen, "frames")? >= 100.0, "{seen}");
        ensure!(number(&seen, "gap")? <= GAP, "{seen}");
        ensure!(connected <= 9_000.0, "{seen}");
        let by_tcp = seen["kinds"].as_array().is_some_and(|kinds| {
            let kinds = kinds.iter().filter_map(Value::as_str);
            kinds.clone().count() > 0 && kinds.clone().all(|kind| kind.ends_with(" tcp"))
        });
        ensure!(by_tcp, "{seen}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ffmpeg_publishes_aiortc_sees_and_hears() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let lecture = announce(stage).await?;
        let mut ffmpeg = lecture.with_ffmpeg(&lecture.key, SMALL).await?;
        lecture.is_published(&stage.api, true).await?;
        let seen = with_aiortc(&lecture, "8").await;
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) => {
                ffmpeg.start_kill()?;
                let complaint = ffmpeg.wait_with_output().await?;
                return Err(error.context(String::from_utf8_lossy(&complaint.stderr).into_owned()));
            }
        };
        report(format!("WHIP by ffmpeg, WHEP by aiortc: {seen}"));
        ensure!(number(&seen, "pictures")? >= 80.0, "{seen}");
        ensure!(number(&seen, "sounds")? >= 100.0, "{seen}");
        ensure!(number(&seen, "gap")? <= GAP, "{seen}");
        Ok(())
    })
    .await
}

/// Publishes and watches a lecture with the clients of the package whip-whep.
async fn with_whip_whep(lecture: &Lecture, stage: &Stage, relay: bool) -> Result<Value> {
    let order = json!({
        "origin": stage.server.url(),
        "whip": { "url": lecture.whip, "bearer": lecture.key },
        "whep": { "url": lecture.whep, "bearer": lecture.owner.token },
        "seconds": 6,
        "relay": relay,
    });
    let seen = tools::output(&mut tools::node("whip_whep.mjs")?, &serde_json::to_vec(&order)?).await?;
    let seen = serde_json::from_slice(&seen)?;
    ensure!(number(&seen, "pictures")? >= 60.0, "{seen}");
    ensure!(number(&seen, "sounds")? >= 3.0, "{seen}");
    ensure!(number(&seen, "gap")? <= GAP, "{seen}");
    // Its clients close the connection before they end the session, which is over by then.
    let refused = seen["refused"].as_array().context("a list")?;
    ensure!(refused.iter().all(|it| it == "DELETE 404"), "{seen}");
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_of_whip_whep_publish_and_watch_as_they_are() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let lecture = announce(stage).await?;
        let seen = with_whip_whep(&lecture, stage, false).await?;
        report(format!("whip-whep: {seen}"));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_whom_only_a_relay_reaches_watches_through_it() -> Result<()> {
    let relay = TurnServer::start().await?;
    // As in a network that blocks UDP: TCP to the relay.
    let start = Start::default().set("LIVE__ICE_SERVERS", format!("{}?transport=tcp", relay.url));
    scenario(start, async |stage| {
        let lecture = announce(stage).await?;
        let seen = with_whip_whep(&lecture, stage, true).await?;
        report(format!("through a TURN server: {seen}"));
        let kinds = seen["kinds"].as_array().context("candidates")?;
        ensure!(!kinds.is_empty() && kinds.iter().all(|it| it == "relay tcp"), "{seen}");
        Ok(())
    })
    .await
}
