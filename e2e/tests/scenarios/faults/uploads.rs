//! A teacher who uploads lectures by tus in small parts, one after another; each of them is encoded, too.

use super::world::{World, answered, is_away, status};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use e2e::media;
use e2e::tus::{self, Upload};
use std::path::PathBuf;
use std::time::Duration;

const PART: usize = 192 << 10;
const PAUSE: Duration = Duration::from_millis(120);
/// The pause after a request that was refused.
const REST: Duration = Duration::from_millis(200);
const ENCODED: Duration = Duration::from_secs(300);

/// A lecture whose last byte was acknowledged.
pub(super) struct Complete {
    id: String,
    path: PathBuf,
}

/// Uploads lectures until the end; the last one is finished.
pub(super) async fn run(world: &World) -> Result<Vec<Complete>> {
    let files = [media::noisy().await?, media::lecture(4, &["-crf", "38"]).await?];
    let mut complete = Vec::new();
    for path in files.iter().cycle() {
        let bytes = Bytes::from(std::fs::read(path)?);
        let upload = begin(world, bytes.len()).await?;
        send(world, &upload, &bytes)
            .await
            .with_context(|| format!("the upload {}", upload.id))?;
        complete.push(Complete {
            id: upload.id,
            path: path.clone(),
        });
        if world.is_over() {
            break;
        }
    }
    Ok(complete)
}

async fn begin(world: &World, length: usize) -> Result<Upload> {
    let length = length.to_string();
    loop {
        let asked = tus::ask(&world.api, &world.teacher.token, &length);
        let answer = answered(asked).await?;
        if let Some(answer) = answer.as_ref().filter(|it| it.status == 201) {
            let url = answer.header("location").to_owned();
            let key = url.rsplit_once("?k=").with_context(|| format!("no key in {url}"))?.1;
            world.api.secret(key);
            let id = answer.json()["id"].as_str().context("an id")?.to_owned();
            return Ok(Upload { id, url });
        }
        is_away(answer.as_ref()).context("an upload is not created")?;
        tokio::time::sleep(REST).await;
    }
}

/// Sends all bytes, and goes on where the server says after each failure.
async fn send(world: &World, upload: &Upload, bytes: &Bytes) -> Result<()> {
    let (mut at, length) = (0, bytes.len());
    while at < length {
        let part = bytes.slice(at..(at + PART).min(length));
        let end = at + part.len();
        let sent = tus::send(&world.api, &upload.url, u64::try_from(at)?, part);
        let answer = answered(sent).await?;
        if status(answer.as_ref()) == 204 {
            at = end;
            world.parts.add();
            tokio::time::sleep(PAUSE).await;
        } else {
            // the part before may still be on its way
            let again = matches!(status(answer.as_ref()), 409 | 423);
            ensure!(again || is_away(answer.as_ref()).is_ok(), "{answer:?}");
            tokio::time::sleep(REST).await;
            let known = offset(world, upload).await?;
            ensure!(known >= at, "{at} bytes were acknowledged, and now {known}");
            at = known;
        }
    }
    Ok(())
}

/// The server's offset, as soon as it answers one.
async fn offset(world: &World, upload: &Upload) -> Result<usize> {
    loop {
        let answer = answered(tus::head(&world.api, &upload.url)).await?;
        if let Some(answer) = answer.as_ref().filter(|it| it.status == 200) {
            return Ok(answer.header("upload-offset").parse()?);
        }
        is_away(answer.as_ref()).context("no offset")?;
        tokio::time::sleep(REST).await;
    }
}

/// Checks that each lecture is stored as it was sent and encoded completely.
pub(super) async fn check(world: &World, all: &[Complete]) -> Result<()> {
    for Complete { id, path } in all {
        let ready = world.api.becomes_within(id, &world.teacher.token, &["ready"], ENCODED);
        ready.await?;
        let kept = world.back_ends.s3.kept(&format!("videos/{id}"));
        let source = kept.iter().find(|file| file.ends_with("source"));
        let source = source.with_context(|| format!("no source of {id} in {kept:?}"))?;
        ensure!(
            media::sha256(source)? == media::sha256(path)?,
            "the stored bytes of {id} differ"
        );
    }
    let left = world.back_ends.s3.kept("uploads");
    ensure!(left.is_empty(), "{left:?} is left");
    Ok(())
}
