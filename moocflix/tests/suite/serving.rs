use crate::server::Server;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

#[tokio::test]
async fn a_healthy_server_reports_ready() {
    let server = Server::start();
    for path in ["/health/live", "/health/ready", "/health/ready/"] {
        let answer = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], "ok");
    }
    let ready: Value = reqwest::get(server.url("/health/ready"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(ready["checks"], serde_json::json!({"database": "ok", "storage": "ok"}));
}

#[tokio::test]
async fn a_server_without_its_storage_is_live_but_not_ready() {
    let server = Server::start();
    let objects = server.data_dir().join("objects");
    std::fs::remove_dir_all(&objects).unwrap();
    std::fs::write(&objects, "in the way").unwrap();
    let ready = reqwest::get(server.url("/health/ready")).await.unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.json::<Value>().await.unwrap()["checks"]["storage"], "failing");
    assert_eq!(reqwest::get(server.url("/health/live")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_served_document_is_the_committed_one_and_the_docs_page_uses_it() {
    let server = Server::start();
    let served = reqwest::get(server.url("/openapi.json"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let committed = include_str!("../../../openapi.json");
    assert_eq!(served.trim(), committed.trim());
    let page = reqwest::get(server.url("/docs")).await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let text = page.text().await.unwrap();
    for part in text.split('"').filter(|part| part.starts_with("/docs/")) {
        assert_eq!(reqwest::get(server.url(part)).await.unwrap().status(), 200, "{part}");
    }
    assert!(
        !text.contains("http://") && !text.contains("https://"),
        "the page is its own"
    );
}

#[tokio::test]
async fn metrics_are_served_at_their_own_address_or_to_admins() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server = Server::start_with(&[], &[("MOOCFLIX_METRICS_LISTEN", &free.to_string())]);
    reqwest::get(server.url("/api/v1/nowhere/secret-in-the-path?k=secret"))
        .await
        .unwrap();
    let numbers = reqwest::get(format!("http://{free}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        numbers.contains(r#"moocflix_http_requests_total{method="GET",route="unmatched",status="404"} 1"#),
        "{numbers}"
    );
    assert!(!numbers.contains("secret"));
    assert_eq!(
        reqwest::get(format!("http://{free}/health/live"))
            .await
            .unwrap()
            .status(),
        404
    );
    assert_eq!(reqwest::get(server.url("/metrics")).await.unwrap().status(), 401);
}

#[tokio::test]
async fn logs_show_the_request_and_no_token_key_or_query() {
    let server = Server::start();
    let client = reqwest::Client::new();
    let secrets = ["s3cr3t-bearer", "s3cr3t-key", "s3cr3t-path", "s3cr3t-password"];
    let patch = client
        .patch(server.url("/api/v1/content/upload/s3cr3t-path?k=s3cr3t-key"))
        .bearer_auth("s3cr3t-bearer");
    let answer = patch.send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    reqwest::get(server.url("/p/s3cr3t-path/x/index.m3u8?k=s3cr3t-key"))
        .await
        .unwrap();
    let login = serde_json::json!({"email": "a@example.org", "password": "s3cr3t-password"});
    let wrong = client
        .post(server.url("/api/v1/users/login"))
        .json(&login)
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);
    let log = server.log();
    let line = log.lines().find(|line| line.contains(&id)).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["http.request.method"], "PATCH");
    assert_eq!(line["http.response.status_code"], answer.status().as_u16());
    assert_eq!(line["http.route"], "/api/v1/content/upload/{video_id}");
    assert!(line["labels.ms"].is_number() && line["@timestamp"].is_string());
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

#[test]
fn every_line_of_the_log_is_json_without_a_terminal() {
    let server = Server::start();
    let mut wire = TcpStream::connect(server.address()).unwrap();
    wire.write_all(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    wire.read_to_end(&mut Vec::new()).unwrap();
    let log = server.log();
    assert!(log.lines().count() > 2);
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string() && line["log.level"].is_string(), "{line}");
    }
    let text = Server::start_with(&[], &[("MOOCFLIX_LOG_FORMAT", "text")]);
    assert!(
        text.log()
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_err())
    );
}

#[tokio::test]
async fn the_server_survives_more_connections_than_open_files() {
    let server = Server::start();
    server.allow_files(20);
    let crowd: Vec<_> = (0..60).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    while !server.log().contains("cannot accept connections now") {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    drop(crowd);
    let answer = reqwest::get(server.url("/health/live")).await.unwrap();
    assert_eq!(answer.status(), 200);
}
