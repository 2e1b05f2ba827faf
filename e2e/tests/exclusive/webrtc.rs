//! Live lectures by WebRTC: Chromium, aiortc and ffmpeg as they are, against the real server.

use super::scenario;
use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::server::Start;
use e2e::stage::Stage;
use e2e::tools::{self, report};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::process::Child;

/// The longest time between two pictures.
const GAP: f64 = 2.0;

/// A lecture of an instructor's that nobody publishes yet.
struct Lecture {
    owner: Account,
    id: String,
    key: String,
    whip: String,
}

async fn announce(stage: &mut Stage) -> Result<Lecture> {
    let owner = stage.account("instructor").await?;
    let title = json!({ "title": "A live lecture" });
    let answer = stage
        .api
        .json(Method::POST, "/api/v1/content/live", &owner.token, &title)
        .await?;
    let lecture = answer.expect(201)?.json();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let key = text(&lecture["ingest"]["stream_key"]).context("a stream key")?;
    stage.api.secret(&key);
    Ok(Lecture {
        id: text(&lecture["id"]).context("an id")?,
        whip: text(&lecture["ingest"]["whip_url"]).context("an address for WHIP")?,
        owner,
        key,
    })
}

impl Lecture {
    fn whip(&self, stage: &Stage) -> String {
        format!("{}{}", stage.server.url(), self.whip)
    }

    fn whep(&self, stage: &Stage) -> String {
        format!("{}/api/v1/content/live/{}/whep", stage.server.url(), self.id)
    }

    /// Publishes and watches in Chromium.
    async fn in_chromium(&self, stage: &Stage, rids: &[&str], blocked: bool) -> Result<Value> {
        let order = json!({
            "origin": stage.server.url(),
            "whip": { "url": self.whip(stage), "bearer": self.key },
            "whep": { "url": self.whep(stage), "bearer": self.owner.token },
            "seconds": 10,
            "rids": rids,
            "blocked": blocked,
        });
        let seen = tools::output(&mut tools::node("live.mjs")?, &serde_json::to_vec(&order)?).await?;
        Ok(serde_json::from_slice(&seen)?)
    }

    /// Publishes with ffmpeg's own WHIP, as long as the child lives.
    async fn with_ffmpeg(&self, stage: &Stage) -> Result<Child> {
        let code = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
        let mut python = tokio::process::Command::new(e2e::settings::python()?);
        let program = tools::output(python.args(["-c", code]), &[]).await?;
        let program = String::from_utf8(program)?;
        let mut ffmpeg = tokio::process::Command::new(program.trim());
        let picture = "testsrc2=size=640x360:rate=25";
        ffmpeg
            .args([
                "-hide_banner",
                "-loglevel",
                "error",
                "-re",
                "-f",
                "lavfi",
                "-i",
                picture,
            ])
            .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
            .args([
                "-c:v",
                "libx264",
                "-profile:v",
                "baseline",
                "-preset",
                "ultrafast",
                "-tune",
                "zerolatency",
            ])
            .args(["-bf", "0", "-g", "50", "-pix_fmt", "yuv420p", "-b:v", "800k"])
            .args(["-c:a", "libopus", "-ar", "48000", "-ac", "2", "-f", "whip"])
            .args(["-authorization", &self.key, &self.whip(stage)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(ffmpeg.spawn()?)
    }

    /// Watches with aiortc.
    async fn with_aiortc(&self, stage: &Stage, seconds: &str) -> Result<Value> {
        let mut watch = tools::python("whep.py")?;
        watch.args([&self.whep(stage), &self.owner.token, seconds]);
        Ok(serde_json::from_slice(&tools::output(&mut watch, &[]).await?)?)
    }

    async fn is_published(&self, stage: &Stage) -> Result<()> {
        e2e::process::until("the lecture is live", std::time::Duration::from_secs(30), async || {
            let video = stage.api.video(&self.id, &self.owner.token).await?;
            Ok((video["status"] == "live").then_some(()))
        })
        .await
    }
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
        let seen = lecture.in_chromium(stage, &[], false).await?;
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
        ensure!(number(&seen, "heard")? >= 5.0, "{seen}");
        counted(stage).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layers_that_a_browser_publishes_reach_a_viewer() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let lecture = announce(stage).await?;
        let seen = lecture.in_chromium(stage, &["q", "h", "f"], false).await?;
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
        let seen = lecture.in_chromium(stage, &[], true).await?;
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
        let mut ffmpeg = lecture.with_ffmpeg(stage).await?;
        lecture.is_published(stage).await?;
        let seen = lecture.with_aiortc(stage, "8").await;
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
