//! A lecture can be watched as soon as its upload ends, only by its owner and the admins.

use anyhow::{Context, Result, ensure};
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, process, tus};
use reqwest::Method;
use std::time::Duration;

/// Three times the promised second, because other scenarios run beside this one. `bench/instant` measures the second.
const PLAYABLE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_plays_once_its_last_byte_has_arrived() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let bytes = std::fs::read(media::short().await?)?;
        let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
        let early = stage
            .api
            .get(&format!("/api/v1/content/{}/stream", upload.id), &owner.token)
            .await?;
        let early = early.problem(409, "not_playable")?;
        ensure!(!early.header("retry-after").is_empty(), "{:?}", early.headers);

        tus::send(&stage.api, &upload.url, 0, bytes).await?.expect(204)?;
        let path = format!("/api/v1/content/{}/stream", upload.id);
        let redirect = process::until("a stream", PLAYABLE, async || {
            let answer = stage.api.get(&path, &owner.token).await?;
            Ok((answer.status == 307).then(|| answer.header("location").to_owned()))
        });
        let index = redirect.await?;
        stage.api.secret(index.split('/').nth(2).context("a token")?);
        let index_text = stage.api.fetch(&index).await?.expect(200)?.text();
        let first = playlist::renditions(&index, &index_text)
            .first()
            .cloned()
            .context("a rendition")?;
        stage.api.fetch(&first).await?.expect(200)?;

        let video = stage.api.video(&upload.id, &owner.token).await?;
        ensure!(video["status"] == "ready" && video["progress"] == 1.0, "{video}");
        ensure!(
            video["video"]["codec"] == "h264" && video["video"]["width"] == 640,
            "{video}"
        );
        ensure!(
            video["audio"][0]["codec"] == "aac" && video["audio"][0]["channels"] == 2,
            "{video}"
        );
        ensure!(video["upload"].is_null() && video["reason"].is_null(), "{video}");
        let duration = video["duration"].as_f64().context("a duration")?;
        ensure!((duration - 12.0).abs() < 0.1, "{duration} s");
        Ok(())
    })
    .await
}

/// Checks a segment's media type and caching, and its replies to full, range and conditional requests.
async fn served_well(stage: &Stage, path: &str, kind: &str) -> Result<()> {
    let whole = stage.api.fetch(path).await?.expect(200)?;
    ensure!(whole.header("content-type") == kind, "{path}: {:?}", whole.headers);
    ensure!(
        whole.header("access-control-allow-origin") == "*",
        "{:?}",
        whole.headers
    );
    ensure!(
        whole.header("cache-control").contains("immutable"),
        "{:?}",
        whole.headers
    );
    let etag = whole.header("etag");
    ensure!(!etag.is_empty(), "{:?}", whole.headers);
    let request = stage.api.request(Method::GET, path).header("range", "bytes=4-7");
    let part = stage.api.send(request).await?.expect(206)?;
    ensure!(part.body == whole.body.slice(4..8), "a range is a part of the whole");
    let request = stage.api.request(Method::GET, path).header("if-none-match", etag);
    stage.api.send(request).await?.expect(304)?;
    let head = stage
        .api
        .send(stage.api.request(Method::HEAD, path))
        .await?
        .expect(200)?;
    ensure!(
        head.header("content-length") == whole.body.len().to_string(),
        "{:?}",
        head.headers
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_playlist_and_segment_has_the_type_and_rules_of_its_kind() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let index = stage.api.fetch(&session.hls_url).await?.expect(200)?;
        ensure!(
            index.header("content-type") == "application/vnd.apple.mpegurl",
            "{:?}",
            index.headers
        );
        let text = index.text();
        for name in [
            "CODECS=\"avc1.",
            "mp4a.40.2",
            "RESOLUTION=640x360",
            "FRAME-RATE=25",
            "AVERAGE-BANDWIDTH=",
        ] {
            ensure!(text.contains(name), "{name} is missing in {text}");
        }
        ensure!(
            !text.contains("/p/") && !text.contains("http"),
            "addresses are relative: {text}"
        );
        for rendition in playlist::open(&stage.api, &session.hls_url).await? {
            let kind = if rendition.name == "source" {
                "video/mp4"
            } else {
                "audio/mp4"
            };
            for path in std::iter::once(&rendition.init).chain(&rendition.segments) {
                served_well(stage, path, kind).await?;
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_and_admins_can_watch() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let other = stage.account("instructor").await?;
        let learner = stage.account("learner").await?;
        let admin = stage.account("admin").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        for seer in [&owner, &admin] {
            let session = stage.api.session(&id, &seer.token).await?;
            playlist::open(&stage.api, &session.hls_url).await?;
        }
        for (path, method) in [
            (format!("/api/v1/content/{id}"), Method::GET),
            (format!("/api/v1/content/{id}/stream"), Method::GET),
            (format!("/api/v1/content/{id}/delete"), Method::DELETE),
        ] {
            for stranger in [&other, &learner] {
                let request = stage.api.request(method.clone(), &path).bearer_auth(&stranger.token);
                stage
                    .api
                    .send(request)
                    .await?
                    .problem(404, "video_not_found")
                    .with_context(|| path.clone())?;
            }
            let nobody = stage
                .api
                .send(stage.api.request(method, &path))
                .await?
                .problem(401, "unauthenticated")?;
            ensure!(!nobody.header("www-authenticate").is_empty(), "{:?}", nobody.headers);
        }
        let mine = stage
            .api
            .get("/api/v1/content?limit=10", &other.token)
            .await?
            .expect(200)?
            .json();
        ensure!(mine["items"] == serde_json::json!([]), "{mine}");
        let mine = stage
            .api
            .get("/api/v1/content/", &owner.token)
            .await?
            .expect(200)?
            .json();
        ensure!(mine["items"][0]["id"] == id.as_str(), "{mine}");
        Ok(())
    })
    .await
}
