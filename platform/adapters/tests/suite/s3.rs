//! Objects and uploads on a server of S3.

use crate::s3_proxy::{Fault, Proxy};
use crate::s3_server::{S3Server, keys, objects, shared_url};
use adapters::open_s3;
use backing::objects::{ObjectError, Objects, SinkState};
use bytes::Bytes;
use contracts::{ObjectKey, ObjectPrefix, RenditionName, VideoId};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore as _};
use uuid::Uuid;

const MIB: usize = 1 << 20;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ (self.0 >> 29)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % most
    }
}

/// Bytes that are different at every place and of every seed.
fn content(seed: u64, length: usize) -> Bytes {
    let mut random = Random(seed);
    let words = (0..length.div_ceil(8)).flat_map(|_| random.next().to_le_bytes());
    words.take(length).collect()
}

/// The seed of this run's random inputs.
fn seed() -> u64 {
    let given = std::env::var_os("MOOCFLIX_TEST_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let seed = given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().1);
    println!("MOOCFLIX_TEST_SEED={seed}");
    seed
}

fn source() -> ObjectKey {
    ObjectKey::VideoSource(VideoId::generate())
}

/// The state as another process reads it from the upload's row, as the writer with the next fence.
fn taken_over(state: &SinkState) -> SinkState {
    let json = serde_json::to_string(state).unwrap();
    let read: SinkState = serde_json::from_str(&json).unwrap();
    SinkState {
        writer: read.writer + 1,
        ..read
    }
}

/// Everything that the server keeps of an upload that is not complete.
async fn leftovers(key: &ObjectKey) -> Vec<String> {
    let url = shared_url();
    let endpoint = url.split("endpoint=").nth(1).unwrap().split('&').next().unwrap();
    let [(_, id), (_, secret)] = <[_; 2]>::try_from(keys()).unwrap();
    let store = AmazonS3Builder::new()
        .with_bucket_name("lectures")
        .with_endpoint(endpoint)
        .with_access_key_id(id)
        .with_secret_access_key(secret)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .build()
        .unwrap();
    let found = store.list(Some(&Path::from(format!("uploads/{key}"))));
    found.map_ok(|it| it.location.to_string()).try_collect().await.unwrap()
}

async fn append(store: &Objects, key: &ObjectKey, state: &mut SinkState, bytes: Bytes) -> Result<u64, ObjectError> {
    store.uploads().append(key, state, vec![bytes]).await
}

#[tokio::test]
async fn the_suite_of_object_stores_passes() {
    testing::suites::objects::suite(&objects(&shared_url())).await.unwrap();
}

#[tokio::test]
async fn an_upload_survives_crashes_at_any_point_and_leaves_nothing_behind() {
    let mut random = Random(seed());
    let (url, key) = (shared_url(), source());
    let whole = content(random.next(), 20 * MIB + 12_345);
    let mut store = objects(&url);
    let mut state = store.uploads().begin(&key).await.unwrap();
    let mut row = taken_over(&state);
    loop {
        let at = usize::try_from(state.offset).unwrap();
        let most = [200, 60_000, 3 * MIB, 9 * MIB][random.below(4)];
        let end = whole.len().min(at + 1 + random.below(most));
        append(&store, &key, &mut state, whole.slice(at..end)).await.unwrap();
        if end == whole.len() {
            break;
        }
        if random.below(3) == 0 {
            row = taken_over(&state);
            store.uploads().noted(&key, &mut state).await;
        }
        if random.below(6) == 0 {
            store = objects(&url);
            state = taken_over(&row);
        }
    }
    store.uploads().finish(&key, &state).await.unwrap();
    objects(&url).uploads().finish(&key, &state).await.unwrap();
    assert!(store.get(&key).await.unwrap() == whole);
    assert_eq!(leftovers(&key).await, Vec::<String>::new());
    store.delete(&key).await.unwrap();
}

#[tokio::test]
async fn what_a_lost_writer_stores_late_changes_nothing() {
    let (url, key) = (shared_url(), source());
    let (lost, next) = (objects(&url), objects(&url));
    let whole = content(7, 9 * MIB);
    let mut late = lost.uploads().begin(&key).await.unwrap();
    append(&lost, &key, &mut late, whole.slice(..MIB)).await.unwrap();
    let mut state = taken_over(&late);
    let (mut late, mut later) = (late.clone(), late);
    append(&next, &key, &mut state, whole.slice(MIB..)).await.unwrap();
    append(&lost, &key, &mut late, whole.slice(MIB..8 * MIB)).await.unwrap();
    append(&lost, &key, &mut later, content(8, 1_000)).await.unwrap();
    next.uploads().finish(&key, &state).await.unwrap();
    assert!(next.get(&key).await.unwrap() == whole);
    next.delete(&key).await.unwrap();
}

#[tokio::test]
async fn an_abort_without_a_noted_state_removes_what_the_marker_names() {
    let (store, key) = (objects(&shared_url()), source());
    let mut state = store.uploads().begin(&key).await.unwrap();
    append(&store, &key, &mut state, content(3, 8 * MIB + 5)).await.unwrap();
    let again = store.uploads().begin(&key).await.unwrap();
    assert_eq!(
        again.adapter["upload"], state.adapter["upload"],
        "one upload for one key"
    );
    store.uploads().abort(&key, &SinkState::default()).await.unwrap();
    let (part, piece) = (content(4, 8 * MIB - 5), content(4, 10));
    for bytes in [part, piece] {
        let after = append(&store, &key, &mut state.clone(), bytes).await;
        assert!(matches!(after, Err(ObjectError::NotFound)), "{after:?}");
    }
    assert_eq!(leftovers(&key).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_found() {
    let (proxy, key) = (Proxy::before(&shared_url()), source());
    let store = objects(&proxy.url);
    let mut state = store.uploads().begin(&key).await.unwrap();
    append(&store, &key, &mut state, content(5, 100_000)).await.unwrap();
    proxy.break_with(Fault::LostCompletion);
    store.uploads().finish(&key, &state).await.unwrap();
    assert!(proxy.is_whole(), "no answer was lost");
    assert!(store.get(&key).await.unwrap() == content(5, 100_000));
    store.delete(&key).await.unwrap();
}

#[tokio::test]
async fn bytes_that_change_on_their_way_are_refused_by_the_server() {
    let (proxy, key) = (Proxy::before(&shared_url()), source());
    let store = objects(&proxy.url);
    let mut state = store.uploads().begin(&key).await.unwrap();
    let whole = content(6, 8 * MIB + 200_000);
    for range in [0..8 * MIB, 8 * MIB..whole.len()] {
        proxy.break_with(Fault::WrongBit);
        let before = state.clone();
        let refused = append(&store, &key, &mut state, whole.slice(range.clone())).await;
        assert!(proxy.is_whole() && refused.is_err(), "{refused:?}");
        assert_eq!(state, before);
        append(&store, &key, &mut state, whole.slice(range)).await.unwrap();
    }
    store.uploads().finish(&key, &state).await.unwrap();
    assert!(store.get(&key).await.unwrap() == whole);
    store.delete(&key).await.unwrap();
}

#[tokio::test]
async fn a_thousand_objects_are_deleted_by_one_request() {
    let proxy = Proxy::before(&shared_url());
    let (store, video) = (objects(&proxy.url), VideoId::generate());
    let pieces = (0..1_001).map(|piece| ObjectKey::VideoPiece {
        video,
        generation: 1,
        rendition: RenditionName::rung(720),
        piece,
        fence: 1,
    });
    let puts = pieces.map(|key| async { store.put(&{ key }, Bytes::from_static(b"piece")).await });
    stream::iter(puts)
        .buffer_unordered(16)
        .try_collect::<()>()
        .await
        .unwrap();
    assert_eq!(store.delete_prefix(&ObjectPrefix::Video(video)).await.unwrap(), 1_001);
    assert_eq!((proxy.count("?delete"), proxy.count("DELETE ")), (2, 0));
    assert!(store.list(&ObjectPrefix::Video(video)).await.unwrap().is_empty());
}

#[tokio::test]
async fn uploads_pause_while_the_server_is_away_and_lose_nothing() {
    let (server, key) = (S3Server::start(&[]), source());
    let store = objects(&server.url);
    let whole = content(9, 10 * MIB);
    let mut state = store.uploads().begin(&key).await.unwrap();
    append(&store, &key, &mut state, whole.slice(..9 * MIB)).await.unwrap();
    server.kill();
    let before = state.clone();
    let refused = append(&store, &key, &mut state, whole.slice(9 * MIB..)).await;
    assert!(matches!(refused, Err(ObjectError::Unavailable(_))), "{refused:?}");
    assert_eq!(state, before);
    server.restart();
    append(&store, &key, &mut state, whole.slice(9 * MIB..)).await.unwrap();
    store.uploads().finish(&key, &state).await.unwrap();
    assert!(store.get(&key).await.unwrap() == whole);
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own_is_trusted_only_if_it_is_named() {
    let server = S3Server::start(&["--tls"]);
    let (url, _) = server.url.split_once("&ca=").unwrap();
    let key = ObjectKey::Probe;
    let content = Bytes::from_static(b"sealed");
    objects(&server.url).put(&key, content.clone()).await.unwrap();
    assert_eq!(objects(&server.url).get(&key).await.unwrap(), content);
    let stranger = objects(url).get(&key).await;
    assert!(matches!(stranger, Err(ObjectError::Unavailable(_))), "{stranger:?}");
}

#[tokio::test]
async fn the_bucket_is_in_the_path_or_in_the_hosts_name() {
    // nothing listens at the port, and the error has the address
    for (url, address) in [
        (
            "s3://bucket?endpoint=http://127.0.0.1:9",
            "http://127.0.0.1:9/bucket/probe",
        ),
        (
            "s3://bucket?endpoint=http://s3.invalid:9&style=virtual",
            "http://bucket.s3.invalid:9/probe",
        ),
    ] {
        let error = objects(url).get(&ObjectKey::Probe).await.unwrap_err().to_string();
        assert!(error.contains(address), "{error}");
    }
}

#[test]
fn a_wrong_url_is_refused_in_words_and_never_shown() {
    for (url, words) in [
        ("s3:", "must be s3://BUCKET"),
        ("s3://", "must be s3://BUCKET"),
        ("s3://bucket/folder", "must be s3://BUCKET"),
        ("s3://hidden:hidden@bucket", "not into the URL"),
        ("s3://bucket?endpoint=hidden", "endpoint must be http://"),
        (
            "s3://bucket?endpoint=http://hidden:hidden@h",
            "endpoint must be http://",
        ),
        ("s3://bucket?style=hidden", "style must be path or virtual"),
        ("s3://bucket?endpoint=http://127.0.0.1:9&style=virtual", "a host's name"),
        ("s3://bucket?regoin=hidden", "`regoin`"),
        ("s3://bucket?ca=/missing.pem", "ca: /missing.pem"),
    ] {
        let error = open_s3(url, &keys()).unwrap_err();
        assert!(error.contains(words) && !error.contains("hidden"), "{url}: {error}");
    }
    let url = "s3://bucket?endpoint=http://127.0.0.1:9";
    let (none, half) = (open_s3(url, &[]), open_s3(url, &keys()[..1]));
    assert!(none.unwrap_err().contains("set AWS_ACCESS_KEY_ID"));
    assert!(half.unwrap_err().contains("AWS_SECRET_ACCESS_KEY is not"));
}
