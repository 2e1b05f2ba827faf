use crate::site::{Site, short_limits};
use runtime::server::ServerLimits;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GET: &str = "GET /api/v1/site/open HTTP/1.1\r\nhost: x\r\n\r\n";
/// How a client of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The preface and a first request, with a header block of literals.
fn http_2_get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x41, 1, b'x']);
    let mut bytes = PREFACE.to_vec();
    bytes.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    bytes.extend(block);
    bytes
}

#[tokio::test]
async fn a_silent_client_is_dropped() {
    let site = Site::start_with(short_limits()).await;
    assert_eq!(site.connect().await.rest().await, "");
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_head_gets_408() {
    let site = Site::start_with(short_limits()).await;
    for text in [
        "G",
        "PRI * HTTP/2.0\r\n",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nx-a: ",
    ] {
        let mut wire = site.connect().await;
        wire.send(text).await;
        let answer = wire.rest().await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{text}: {answer}");
    }
}

#[tokio::test]
async fn a_client_that_sends_its_head_byte_by_byte_is_dropped() {
    let site = Site::start_with(short_limits()).await;
    let mut wire = site.connect().await;
    for byte in format!("GET / HTTP/1.1\r\nhost: x\r\nx-a: {}", "a".repeat(1_000)).bytes() {
        if wire.0.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        if wire.0.try_read(&mut [0; 64]).is_ok() {
            return;
        }
    }
    panic!("the whole head was taken");
}

#[tokio::test]
async fn a_second_head_has_its_own_time_limit() {
    let site = Site::start_with(ServerLimits {
        idle_timeout: Duration::from_secs(60),
        ..short_limits()
    })
    .await;
    let mut wire = site.connect().await;
    wire.send(GET).await;
    wire.until("nobody").await;
    wire.send("GET / HT").await;
    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_until_it_is_idle() {
    let site = Site::start_with(ServerLimits {
        idle_timeout: Duration::from_secs(4),
        ..short_limits()
    })
    .await;
    let mut wire = site.connect().await;
    for _ in 0..3 {
        wire.send(GET).await;
        wire.until("nobody").await;
        // Longer than a head may take, shorter than idle.
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_dropped() {
    let site = Site::start_with(short_limits()).await;
    let mut wire = site.connect().await;
    wire.send("GET /api/v1/site/endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    wire.until("\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let mut scratch = vec![0; 1 << 20];
    let mut read = 0;
    let ended = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            match wire.0.read(&mut scratch).await {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
            assert!(read < 64 << 20, "the answer still comes");
        }
    });
    ended.await.expect("the connection stays open");
}

#[tokio::test]
async fn a_slow_reader_that_reads_keeps_its_answer() {
    let site = Site::start_with(short_limits()).await;
    let mut wire = site.connect().await;
    wire.send("GET /api/v1/site/endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut scratch = vec![0; 1 << 20];
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(wire.0.read(&mut scratch).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn clients_may_speak_http_2() {
    let site = Site::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let answers = futures::future::join_all((0..50).map(|_| client.get(site.url("/open")).send())).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.version(), http::Version::HTTP_2);
        assert_eq!(answer.text().await.unwrap(), "nobody");
    }
    let refused = client
        .post(site.url("/refuse"))
        .body(vec![0; 8 << 20])
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
}

#[tokio::test]
async fn an_idle_http_2_connection_is_dropped_and_a_stalled_answer_too() {
    let site = Site::start_with(short_limits()).await;
    let mut silent = site.connect().await;
    silent.send(PREFACE).await;
    silent.rest().await;
    // It never sends a window update.
    let mut stalled = site.connect().await;
    stalled.send(http_2_get("/api/v1/site/endless")).await;
    assert!(stalled.rest().await.len() > 60_000);
}

#[tokio::test]
async fn pings_do_not_keep_an_idle_http_2_connection() {
    let site = Site::start_with(short_limits()).await;
    let mut wire = site.connect().await;
    wire.send(http_2_get("/api/v1/site/open")).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), async {
        while wire.0.write_all(b"\0\0\x08\x06\0\0\0\0\0 a ping ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    ended.await.expect("the connection stays open");
}

#[tokio::test]
async fn a_request_has_one_host() {
    let site = Site::start().await;
    for host in ["", "host: a\r\nhost: b\r\n"] {
        let mut wire = site.connect().await;
        wire.send(&format!(
            "GET /api/v1/site/open HTTP/1.1\r\n{host}connection: close\r\n\r\n"
        ))
        .await;
        let answer = wire.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn forwarded_addresses_are_believed_from_trusted_proxies_alone() {
    for (trusted, expected) in [
        (vec![], "127.0.0.1"),
        (vec!["127.0.0.0/8".parse().unwrap()], "198.51.100.7"),
    ] {
        let site = Site::start_with(ServerLimits {
            trusted_proxies: trusted,
            ..ServerLimits::default()
        })
        .await;
        let request = reqwest::Client::new()
            .get(site.url("/from"))
            .header("x-forwarded-for", "9.9.9.9, 198.51.100.7");
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let site = Site::start().await;
    for count in [98, 101, 500] {
        let headers: String = (0..count).map(|n| format!("x-{n}: 1\r\n")).collect();
        let mut wire = site.connect().await;
        wire.send(&format!(
            "GET /api/v1/site/open HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n"
        ))
        .await;
        let expected = if count == 98 { "HTTP/1.1 200" } else { "HTTP/1.1 431" };
        let answer = wire.rest().await;
        assert!(answer.starts_with(expected), "{count}: {answer}");
    }
}
