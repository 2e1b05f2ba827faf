//! Broken sources and broken encoders end in bounded time, with a reason, and delay no other lecture.

use anyhow::{Context, Result, ensure};
use e2e::encoding::{encoding, is_whole, ready, renditions};
use e2e::ladder;
use e2e::media::sources::{self, HEVC};
use e2e::process::{self, signal, until};
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use e2e::{media, playlist};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// Waits until a lecture has settled.
async fn settled(stage: &Stage, token: &str, id: &str, within: Duration) -> Result<Value> {
    until("an end", within, async || {
        let video = stage.api.video(id, token).await?;
        let settled = video["status"] == "ready" || video["status"] == "failed";
        Ok(settled.then_some(video))
    })
    .await
    .with_context(|| id.to_owned())
}

/// A lecture with noise for pictures in an intact container: one byte in every so many is changed.
async fn noisy(every: &str) -> Result<Vec<u8>> {
    let whole = HEVC.file().await?.to_string_lossy().into_owned();
    let filter = format!("noise=amount={every}");
    let path = media::make(
        "noise.mkv",
        &["-i", &whole, "-map", "0", "-c", "copy", "-bsf:v", &filter],
    )
    .await?;
    Ok(std::fs::read(path)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_lectures_end_with_a_reason_and_the_queue_continues() -> Result<()> {
    scenario(encoding("180"), async |stage| {
        let owner = stage.account("instructor").await?;
        let whole = std::fs::read(HEVC.file().await?)?;
        let cut = whole.get(..whole.len() * 3 / 5).context("a part")?.to_vec();
        let head = whole.get(..3_000).context("a head")?.to_vec();
        let mut ids = Vec::new();
        let (some, much) = (noisy("2000").await?, noisy("1").await?);
        for (name, bytes) in [("cut", cut), ("head", head), ("some noise", some), ("noise", much)] {
            ids.push((name, stage.api.upload(bytes, &owner.token).await?));
        }
        // an intact one behind them
        ready(&stage.api, &owner, &sources::tiny(4).await?, Duration::from_secs(60)).await?;
        for (name, id) in ids {
            let video = settled(stage, &owner.token, &id, Duration::from_secs(90)).await?;
            let reason = video["reason"]["code"].as_str().unwrap_or_default().to_owned();
            report(format!(
                "{name}: {} {} {:?}",
                video["status"],
                video["reason"],
                renditions(&video)
            ));
            if video["status"] == "failed" {
                ensure!(!reason.is_empty(), "{name} failed without a reason: {video}");
                let stream = stage
                    .api
                    .get(&format!("/api/v1/content/{id}/stream"), &owner.token)
                    .await?;
                stream.problem(409, "video_failed")?;
                continue;
            }
            // a truncated lecture plays as far as it goes
            ensure!(!["head", "noise"].contains(&name), "there is nothing to play: {video}");
            let session = stage.api.session(&id, &owner.token).await?;
            ladder::read(&stage.api, &session.hls_url)
                .await?
                .is_aligned()
                .context(name)?;
        }
        Ok(())
    })
    .await
}

/// A folder with an ffmpeg that misbehaves for AVI files. In its cage, a script can become ffmpeg and start nothing else.
fn strange_ffmpeg(folder: &Path, instead: &str) -> Result<String> {
    let path = folder.join("ffmpeg");
    let script = format!("#!/bin/sh\ncase \"$*\" in *'-f avi'*) {instead} ;; esac\nexec /usr/bin/ffmpeg \"$@\"\n");
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()))
}

/// A server whose ffmpeg misbehaves for AVI files.
fn with_strange(folder: &Path, instead: &str) -> Result<Start> {
    let mut start = encoding("180")
        .set("CONTENT__TRANSCODE__STALL_SECONDS", "1")
        .set("TASKS__LEASE_SECONDS", "2");
    start
        .environment
        .push(("PATH".to_owned(), strange_ffmpeg(folder, instead)?));
    Ok(start)
}

#[tokio::test(flavor = "multi_thread")]
async fn encoders_that_hang_or_die_end_with_a_reason_and_the_queue_continues() -> Result<()> {
    let avi = sources::ALL
        .iter()
        .find(|it| it.name == "mpeg4.avi")
        .context("an AVI")?;
    let avi = std::fs::read(avi.file().await?)?;
    for (name, instead) in [
        ("hangs", "while :; do :; done"),
        ("is killed", "while :; do :; done"),
        ("fails", "echo wrong >&2; exit 1"),
    ] {
        let folder = tempfile::tempdir()?;
        let avi = avi.clone();
        scenario(with_strange(folder.path(), instead)?, async |stage| {
            let owner = stage.account("instructor").await?;
            let id = stage.api.upload(avi, &owner.token).await?;
            if name == "is killed" {
                until("its end", Duration::from_secs(120), async || {
                    let all = process::encoders(stage.server.data())?;
                    for it in all
                        .iter()
                        .filter(|it| it.words.iter().any(|word| word == "avi") && !it.is_guard())
                    {
                        signal(it.pid, Signal::KILL)?;
                    }
                    let video = stage.api.video(&id, &owner.token).await?;
                    Ok((video["status"] == "failed").then_some(()))
                })
                .await?;
            }
            ready(&stage.api, &owner, &sources::tiny(4).await?, Duration::from_secs(60)).await?;
            let video = settled(stage, &owner.token, &id, Duration::from_secs(120)).await?;
            report(format!(
                "an encoder that {name}: {} {}",
                video["status"], video["reason"]
            ));
            ensure!(video["status"] == "failed", "{video}");
            ensure!(
                video["reason"]["code"].as_str().is_some_and(|it| !it.is_empty()),
                "{video}"
            );
            let data = stage.server.data();
            until("the end of its encoders", Duration::from_secs(5), async || {
                let staged = process::files(&data.join("staging"));
                Ok((process::encoders(data)?.is_empty() && staged.is_empty()).then_some(()))
            })
            .await?;
            // its owner may retry
            let path = format!("/api/v1/content/{id}/transcode");
            let again = stage.api.json(Method::POST, &path, &owner.token, &json!({})).await?;
            again.expect(202)?;
            Ok(())
        })
        .await
        .with_context(|| format!("an encoder that {name}"))?;
    }
    Ok(())
}

/// Mounts a small disk over the data folder and becomes the server.
const SMALL_DISK: &str = "mkdir -p \"$0\" && mount -t tmpfs -o size=96m none \"$0\" && exec \"$@\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_makes_encoding_wait_and_not_fail() -> Result<()> {
    let disk = tempfile::tempdir()?;
    let data = disk.path().join("data");
    let mut start = encoding("90,180").on(&data).set("USERS__SIGNUP_ROLE", "instructor");
    // with a reserve, encoders would wait before the disk is full
    start = start.set("DISK_RESERVE", "0");
    let folder = data.to_string_lossy().into_owned();
    start.wrap = ["unshare", "-Urm", "sh", "-c", SMALL_DISK, &folder]
        .map(str::to_owned)
        .to_vec();
    scenario(start, async |stage| {
        let (email, password) = ("someone@example.org", "a long enough password");
        let body = json!({ "email": email, "password": password, "name": "Someone" });
        stage
            .api
            .json(Method::POST, "/api/v1/users/signup", "", &body)
            .await?
            .expect(201)?;
        let owner = stage.api.login(email, password).await?;
        let path = sources::long(2, "320x180", "12").await?;
        let id = stage.api.upload(std::fs::read(&path)?, &owner.token).await?;
        let foreign = format!("/proc/{}/root{folder}/foreign", stage.server.pid()?);
        // the rest of the encoding finds no space
        std::fs::write(&foreign, [])?;
        let fill = || {
            use std::io::Write;
            let mut file = std::fs::OpenOptions::new().append(true).open(&foreign)?;
            let block = vec![0; 16 << 10];
            while file.write_all(&block).is_ok() {}
            anyhow::Ok(())
        };
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(8) {
            fill()?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let video = stage.api.video(&id, &owner.token).await?;
        ensure!(
            video["status"] != "failed" && video["status"] != "ready",
            "the disk was not full: {video}"
        );
        std::fs::remove_file(&foreign)?;
        stage
            .api
            .becomes_within(&id, &owner.token, &["ready"], Duration::from_secs(150))
            .await?;
        is_whole(stage, &owner, &id, &path).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_deleted_while_it_is_encoded_is_dark_and_gone() -> Result<()> {
    scenario(encoding("90,180"), async |stage| {
        let owner = stage.account("instructor").await?;
        let path = sources::long(20, "320x180", "12").await?;
        let id = stage.api.upload(std::fs::read(&path)?, &owner.token).await?;
        stage.api.becomes(&id, &owner.token, &["playable"]).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let shown = playlist::open(&stage.api, &session.hls_url).await?;
        let mut places = vec![session.hls_url];
        places.extend(shown.into_iter().flat_map(|it| {
            let first = it.segments.first().cloned();
            [Some(it.playlist), Some(it.init), first].into_iter().flatten()
        }));
        for place in &places {
            stage.api.fetch(place).await?.expect(200)?;
        }
        ensure!(
            !process::encoders(stage.server.data())?.is_empty(),
            "nothing is encoded any more"
        );
        let delete = format!("/api/v1/content/{id}/delete");
        stage.api.delete(&delete, &owner.token).await?.expect(202)?;
        for place in &places {
            until("darkness", Duration::from_secs(5), async || {
                let answer = stage.api.send(stage.api.request(Method::GET, place)).await?;
                Ok((answer.status == 403).then_some(()))
            })
            .await?;
        }
        let left = |it: &std::path::PathBuf| it.to_string_lossy().contains(&id);
        until("an empty store", Duration::from_secs(30), async || {
            let data = stage.server.data();
            let stored = process::files(&data.join("objects")).into_iter().any(|it| left(&it));
            let staged = !process::files(&data.join("staging")).is_empty();
            Ok((!stored && !staged && process::encoders(data)?.is_empty()).then_some(()))
        })
        .await?;
        // the files must not come back
        tokio::time::sleep(Duration::from_secs(3)).await;
        let back: Vec<_> = process::files(&stage.server.data().join("objects"));
        let back: Vec<_> = back.into_iter().filter(left).collect();
        ensure!(back.is_empty(), "{back:?}");
        // and the queue continues
        ready(&stage.api, &owner, &sources::tiny(4).await?, Duration::from_secs(60)).await?;
        Ok(())
    })
    .await
}
