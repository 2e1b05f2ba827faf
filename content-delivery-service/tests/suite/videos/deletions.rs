//! How fast deleted lectures go, and whose first.

use crate::playback::films::Film;
use crate::server::{Server, film};
use backing::args;
use backing::tasks::Queue;
use bytes::Bytes;
use content_delivery_service::MIGRATIONS;
use content_delivery_service::repositories::videos::deletion_repository::DeletionRepository;
use contracts::{ObjectKey, Timestamp, UserId, VideoId};
use std::time::{Duration, Instant};
use testing::{Person, databases};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Three times the few seconds that it may take; one after the other they took a minute.
const SOON: Duration = Duration::from_secs(15);

#[tokio::test]
async fn sixty_deleted_lectures_are_gone_within_seconds() {
    let (server, owner) = (Server::start().await, Person::instructor());
    let objects = server.objects().await;
    let mut videos = Vec::new();
    for _ in 0..60 {
        let video = server.upload(&owner, film(2_000)).await;
        // what only the sweep removes
        let index = ObjectKey::VideoSourceIndex(video);
        objects.put(&index, Bytes::from_static(b"an index")).await.unwrap();
        videos.push(video);
    }
    let began = Instant::now();
    for video in videos {
        server.delete(&owner, video).await;
    }
    server.emptied().await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_file_of_a_deleted_lecture_is_gone_with_the_answer_and_its_record_is_closed_after_another_look() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    server.delete(&owner, video).await;
    let source = ObjectKey::VideoSource(video);
    let objects = server.objects().await;
    assert!(objects.size(&source).await.is_err());
    server.emptied().await;
    let swept = async || {
        let sql = "SELECT COUNT(*) FROM videos WHERE id = $1 AND swept_at IS NOT NULL";
        let row: Option<(i64,)> = server.db.read().one(sql, args![video]).await.unwrap();
        row.unwrap().0 == 1
    };
    assert!(!swept().await, "a writer may still be putting an object in its place");
    objects.put(&source, Bytes::from_static(b"late")).await.unwrap();
    server.clock.advance(Duration::from_secs(2));
    server.emptied().await;
    testing::until("the record is closed", || async {
        server.clock.advance(Duration::from_secs(1));
        swept().await
    })
    .await;
}

/// Somebody with a great many deletions, of each of which a second look is due as well, doesn't hold up others.
#[tokio::test]
async fn another_owner_s_deletion_does_not_wait_for_a_thousand() {
    for engine in databases("content", MIGRATIONS).await.unwrap() {
        let clock = backing::Clock::fixed(NOW);
        let deletions = DeletionRepository::new(engine.db.clone());
        let (many, one) = (UserId::generate(), UserId::generate());
        let add = async |owner| {
            let id = VideoId::generate();
            let sql = "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, \
                       generation, created_at, updated_at) VALUES ($1, $2, 'Tides', '', 'ready', 1, 1, 0, $3, $3)";
            let mut tx = engine.db.write().await.unwrap();
            tx.run(sql, args![id, owner, NOW]).await.unwrap();
            tx.commit().await.unwrap();
            assert!(deletions.delete(id, None, clock.now()).await.unwrap());
            id
        };
        let queue = Queue::new(engine.db.clone(), clock.clone(), Duration::from_secs(30));
        let next = async || {
            let task = queue.claim(&["sweep"]).await.unwrap().unwrap();
            let mut tx = engine.db.write().await.unwrap();
            assert!(task.finish_in(&mut tx).await.unwrap());
            tx.commit().await.unwrap();
            task
        };
        for _ in 0..100 {
            add(many).await;
        }
        for _ in 0..50 {
            next().await;
        }
        // all second and late looks are due now
        clock.advance(Duration::from_secs(200));
        let id = add(one).await;
        let keys = [next().await.key, next().await.key, next().await.key];
        let key = format!("sweep:{id}:now");
        assert!(keys.contains(&key), "{}: {key} is not in {keys:?}", engine.name);
    }
}
