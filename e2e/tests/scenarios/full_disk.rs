//! A full disk is reported, breaks nothing, and is forgotten as soon as there is space again.

use anyhow::{Result, ensure};
use bytes::Bytes;
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::{media, process, tus};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// Mounts a small, half-full disk over the data folder, and becomes the server.
const SMALL_DISK: &str = "mkdir -p \"$0\" && mount -t tmpfs -o size=24m none \"$0\" && \
    head -c 12582912 /dev/zero > \"$0/ballast\" && exec \"$@\"";

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_space_and_resumes() -> Result<()> {
    let disk = tempfile::tempdir()?;
    let data = disk.path().join("data");
    let mut start = Start::default().on(&data).set("USERS__SIGNUP_ROLE", "instructor");
    let folder = data.to_string_lossy().into_owned();
    start.wrap = ["unshare", "-Urm", "sh", "-c", SMALL_DISK, &folder]
        .map(str::to_owned)
        .to_vec();
    scenario(start, async |stage| {
        // the command line does not see the disk, which only the server has
        let (email, password) = ("someone@example.org", "a long enough password");
        let body = json!({ "email": email, "password": password, "name": "Someone" });
        stage
            .api
            .json(Method::POST, "/api/v1/users/signup", "", &body)
            .await?
            .expect(201)?;
        let owner = stage.api.login(email, password).await?;
        let bytes = Bytes::from(std::fs::read(media::noisy().await?)?);
        ensure!(
            bytes.len() > 13 << 20 && bytes.len() < 20 << 20,
            "{} bytes do not fit the test",
            bytes.len()
        );
        let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
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

        let inside = format!("/proc/{}/root{folder}/ballast", stage.server.pid()?);
        std::fs::remove_file(inside)?;
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
