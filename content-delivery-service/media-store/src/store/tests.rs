use super::tagged_playlist::TAG_LENGTH;
use super::*;
use backing::Db;
use backing::args;
use backing::space::Reserve;
use broadcasts::repositories::recording_repository::RecordingRepository;
use contracts::{ObjectKey, Timestamp, UserId};
use fmp4::{Limits, Scanner, Step, Verdict};
use futures::future::join_all;
use renditions::models::description::of_source;
use renditions::models::lecture::{Media, Rendition, RenditionState};
use renditions::repositories::descriptions::describe_source;
use renditions::schema::MIGRATIONS;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use testing::RemoteStore;

/// A lecture's row.
async fn insert(db: &Db) -> VideoId {
    let video = VideoId::generate();
    let mut tx = db.write().await.unwrap();
    let sql = "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, generation, \
               created_at, updated_at) VALUES ($1, $2, 'Tides', '', 'ready', 1, 1, 0, $3, $3)";
    let now = Timestamp::from_seconds(1_800_000_000);
    tx.run(sql, args![video, UserId::generate(), now]).await.unwrap();
    let own = [("source", Some(320)), ("audio", None)].map(|(name, width)| Rendition {
        name: name.parse().unwrap(),
        codecs: "avc1.640015".to_owned(),
        width,
        height: width,
        bit_rate: 1,
        state: RenditionState::Ready,
        progress: 1.0,
        reason: None,
    });
    let described = of_source(&Media::default(), &own, false);
    describe_source(&mut tx, video, &described).await.unwrap();
    tx.commit().await.unwrap();
    video
}

/// A store that holds one indexed lecture.
async fn stored() -> (TempDir, MediaStore, VideoId) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("objects").display());
    let objects = Objects::open(&url).await.unwrap();
    let (rows, video) = film(folder.path(), &objects).await;
    (folder, MediaStore::new(objects, rows, 64 << 20), video)
}

/// Puts one indexed lecture into objects.
async fn film(folder: &Path, objects: &Objects) -> ((LadderRepository, RecordingRepository), VideoId) {
    let path = folder.join("film.mp4");
    let made = Command::new("ffmpeg")
        .args([
            "-hide_banner",
            "-nostdin",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=25:duration=9",
        ])
        .args([
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:duration=9",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-g",
            "50",
        ])
        .args(["-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&path)
        .status();
    assert!(made.expect("ffmpeg must be installed").success());
    let film = std::fs::read(&path).unwrap();
    let db = Db::open(&format!("sqlite://{}", folder.display()), "content", MIGRATIONS)
        .await
        .unwrap();
    let video = insert(&db).await;
    objects
        .put(&ObjectKey::VideoSourceIndex(video), Bytes::from(index_of(&film)))
        .await
        .unwrap();
    objects
        .put(&ObjectKey::VideoSource(video), Bytes::from(film))
        .await
        .unwrap();
    ((LadderRepository::new(db.clone()), RecordingRepository::new(db)), video)
}

fn index_of(film: &[u8]) -> Vec<u8> {
    let mut scanner = Scanner::new(film.len() as u64, Limits::default());
    let mut answers: Vec<&[u8]> = Vec::new();
    loop {
        match scanner.step(&answers).unwrap() {
            Step::Read(ranges) => {
                let place = |at: u64| usize::try_from(at).unwrap();
                let cut = ranges.iter().map(|range| &film[place(range.start)..place(range.end)]);
                answers = cut.collect();
            }
            Step::Done(scan) => match scan.verdict {
                Verdict::Playable(index) => return index.encode(),
                Verdict::NeedsTranscoding(obstacle) => panic!("{obstacle}"),
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_ask_at_once_share_one_load() {
    let (_folder, store, video) = stored().await;
    for resource in [
        MediaResource::Index,
        MediaResource::Playlist(0, RenditionName::source()),
        MediaResource::Init(0, RenditionName::sound(1)),
        MediaResource::Segment(0, RenditionName::source(), 0),
    ] {
        let copies = join_all((0..1_000).map(|_| store.media(video, &resource))).await;
        let first = copies[0].as_ref().unwrap().bytes.as_ptr();
        // Two loads would be two places in memory.
        assert!(
            copies.iter().all(|copy| copy.as_ref().unwrap().bytes.as_ptr() == first),
            "{resource:?}"
        );
    }
}

#[tokio::test]
async fn a_segment_of_a_remote_store_is_fetched_once_although_memory_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (objects, remote) = RemoteStore::create();
    let (rows, video) = film(folder.path(), &objects).await;
    let space = Space::of(folder.path(), None, Reserve::Bytes(0));
    let store = MediaStore::new(objects, rows, 0).with_disk(64 << 20, &space);
    let source = ObjectKey::VideoSource(video);
    let resource = MediaResource::Segment(0, RenditionName::source(), 1);
    let media = store.media(video, &resource).await.unwrap();
    let read = remote.bytes_read(&source);
    assert!(read > 0);
    assert_eq!(store.media(video, &resource).await.unwrap().bytes, media.bytes);
    assert_eq!(remote.bytes_read(&source), read);
    store.forget(video).await;
    assert_eq!(store.media(video, &resource).await.unwrap().bytes, media.bytes);
    assert!(remote.bytes_read(&source) > read, "it was not forgotten");
}

#[tokio::test]
async fn what_is_in_memory_needs_no_store_until_it_is_forgotten() {
    let (folder, store, video) = stored().await;
    let resource = MediaResource::Segment(0, RenditionName::source(), 1);
    assert!(store.media_at_once(video, resource.clone()).is_none());
    let media = store.media(video, &resource).await.unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(store.media(video, &resource).await.unwrap().bytes, media.bytes);
    let at_once = store.media_at_once(video, resource.clone()).unwrap();
    assert_eq!((at_once.bytes, at_once.tag), (media.bytes, media.tag));
    store.forget(video).await;
    assert!(store.media_at_once(video, resource.clone()).is_none());
    let error = store.media(video, &resource).await.unwrap_err();
    assert!(matches!(error.root(), MediaError::NoSuchResource), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_can_not_be_read() {
    let (folder, store, video) = stored().await;
    for resource in [
        MediaResource::Segment(0, RenditionName::source(), 99),
        MediaResource::Segment(0, RenditionName::source(), u32::MAX),
        MediaResource::Playlist(0, RenditionName::sound(2)),
        MediaResource::Playlist(1, RenditionName::rung(240)),
        MediaResource::Init(1, RenditionName::rung(240)),
        MediaResource::Segment(1, RenditionName::sound(1), 0),
        MediaResource::Segment(u32::MAX, RenditionName::sound(1), 0),
        MediaResource::Heartbeat,
        MediaResource::End,
    ] {
        assert!(
            matches!(
                store.media(video, &resource).await.unwrap_err().root(),
                MediaError::NoSuchResource
            ),
            "{resource:?}"
        );
    }
    let unknown = store
        .media(VideoId::generate(), &MediaResource::Index)
        .await
        .unwrap_err();
    assert!(matches!(unknown.root(), MediaError::NoSuchResource));
    // A lecture that has to be encoded has no source that can be cut.
    let encoded = MediaResource::Playlist(0, RenditionName::source());
    let encoded = store.media(VideoId::generate(), &encoded).await.unwrap_err();
    assert!(matches!(encoded.root(), MediaError::NoSuchResource));
    let source = ObjectKey::VideoSource(video).to_string();
    std::fs::remove_file(folder.path().join("objects").join(source)).unwrap();
    let unread = MediaResource::Segment(0, RenditionName::source(), 0);
    let unread = store.media(video, &unread).await.unwrap_err();
    assert!(matches!(unread.root(), MediaError::Objects(ObjectError::NotFound)));
}

#[tokio::test]
async fn an_entity_tag_is_of_the_bytes_that_are_sent() {
    let (_folder, store, video) = stored().await;
    let index = store.media(video, &MediaResource::Index).await.unwrap();
    assert!(index.bytes.starts_with(b"#EXTM3U\n"));
    assert_eq!(index.tag.len(), TAG_LENGTH);
    let (one, two) = (
        MediaResource::Segment(0, RenditionName::source(), 0),
        MediaResource::Segment(0, RenditionName::source(), 1),
    );
    assert_ne!(
        store.media(video, &one).await.unwrap().tag,
        store.media(video, &two).await.unwrap().tag
    );
}

#[tokio::test]
async fn the_database_is_asked_again_after_a_quarter_of_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().display());
    let db = Db::open(&url, "content", MIGRATIONS).await.unwrap();
    let ladders = Ladders::new(LadderRepository::new(db.clone()));
    // The clock stands still from the change on; a machine that was slow before that tries again.
    for _ in 0..50 {
        let video = insert(&db).await;
        let began = tokio::time::Instant::now();
        assert!(ladders.current(video).await.is_ok());
        let mut tx = db.write().await.unwrap();
        let sql = "UPDATE videos SET status = 'deleted' WHERE id = $1";
        tx.run(sql, args![video]).await.unwrap();
        tx.commit().await.unwrap();
        tokio::time::pause();
        if began.elapsed() < Duration::from_millis(200) {
            assert!(ladders.current(video).await.is_ok());
            tokio::time::advance(Duration::from_millis(250)).await;
            tokio::time::resume();
            let gone = ladders.current(video).await.err().unwrap();
            assert!(matches!(gone.root(), MediaError::NoSuchResource), "{gone}");
            return;
        }
        tokio::time::resume();
    }
    panic!("the database takes too long");
}
