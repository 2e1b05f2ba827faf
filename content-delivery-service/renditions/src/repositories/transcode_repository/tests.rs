use super::*;
use crate::lectures;
use crate::models::lecture::Status;
use crate::models::outcome::Source;
use crate::models::plan::Plan;
use crate::schema::MIGRATIONS;
use crate::tasks::ScanTask;
use backing::Clock;
use backing::tasks::{self, Queue};
use std::time::Duration;
use testing::databases;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn playable(source: Source) -> Outcome {
    Outcome::Playable {
        source,
        plan: Box::new(Plan::none()),
    }
}

async fn processing(db: &Db) -> VideoId {
    let id = VideoId::generate();
    let mut tx = db.write().await.unwrap();
    let sql = "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, generation, \
               created_at, updated_at) VALUES ($1, $2, 'Tides', '', 'processing', 1, 1, 0, $3, $3)";
    tx.run(sql, args![id, UserId::generate(), NOW]).await.unwrap();
    let task = ScanTask { video_id: id }.task(UserId::generate(), NOW);
    assert!(tasks::enqueue(&mut tx, &task).await.unwrap());
    tx.commit().await.unwrap();
    id
}

fn reason(code: &str) -> Reason {
    Reason {
        code: code.to_owned(),
        message: "because".to_owned(),
    }
}

#[tokio::test]
async fn each_outcome_is_written_with_its_events_and_ends_the_task() {
    let source = Source {
        container: "mp4".to_owned(),
        duration_us: Some(12_000_000),
        media: Media::default(),
    };
    let waits = Outcome::NeedsTranscoding {
        source: None,
        reason: reason("needs_transcoding"),
        tracks: None,
        obstacle: "x".to_owned(),
    };
    for (outcome, status, events) in [
        (playable(source), Status::Ready, 2),
        (waits, Status::Processing, 1),
        (
            Outcome::Failed {
                reason: reason("media_truncated"),
            },
            Status::Failed,
            1,
        ),
    ] {
        for engine in databases("content", MIGRATIONS).await.unwrap() {
            let clock = Clock::fixed(NOW);
            let queue = Queue::new(engine.db.clone(), clock.clone(), Duration::from_secs(40));
            let id = processing(&engine.db).await;
            let task = queue.claim(&[ScanTask::KIND]).await.unwrap().unwrap();
            let repository = TranscodeRepository::new(engine.db.clone());
            assert_eq!(
                repository.record(id, &outcome, &task, NOW).await.unwrap(),
                Recorded::Done,
                "{}",
                engine.name
            );
            assert_eq!(
                repository.record(id, &outcome, &task, NOW).await.unwrap(),
                Recorded::Overtaken
            );
            let video = lectures::find(&engine.db, id).await;
            assert_eq!((video.status, video.changes), (status, 1));
            assert_eq!(video.playable_at.is_some(), status == Status::Ready);
            assert_eq!(video.reason.is_some(), status != Status::Ready);
            assert_eq!(outbox::waiting(&engine.db).await.unwrap(), events);
            assert!(queue.claim(&[ScanTask::KIND]).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_worker_that_was_given_up_writes_nothing() {
    for engine in databases("content", MIGRATIONS).await.unwrap() {
        let clock = Clock::fixed(NOW);
        let queue = Queue::new(engine.db.clone(), clock.clone(), Duration::from_secs(40));
        let id = processing(&engine.db).await;
        let slow = queue.claim(&[ScanTask::KIND]).await.unwrap().unwrap();
        clock.advance(Duration::from_secs(41));
        let _other = queue.claim(&[ScanTask::KIND]).await.unwrap().unwrap();
        let repository = TranscodeRepository::new(engine.db.clone());
        let failed = Outcome::Failed {
            reason: reason("media_truncated"),
        };
        assert_eq!(
            repository.record(id, &failed, &slow, NOW).await.unwrap(),
            Recorded::Overtaken,
            "{}",
            engine.name
        );
        let video = lectures::find(&engine.db, id).await;
        assert_eq!(
            (video.status, outbox::waiting(&engine.db).await.unwrap()),
            (Status::Processing, 0)
        );
    }
}

#[tokio::test]
async fn a_video_that_was_deleted_meanwhile_stays_deleted() {
    for engine in databases("content", MIGRATIONS).await.unwrap() {
        let queue = Queue::new(engine.db.clone(), Clock::fixed(NOW), Duration::from_secs(40));
        let id = processing(&engine.db).await;
        let task = queue.claim(&[ScanTask::KIND]).await.unwrap().unwrap();
        let mut tx = engine.db.write().await.unwrap();
        tx.run(
            "UPDATE videos SET status = 'deleted', deleted_at = $2 WHERE id = $1",
            args![id, NOW],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let failed = Outcome::Failed {
            reason: reason("media_truncated"),
        };
        let recorded = TranscodeRepository::new(engine.db.clone())
            .record(id, &failed, &task, NOW)
            .await
            .unwrap();
        assert_eq!(recorded, Recorded::Gone, "{}", engine.name);
        assert!(queue.claim(&[ScanTask::KIND]).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_lecture_shows_once_that_it_waits_and_goes_on_with_another_reason() {
    for engine in databases("content", MIGRATIONS).await.unwrap() {
        let repository = TranscodeRepository::new(engine.db.clone());
        let id = processing(&engine.db).await;
        let (missing, next) = (reason("encoder_missing"), reason("needs_transcoding"));
        repository.go_on(id, &missing.code, &next, NOW).await.unwrap();
        assert_eq!(lectures::find(&engine.db, id).await.reason, None, "{}", engine.name);
        for _ in 0..3 {
            repository.wait(id, &missing, NOW).await.unwrap();
        }
        let waits = lectures::find(&engine.db, id).await;
        assert_eq!(
            (waits.reason, waits.status),
            (Some(missing.clone()), Status::Processing)
        );
        repository.go_on(id, &missing.code, &next, NOW).await.unwrap();
        let goes_on = lectures::find(&engine.db, id).await;
        assert_eq!(
            (goes_on.reason, goes_on.changes),
            (Some(next.clone()), waits.changes + 1)
        );
        let mut tx = engine.db.write().await.unwrap();
        let play = "UPDATE videos SET status = 'playable', reason_code = NULL, reason_message = NULL WHERE id = $1";
        tx.run(play, args![id]).await.unwrap();
        tx.commit().await.unwrap();
        repository.wait(id, &missing, NOW).await.unwrap();
        repository.go_on(id, &missing.code, &next, NOW).await.unwrap();
        let plays = lectures::find(&engine.db, id).await;
        assert_eq!(
            (plays.reason, plays.status),
            (None, Status::Playable),
            "{}",
            engine.name
        );
    }
}
