//! Every method of the repositories of videos and uploads, on SQLite and on PostgreSQL.

use backing::args;
use backing::db::Db;
use backing::once::{Once, Request};
use content_delivery_service::models::uploads::creation::NewUpload;
use content_delivery_service::models::uploads::upload::UploadState;
use content_delivery_service::models::uploads::usage::{Allowance, Excess};
use content_delivery_service::models::videos::video_edit::VideoEdit;
use content_delivery_service::repositories::uploads::upload_repository::{
    DurableProgress, UploadRepository, revoke_keys,
};
use content_delivery_service::repositories::videos::deletion_repository::DeletionRepository;
use content_delivery_service::repositories::videos::video_repository::{Listing, Update, VideoRepository};
use content_delivery_service::{MIGRATIONS, NAME};
use contracts::{Timestamp, UserId, VideoId};
use entitlements::models::grounds::Viewing;
use entitlements::models::sharing::{NewVisibility, Visibility};
use renditions::models::lecture::{Reason, Status};
use std::time::Duration;
use testing::databases;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

struct House {
    name: &'static str,
    db: Db,
    videos: VideoRepository,
    uploads: UploadRepository,
    deletions: DeletionRepository,
    owner: UserId,
}

impl House {
    fn new(name: &'static str, db: &Db) -> Self {
        let (videos, uploads) = (VideoRepository::new(db.clone()), UploadRepository::new(db.clone()));
        Self {
            name,
            db: db.clone(),
            videos,
            uploads,
            deletions: DeletionRepository::new(db.clone()),
            owner: UserId::generate(),
        }
    }

    fn upload(&self) -> NewUpload {
        NewUpload {
            owner: self.owner,
            length: Some(1_000),
            title: "Graphs".to_owned(),
            description: String::new(),
            sharing: NewVisibility::new(Visibility::Private).unwrap(),
            filename: Some("graphs.mp4".to_owned()),
            metadata: "filename Z3JhcGhzLm1wNA==".to_owned(),
            resumable: true,
        }
    }

    async fn create(&self) -> VideoId {
        let id = VideoId::generate();
        self.videos
            .create(id, &self.upload(), None, (NOW, later(100)), &Allowance::BOUNDLESS)
            .await
            .unwrap()
            .unwrap();
        id
    }

    /// A video whose upload is finished.
    async fn uploaded(&self) -> VideoId {
        let id = self.create().await;
        let fence = self.claim(id, 0).await.unwrap();
        assert!(
            self.uploads
                .complete(id, fence, &progress(1_000), later(1))
                .await
                .unwrap()
        );
        assert!(self.uploads.finish(id, later(2)).await.unwrap());
        id
    }

    /// Revokes the owner's keys and returns the uploads that are open.
    async fn revoke_keys(&self, at: Timestamp) -> Vec<VideoId> {
        let mut tx = self.db.write().await.unwrap();
        let revoked = revoke_keys(&mut tx, self.owner, at).await.unwrap();
        tx.commit().await.unwrap();
        revoked
    }

    async fn key_version(&self, id: VideoId) -> i64 {
        self.uploads.find(id).await.unwrap().unwrap().key_version
    }

    async fn claim(&self, id: VideoId, offset: u64) -> Option<i64> {
        let claim = self
            .uploads
            .claim(id, offset, NOW, later(0) - Duration::from_secs(2))
            .await
            .unwrap();
        claim.map(|claim| claim.fence)
    }

    /// Writes a row of everything that is kept of a plan.
    async fn plan(&self, id: VideoId) {
        let mut tx = self.db.write().await.unwrap();
        for sql in [
            "INSERT INTO plans (video_id, generation, plan, created_at) VALUES ($1, 1, '{}', 0)",
            "INSERT INTO renditions (video_id, generation, name) VALUES ($1, 1, '240p')",
            "INSERT INTO pieces (video_id, generation, rendition, piece, fence, first_segment, is_last, ticks, bytes, \
             frames, peak_bit_rate, segments, published_at) VALUES ($1, 1, '240p', 0, 1, 0, false, 1, 1, 1, 1, '[]', 0)",
            "INSERT INTO encodings (task_id, video_id, generation, work, ticks, updated_at) VALUES ($1, $1, 1, '{}', 1, 0)",
        ] {
            tx.run(sql, args![id]).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// How many rows there are of plans, renditions, pieces and encodings.
    async fn planned(&self, id: VideoId) -> [usize; 4] {
        let mut counts = [0; 4];
        let tables = [
            "SELECT 1 FROM plans WHERE video_id = $1",
            "SELECT 1 FROM renditions WHERE video_id = $1",
            "SELECT 1 FROM pieces WHERE video_id = $1",
            "SELECT 1 FROM encodings WHERE video_id = $1",
        ];
        for (count, sql) in counts.iter_mut().zip(tables) {
            let rows: Vec<(i64,)> = self.db.read().all(sql, args![id]).await.unwrap();
            *count = rows.len();
        }
        counts
    }

    async fn status(&self, id: VideoId) -> Status {
        self.videos.find(id).await.unwrap().unwrap().status
    }

    /// The kinds of events about a video in the outbox, in order.
    async fn events(&self, id: VideoId) -> Vec<String> {
        let sql = "SELECT event FROM outbox WHERE subject = $1 ORDER BY sequence";
        let rows: Vec<(String,)> = self.db.read().all(sql, args![id]).await.unwrap();
        let events = rows
            .into_iter()
            .map(|(text,)| serde_json::from_str::<contracts::Event>(&text).unwrap());
        events
            .map(|event| event.data.kind().replace("moocflix.content.video.", ""))
            .collect()
    }

    /// How many tasks of a key are still to be done.
    async fn tasks(&self, key: &str) -> usize {
        let sql = "SELECT key FROM tasks WHERE live_key = $1";
        let rows: Vec<(String,)> = self.db.read().all(sql, args![key]).await.unwrap();
        rows.len()
    }
}

fn progress(offset: u64) -> DurableProgress {
    DurableProgress {
        offset,
        sink_state: Some("{\"offset\":1}".to_owned()),
        head: vec![1, 2, 3],
    }
}

async fn on_each<F: Future<Output = ()>>(test: impl Fn(House) -> F) {
    for database in databases(NAME, MIGRATIONS).await.unwrap() {
        test(House::new(database.name, &database.db)).await;
    }
}

#[tokio::test]
async fn a_new_video_is_there_with_its_upload_and_its_event() {
    on_each(|house| async move {
        let id = house.create().await;
        let video = house.videos.find(id).await.unwrap().unwrap();
        assert_eq!(
            (video.status, video.version, video.policy_version),
            (Status::Uploading, 1, 1),
            "{}",
            house.name
        );
        assert_eq!(
            (video.title.as_str(), video.filename.as_deref(), video.created_at),
            ("Graphs", Some("graphs.mp4"), NOW)
        );
        let upload = house.uploads.find(id).await.unwrap().unwrap();
        assert_eq!(
            (upload.offset, upload.length, upload.state),
            (0, Some(1_000), UploadState::Open)
        );
        assert_eq!(
            (upload.owner_id, upload.resumable, upload.key_version),
            (house.owner, true, 1)
        );
        assert_eq!(
            (upload.sink_state, upload.metadata.as_str()),
            (None, "filename Z3JhcGhzLm1wNA==")
        );
        assert_eq!(house.events(id).await, ["created"]);
        assert!(house.videos.find(VideoId::generate()).await.unwrap().is_none());
        assert!(house.uploads.find(VideoId::generate()).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_makes_no_second_lecture() {
    on_each(|house| async move {
        let request = |part: &str| Request::new(&house.owner.to_string(), "key", &[part]).unwrap();
        let (first, again, other) = (request("a"), request("a"), request("b"));
        let new = house.upload();
        let create = async |id, request| {
            let times = (NOW, later(9));
            let made = house
                .videos
                .create(id, &new, Some(request), times, &Allowance::BOUNDLESS)
                .await;
            made.unwrap().unwrap()
        };
        let (id, second) = (VideoId::generate(), VideoId::generate());
        assert_eq!(create(id, &first).await, Once::First);
        assert_eq!(create(second, &again).await, Once::Again(id.into()));
        assert_eq!(create(second, &other).await, Once::Other);
        assert!(house.videos.find(second).await.unwrap().is_none(), "{}", house.name);
    })
    .await;
}

#[tokio::test]
async fn a_list_contains_the_owners_videos_the_latest_first() {
    on_each(|house| async move {
        let (first, second, third) = (house.create().await, house.uploaded().await, house.create().await);
        House::new(house.name, &house.db).create().await;
        let list = |status, before, limit| {
            let (videos, owner) = (house.videos.clone(), house.owner);
            async move {
                let wanted = Listing {
                    owner: Some(owner),
                    status,
                    failed: false,
                    before,
                    limit,
                };
                let found = videos.list(&wanted).await.unwrap();
                found.into_iter().map(|video| video.id).collect::<Vec<_>>()
            }
        };
        assert_eq!(list(None, None, 10).await, [third, second, first], "{}", house.name);
        assert_eq!(list(None, None, 2).await, [third, second]);
        assert_eq!(list(None, Some(second), 10).await, [first]);
        assert_eq!(list(Some(Status::Uploading), None, 10).await, [third, first]);
        assert_eq!(list(Some(Status::Processing), Some(third), 10).await, [second]);
        house.deletions.delete(second, None, NOW).await.unwrap();
        assert_eq!(list(None, None, 10).await, [third, first]);
    })
    .await;
}

#[tokio::test]
async fn texts_change_only_for_the_latest_version() {
    on_each(|house| async move {
        let id = house.create().await;
        let update = |title: Option<&str>, version| {
            let (videos, title) = (house.videos.clone(), title.map(str::to_owned));
            let edit = VideoEdit {
                title,
                ..VideoEdit::default()
            };
            async move {
                let goes_on = |_: &Viewing| true;
                videos.update(id, &edit, &goes_on, version, (later(5), None)).await
            }
        };
        assert!(
            matches!(update(Some("Trees"), Some(1)).await.unwrap(), Update::Done(_)),
            "{}",
            house.name
        );
        assert!(matches!(update(Some("x"), Some(1)).await.unwrap(), Update::Stale));
        assert!(matches!(update(None, None).await.unwrap(), Update::Done(_)));
        let video = house.videos.find(id).await.unwrap().unwrap();
        assert_eq!(
            (video.title.as_str(), video.version, video.updated_at),
            ("Trees", 3, later(5))
        );
        assert_eq!(house.events(id).await, ["created", "updated", "updated"]);
        house.deletions.delete(id, None, NOW).await.unwrap();
        assert!(matches!(update(Some("x"), None).await.unwrap(), Update::Gone));
    })
    .await;
}

#[tokio::test]
async fn a_writer_holds_an_upload_until_it_is_done_or_silent() {
    on_each(|house| async move {
        let id = house.create().await;
        assert_eq!(house.claim(id, 7).await, None, "{}: another offset", house.name);
        let first = house.claim(id, 0).await.unwrap();
        assert_eq!(
            house.claim(id, 0).await,
            None,
            "the first one was heard of a moment ago"
        );
        assert!(
            house
                .uploads
                .checkpoint(id, first, &progress(300), later(1), later(200), false)
                .await
                .unwrap()
        );
        let second = house.uploads.claim(id, 300, later(9), later(7)).await.unwrap().unwrap();
        assert!(second.fence > first);
        assert_eq!(
            (second.upload.offset, second.upload.head.as_slice()),
            (300, [1, 2, 3].as_slice())
        );
        assert_eq!(
            (second.upload.sink_state.as_deref(), second.upload.expires_at),
            (Some("{\"offset\":1}"), later(200))
        );
        assert!(
            !house
                .uploads
                .checkpoint(id, first, &progress(400), later(9), later(200), true)
                .await
                .unwrap()
        );
        assert!(
            !house
                .uploads
                .complete(id, first, &progress(1_000), later(9))
                .await
                .unwrap()
        );
        assert!(
            !house
                .uploads
                .checkpoint(id, second.fence, &progress(200), later(9), later(200), true)
                .await
                .unwrap(),
            "an offset never goes back"
        );
        assert!(
            house
                .uploads
                .checkpoint(id, second.fence, &progress(500), later(9), later(300), true)
                .await
                .unwrap()
        );
        assert!(house.claim(id, 500).await.is_some(), "the second one gave it free");
    })
    .await;
}

#[tokio::test]
async fn a_complete_upload_is_finished_once_with_its_scan_and_its_event() {
    on_each(|house| async move {
        let id = house.create().await;
        assert!(
            !house.uploads.finish(id, NOW).await.unwrap(),
            "{}: nothing is complete",
            house.name
        );
        let fence = house.claim(id, 0).await.unwrap();
        assert!(
            house
                .uploads
                .complete(id, fence, &progress(1_000), later(1))
                .await
                .unwrap()
        );
        assert_eq!(
            house.uploads.unfinished_business(later(0), 10).await.unwrap(),
            [],
            "too young"
        );
        assert_eq!(house.uploads.unfinished_business(later(1), 10).await.unwrap(), [id]);
        assert!(house.uploads.finish(id, later(2)).await.unwrap());
        assert!(!house.uploads.finish(id, later(2)).await.unwrap());
        let video = house.videos.find(id).await.unwrap().unwrap();
        assert_eq!((video.status, video.bytes), (Status::Processing, Some(1_000)));
        assert_eq!(
            house.uploads.find(id).await.unwrap().unwrap().state,
            UploadState::Finished
        );
        assert_eq!(house.tasks(&format!("scan:{id}")).await, 1);
        assert_eq!(house.events(id).await, ["created", "uploaded"]);
        assert_eq!(house.uploads.unfinished_business(later(9), 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_deletion_is_a_record_a_fence_a_sweep_and_an_event() {
    on_each(|house| async move {
        let (id, scanned) = (house.create().await, house.uploaded().await);
        let fence = house.claim(id, 0).await.unwrap();
        assert!(
            house.deletions.delete(id, None, later(3)).await.unwrap(),
            "{}",
            house.name
        );
        assert!(!house.deletions.delete(id, None, later(3)).await.unwrap());
        let video = house.videos.find(id).await.unwrap().unwrap();
        assert_eq!(
            (video.status, video.policy_version, video.deleted_at),
            (Status::Deleted, 2, Some(later(3)))
        );
        assert!(
            !house
                .uploads
                .checkpoint(id, fence, &progress(9), NOW, later(9), true)
                .await
                .unwrap()
        );
        assert_eq!(house.tasks(&format!("sweep:{id}:now")).await, 1);
        assert_eq!(house.events(id).await, ["created", "deleted"]);
        house.plan(scanned).await;
        assert!(house.planned(scanned).await.iter().all(|&rows| rows > 0));
        house.deletions.delete(scanned, None, later(3)).await.unwrap();
        assert_eq!(house.tasks(&format!("scan:{scanned}")).await, 0);
        assert_eq!(house.planned(scanned).await, [0; 4]);
        house.deletions.mark_swept(id, later(4)).await.unwrap();
        let record = house.videos.find(id).await.unwrap().unwrap();
        assert_eq!(
            (record.title.as_str(), record.filename, record.status),
            ("", None, Status::Deleted)
        );
        assert_eq!(house.uploads.find(id).await.unwrap().unwrap().sink_state, None);
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_never_became_a_video_leaves_no_row() {
    on_each(|house| async move {
        let (id, uploaded) = (house.create().await, house.uploaded().await);
        house.deletions.discard(id, NOW).await.unwrap();
        assert!(house.videos.find(id).await.unwrap().is_none(), "{}", house.name);
        assert!(house.uploads.find(id).await.unwrap().is_none());
        assert_eq!(house.events(id).await, ["created", "deleted"]);
        house.deletions.discard(uploaded, NOW).await.unwrap();
        assert_eq!(house.status(uploaded).await, Status::Processing, "a video stays");
    })
    .await;
}

#[tokio::test]
async fn an_upload_expires_unless_somebody_continues_it() {
    on_each(|house| async move {
        let (id, saved) = (house.create().await, house.create().await);
        let reason = Reason {
            code: "upload_expired".to_owned(),
            message: "in words".to_owned(),
        };
        assert_eq!(
            house.uploads.expired(later(99), 10).await.unwrap(),
            [],
            "{}",
            house.name
        );
        assert_eq!(house.uploads.expired(later(100), 10).await.unwrap().len(), 2);
        let fence = house.claim(saved, 0).await.unwrap();
        house
            .uploads
            .checkpoint(saved, fence, &progress(9), later(100), later(200), true)
            .await
            .unwrap();
        assert!(house.deletions.expire(id, &reason, later(100)).await.unwrap());
        assert!(!house.deletions.expire(saved, &reason, later(100)).await.unwrap());
        let video = house.videos.find(id).await.unwrap().unwrap();
        assert_eq!((video.status, video.reason), (Status::Deleted, Some(reason)));
        assert_eq!(house.status(saved).await, Status::Uploading);
        assert_eq!(house.uploads.expired(later(100), 10).await.unwrap(), []);
        assert_eq!(house.tasks(&format!("sweep:{id}:now")).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_users_keys_are_revoked_together() {
    on_each(|house| async move {
        let (open, done) = (house.create().await, house.uploaded().await);
        let other = House::new(house.name, &house.db);
        let foreign = other.create().await;
        assert_eq!(house.revoke_keys(later(10)).await, [open], "{}", house.name);
        for (id, version) in [(open, 2), (done, 2), (foreign, 1)] {
            assert_eq!(house.key_version(id).await, version, "{}", house.name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_writer_on_any_node_loses_the_upload_with_its_key() {
    on_each(|house| async move {
        let id = house.create().await;
        let fence = house.claim(id, 0).await.unwrap();
        house.revoke_keys(later(10)).await;
        let some = progress(300);
        let noted = house.uploads.checkpoint(id, fence, &some, later(10), later(200), false);
        assert!(!noted.await.unwrap(), "{}", house.name);
        let all = progress(1_000);
        assert!(!house.uploads.complete(id, fence, &all, later(10)).await.unwrap());
        assert!(house.claim(id, 0).await.is_some(), "nobody holds it any more");
    })
    .await;
}

#[tokio::test]
async fn only_a_later_revocation_changes_a_key() {
    on_each(|house| async move {
        let id = house.create().await;
        let before = NOW - Duration::from_micros(1);
        for (at, version) in [
            (before, 1),
            (NOW, 2),
            (NOW, 2),
            (later(10), 3),
            (later(10), 3),
            (later(5), 3),
            (later(11), 4),
        ] {
            let revoked = house.key_version(id).await < version;
            let expected = if revoked { vec![id] } else { Vec::new() };
            assert_eq!(house.revoke_keys(at).await, expected, "{}: {at}", house.name);
            assert_eq!(house.key_version(id).await, version, "{}: {at}", house.name);
        }
    })
    .await;
}

/// What was declared and never sent does not keep others from the disk.
#[tokio::test]
async fn an_upload_that_rests_holds_no_more_room_than_it_has_filled_and_none_after_an_hour() {
    on_each(|house| async move {
        let allowance = Allowance {
            room: 2_500,
            ..Allowance::BOUNDLESS
        };
        let create = async |now| {
            let times = (now, later(100_000));
            let id = VideoId::generate();
            let made = house.videos.create(id, &house.upload(), None, times, &allowance).await;
            made.unwrap().map(|_| id)
        };
        let (first, second) = (create(NOW).await.unwrap(), create(NOW).await.unwrap());
        assert_eq!(create(later(59)).await, Err(Excess::Room), "{}", house.name);
        let fence = house.claim(first, 0).await.unwrap();
        let some = progress(400);
        let noted = house
            .uploads
            .checkpoint(first, fence, &some, later(10), later(100_000), true);
        assert!(noted.await.unwrap());
        // As much as came of the first is still held, and nothing of the second.
        let (third, fourth) = (create(later(71)).await, create(later(71)).await);
        assert!(third.is_ok() && fourth.is_ok(), "{}: {third:?}, {fourth:?}", house.name);
        assert_eq!(create(later(71)).await, Err(Excess::Room), "{}", house.name);
        assert!(house.videos.find(second).await.unwrap().is_some());
        let deleted = house.deletions.delete(third.unwrap(), None, later(72));
        assert!(deleted.await.unwrap());
        assert!(create(later(72)).await.is_ok(), "{}", house.name);
        let all = async |now| [create(now).await, create(now).await, create(now).await].map(|made| made.is_ok());
        assert_eq!(all(later(3_609)).await, [true, true, false], "{}", house.name);
        let hour = later(3_609 + 3_600);
        assert_eq!(all(hour).await, [true, true, false], "{}", house.name);
    })
    .await;
}
