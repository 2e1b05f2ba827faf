//! A lecture published by RTMP, with B-frames and AAC, is seen and heard by both kinds of viewers.

use super::scenario;
use anyhow::{Context, Result, ensure};
use e2e::live::{are_together, events, free, lecture, playlists, publish, record};
use e2e::server::Start;
use e2e::tools::{self, report};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_by_rtmp_with_b_frames_and_aac_is_seen_and_heard_in_time_by_hls() -> Result<()> {
    let start = Start::default().set("LIVE__RTMP_LISTEN", free()?.to_string());
    scenario(start, async |stage| {
        let teacher = stage.account("instructor").await?;
        let (id, url, _) = lecture(&stage.api, &teacher).await?;
        let _publisher = publish(&url)?;
        let hls = playlists(&stage.api, &id, &teacher.token).await?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("recorded.mkv");
        record(&hls, &file, 8).await?;
        let (flashes, beeps) = events(&file).await?;
        are_together(&flashes, &beeps)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_by_rtmp_with_b_frames_and_aac_is_seen_and_heard_by_webrtc() -> Result<()> {
    let start = Start::default().set("LIVE__RTMP_LISTEN", free()?.to_string());
    scenario(start, async |stage| {
        let teacher = stage.account("instructor").await?;
        let (id, url, _) = lecture(&stage.api, &teacher).await?;
        let _publisher = publish(&url)?;
        playlists(&stage.api, &id, &teacher.token).await?;
        let whep = format!("{}/api/v1/content/live/{id}/whep", stage.server.url());
        let mut watch = tools::python("whep.py")?;
        watch.args([&whep, &teacher.token, "10"]);
        let seen: Value = serde_json::from_slice(&tools::output(&mut watch, &[]).await?)?;
        report(format!("RTMP by ffmpeg, WHEP by aiortc: {seen}"));
        let count = |name: &str| seen[name].as_f64().with_context(|| format!("{name}: {seen}"));
        ensure!(count("pictures")? >= 150.0 && count("sounds")? >= 200.0, "{seen}");
        ensure!(count("gap")? <= 2.0, "{seen}");
        Ok(())
    })
    .await
}
