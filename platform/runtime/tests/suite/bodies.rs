use crate::site::{Site, short_limits};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

fn post(path: &str, headers: &str) -> String {
    format!("POST /api/v1/site{path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
}

#[tokio::test]
async fn a_refused_body_is_read_so_that_its_sender_sees_the_answer() {
    let site = Site::start().await;
    for kib in [1, 100, 1_000] {
        let mut wire = site.connect().await;
        wire.send(&post("/refuse", &format!("content-length: {}\r\n", kib * 1_024)))
            .await;
        wire.send(&"x".repeat(kib * 1_024)).await;
        let answer = wire.until("not today").await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        // The connection goes on: nothing of the body is left.
        wire.until("}").await;
        wire.send("GET /api/v1/site/open HTTP/1.1\r\nhost: x\r\n\r\n").await;
        wire.until("nobody").await;
    }
}

#[tokio::test]
async fn a_connection_carries_one_large_body_after_the_other() {
    let site = Site::start().await;
    let mut wire = site.connect().await;
    let body = "x".repeat(4 << 20);
    for _ in 0..5 {
        wire.send(post("/swallow", &format!("content-length: {}\r\n", body.len())) + &body)
            .await;
        let answer = wire.until(&body.len().to_string()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn the_sender_of_a_huge_refused_body_sees_the_answer_too() {
    let site = Site::start().await;
    let body = vec![0_u8; 64 * 1_024 * 1_024];
    for _ in 0..3 {
        let answer = reqwest::Client::new()
            .post(site.url("/refuse"))
            .body(body.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403);
        assert_eq!(answer.headers()["connection"], "close");
    }
}

#[tokio::test]
async fn a_sender_that_waits_to_be_asked_is_refused_without_its_body() {
    let site = Site::start().await;
    let mut wire = site.connect().await;
    wire.send(&post("/refuse", "content-length: 5000000\r\nexpect: 100-continue\r\n"))
        .await;
    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(!answer.contains("100 Continue"), "{answer}");
}

#[tokio::test]
async fn a_body_that_falls_silent_is_answered_408() {
    let site = Site::start_with(short_limits()).await;
    for path in ["/things", "/swallow"] {
        let mut wire = site.connect().await;
        wire.send(&post(path, "content-type: application/json\r\ncontent-length: 100\r\n"))
            .await;
        wire.send("{\"name\"").await;
        let answer = wire.rest().await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
        assert!(answer.contains("request_timeout"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_trickles_is_answered_408() {
    let site = Site::start_with(short_limits()).await;
    let mut wire = site.connect().await;
    wire.send(&post("/swallow", "content-length: 1000000\r\n")).await;
    // A byte at a time would take eight hours; the answer comes long before.
    for _ in 0..1_000_000 {
        tokio::time::sleep(Duration::from_millis(30)).await;
        if wire.0.write_all(b"x").await.is_err() {
            break;
        }
        let mut start = [0; 12];
        if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(1), wire.0.peek(&mut start)).await {
            assert_eq!(&start, b"HTTP/1.1 408");
            return;
        }
    }
    panic!("the connection was closed without an answer");
}

#[tokio::test]
async fn a_body_that_comes_steadily_takes_as_long_as_it_takes() {
    let site = Site::start_with(short_limits()).await;
    let mut wire = site.connect().await;
    let piece = "x".repeat(2_000);
    wire.send(&post("/swallow", "content-length: 40000\r\n")).await;
    for _ in 0..20 {
        wire.send(&piece).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let answer = wire.until("40000").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_reaches_the_handler_as_an_error() {
    let site = Site::start().await;
    let mut wire = site.connect().await;
    wire.send(&post("/swallow", "transfer-encoding: chunked\r\n")).await;
    wire.send("5\r\nhello\r\nnonsense\r\n").await;
    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("incomplete_body"), "{answer}");
}

#[tokio::test]
async fn smuggled_lengths_are_refused_or_close_the_connection() {
    let site = Site::start().await;
    for headers in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "content-length: 4\r\ncontent-length: 5\r\n",
        "transfer-encoding: xchunked\r\n",
        "content-length : 4\r\n",
        "content-length: +4\r\n",
        "x: a\r\n b\r\n",
    ] {
        let mut wire = site.connect().await;
        wire.send(&post("/swallow", headers)).await;
        wire.send("0\r\n\r\nGET /api/v1/site/open HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        let answer = wire.rest().await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
        assert!(!answer.contains("nobody"), "{headers}: {answer}");
    }
}
