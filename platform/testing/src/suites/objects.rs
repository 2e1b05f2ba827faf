//! The conformance suite of object stores.

use backing::objects::{ObjectError, Objects, SinkState};
use bytes::Bytes;
use contracts::{ObjectKey, ObjectPrefix, VideoId};

/// Runs the whole suite on an open store; it leaves nothing behind.
///
/// Errors: the store's own errors; wrong behaviour is a failed assertion
pub async fn suite(store: &Objects) -> Result<(), ObjectError> {
    whole_objects_are_written_read_by_range_and_replaced(store).await?;
    a_missing_object_is_reported_and_deleting_it_is_no_error(store).await?;
    a_prefix_is_deleted_with_all_below_it_and_nothing_beside_it(store).await?;
    an_upload_becomes_an_object_when_it_is_finished_and_not_before(store).await?;
    bytes_beyond_the_acknowledged_offset_do_not_count(store).await?;
    finishing_again_is_harmless(store).await?;
    an_aborted_upload_is_gone(store).await?;
    a_writer_that_was_taken_over_cannot_write(store).await?;
    states_survive_as_json(store).await
}

fn video() -> (VideoId, ObjectKey, ObjectPrefix) {
    let video = VideoId::generate();
    (video, ObjectKey::VideoSource(video), ObjectPrefix::Video(video))
}

fn bytes(text: &'static str) -> Vec<Bytes> {
    vec![Bytes::from_static(text.as_bytes())]
}

async fn whole_objects_are_written_read_by_range_and_replaced(store: &Objects) -> Result<(), ObjectError> {
    let (_, key, prefix) = video();
    store.put(&key, Bytes::from_static(b"first")).await?;
    let long: Vec<u8> = (0..=255u8).cycle().take(300_000).collect();
    store.put(&key, Bytes::from(long.clone())).await?;
    assert_eq!(store.size(&key).await?, 300_000);
    assert!(store.get(&key).await? == long);
    let ranges = [299_990..300_000, 0..3, 7..7, 2..6, 150_000..150_001];
    let parts = store.get_ranges(&key, &ranges).await?;
    let expected: [&[u8]; 5] = [&long[299_990..], &long[0..3], &[], &long[2..6], &long[150_000..150_001]];
    assert_eq!(parts, expected);
    assert!(store.get_ranges(&key, &[]).await?.is_empty());
    let beyond = store.get_ranges(&key, &[0..1, 299_999..300_001]).await;
    assert!(beyond.is_err(), "a range beyond the end was answered");
    store.delete_prefix(&prefix).await?;
    Ok(())
}

async fn a_missing_object_is_reported_and_deleting_it_is_no_error(store: &Objects) -> Result<(), ObjectError> {
    let (_, key, prefix) = video();
    assert!(matches!(store.get(&key).await, Err(ObjectError::NotFound)));
    assert!(matches!(store.size(&key).await, Err(ObjectError::NotFound)));
    let ranges = store.get_ranges(&key, &[0..1, 1..2]).await;
    assert!(matches!(ranges, Err(ObjectError::NotFound)));
    store.delete(&key).await?;
    assert_eq!(store.list(&prefix).await?, Vec::<String>::new());
    assert_eq!(store.delete_prefix(&prefix).await?, 0);
    Ok(())
}

async fn a_prefix_is_deleted_with_all_below_it_and_nothing_beside_it(store: &Objects) -> Result<(), ObjectError> {
    let (id, key, prefix) = video();
    let (_, other, other_prefix) = video();
    let index = ObjectKey::VideoSourceIndex(id);
    for key in [&key, &index, &other] {
        store.put(key, Bytes::from_static(b"bytes")).await?;
    }
    assert_eq!(store.list(&prefix).await?, [key.to_string(), index.to_string()]);
    assert_eq!(store.delete_prefix(&prefix).await?, 2);
    assert!(store.list(&prefix).await?.is_empty());
    assert_eq!(store.get(&other).await?, "bytes");
    store.delete_prefix(&other_prefix).await?;
    Ok(())
}

async fn an_upload_becomes_an_object_when_it_is_finished_and_not_before(store: &Objects) -> Result<(), ObjectError> {
    let (_, key, prefix) = video();
    let sink = store.uploads();
    let mut state = sink.begin(&key).await?;
    assert_eq!(state.offset, 0);
    let many: Vec<Bytes> = (0..3_000u32).map(|n| Bytes::from(n.to_be_bytes().to_vec())).collect();
    assert_eq!(sink.append(&key, &mut state, many.clone()).await?, 12_000);
    assert_eq!(sink.append(&key, &mut state, vec![]).await?, 12_000);
    assert_eq!(sink.append(&key, &mut state, bytes("end")).await?, 12_003);
    assert_eq!(state.offset, 12_003);
    assert!(matches!(store.get(&key).await, Err(ObjectError::NotFound)));
    assert!(store.list(&prefix).await?.is_empty(), "an unfinished upload was listed");
    sink.finish(&key, &state).await?;
    let mut expected = many.concat();
    expected.extend_from_slice(b"end");
    assert!(store.get(&key).await? == expected);
    let after = sink.append(&key, &mut state, bytes("late")).await;
    assert!(
        matches!(after, Err(ObjectError::NotFound)),
        "appended to a finished upload"
    );
    store.delete_prefix(&prefix).await?;
    Ok(())
}

async fn bytes_beyond_the_acknowledged_offset_do_not_count(store: &Objects) -> Result<(), ObjectError> {
    let (_, key, prefix) = video();
    let sink = store.uploads();
    let mut state = sink.begin(&key).await?;
    sink.append(&key, &mut state, bytes("kept ")).await?;
    let acknowledged = state.clone();
    sink.append(&key, &mut state, bytes("written, and never acknowledged"))
        .await?;
    let mut state = acknowledged;
    assert_eq!(sink.append(&key, &mut state, bytes("again")).await?, 10);
    let acknowledged = state.clone();
    sink.append(&key, &mut state, bytes(" never acknowledged either"))
        .await?;
    sink.finish(&key, &acknowledged).await?;
    assert_eq!(store.get(&key).await?, "kept again");
    store.delete_prefix(&prefix).await?;
    Ok(())
}

async fn finishing_again_is_harmless(store: &Objects) -> Result<(), ObjectError> {
    let (_, key, prefix) = video();
    let sink = store.uploads();
    let mut state = sink.begin(&key).await?;
    sink.append(&key, &mut state, bytes("lecture")).await?;
    sink.finish(&key, &state).await?;
    sink.finish(&key, &state).await?;
    assert_eq!(store.get(&key).await?, "lecture");
    store.delete_prefix(&prefix).await?;
    assert!(matches!(sink.finish(&key, &state).await, Err(ObjectError::NotFound)));
    Ok(())
}

async fn an_aborted_upload_is_gone(store: &Objects) -> Result<(), ObjectError> {
    let (_, key, prefix) = video();
    let sink = store.uploads();
    let mut state = sink.begin(&key).await?;
    sink.append(&key, &mut state, bytes("half a lec")).await?;
    sink.abort(&key, &state).await?;
    sink.abort(&key, &state).await?;
    assert!(matches!(
        sink.append(&key, &mut state, bytes("ture")).await,
        Err(ObjectError::NotFound)
    ));
    assert!(matches!(sink.finish(&key, &state).await, Err(ObjectError::NotFound)));
    assert!(store.list(&prefix).await?.is_empty());
    Ok(())
}

async fn a_writer_that_was_taken_over_cannot_write(store: &Objects) -> Result<(), ObjectError> {
    let (_, key, _) = video();
    let sink = store.uploads();
    let mut old = sink.begin(&key).await?;
    sink.append(&key, &mut old, bytes("old ")).await?;
    let mut new = SinkState {
        writer: old.writer + 1,
        ..old.clone()
    };
    sink.append(&key, &mut new, bytes("new")).await?;
    let late = sink.append(&key, &mut old, bytes("late")).await;
    assert!(matches!(late, Err(ObjectError::Invalid(_))), "the old writer wrote");
    sink.finish(&key, &new).await?;
    assert_eq!(store.get(&key).await?, "old new");
    store.delete(&key).await
}

async fn states_survive_as_json(store: &Objects) -> Result<(), ObjectError> {
    let (_, key, _) = video();
    let sink = store.uploads();
    let mut state = sink.begin(&key).await?;
    for part in ["one ", "two ", "three"] {
        let json = serde_json::to_string(&state).map_err(|error| ObjectError::Other(Box::new(error)))?;
        state = serde_json::from_str(&json).map_err(|error| ObjectError::Other(Box::new(error)))?;
        sink.append(&key, &mut state, bytes(part)).await?;
    }
    sink.finish(&key, &state).await?;
    assert_eq!(store.get(&key).await?, "one two three");
    store.delete(&key).await
}
