//! A full disk is reported, breaks nothing, and is forgotten as soon as there is space again.

use anyhow::{Result, ensure};
use bytes::Bytes;
use e2e::api::Account;
use e2e::server::Start;
use e2e::siege::uploads::{fill_up, film};
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, process, tus};
use reqwest::Method;
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

/// Starts a server with a small disk of its own, which nobody else sees.
fn small_disk(disk: &Path, mib: u32, reserve: u64) -> Start {
    let data = disk.join("data");
    let mut start = Start::default().on(&data).set("USERS__SIGNUP_ROLE", "instructor");
    start = start.set("DISK_RESERVE", reserve.to_string());
    let mount = format!("mkdir -p \"$0\" && mount -t tmpfs -o size={mib}m none \"$0\" && exec \"$@\"");
    let folder = data.to_string_lossy().into_owned();
    start.wrap = ["unshare", "-Urm", "sh", "-c", &mount, &folder]
        .map(str::to_owned)
        .to_vec();
    start
}

/// Signs up; the command line does not see the disk.
async fn sign_up(stage: &Stage, email: &str) -> Result<Account> {
    let password = "a long enough password";
    let body = json!({ "email": email, "password": password, "name": "Someone" });
    let path = "/api/v1/users/signup";
    stage.api.json(Method::POST, path, "", &body).await?.expect(201)?;
    stage.api.login(email, password).await
}

/// A file on the server's disk, as another program would make it.
fn foreign(stage: &Stage) -> Result<PathBuf> {
    let data = stage.server.data().to_string_lossy();
    Ok(format!("/proc/{}/root{data}/foreign", stage.server.pid()?).into())
}

/// Fills the disk, but for `bytes`, or to its end.
fn fill(stage: &Stage, spare: u64) -> Result<()> {
    let path = foreign(stage)?;
    let mut file = std::fs::File::create(&path)?;
    let block = vec![0; 64 << 10];
    let full = loop {
        if let Err(error) = file.write_all(&block) {
            break error;
        }
    };
    ensure!(full.kind() == std::io::ErrorKind::StorageFull, "{full}");
    let length = file.metadata()?.len();
    file.set_len(length.saturating_sub(spare))?;
    Ok(())
}

async fn delete(stage: &Stage, id: &str, owner: &Account) -> Result<()> {
    let path = format!("/api/v1/content/{id}/delete");
    stage.api.delete(&path, &owner.token).await?.expect(202)?;
    Ok(())
}

/// Everything that a full disk may not stop: a sign-up, a sign-in, a refresh, and a new playback down to a segment.
async fn others_go_on(stage: &Stage, owner: &Account, lecture: &str) -> Result<()> {
    let other = sign_up(stage, &format!("{}@example.org", uuid::Uuid::new_v4())).await?;
    let body = json!({ "grant_type": "refresh_token", "refresh_token": other.refresh });
    let refreshed = stage.api.json(Method::POST, "/api/v1/users/token", "", &body).await?;
    ensure!(refreshed.status == 200, "{} {}", refreshed.status, refreshed.text());
    plays(stage, owner, lecture).await
}

/// Opens a playback and fetches a segment.
async fn plays(stage: &Stage, owner: &Account, lecture: &str) -> Result<()> {
    let session = stage.api.session(lecture, &owner.token).await?;
    let rendition = playlist::open(&stage.api, &session.hls_url).await?.remove(0);
    stage.api.fetch(&rendition.segments[0]).await?.expect(200)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_space_and_resumes() -> Result<()> {
    let disk = tempfile::tempdir()?;
    scenario(small_disk(disk.path(), 24, 0), async |stage| {
        let owner = sign_up(stage, "someone@example.org").await?;
        let bytes = Bytes::from(std::fs::read(media::noisy().await?)?);
        ensure!(
            bytes.len() > 13 << 20 && bytes.len() < 20 << 20,
            "{} bytes do not fit the test",
            bytes.len()
        );
        let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
        fill(stage, 10 << 20)?;
        tus::send(&stage.api, &upload.url, 0, bytes.clone())
            .await?
            .problem(507, "storage_full")?;
        let kept = tus::offset(&stage.api, &upload.url).await?;
        ensure!(kept > 0 && kept < bytes.len() as u64, "{kept} bytes were kept");
        // operations that need no space still work
        stage
            .api
            .get("/api/v1/users/profile", &owner.token)
            .await?
            .expect(200)?;

        std::fs::remove_file(foreign(stage)?)?;
        let going = process::until("room", Duration::from_secs(20), async || {
            let offset = tus::offset(&stage.api, &upload.url).await?;
            let rest = bytes.slice(usize::try_from(offset)?..);
            Ok((tus::send(&stage.api, &upload.url, offset, rest).await?.status == 204).then_some(()))
        });
        going.await?;
        stage
            .api
            .becomes(&upload.id, &owner.token, &["playable", "ready"])
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_filled_by_uploads_stops_only_uploads() -> Result<()> {
    let disk = tempfile::tempdir()?;
    scenario(small_disk(disk.path(), 64, 16 * MIB), async |stage| {
        let (owner, other) = (
            sign_up(stage, "owner@example.org").await?,
            sign_up(stage, "other@example.org").await?,
        );
        let lecture = stage.api.playable(&media::short().await?, &owner.token).await?;
        let vast = tus::ask(&stage.api, &owner.token, &(60_u64 << 30).to_string()).await?;
        vast.problem(507, "storage_full")?;
        let filled = fill_up(&stage.api, &owner.token, 4 * MIB).await?;
        ensure!(!filled.is_empty(), "nothing was uploaded");
        // what is declared is taken, too
        let refused = tus::ask(&stage.api, &other.token, &(8 * MIB).to_string()).await?;
        refused.problem(507, "storage_full")?;
        others_go_on(stage, &owner, &lecture).await?;
        let (live, _) = e2e::live::announce(&stage.api, &other).await?;
        let whip = stage
            .api
            .request(Method::POST, &format!("/api/v1/content/live/{live}/whip"));
        let whip = whip.bearer_auth(&other.token).header("content-type", "application/sdp");
        stage.api.send(whip).await?.problem(507, "storage_full")?;

        for id in filled.iter().take(2) {
            delete(stage, id, &owner).await?;
        }
        let length = 4 * MIB;
        let upload = tus::create(&stage.api, &other.token, length).await?;
        let sent = tus::patch(&stage.api, &upload.url, 0, film(length)).header("content-length", length);
        stage.api.send(sent).await?.expect(204)?;
        delete(stage, &lecture, &owner).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_filled_from_outside_stops_neither_playback_nor_deletion_and_loses_nothing() -> Result<()> {
    let disk = tempfile::tempdir()?;
    scenario(small_disk(disk.path(), 64, 8 * MIB), async |stage| {
        let owner = sign_up(stage, "owner@example.org").await?;
        let watched = stage.api.playable(&media::short().await?, &owner.token).await?;
        let large = stage.api.playable(&media::noisy().await?, &owner.token).await?;
        let bytes = Bytes::from(std::fs::read(media::short().await?)?);
        let half = bytes.len() / 2;
        let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
        let first = tus::send(&stage.api, &upload.url, 0, bytes.slice(..half));
        first.await?.expect(204)?;
        let session = stage.api.session(&watched, &owner.token).await?;
        let opened = playlist::open(&stage.api, &session.hls_url).await?.remove(0);

        fill(stage, 0)?;
        let rest = || bytes.slice(half..);
        let full = tus::send(&stage.api, &upload.url, half as u64, rest()).await?;
        ensure!(full.status == 507, "{} {}", full.status, full.text());
        for segment in &opened.segments {
            stage.api.fetch(segment).await?.expect(200)?;
        }
        plays(stage, &owner, &watched).await?;
        ensure!(tus::offset(&stage.api, &upload.url).await? == half as u64);
        delete(stage, &large, &owner).await?;

        let going = process::until("room", Duration::from_secs(20), async || {
            let sent = tus::send(&stage.api, &upload.url, half as u64, rest()).await?;
            Ok((sent.status == 204).then_some(()))
        });
        going.await?;
        stage
            .api
            .becomes(&upload.id, &owner.token, &["playable", "ready"])
            .await?;
        plays(stage, &owner, &upload.id).await
    })
    .await
}

/// The lecture's upload fits, and ffmpeg is installed once too little space is left.
#[tokio::test(flavor = "multi_thread")]
async fn encoders_leave_the_reserve_alone_and_go_on_once_there_is_room() -> Result<()> {
    let (disk, tools) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let install = |tool: &str| {
        let copied = tools.path().join("copied");
        std::fs::copy(Path::new("/usr/bin").join(tool), &copied)?;
        std::fs::rename(copied, tools.path().join(tool))
    };
    install("ffprobe")?;
    let mut start = small_disk(disk.path(), 64, 8 * MIB).set("CONTENT__TRANSCODE__RUNGS", "48");
    let path = format!("&& PATH='{}' exec", tools.path().display());
    start.wrap = start.wrap.iter().map(|word| word.replace("&& exec", &path)).collect();
    scenario(start, async |stage| {
        let owner = sign_up(stage, "owner@example.org").await?;
        let bytes = std::fs::read(media::sources::tiny(4).await?)?;
        let id = stage.api.upload(bytes, &owner.token).await?;
        let waits = process::until("a wait for ffmpeg", Duration::from_secs(30), async || {
            let video = stage.api.video(&id, &owner.token).await?;
            let is_surveyed = video["renditions"].as_array().is_some_and(|it| !it.is_empty());
            Ok((is_surveyed && video["reason"]["code"] == "encoder_missing").then_some(()))
        });
        waits.await?;
        fill(stage, 4 * MIB)?;
        install("ffmpeg")?;
        let found = process::until("ffmpeg is found", Duration::from_secs(30), async || {
            Ok(stage.server.log().contains("encoding continues").then_some(()))
        });
        found.await?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(8) {
            let video = stage.api.video(&id, &owner.token).await?;
            ensure!(video["status"] == "processing", "{video}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        std::fs::remove_file(foreign(stage)?)?;
        let ready = stage
            .api
            .becomes_within(&id, &owner.token, &["ready"], Duration::from_secs(60));
        ready.await?;
        plays(stage, &owner, &id).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_is_made_private_on_a_full_disk_and_stops_playing() -> Result<()> {
    let disk = tempfile::tempdir()?;
    scenario(small_disk(disk.path(), 64, 8 * MIB), async |stage| {
        let owner = sign_up(stage, "owner@example.org").await?;
        let viewer = sign_up(stage, "viewer@example.org").await?;
        let lecture = stage.api.playable(&media::short().await?, &owner.token).await?;
        let path = format!("/api/v1/content/{lecture}");
        let change = async |visibility: &str| {
            let body = json!({ "visibility": visibility });
            stage.api.json(Method::PATCH, &path, &owner.token, &body).await
        };
        change("signed_in").await?.expect(200)?;
        let session = stage.api.session(&lecture, &viewer.token).await?;
        let segment = playlist::open(&stage.api, &session.hls_url)
            .await?
            .remove(0)
            .segments
            .remove(0);
        stage.api.fetch(&segment).await?.expect(200)?;

        fill(stage, 0)?;
        change("private").await?.expect(200)?;
        let ended = process::until("the end of the playback", Duration::from_secs(3), async || {
            Ok((stage.api.fetch(&segment).await?.status == 403).then_some(()))
        });
        ended.await?;
        stage.api.get(&path, &viewer.token).await?.expect(404)?;
        plays(stage, &owner, &lecture).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_on_a_full_disk_is_in_force_at_once_and_acknowledged_once_it_is_stored() -> Result<()> {
    let disk = tempfile::tempdir()?;
    scenario(small_disk(disk.path(), 64, 8 * MIB), async |stage| {
        let leaves = sign_up(stage, "leaves@example.org").await?;
        let stays = sign_up(stage, "stays@example.org").await?;
        fill(stage, 0)?;
        let refresh = async |of: &Account| {
            let body = json!({ "grant_type": "refresh_token", "refresh_token": of.refresh });
            stage.api.json(Method::POST, "/api/v1/users/token", "", &body).await
        };
        // What the database has allocated already takes a few more writes.
        let full = process::until("a full database", Duration::from_secs(20), async || {
            let reply = refresh(&stays).await?;
            Ok((reply.status != 200).then_some(reply))
        });
        full.await?.expect(507)?;

        let log_out = async || {
            stage
                .api
                .json(Method::POST, "/api/v1/users/logout", &leaves.token, &json!({}))
                .await
        };
        let waits = log_out().await?;
        ensure!(waits.headers.contains_key("retry-after"), "{:?}", waits.headers);
        waits.problem(503, "unavailable")?;
        let profile = stage.api.get("/api/v1/users/profile", &leaves.token).await?;
        profile.problem(401, "unauthenticated")?;

        std::fs::remove_file(foreign(stage)?)?;
        let ended = process::until("the end of the sign-in", Duration::from_secs(30), async || {
            let reply = refresh(&leaves).await?;
            Ok((reply.status == 400).then_some(reply))
        });
        let ended = ended.await?;
        ensure!(ended.text().contains("invalid_grant"), "{}", ended.text());
        let profile = stage.api.get("/api/v1/users/profile", &stays.token).await?;
        profile.expect(200)?;
        Ok(())
    })
    .await
}
