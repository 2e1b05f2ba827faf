//! Publishing by RTMP: strangers and garbage get nowhere, and end nothing else.

use anyhow::{Context, Result, ensure};
use e2e::live::{BEGINNING, free, lecture, playlists, publish};
use e2e::playlist::renditions;
use e2e::random::Random;
use e2e::server::Start;
use e2e::settings::rounds;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use reqwest::Method;
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// Mutated streams that are sent, and with `--long`: each is a connection, and the system has 28,000 ports for them. The test
/// of the protocol alone has more.
const MUTATIONS: [usize; 2] = [2_000, 20_000];

#[tokio::test]
async fn a_publisher_with_a_wrong_key_or_an_old_one_gets_nowhere() -> Result<()> {
    let address = free()?;
    let start = Start::default().set("LIVE__RTMP_LISTEN", address.to_string());
    scenario(start, async |stage| {
        let teacher = stage.account("instructor").await?;
        let (id, url, _) = lecture(&stage.api, &teacher).await?;
        let mut publisher = publish(&format!("rtmp://{address}/live/no-such-key"))?;
        timeout(BEGINNING, publisher.wait())
            .await
            .context("a wrong key is refused")??;
        let mut publisher = publish(&url)?;
        playlists(&stage.api, &id, &teacher.token).await?;
        let path = format!("/api/v1/content/live/{id}/key");
        let answer = stage
            .api
            .json(Method::POST, &path, &teacher.token, &json!({}))
            .await?
            .expect(200)?;
        let key = answer.json()["ingest"]["stream_key"]
            .as_str()
            .context("a key")?
            .to_owned();
        stage.api.secret(&key);
        // Three times the promise.
        let out = timeout(Duration::from_secs(3), publisher.wait()).await;
        out.context("the publisher with the old key is out")??;
        let mut again = publish(&url)?;
        timeout(BEGINNING, again.wait())
            .await
            .context("the old key is refused")??;
        Ok(())
    })
    .await
}

/// A publisher's bytes, from the handshake on.
fn good(key: &str) -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend([7; 1_536 * 2]);
    let text = |text: &str| {
        [
            &[2][..],
            &u16::try_from(text.len()).unwrap_or(0).to_be_bytes(),
            text.as_bytes(),
        ]
        .concat()
    };
    let number = |number: f64| [&[0][..], &number.to_be_bytes()].concat();
    let app = [&[3, 0, 3][..], b"app", &text("live"), &[0, 0, 9]].concat();
    let connect = [text("connect"), number(1.0), app].concat();
    let publish = [text("publish"), number(5.0), vec![5], text(key), text("live")].concat();
    for command in [connect, [text("createStream"), number(2.0), vec![5]].concat(), publish] {
        let length = u32::try_from(command.len()).unwrap_or(0).to_be_bytes();
        bytes.extend([3, 0, 0, 0]);
        bytes.extend(&length[1..]);
        bytes.extend([20, 0, 0, 0, 0]);
        for (n, part) in command.chunks(128).enumerate() {
            bytes.extend((n > 0).then_some(0xc3));
            bytes.extend(part);
        }
    }
    for n in 0..200_u32 {
        let [_, a, b, c] = (n * 20).to_be_bytes();
        bytes.extend([4, a, b, c, 0, 0, 40, if n % 2 == 0 { 8 } else { 9 }, 1, 0, 0, 0]);
        bytes.extend([if n % 2 == 0 { 0xaf } else { 0x27 }; 40]);
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.within(1..9) {
        if bytes.is_empty() {
            return;
        }
        let at = usize::try_from(random.within(0..bytes.len() as u64)).unwrap_or(0);
        let until = (at + usize::try_from(random.within(1..300)).unwrap_or(1)).min(bytes.len());
        match random.within(0..4) {
            0 => bytes.truncate(at.max(1)),
            1 => drop(bytes.drain(at..until)),
            2 => {
                let part: Vec<u8> = bytes.get(at..until).unwrap_or_default().to_vec();
                bytes.splice(at..at, part);
            }
            _ => bytes[at] = random.bytes(1)[0],
        }
    }
}

/// Sends bytes, and waits until the connection ends.
async fn send(address: SocketAddr, bytes: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    // It may end before everything is sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut buffer = [0; 4_096];
    let ended = async { while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
    timeout(BEGINNING, ended).await.context("the connection stays open")
}

async fn hostile(stage: &mut Stage, address: SocketAddr) -> Result<()> {
    let teacher = stage.account("instructor").await?;
    let (id, url, _) = lecture(&stage.api, &teacher).await?;
    let (_, _, other) = lecture(&stage.api, &teacher).await?;
    let _publisher = publish(&url)?;
    let hls = playlists(&stage.api, &id, &teacher.token).await?;
    let path = hls.strip_prefix(&stage.api.base).unwrap_or(&hls);
    let index = stage.api.fetch(path).await?.expect(200)?.text();
    let pictures = renditions(path, &index).into_iter().next().context("a rendition")?;
    let (over, mut ends) = oneshot::channel();
    let attack = async {
        let mut random = Random::start("mutated streams of RTMP");
        for _ in 0..60 {
            send(address, &random.bytes(3_000)).await?;
        }
        let whole = good(&other);
        for _ in 0..rounds(MUTATIONS[0], MUTATIONS[1]) {
            let mut bytes = whole.clone();
            mutate(&mut bytes, &mut random);
            send(address, &bytes).await?;
        }
        // without a watcher, the scenario is over
        let _ = over.send(());
        anyhow::Ok(())
    };
    let watch = async {
        let (mut last, mut changed, mut longest) = (String::new(), Instant::now(), Duration::ZERO);
        while ends.try_recv().is_err() {
            let playlist = stage.api.fetch(&pictures).await?.expect(200)?.text();
            longest = longest.max(changed.elapsed());
            if playlist != last {
                (last, changed) = (playlist, Instant::now());
            }
            sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(longest)
    };
    let (longest, attacked) = tokio::join!(watch, attack);
    attacked?;
    let longest = longest?;
    report(format_args!("the longest time without a new part was {longest:?}"));
    // three times the limit
    ensure!(longest < Duration::from_secs(3), "{longest:?}");
    Ok(())
}

#[tokio::test]
async fn garbage_and_mutated_streams_end_only_their_own_connections() -> Result<()> {
    let address = free()?;
    let start = Start::default().set("LIVE__RTMP_LISTEN", address.to_string());
    scenario(start, async |stage| hostile(stage, address).await).await
}
