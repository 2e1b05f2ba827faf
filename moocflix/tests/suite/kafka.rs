//! The event bus on Kafka, as an operator meets it.

use crate::accounts::{PASSWORD, create, sign_in};
use crate::server::{Server, moocflix, run};
use reqwest::StatusCode;
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(60);

fn command(name: &str, data: &Path, bus: &str) -> Output {
    let mut command = moocflix();
    command.args([name, "--data-dir"]).arg(data);
    run(command.env("MOOCFLIX_BUS_URL", bus), "")
}

/// A server on a bus, and the address of its metrics.
fn server(bus: &str) -> (Server, String) {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let variables = [("MOOCFLIX_BUS_URL", bus), ("MOOCFLIX_METRICS_LISTEN", &free)];
    (Server::start_with(&[], &variables), format!("http://{free}/metrics"))
}

/// The note on the bus of a server that is ready.
async fn note(server: &Server) -> Option<String> {
    let answer = reqwest::get(server.url("/health/ready")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.unwrap();
    answer["notes"]["bus"].as_str().map(str::to_owned)
}

/// The sum of a metric's series whose labels contain a text.
async fn metric(url: &str, name: &str, label: &str) -> f64 {
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let series = text
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(label));
    series
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
}

#[tokio::test]
async fn a_server_without_its_broker_is_ready_and_quiet_and_stops_in_time() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mut server, metrics) = server(&format!("kafka://{closed}"));
    assert!(note(&server).await.is_some(), "no note");
    assert!(
        create(&server.data_dir(), "a@example.org", "learner", PASSWORD)
            .status
            .success()
    );
    leave(&server).await;
    let begun = Instant::now();
    while metric(&metrics, "moocflix_bus_errors_total", "").await < 10.0
        || metric(&metrics, "moocflix_outbox_waiting", "users").await < 1.0
    {
        assert!(begun.elapsed() < PATIENCE, "errors and events are not counted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let log = server.log();
    let of_it = |line: &&str| {
        ["Kafka", "kafka", "Broker", "lag"]
            .iter()
            .any(|word| line.contains(word))
    };
    let lines = log.lines().filter(of_it).count();
    assert!((1..=5).contains(&lines), "{lines} lines: {log}");
    let begun = Instant::now();
    server.signal(rustix::process::Signal::TERM);
    let (status, _) = server.ended(PATIENCE);
    assert!(status.success(), "{}", server.log());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// Signs somebody in and out everywhere, which is an event for the service of content.
async fn leave(server: &Server) {
    let token = sign_in(server, "a@example.org").await;
    let request = reqwest::Client::new().post(server.url("/api/v1/users/logout"));
    let request = request
        .bearer_auth(token)
        .json(&serde_json::json!({ "everywhere": true }));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_server_needs_the_topics_that_the_migration_makes_and_events_pass() {
    let bus = std::env::var_os("MOOCFLIX_TEST_KAFKA")
        .and_then(|url| url.into_string().ok())
        .expect("MOOCFLIX_TEST_KAFKA is not set: e2e/servers/kafka.sh start DIR prints a URL for it");
    let bus = format!("{bus}?prefix={}.&partitions=2", Uuid::now_v7());
    let folder = tempfile::tempdir().unwrap();
    let refused = command("serve", folder.path(), &bus);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(
        error.contains("moocflix.users") && error.contains("`moocflix migrate`"),
        "{error}"
    );
    for _ in 0..2 {
        let migrated = command("migrate", folder.path(), &bus);
        assert!(
            migrated.status.success(),
            "{}",
            String::from_utf8_lossy(&migrated.stderr)
        );
    }
    let (server, metrics) = server(&bus);
    assert_eq!(note(&server).await, None);
    assert!(
        create(&server.data_dir(), "a@example.org", "learner", PASSWORD)
            .status
            .success()
    );
    leave(&server).await;
    let begun = Instant::now();
    while metric(&metrics, "moocflix_events_handled_total", "content-playbacks").await < 1.0 {
        assert!(begun.elapsed() < PATIENCE, "no event passed: {}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
