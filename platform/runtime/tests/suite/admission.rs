//! What is refused before a handler sees it, because there is too much of it or it is meant for another server.

use crate::site::{LARGE, Site};
use reqwest::{Client, Method, RequestBuilder, Response};
use runtime::server::ServerLimits;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

const GET: &str = "GET /api/v1/site/open HTTP/1.1\r\nhost: x\r\n\r\n";

fn behind_proxy() -> ServerLimits {
    ServerLimits {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..ServerLimits::default()
    }
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_closed_and_others_go_on() {
    let site = Site::start_with(ServerLimits {
        connections_per_address: 2,
        ..ServerLimits::default()
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut wire = site.connect().await;
        wire.send(GET).await;
        wire.until("nobody").await;
        held.push(wire);
    }
    let answer = site.connect().await.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after"),
        "{answer}"
    );
    for wire in &mut held {
        wire.send(GET).await;
        wire.until("nobody").await;
    }
    // A place is free again a moment after its connection was closed.
    drop(held);
    let freed = async || {
        let mut wire = site.connect().await;
        wire.send("GET /api/v1/site/open HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        wire.rest().await.contains("nobody")
    };
    testing::until("a place", freed).await;
}

#[tokio::test]
async fn a_trusted_proxy_may_have_more_connections_than_others() {
    let site = Site::start_with(ServerLimits {
        connections_per_address: 1,
        ..behind_proxy()
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut wire = site.connect().await;
        wire.send(GET).await;
        wire.until("nobody").await;
        held.push(wire);
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_refused() {
    let site = Site::start().await;
    let mut wire = site.connect().await;
    wire.send("GET /api/v1/site/open HTTP/1.1\r\nhost: x\r\nx-a: ").await;
    for _ in 0..40 {
        wire.send(&"a".repeat(4_096)).await;
    }
    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_row_may_take_smaller_bodies_than_others() {
    let site = Site::start().await;
    let post = async |path: &str, letters: usize| {
        let thing = json!({"name": "x".repeat(letters)});
        let answer = Client::new().post(site.url(path)).json(&thing).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(post("/small", 900).await, 201);
    assert_eq!(post("/small", 1_100).await, 413);
    assert_eq!(post("/things", 1_100).await, 201);
    let pieces = futures::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>("x".repeat(100))));
    let request = Client::new()
        .post(site.url("/small"))
        .header("content-type", "application/json");
    let answer = request.body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
    assert_eq!(answer.status(), 413);
}

async fn is_busy(answer: Response) -> bool {
    let status = answer.status();
    let later = answer.headers().contains_key("retry-after");
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    status == 503 && later && problem["code"] == "busy"
}

#[tokio::test]
async fn bodies_hold_a_share_of_the_memory_until_their_requests_are_answered() {
    let mut site = Site::start_with(ServerLimits {
        message_memory: 600_000,
        ..behind_proxy()
    })
    .await;
    let client = Client::new();
    // Nearly as large as a body may be, so that a third one is too much however the buffers grow.
    let thing = json!({"name": "x".repeat(65_500)});
    let post = |path: &str, from: &str| -> RequestBuilder {
        let request = client.request(Method::POST, site.url(path));
        request.header("x-forwarded-for", from).json(&thing)
    };
    let mut kept = JoinSet::new();
    for _ in 0..2 {
        kept.spawn(post("/keep", "192.0.2.1").send());
    }
    let (more, others) = (post("/things", "192.0.2.1"), post("/things", "192.0.2.2"));
    let again = post("/things", "192.0.2.1");
    for _ in 0..2 {
        site.reached.recv().await.unwrap();
    }
    assert!(is_busy(more.send().await.unwrap()).await);
    assert_eq!(others.send().await.unwrap().status(), 201);
    while !kept.is_empty() {
        site.go.notify_waiters();
        if let Ok(Some(answer)) = timeout(Duration::from_millis(20), kept.join_next()).await {
            assert_eq!(answer.unwrap().unwrap().text().await.unwrap(), "65500");
        }
    }
    assert_eq!(again.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn answers_count_until_they_are_read() {
    let site = Site::start_with(ServerLimits {
        message_memory: 10 * u64::try_from(LARGE).unwrap(),
        ..behind_proxy()
    })
    .await;
    let ask = |from: &str| format!("GET /api/v1/site/large HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {from}\r\n\r\n");
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut wire = site.connect().await;
        wire.send(ask("192.0.2.1")).await;
        assert_eq!(wire.status().await, 200);
        held.push(wire);
    }
    let status = async |from: &str| {
        let mut wire = site.connect().await;
        wire.send(ask(from)).await;
        wire.status().await
    };
    assert_eq!(status("192.0.2.1").await, 503);
    assert_eq!(status("192.0.2.2").await, 200);
    drop(held);
    testing::until("room", async || status("192.0.2.1").await == 200).await;
}

#[tokio::test]
async fn with_a_public_address_another_server_s_name_is_refused() {
    let site = Site::start_with(ServerLimits {
        public_host: Some("https://lectures.example.org".parse().unwrap()),
        ..ServerLimits::default()
    })
    .await;
    let ask = async |host: &str| {
        let request = Client::new().get(site.url("/open")).header("host", host);
        request.send().await.unwrap()
    };
    for ours in [
        "lectures.example.org",
        "LECTURES.example.org:443",
        "127.0.0.1:1",
        "localhost",
    ] {
        let answer = ask(ours).await;
        assert_eq!(answer.status(), 200, "{ours}");
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    }
    let answer = ask("evil.example").await;
    assert_eq!(answer.status(), 421);
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["code"], "misdirected_request");
    let mut wire = site.connect().await;
    wire.send("GET http://evil.example/api/v1/site/open HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await;
    assert!(wire.rest().await.starts_with("HTTP/1.1 421"));
}

#[tokio::test]
async fn without_https_browsers_are_not_told_to_keep_to_it() {
    for public_host in [None, Some("http://lectures.example.org".parse().unwrap())] {
        let site = Site::start_with(ServerLimits {
            public_host,
            ..ServerLimits::default()
        })
        .await;
        let answer = Client::new().get(site.url("/open")).send().await.unwrap();
        assert!(!answer.headers().contains_key("strict-transport-security"));
    }
}
