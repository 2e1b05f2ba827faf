//! Tests that encoders read sources in a remote store by parts, and make of them what they make of local files.

use crate::survey::ffmpeg;
use std::path::Path;
use std::sync::OnceLock;

mod workers;

use workers::{Fetched, Workers};

/// A moving picture with noise, and a sound.
const INPUTS: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=DURATION,noise=alls=12:allf=t \
    -f lavfi -i anoisesrc=sample_rate=48000:amplitude=0.1:duration=DURATION -map 0 -map 1";

/// File name, and encoder arguments. None of them is played without encoding.
const SLICED: [(&str, &str); 12] = [
    (
        "back.mp4",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -bf 3 -c:a aac",
    ),
    (
        "front.mov",
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3 -c:a pcm_s16le -movflags +faststart",
    ),
    (
        "parts.mp4",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -bf 3 -c:a aac -g 25 -movflags frag_keyframe+empty_moov+default_base_moof",
    ),
    ("a.mkv", "-c:v libx264 -preset ultrafast -bf 3 -c:a libopus"),
    ("a.avi", "-c:v mpeg4 -bf 2 -c:a libmp3lame"),
    ("a.ts", "-c:v libx264 -preset ultrafast -bf 3 -c:a aac"),
    ("a.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus"),
    ("a.mpg", "-c:v mpeg2video -bf 2 -c:a mp2"),
    ("a.ogv", "-c:v libtheora -c:a libvorbis"),
    ("a.flv", "-c:v libx264 -preset ultrafast -bf 3 -c:a aac"),
    ("a.wmv", "-c:v wmv2 -c:a wmav2"),
    // More than a gibibyte, so that it has OpenDML's index of indexes.
    ("large.avi", "-s 656x368 -c:v rawvideo -pix_fmt yuv420p -c:a pcm_s16le"),
];

/// Those that the short run takes; `--long` takes all. The first one has tests of its own.
const SHORT: [&str; 4] = ["parts.mp4", "a.mkv", "a.avi", "a.ts"];
/// One rung, smaller than the source: what is fetched for it is the same, and it is encoded in less time.
const ONE: [u32; 1] = [90];

/// Two minutes in a container.
fn film(folder: &Path, name: &str, how: &str) -> Vec<u8> {
    film_of(folder, name, how, 120)
}

/// The first of those in containers, made once.
fn first_film() -> &'static [u8] {
    static FILM: OnceLock<Vec<u8>> = OnceLock::new();
    FILM.get_or_init(|| {
        let (name, how) = SLICED[0];
        film(tempfile::tempdir().unwrap().path(), name, how)
    })
}

fn film_of(folder: &Path, name: &str, how: &str, seconds: u32) -> Vec<u8> {
    let inputs = INPUTS.replace("DURATION", &seconds.to_string());
    ffmpeg(folder, &format!("{inputs} -b:v 2500k -g 50 {how} {name}"));
    let film = std::fs::read(folder.join(name)).unwrap();
    std::fs::remove_file(folder.join(name)).unwrap();
    film
}

/// Two pieces at once have 45 s of the two minutes, and each has an opening of a megabyte.
fn is_far_from_whole(staged: u64, length: u64) -> bool {
    staged * 5 < length * 3
}

fn within(name: &str, what: &str, bytes: u64, length: u64, hundredths: u64) {
    println!("{name}: {what} fetched {bytes} of {length} bytes");
    assert!(
        bytes * 100 <= length * hundredths,
        "{name}: {what} fetched {bytes} of {length} bytes"
    );
}

/// What is wrong with a ladder that is made of a source in a remote store.
async fn faults_of(name: &str, source: &[u8], rungs: &[u32]) -> Vec<String> {
    let length = source.len() as u64;
    let local = Workers::local(source, rungs).await;
    let expected = local.made().await;
    assert!(expected.len() > 10, "{name}: {}", expected.len());
    drop(local);
    let remote = Workers::remote(source, rungs, 1).await;
    let made = remote.made().await;
    let differing = made
        .iter()
        .filter(|(piece, bytes)| expected.get(*piece) != Some(*bytes));
    let mut faults: Vec<String> = differing.map(|(piece, _)| format!("{name}: {piece} differs")).collect();
    if made.len() != expected.len() {
        faults.push(format!("{name}: {} pieces of {}", made.len(), expected.len()));
    }
    let Fetched { survey, picture, sound } = remote.fetched();
    for (what, bytes, hundredths) in [
        ("the survey", survey, 100),
        ("the picture", picture, 130),
        ("the sound", sound, 100),
    ] {
        println!("{name}: {what} fetched {bytes} of {length} bytes");
        if bytes * 100 > length * hundredths {
            faults.push(format!("{name}: {what} fetched {bytes} of {length} bytes"));
        }
    }
    if !remote.is_tidy().await {
        faults.push(format!("{name}: something was left in the staging folders"));
    }
    let most = remote.most_staged();
    println!("{name}: {most} bytes were staged at most");
    if !is_far_from_whole(most, length) {
        faults.push(format!("{name}: {most} of {length} bytes were staged"));
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ladder_made_from_a_remote_store_is_that_of_the_local_file_and_fetches_hardly_more_than_the_source_once() {
    let folder = tempfile::tempdir().unwrap();
    let all = std::env::var_os("MOOCFLIX_TEST_LONG").is_some();
    let mut faults = Vec::new();
    for (name, how) in SLICED {
        if all || SHORT.contains(&name) {
            let source = film(folder.path(), name, how);
            faults.extend(faults_of(name, &source, &ONE).await);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_is_fetched_once_for_all_rungs_although_the_lowest_comes_first() {
    let faults = faults_of(SLICED[0].0, first_film(), &[90, 180]).await;
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_which_no_part_can_be_read_alone_is_copied_once_for_all_its_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let name = "unindexed.avi";
    let mut source = film_of(folder.path(), name, "-c:v mpeg4 -bf 2 -c:a libmp3lame", 40);
    let index = source.windows(4).rposition(|id| id == b"idx1").unwrap();
    source[index..index + 4].copy_from_slice(b"JUNK");
    let length = source.len() as u64;
    let expected = Workers::local(&source, &ONE).await.made().await;
    let remote = Workers::remote(&source, &ONE, 1).await;
    assert!(remote.made().await == expected, "{name}: the pieces differ");
    let Fetched { survey, picture, sound } = remote.fetched();
    within(name, "the survey", survey, length, 100);
    // An index is looked for first.
    within(name, "the picture", picture, length, 101);
    within(name, "the sound", sound, length, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_waits_for_a_store_that_does_not_answer_and_loses_no_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let source = film_of(
        folder.path(),
        "a.mkv",
        "-c:v libx264 -preset ultrafast -c:a libopus",
        20,
    );
    let remote = testing::RemoteStore::create();
    // The scan's first questions, those of the survey, and what is read while it runs.
    let silent = [0, 1, 4, 9, 13];
    remote.1.be_silent(silent);
    let store = std::sync::Arc::clone(&remote.1);
    let workers = Workers::beside(remote, &source, &[180], 1).await;
    assert!(!workers.made().await.is_empty());
    assert!(store.readings() > 13);
    for kind in ["scan", "survey"] {
        assert_eq!(workers.attempts(kind).await, [1], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_without_a_shared_folder_share_the_pieces_of_a_lecture_and_do_none_twice() {
    let (name, source) = (SLICED[0].0, first_film());
    let remote = Workers::remote(source, &ONE, 2).await;
    let made = remote.made().await;
    let written = remote.written();
    assert_eq!(written.len(), made.len(), "pieces were made twice: {written:?}");
    assert_eq!(remote.nodes_seen(), 2, "one of the workers did nothing");
    let Fetched { picture, .. } = remote.fetched();
    within(name, "the picture, by two workers,", picture, source.len() as u64, 130);
    let most = remote.most_staged();
    assert!(
        is_far_from_whole(most, source.len() as u64),
        "{most} of {} bytes were staged",
        source.len()
    );
    assert!(remote.is_tidy().await);
}
