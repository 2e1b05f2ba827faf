//! Uploads to local files: crashes, full disks, many at once.

use backing::objects::{ObjectError, Objects, SinkState};
use bytes::Bytes;
use contracts::{ObjectKey, ObjectPrefix, VideoId};
use std::path::Path;
use std::process::Command;

const SMALL_DISK: &str = "MOOCFLIX_TEST_SMALL_DISK";

async fn open(folder: &Path) -> Objects {
    Objects::open(&format!("file://{}", folder.display())).await.unwrap()
}

fn key() -> ObjectKey {
    ObjectKey::VideoSource(VideoId::generate())
}

#[tokio::test]
async fn an_upload_continues_in_another_process_at_the_offset_in_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let key = key();
    let mut state = {
        let before = open(folder.path()).await;
        let mut state = before.uploads().begin(&key).await.unwrap();
        before
            .uploads()
            .append(&key, &mut state, vec![Bytes::from_static(b"kept")])
            .await
            .unwrap();
        let mut lost = state.clone();
        before
            .uploads()
            .append(&key, &mut lost, vec![Bytes::from_static(b" lost in a crash")])
            .await
            .unwrap();
        state
    };
    let after = open(folder.path()).await;
    after
        .uploads()
        .append(&key, &mut state, vec![Bytes::from_static(b" again")])
        .await
        .unwrap();
    after.uploads().finish(&key, &state).await.unwrap();
    assert_eq!(after.get(&key).await.unwrap(), "kept again");
}

#[tokio::test]
async fn a_crash_between_the_rename_and_the_row_is_finished_by_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let (key, store) = (key(), open(folder.path()).await);
    let mut state = store.uploads().begin(&key).await.unwrap();
    store
        .uploads()
        .append(&key, &mut state, vec![Bytes::from_static(b"lecture")])
        .await
        .unwrap();
    store.uploads().finish(&key, &state).await.unwrap();
    let after = open(folder.path()).await;
    after.uploads().finish(&key, &state).await.unwrap();
    assert_eq!(after.get(&key).await.unwrap(), "lecture");
}

#[tokio::test]
async fn fewer_bytes_than_acknowledged_are_never_taken_for_the_upload() {
    let folder = tempfile::tempdir().unwrap();
    let (key, store) = (key(), open(folder.path()).await);
    store.uploads().begin(&key).await.unwrap();
    let mut state = SinkState {
        offset: 100,
        ..SinkState::default()
    };
    let sink = store.uploads();
    assert!(matches!(
        sink.append(&key, &mut state, vec![]).await,
        Err(ObjectError::Invalid(_))
    ));
    assert!(matches!(sink.finish(&key, &state).await, Err(ObjectError::Invalid(_))));
    assert_eq!(state.offset, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_simultaneous_uploads_than_open_files_all_end_correctly() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let upload = |n: u8| {
        let store = store.clone();
        async move {
            let key = key();
            let mut state = store.uploads().begin(&key).await.unwrap();
            for _ in 0..5 {
                store
                    .uploads()
                    .append(&key, &mut state, vec![Bytes::from(vec![n; 1_000])])
                    .await
                    .unwrap();
            }
            store.uploads().finish(&key, &state).await.unwrap();
            assert!(store.get(&key).await.unwrap() == vec![n; 5_000]);
        }
    };
    futures::future::join_all((0..100).map(upload)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn finishing_one_upload_while_the_last_other_video_is_deleted_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for _ in 0..30 {
        let (old, new) = (VideoId::generate(), key());
        store
            .put(&ObjectKey::VideoSource(old), Bytes::from_static(b"old"))
            .await
            .unwrap();
        let mut state = store.uploads().begin(&new).await.unwrap();
        store
            .uploads()
            .append(&new, &mut state, vec![Bytes::from_static(b"new")])
            .await
            .unwrap();
        let prefix = ObjectPrefix::Video(old);
        let (deleted, finished) = tokio::join!(store.delete_prefix(&prefix), store.uploads().finish(&new, &state));
        deleted.unwrap();
        finished.unwrap();
        assert_eq!(store.get(&new).await.unwrap(), "new");
        store.delete(&new).await.unwrap();
    }
}

/// Runs this test program again with a disk of 1 MiB, in its own mount namespace.
#[tokio::test]
async fn a_full_disk_is_reported_and_the_upload_continues_when_there_is_space_again() {
    if let Some(folder) = std::env::var_os(SMALL_DISK) {
        return on_a_small_disk(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=1m tmpfs \"$MOOCFLIX_TEST_SMALL_DISK\" && exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "uploads::a_full_disk_is_reported_and_the_upload_continues_when_there_is_space_again",
        ])
        .env(SMALL_DISK, folder.path())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && report.contains("1 passed"),
        "{report}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn on_a_small_disk(folder: &Path) {
    let store = open(folder).await;
    let (key, big) = (key(), ObjectKey::VideoSourceIndex(VideoId::generate()));
    let mut state = store.uploads().begin(&key).await.unwrap();
    let half = || vec![Bytes::from(vec![7; 600_000])];
    store.uploads().append(&key, &mut state, half()).await.unwrap();
    assert!(matches!(
        store.uploads().append(&key, &mut state, half()).await,
        Err(ObjectError::Full)
    ));
    assert_eq!(state.offset, 600_000);
    // the space of the refused call was freed
    store.put(&big, Bytes::from(vec![1; 300_000])).await.unwrap();
    assert!(matches!(
        store.put(&big, Bytes::from(vec![1; 800_000])).await,
        Err(ObjectError::Full)
    ));
    store.delete(&big).await.unwrap();
    store
        .uploads()
        .append(&key, &mut state, vec![Bytes::from(vec![8; 200_000])])
        .await
        .unwrap();
    store.uploads().finish(&key, &state).await.unwrap();
    let object = store.get(&key).await.unwrap();
    assert!(
        object.len() == 800_000
            && object[..600_000].iter().all(|b| *b == 7)
            && object[600_000..].iter().all(|b| *b == 8)
    );
}
