//! Wrong input is rejected, never with a 5xx, and leaves no incomplete video behind.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, process, tus};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use sha2::{Digest, Sha256};
use std::time::Duration;

async fn nothing_left(stage: &Stage, token: &str) -> Result<()> {
    let list = stage.api.get("/api/v1/content", token).await?.expect(200)?.json();
    ensure!(list["items"] == serde_json::json!([]), "left behind: {list}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_bodies_are_reported_field_by_field() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let login = "/api/v1/users/login";
        for (body, kind, status, code) in [
            ("{", "application/json", 400, "malformed_json"),
            ("\u{0}", "application/json", 400, "malformed_json"),
            ("{}", "text/plain", 415, "unsupported_media_type"),
            ("{}", "application/json", 422, "invalid_request"),
            ("[]", "application/json", 422, "invalid_request"),
            (
                r#"{"email":1,"password":"x"}"#,
                "application/json",
                422,
                "invalid_request",
            ),
            (
                r#"{"email":"a@b.c","password":"x","admin":true}"#,
                "application/json",
                422,
                "invalid_request",
            ),
        ] {
            let request = stage
                .api
                .request(Method::POST, login)
                .header(CONTENT_TYPE, kind)
                .body(body);
            let answer = stage.api.send(request).await?;
            let answer = answer.expect(status).with_context(|| body.to_owned())?;
            ensure!(status == 415 || answer.code() == code, "{body}: {}", answer.text());
            ensure!(
                code != "invalid_request" || answer.json()["errors"].is_array(),
                "{}",
                answer.text()
            );
        }
        let large = stage
            .api
            .request(Method::POST, login)
            .header(CONTENT_TYPE, "application/json");
        stage
            .api
            .send(large.body("[1,".repeat(1 << 20)))
            .await?
            .problem(413, "too_large")?;
        let wrong = stage.api.request(Method::PUT, login).body("{}");
        let wrong = stage.api.send(wrong).await?.expect(405)?;
        ensure!(wrong.header("allow").contains("POST"), "{:?}", wrong.headers);
        for path in [
            "/api/v1/nothing",
            "/api/v1/content/not-an-id",
            "/api/v1/content/%00",
            "/api/v1/content/..%2f",
        ] {
            let owner = stage.account("instructor").await?;
            let answer = stage.api.get(path, &owner.token).await?;
            ensure!(answer.status == 404, "{path}: {}", answer.status);
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_lengths_and_offsets_change_nothing() -> Result<()> {
    scenario(
        Start::default().set("CONTENT__UPLOAD__MAX_BYTES", "4194304"),
        async |stage| {
            let owner = stage.account("instructor").await?;
            for length in ["-1", "1e9", "+5", "18446744073709551616", "", "x", "0x10"] {
                let answer = tus::ask(&stage.api, &owner.token, length).await?;
                ensure!(answer.status.is_client_error(), "length {length:?}: {}", answer.status);
            }
            tus::ask(&stage.api, &owner.token, "0")
                .await?
                .problem(422, "empty_file")?;
            for length in ["4194305", "9223372036854775807"] {
                tus::ask(&stage.api, &owner.token, length)
                    .await?
                    .problem(413, "too_large")?;
            }
            nothing_left(stage, &owner.token).await?;

            let bytes = Bytes::from(std::fs::read(media::short().await?)?);
            let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
            tus::send(&stage.api, &upload.url, 0, bytes.slice(..1_000))
                .await?
                .expect(204)?;
            for offset in [0, 999, 1_001, u64::MAX >> 1] {
                let answer = tus::send(&stage.api, &upload.url, offset, bytes.slice(..10)).await?;
                answer.problem(409, "offset_mismatch")?;
                ensure!(tus::offset(&stage.api, &upload.url).await? == 1_000, "the offset moved");
            }
            for offset in ["-1", "x", "", "1000.0"] {
                let request = stage
                    .api
                    .request(Method::PATCH, &upload.url)
                    .header("Tus-Resumable", "1.0.0");
                let request = request
                    .header("Upload-Offset", offset)
                    .header(CONTENT_TYPE, "application/offset+octet-stream");
                let answer = stage.api.send(request.body("x")).await?;
                ensure!(answer.status.is_client_error(), "offset {offset:?}: {}", answer.status);
            }
            let longer = [&bytes[1_000..], b"more"].concat();
            let answer = tus::send(&stage.api, &upload.url, 1_000, longer).await?;
            ensure!(
                answer.status.is_client_error(),
                "more than the length: {}",
                answer.status
            );
            let offset = tus::offset(&stage.api, &upload.url).await?;
            let rest = bytes.slice(usize::try_from(offset)?..);
            if !rest.is_empty() {
                tus::send(&stage.api, &upload.url, offset, rest).await?.expect(204)?;
            }
            stage
                .api
                .becomes(&upload.id, &owner.token, &["playable", "ready"])
                .await?;
            Ok(())
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn checksums_versions_and_types_are_checked_before_a_byte_counts() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let bytes = Bytes::from(std::fs::read(media::short().await?)?);
        let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
        let sum = |bytes: &[u8]| format!("sha256 {}", STANDARD.encode(Sha256::digest(bytes)));
        let checked =
            |sum: String| tus::patch(&stage.api, &upload.url, 0, bytes.slice(..5_000)).header("Upload-Checksum", sum);
        stage.api.send(checked(sum(b"other"))).await?.expect(460)?;
        ensure!(
            tus::offset(&stage.api, &upload.url).await? == 0,
            "wrong bytes were counted"
        );
        for unknown in ["md5 AAAA", "sha256 not-base64!", "sha256", ""] {
            let answer = stage.api.send(checked(unknown.to_owned())).await?;
            ensure!(answer.status.is_client_error(), "{unknown:?}: {}", answer.status);
            ensure!(
                tus::offset(&stage.api, &upload.url).await? == 0,
                "bytes were counted with {unknown:?}"
            );
        }
        stage.api.send(checked(sum(&bytes[..5_000]))).await?.expect(204)?;

        let bare = stage.api.request(Method::HEAD, &upload.url);
        let bare = stage.api.send(bare).await?.expect(412)?;
        ensure!(bare.header("tus-version") == "1.0.0", "{:?}", bare.headers);
        let old = stage
            .api
            .request(Method::PATCH, &upload.url)
            .header("Tus-Resumable", "0.2.2")
            .body("x");
        stage.api.send(old).await?.expect(412)?;
        let typed = tus::request(&stage.api, Method::PATCH, &upload.url).header("Upload-Offset", 5_000);
        stage
            .api
            .send(typed.header(CONTENT_TYPE, "text/plain").body("x"))
            .await?
            .expect(415)?;
        let keyless = upload.url.split('?').next().context("a path")?;
        let answer = tus::send(&stage.api, keyless, 5_000, "x").await?;
        ensure!(
            matches!(answer.status.as_u16(), 401 | 403 | 404),
            "without a key: {}",
            answer.status
        );
        let answer = tus::send(&stage.api, &format!("{keyless}?k=AAAA"), 5_000, "x").await?;
        ensure!(
            matches!(answer.status.as_u16(), 401 | 403 | 404),
            "with a wrong key: {}",
            answer.status
        );
        ensure!(tus::offset(&stage.api, &upload.url).await? == 5_000, "the offset moved");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_at_once_one_wins_and_the_bytes_are_intact() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let path = media::short().await?;
        let bytes = Bytes::from(std::fs::read(&path)?);
        let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
        let slow = |bytes: Bytes| {
            let blocks: Vec<_> = bytes.chunks(16 << 10).map(Bytes::copy_from_slice).collect();
            reqwest::Body::wrap_stream(futures::stream::unfold(blocks.into_iter(), |mut blocks| async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                blocks.next().map(|it| (Ok::<_, std::io::Error>(it), blocks))
            }))
        };
        let writers = [0, 1, 2].map(|_| tus::send(&stage.api, &upload.url, 0, slow(bytes.clone())));
        let answers = futures::future::join_all(writers).await;
        let statuses: Vec<_> = answers
            .iter()
            .filter_map(|it| it.as_ref().ok().map(|it| it.status.as_u16()))
            .collect();
        ensure!(statuses.iter().all(|it| matches!(it, 204 | 409 | 423)), "{statuses:?}");
        ensure!(
            statuses.iter().filter(|it| **it == 204).count() <= 1,
            "more than one writer finished it: {statuses:?}"
        );
        let offset = tus::offset(&stage.api, &upload.url).await?;
        if offset < bytes.len() as u64 {
            tus::send(&stage.api, &upload.url, offset, bytes.slice(usize::try_from(offset)?..))
                .await?
                .expect(204)?;
        }
        let video = stage
            .api
            .becomes(&upload.id, &owner.token, &["playable", "ready"])
            .await?;
        ensure!(video["source"]["bytes"] == bytes.len(), "{video}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_video_are_refused_and_not_kept() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let text = "All work and no play makes Jack a dull boy.\n".repeat(60_000);
        let page = format!("<!doctype html><script>alert(1)</script>{text}");
        for (name, body) in [
            ("text", text.as_str()),
            ("a page", page.as_str()),
            ("a playlist", "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
            ("a few bytes", "x"),
        ] {
            let request = stage
                .api
                .request(Method::POST, "/api/v1/content/upload")
                .bearer_auth(&owner.token);
            let request = request.header(CONTENT_TYPE, "video/mp4").body(body.to_owned());
            stage
                .api
                .send(request)
                .await?
                .problem(415, "unsupported_media")
                .context(name)?;
            nothing_left(stage, &owner.token).await.context(name)?;
            let upload = tus::create(&stage.api, &owner.token, body.len() as u64).await?;
            let answer = tus::send(&stage.api, &upload.url, 0, body.to_owned()).await?;
            answer.problem(415, "unsupported_media").context(name)?;
            nothing_left(stage, &owner.token).await.context(name)?;
        }
        let request = stage
            .api
            .request(Method::POST, "/api/v1/content/upload")
            .bearer_auth(&owner.token);
        stage
            .api
            .send(request.header(CONTENT_TYPE, "video/mp4").body(""))
            .await?
            .problem(422, "empty_file")?;
        nothing_left(stage, &owner.token).await?;
        let learner = stage.account("learner").await?;
        let answer = tus::ask(&stage.api, &learner.token, "1000").await?;
        answer.problem(403, "instructor_required")?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_lecture_fails_with_a_reason() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let front = std::fs::read(media::short().await?)?;
        let end = std::fs::read(media::lecture(12, &[]).await?)?;
        let mut holed = front.clone();
        holed[40..400].fill(0xff);
        for (name, bytes) in [
            ("front, cut in the media", &front[..front.len() / 2]),
            ("front, cut in moov", &front[..600]),
            ("end, without its moov", &end[..end.len() / 2]),
            ("ftyp alone", &front[..32]),
            ("nonsense in moov", holed.as_slice()),
        ] {
            let id = stage.api.upload(bytes.to_vec(), &owner.token).await?;
            let settled = process::until(name, Duration::from_secs(30), async || {
                let video = stage.api.video(&id, &owner.token).await?;
                Ok((video["status"] == "failed").then_some(video))
            });
            let video = settled.await?;
            let reason = video["reason"]["code"].as_str().unwrap_or_default();
            ensure!(reason.starts_with("media_"), "{name}: {video}");
            let stream = stage
                .api
                .get(&format!("/api/v1/content/{id}/stream"), &owner.token)
                .await?;
            stream.problem(409, "video_failed").context(name)?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_upload_expires() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let upload = tus::create(&stage.api, &owner.token, 10_000).await?;
        ensure!(
            tus::offset(&stage.api, &upload.url).await? == 0,
            "a new upload begins at 0"
        );
        stage.server.restart_ahead("+8d").await?;
        let late = process::until("an end", Duration::from_secs(30), async || {
            Ok((tus::head(&stage.api, &upload.url).await?.status == 410).then_some(()))
        });
        late.await
    })
    .await
}
