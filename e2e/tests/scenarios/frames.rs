//! Segments cut just in time decode to the source's own frames and packets, for every kind of source.

use anyhow::{Context, Result, ensure};
use e2e::server::{PLACES, SLOTS, Start};
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist};
use std::path::{Path, PathBuf};

/// A source that can be cut: its name, its frame rate, additional arguments for ffmpeg.
type Row = (&'static str, &'static str, &'static [&'static str]);

const SILENT: &[&str] = &["-an"];
const SOURCES: [Row; 17] = [
    ("front.mp4", "25", &["-movflags", "+faststart"]),
    ("end.mp4", "25", &[]),
    ("bframes.mp4", "25", &["-bf", "3", "-b_strategy", "0", "-refs", "4"]),
    ("plain.mp4", "25", &["-bf", "0"]),
    (
        "fragmented.mp4",
        "25",
        &["-movflags", "+frag_keyframe+empty_moov+default_base_moof"],
    ),
    (
        "fragments.mp4",
        "25",
        &["-movflags", "+frag_keyframe+delay_moov", "-frag_duration", "700000"],
    ),
    ("quicktime.mov", "25", &[]),
    ("noedits.mp4", "25", &["-use_editlist", "0", "-bf", "0"]),
    ("late.mp4", "25", &["-af", "asetpts=PTS+0.48/TB"]),
    ("film.mp4", "24000/1001", &[]),
    ("ntsc.mp4", "30000/1001", &[]),
    ("sixty.mp4", "60", &[]),
    (
        "variable.mp4",
        "30",
        &["-vf", "select='gt(mod(n,5),0)*gt(mod(n,7),1)'", "-fps_mode", "vfr"],
    ),
    ("mono.mp4", "25", &["-ac", "1"]),
    ("eight.mp4", "25", &["-ar", "8000", "-ac", "1", "-b:a", "16k"]),
    ("sixteen.mp4", "25", &["-ar", "16000"]),
    ("silent.mp4", "25", SILENT),
];

async fn source((name, rate, more): &Row) -> Result<PathBuf> {
    let picture = media::picture("426x240", rate, 21);
    let mut arguments: Vec<&str> = picture.iter().map(String::as_str).collect();
    arguments.extend([
        "-c:v", "libx264", "-preset", "veryfast", "-g", "75", "-pix_fmt", "yuv420p",
    ]);
    arguments.extend(["-c:a", "aac", "-b:a", "64k", "-ac", "2"]);
    arguments.extend(*more);
    media::make(name, &arguments).await
}

/// Plays a source through the server and compares the output with the source.
async fn same(stage: &Stage, token: &str, path: &Path, sound: bool) -> Result<()> {
    let id = stage.api.playable(path, token).await?;
    let session = stage.api.session(&id, token).await?;
    playlist::open(&stage.api, &session.hls_url).await?;
    let (source, played) = (path.to_string_lossy(), format!("{}{}", stage.api.base, session.hls_url));

    let (before, after) = (media::frames(&source).await?, media::frames(&played).await?);
    ensure!(before.len() > 100, "only {} frames in the source", before.len());
    let differ = before.iter().zip(&after).position(|(one, other)| one != other);
    ensure!(
        before == after,
        "{} frames became {}, the first other one is {differ:?}",
        before.len(),
        after.len()
    );
    let shift = shift(&source, &played, "v:0").await?;
    if sound {
        let (before, after) = (
            media::audio_packets(&source).await?,
            media::audio_packets(&played).await?,
        );
        let differ = before.iter().zip(&after).position(|(one, other)| one != other);
        ensure!(
            before == after,
            "{} packets became {}, the first other one is {differ:?}",
            before.len(),
            after.len()
        );
        let audio = self::shift(&source, &played, "a:0").await?;
        ensure!(
            (audio - shift).abs() <= 0.001,
            "audio moved by {} s against the video",
            audio - shift
        );
    }
    Ok(())
}

/// By how much a stream's times moved; fails unless all its packets moved equally.
async fn shift(source: &str, played: &str, stream: &str) -> Result<f64> {
    let (before, after) = (
        media::packets(source, stream).await?,
        media::packets(played, stream).await?,
    );
    moved(stream, &before.times, &after.times)
}

fn moved(stream: &str, before: &[f64], after: &[f64]) -> Result<f64> {
    ensure!(
        before.len() == after.len(),
        "{stream}: {} times became {}",
        before.len(),
        after.len()
    );
    let moved: Vec<f64> = before.iter().zip(after).map(|(before, after)| after - before).collect();
    let first = *moved.first().context("no packets")?;
    let worst = moved.iter().map(|it| (it - first).abs()).fold(0.0, f64::max);
    ensure!(
        worst <= 0.001,
        "{stream}: a packet moved by {worst} s against the first"
    );
    Ok(first)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_and_packet_is_the_sources_own() -> Result<()> {
    scenario(Start::default().set(PLACES, "0"), async |stage| {
        let owner = stage.account("instructor").await?;
        let mut wrong = Vec::new();
        for row in &SOURCES {
            let path = source(row).await?;
            if let Err(error) = same(stage, &owner.token, &path, row.2 != SILENT).await {
                wrong.push(format!("{}: {error:#}", row.0));
            }
        }
        let far = media::far_offsets(&source(&SOURCES[1]).await?)?;
        if let Err(error) = same(stage, &owner.token, &far, true).await {
            wrong.push(format!("co64: {error:#}"));
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hours_keep_every_time_and_size() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let path = media::long(180).await?;
        let id = stage.api.playable(&path, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let (source, played) = (
            path.to_string_lossy().into_owned(),
            format!("{}{}", stage.api.base, session.hls_url),
        );
        for stream in ["v:0", "a:0"] {
            let (before, after) = (
                media::packets(&source, stream).await?,
                media::packets(&played, stream).await?,
            );
            ensure!(before.sizes.len() > 90_000, "{} samples", before.sizes.len());
            let mut pairs = before.sizes.iter().zip(&after.sizes);
            let differ = pairs.position(|(one, other)| one != other);
            ensure!(
                before.sizes == after.sizes,
                "{stream}: {} samples, {}; {differ:?} differs",
                before.sizes.len(),
                after.sizes.len()
            );
            moved(stream, &before.times, &after.times)?;
        }
        Ok(())
    })
    .await
}

/// Sources that can't be cut correctly: they wait for transcoding, and never play broken.
const UNCUT: [Row; 4] = [
    (
        "open-gop.mp4",
        "25",
        &[
            "-x264-params",
            "open-gop=1:bframes=3:keyint=50:min-keyint=50:scenecut=0",
        ],
    ),
    ("ten-bit.mp4", "25", &["-pix_fmt", "yuv420p10le"]),
    (
        "sparse.mp4",
        "25",
        &["-g", "400", "-keyint_min", "400", "-sc_threshold", "0"],
    ),
    ("mpeg4.mp4", "25", &["-c:v", "mpeg4"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_cut_correctly_waits_for_transcoding() -> Result<()> {
    // without an encoder
    scenario(Start::default().set(SLOTS, "0"), async |stage| {
        let owner = stage.account("instructor").await?;
        let mut paths = Vec::new();
        for row in &UNCUT {
            paths.push(source(row).await?);
        }
        paths.push(media::cut_in_the_middle_of_a_gop().await?);
        paths.push(media::two_sample_entries().await?);
        for path in paths {
            let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
            let id = stage.api.upload(std::fs::read(&path)?, &owner.token).await?;
            let waiting = e2e::process::until(&name, std::time::Duration::from_secs(30), async || {
                let video = stage.api.video(&id, &owner.token).await?;
                let settled = video["status"] != "processing" || !video["reason"].is_null();
                Ok(settled.then_some(video))
            });
            let video = waiting.await?;
            ensure!(video["status"] == "processing", "{name}: {video}");
            ensure!(video["reason"]["code"] == "needs_transcoding", "{name}: {video}");
            let stream = stage
                .api
                .get(&format!("/api/v1/content/{id}/stream"), &owner.token)
                .await?;
            stream.problem(409, "not_playable").context(name)?;
        }
        Ok(())
    })
    .await
}
