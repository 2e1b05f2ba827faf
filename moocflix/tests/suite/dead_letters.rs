use crate::server::{Server, moocflix, run};
use backing::{Db, args};
use contracts::events::UserSessionsEnded;
use contracts::{Event, EventId, NewEvent, Timestamp, UserId};
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

const GROUP: &str = "content-playbacks";

fn dead(data: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = moocflix();
    command
        .args(["events", "dead"])
        .args(arguments)
        .arg("--data-dir")
        .arg(data);
    let Output { status, stdout, stderr } = run(&mut command, "");
    let text = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    (status.success(), text.concat())
}

/// Writes a dead letter as a consumer does.
async fn add(db: &Db) -> Event {
    let event = NewEvent::of_user(UserId::generate(), UserSessionsEnded { version: 2 }.into());
    let event = event.published(EventId::generate(), Timestamp::from_seconds(1_800_000_000), 1);
    let sql = "INSERT INTO dead_letters (consumer, event_id, subject, event, code, reason, attempts, died_at) \
               VALUES ($1, $2, $3, $4, 'tried_too_often', 'the moon was full', 16, $5)";
    let mut tx = db.write().await.unwrap();
    let json = serde_json::to_vec(&event).unwrap();
    tx.run(sql, args![GROUP, event.id, event.subject, json, event.time])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    event
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    let count: Option<(i64,)> = db.read().one(sql, args![]).await.unwrap();
    count.unwrap().0
}

#[tokio::test]
async fn dead_letters_are_listed_and_replayed_while_the_server_runs() {
    let server = Server::start();
    let data = server.data_dir();
    let (good, text) = dead(&data, &["list"]);
    assert!(good && text.contains("no dead letters"), "{text}");
    let url = format!("sqlite://{}", data.display());
    let db = Db::open(&url, "content", content_delivery_service::MIGRATIONS)
        .await
        .unwrap();
    let events = [add(&db).await, add(&db).await, add(&db).await];
    let (good, text) = dead(&data, &["list"]);
    assert!(good, "{text}");
    for event in &events {
        let line = text.lines().find(|line| line.contains(&event.id.to_string())).unwrap();
        for part in [
            GROUP,
            "moocflix.users.user.sessions_ended",
            "16",
            "tried_too_often: the moon was full",
        ] {
            assert!(line.contains(part), "{line}");
        }
    }
    let stranger = EventId::generate().to_string();
    let one = events[0].id.to_string();
    let (good, text) = dead(&data, &["replay", &stranger, &one]);
    assert!(!good && text.contains(&stranger) && !text.contains(&one), "{text}");
    assert_eq!(count(&db, "SELECT COUNT(*) FROM dead_letters").await, 3);
    for wrong in [vec!["replay"], vec!["replay", "--all", &one], vec!["replay", "one"]] {
        assert!(!dead(&data, &wrong).0, "{wrong:?}");
    }
    let (good, text) = dead(&data, &["replay", &one]);
    assert!(good && text.contains("1 event will be delivered again"), "{text}");
    let (good, text) = dead(&data, &["replay", "--all"]);
    assert!(good && text.contains("2 events will be delivered again"), "{text}");
    // the server handles them
    let began = Instant::now();
    while count(&db, "SELECT COUNT(*) FROM inbox").await < 3 {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(count(&db, "SELECT COUNT(*) FROM deliveries").await, 0);
    assert_eq!(count(&db, "SELECT COUNT(*) FROM dead_letters").await, 0);
}

#[tokio::test]
async fn a_place_without_data_is_reported_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nowhere");
    let commands = [&["list"][..], &["replay", "--all"]];
    for arguments in commands {
        let (good, text) = dead(&data, arguments);
        let expected = format!("no MoocFlix data in {};", data.display());
        assert!(
            !good && text.contains(&expected) && text.contains("--data-dir"),
            "{text}"
        );
        assert!(!data.exists(), "{arguments:?}");
    }
    for place in testing::places().await.unwrap() {
        for arguments in commands {
            let mut command = moocflix();
            command.env("MOOCFLIX_DATABASE_URL", &place.url);
            command
                .args(["events", "dead"])
                .args(arguments)
                .arg("--data-dir")
                .arg(&data);
            let output = run(&mut command, "");
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(
                !output.status.success() && error.contains("no MoocFlix data in "),
                "{error}"
            );
            assert!(!error.contains("postgres://"), "{error}");
        }
        for service in ["users", "content"] {
            let exists = Db::exists(&place.url, service).await.unwrap();
            assert!(!exists, "{}: {service}", place.name);
        }
        assert!(!data.exists(), "{}", place.name);
    }
}
