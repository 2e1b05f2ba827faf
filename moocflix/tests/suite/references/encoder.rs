//! A whole server, traced, encodes the files and opens nothing that they refer to.

use super::files;
use crate::accounts::{PASSWORD, create, sign_in};
use crate::server::Server;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// How long a file may take until it is encoded or refused, on a busy machine under a tracer.
const PATIENCE: Duration = Duration::from_secs(60);

async fn upload(server: &Server, token: &str, name: &str, bytes: &[u8]) -> Option<String> {
    let request = reqwest::Client::new()
        .post(server.url("/api/v1/content/upload"))
        .bearer_auth(token)
        .header("content-type", "video/mp4")
        .body(bytes.to_vec());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    if status == 415 {
        return None;
    }
    assert_eq!(status, 201, "{name}: {}", answer.text().await.unwrap());
    let video: Value = answer.json().await.unwrap();
    Some(video["id"].as_str().unwrap().to_owned())
}

/// Waits until a lecture is encoded or refused; returns its status.
async fn settled(server: &Server, token: &str, id: &str) -> String {
    let start = Instant::now();
    loop {
        let request = reqwest::Client::new()
            .get(server.url(&format!("/api/v1/content/{id}")))
            .bearer_auth(token);
        let video: Value = request.send().await.unwrap().json().await.unwrap();
        let status = video["status"].as_str().unwrap_or_else(|| panic!("{video}"));
        if ["ready", "failed"].contains(&status) {
            return status.to_owned();
        }
        assert!(start.elapsed() < PATIENCE, "{video}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn nothing_that_a_file_refers_to_is_opened_while_it_is_encoded() {
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary.bin");
    fs::write(&canary, "secret").unwrap();
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap();
    let all = files::all(folder.path(), canary.to_str().unwrap(), &address.to_string());
    let trace = folder.path().join("trace");
    // With -D, the server itself is our child.
    let tracer = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-s",
        "4096",
        "-e",
        "trace=open,openat,openat2,execve,connect",
        "-o",
        trace.to_str().unwrap(),
    ];
    let server = Server::start_under(&tracer);
    let made = create(&server.data_dir(), "teacher@example.org", "instructor", PASSWORD);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let token = sign_in(&server, "teacher@example.org").await;
    let long = std::env::var_os("MOOCFLIX_TEST_LONG").is_some();
    let (mut encoded, mut uploaded) = (0, 0);
    for (name, bytes) in all.iter().skip(1).step_by(if long { 1 } else { 9 }) {
        if let Some(id) = upload(&server, &token, name, bytes).await {
            uploaded += 1;
            encoded += usize::from(settled(&server, &token, &id).await == "ready");
        }
    }
    let text = fs::read_to_string(&trace).unwrap();
    let started = |tool: &str| {
        let name = format!("/{tool}\"");
        // Another process may act before the call returns, so that its result is in a line of its own.
        let of_tool = |line: &&str| line.contains("execve(") && line.contains(&name) && !line.contains("ENOENT");
        text.lines().filter(of_tool).count()
    };
    assert!(
        uploaded >= 8 && encoded * 2 >= uploaded,
        "{encoded} of {uploaded} were encoded"
    );
    // What can be cut as it is plays without either.
    let (probes, encoders) = (started("ffprobe"), started("ffmpeg"));
    assert!(
        probes * 2 >= uploaded && encoders * 2 >= encoded,
        "{probes} probes and {encoders} encoders for {uploaded} files"
    );
    let port = format!("htons({})", address.port());
    for line in text.lines() {
        assert!(!line.contains("canary") && !line.contains(&port), "{line}");
    }
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.accept().is_err(), "somebody connected");
}
