//! Time limits drop slow and silent clients, which cost others nothing.

use anyhow::{Result, ensure};
use e2e::raw::Wire;
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::{media, playlist, tus};
use std::time::{Duration, Instant};

fn impatient() -> Start {
    let short = ["HEADER_TIMEOUT", "IDLE_TIMEOUT", "BODY_IDLE_TIMEOUT", "WRITE_TIMEOUT"];
    short
        .iter()
        .fold(Start::default(), |start, it| start.set(&format!("SERVER__{it}"), "1.0"))
}

const SOON: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_closed() -> Result<()> {
    scenario(impatient(), async |stage| {
        let address = stage.server.address().to_owned();
        let mut silent = Wire::open(&address).await?;
        silent.rest(SOON).await?;
        let mut half = Wire::open(&address).await?;
        half.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ").await?;
        half.rest(SOON).await?;
        let mut dripping = Wire::open(&address).await?;
        dripping.write(b"GET / HTTP/1.1\r\n").await?;
        let begun = Instant::now();
        while begun.elapsed() < SOON && dripping.write(b"a: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        ensure!(begun.elapsed() < SOON, "headers may drip forever");
        let mut idle = Wire::open(&address).await?;
        idle.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        let head = idle.head(SOON).await?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        idle.rest(SOON).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_body_is_reported_and_its_bytes_are_kept() -> Result<()> {
    scenario(impatient(), async |stage| {
        let owner = stage.account("instructor").await?;
        let bytes = std::fs::read(media::short().await?)?;
        let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
        let mut wire = Wire::open(stage.server.address()).await?;
        let head = format!(
            "PATCH {} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
             Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
            upload.url,
            bytes.len()
        );
        wire.write(head.as_bytes()).await?;
        wire.write(&bytes[..20_000]).await?;
        let answer = wire.rest(SOON).await?;
        ensure!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
        ensure!(tus::offset(&stage.api, &upload.url).await? == 20_000, "the received bytes are kept");

        let mut wire = Wire::open(stage.server.address()).await?;
        wire.write(b"POST /api/v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{").await?;
        let answer = wire.rest(SOON).await?;
        ensure!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_reader_is_dropped() -> Result<()> {
    scenario(impatient(), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::noisy().await?, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let rendition = playlist::open(&stage.api, &session.hls_url).await?.remove(0);
        let mut wire = Wire::open(stage.server.address()).await?;
        let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", rendition.segments[0]);
        wire.write(request.repeat(60).as_bytes()).await?;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let whole = stage.api.fetch(&rendition.segments[0]).await?.expect(200)?.body.len();
        let read = wire.rest(Duration::from_secs(20)).await?.len();
        ensure!(read < whole * 60, "all {read} bytes waited for a stalled reader");
        Ok(())
    })
    .await
}
