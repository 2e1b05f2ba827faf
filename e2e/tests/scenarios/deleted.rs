//! Deleted lectures are gone: no longer served, and no longer stored.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::{media, playlist, process, tus};
use reqwest::Method;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every file in a data folder whose path names a video.
fn files(folder: &Path, id: &str) -> Result<Vec<PathBuf>> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().contains(id) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

async fn swept(folder: &Path, id: &str) -> Result<()> {
    let empty = process::until("an empty store", Duration::from_secs(30), async || {
        Ok(files(folder, id)?.is_empty().then_some(()))
    });
    empty.await.with_context(|| format!("{:?}", files(folder, id)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_lecture_is_gone_from_the_wire_and_the_store() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let rendition = playlist::open(&stage.api, &session.hls_url).await?.remove(0);
        let mut places = vec![session.hls_url, rendition.playlist, rendition.init];
        places.extend(rendition.segments);
        for place in &places {
            stage.api.fetch(place).await?.expect(200)?;
        }
        ensure!(!files(stage.server.data(), &id)?.is_empty(), "nothing was stored");

        let path = format!("/api/v1/content/{id}/delete");
        for _ in 0..2 {
            let answer = stage.api.delete(&path, &owner.token).await?.expect(202)?.json();
            ensure!(
                answer == serde_json::json!({ "id": id, "status": "deleted" }),
                "{answer}"
            );
        }
        for place in &places {
            let dark = process::until("an end", Duration::from_secs(5), async || {
                let answer = stage.api.send(stage.api.request(Method::GET, place)).await?;
                Ok((answer.status == 403).then_some(()))
            });
            dark.await?;
        }
        let stream = stage
            .api
            .get(&format!("/api/v1/content/{id}/stream"), &owner.token)
            .await?;
        stream.problem(410, "video_deleted")?;
        let list = stage
            .api
            .get("/api/v1/content", &owner.token)
            .await?
            .expect(200)?
            .json();
        ensure!(list["items"] == serde_json::json!([]), "{list}");
        swept(stage.server.data(), &id).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_in_the_middle_of_an_upload_leaves_nothing() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let bytes = Bytes::from(std::fs::read(media::short().await?)?);
        let half = bytes.len() / 2;
        for by_tus in [true, false] {
            let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
            tus::send(&stage.api, &upload.url, 0, bytes.slice(..half))
                .await?
                .expect(204)?;
            // one more PATCH is in progress when the upload is deleted
            let rest = bytes.slice(half..);
            let slow = futures::stream::unfold(0, move |at| {
                let part = rest.slice(at.min(rest.len())..(at + 4_096).min(rest.len()));
                async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    (!part.is_empty()).then_some((Ok::<_, std::io::Error>(part), at + 4_096))
                }
            });
            let api = stage.api.clone();
            let body = reqwest::Body::wrap_stream(slow);
            let going = tus::send(&api, &upload.url, half as u64, body);
            let delete = async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                if by_tus {
                    stage
                        .api
                        .send(tus::request(&stage.api, Method::DELETE, &upload.url))
                        .await?
                        .expect(204)
                } else {
                    let path = format!("/api/v1/content/{}/delete", upload.id);
                    stage.api.delete(&path, &owner.token).await?.expect(202)
                }
            };
            let (sent, deleted) = tokio::join!(going, delete);
            deleted?;
            if let Ok(answer) = sent {
                let gone = answer.status == 410 || answer.status == 404;
                ensure!(gone, "a PATCH after its end: {} {}", answer.status, answer.text());
            }
            let late = tus::head(&stage.api, &upload.url).await?;
            ensure!(late.status == 410, "{} after delete", late.status);
            swept(stage.server.data(), &upload.id).await?;
        }
        Ok(())
    })
    .await
}
