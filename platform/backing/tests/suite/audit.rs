use backing::args;
use backing::audit::{NewEntry, entries, record};
use contracts::{Timestamp, UserId, VideoId};
use serde_json::json;
use testing::databases;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn entry(act: &'static str) -> NewEntry {
    NewEntry {
        actor: Some(UserId::generate()),
        act,
        subject_kind: "video",
        subject: VideoId::generate().into(),
        owner: Some(UserId::generate()),
        details: json!({ "fields": ["title"] }),
        request: Some("0197a5c0-0000-7000-8000-000000000001".to_owned()),
    }
}

#[tokio::test]
async fn acts_are_read_latest_first_from_any_entry_on() {
    for engine in databases("content", &[]).await.unwrap() {
        let mut tx = engine.db.write().await.unwrap();
        let first = entry("update_video");
        record(&mut tx, &first, NOW).await.unwrap();
        let by_command = NewEntry {
            actor: None,
            owner: None,
            request: None,
            ..entry("change_roles")
        };
        record(&mut tx, &by_command, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let all = entries(engine.db.read(), None, 10).await.unwrap();
        let acts: Vec<_> = all.iter().map(|entry| entry.act.as_str()).collect();
        assert_eq!(acts, ["change_roles", "update_video"], "{}", engine.name);
        assert_eq!(
            (all[0].actor_id, all[0].owner_id, &all[0].request_id),
            (None, None, &None)
        );
        let older = entries(engine.db.read(), Some(all[0].id), 10).await.unwrap();
        assert_eq!(older.len(), 1, "{}", engine.name);
        assert_eq!((older[0].at, older[0].actor_id), (NOW, first.actor));
        assert_eq!((older[0].subject_id, older[0].owner_id), (first.subject, first.owner));
        assert_eq!(
            (&older[0].details, &older[0].request_id),
            (&first.details, &first.request)
        );
    }
}

#[tokio::test]
async fn an_entry_can_be_neither_changed_nor_removed() {
    for engine in databases("content", &[]).await.unwrap() {
        let mut tx = engine.db.write().await.unwrap();
        record(&mut tx, &entry("delete_video"), NOW).await.unwrap();
        tx.commit().await.unwrap();
        for sql in ["UPDATE audit SET act = 'nothing'", "DELETE FROM audit"] {
            let mut tx = engine.db.write().await.unwrap();
            let refused = tx.run(sql, args![]).await;
            let error = refused.expect_err(sql);
            let text = format!("{error:?}");
            assert!(text.contains("append-only"), "{}: {text}", engine.name);
        }
        assert_eq!(entries(engine.db.read(), None, 10).await.unwrap().len(), 1);
    }
}
