//! Tests that encoders read sources in a remote store by parts, and make of them what they make of local files.

use crate::survey::ffmpeg;
use std::path::Path;

mod workers;

use workers::{Fetched, Workers};

/// Two minutes of a moving picture with noise, and a sound.
const INPUTS: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=120,noise=alls=12:allf=t \
    -f lavfi -i anoisesrc=sample_rate=48000:amplitude=0.1:duration=120 -map 0 -map 1";

/// File name, and encoder arguments. None of them is played without encoding.
const SLICED: [(&str, &str); 10] = [
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
    ("a.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus"),
    ("a.ts", "-c:v libx264 -preset ultrafast -bf 3 -c:a aac"),
    ("a.mpg", "-c:v mpeg2video -bf 2 -c:a mp2"),
    ("a.ogv", "-c:v libtheora -c:a libvorbis"),
    ("a.flv", "-c:v libx264 -preset ultrafast -bf 3 -c:a aac"),
    ("a.wmv", "-c:v wmv2 -c:a wmav2"),
];

/// Those that the short run takes; `--long` takes all.
const SHORT: [&str; 4] = ["back.mp4", "parts.mp4", "a.mkv", "a.ts"];

fn film(folder: &Path, name: &str, how: &str) -> Vec<u8> {
    ffmpeg(folder, &format!("{INPUTS} -b:v 2500k -g 50 {how} {name}"));
    std::fs::read(folder.join(name)).unwrap()
}

fn within(name: &str, what: &str, bytes: u64, length: u64, hundredths: u64) {
    println!("{name}: {what} fetched {bytes} of {length} bytes");
    assert!(
        bytes * 100 <= length * hundredths,
        "{name}: {what} fetched {bytes} of {length} bytes"
    );
}

/// What is wrong with a ladder that is made of a source in a remote store.
async fn faults_of(folder: &Path, name: &str, how: &str) -> Vec<String> {
    let source = film(folder, name, how);
    let length = source.len() as u64;
    let local = Workers::local(&source).await;
    let expected = local.made().await;
    assert!(expected.len() > 10, "{name}: {}", expected.len());
    drop(local);
    let remote = Workers::remote(&source, 1).await;
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
        // Clusters are longer than what pieces of so short a film need of them.
        ("the picture", picture, if name == "a.mkv" { 135 } else { 130 }),
        // The description of a fragmented file is read twice.
        ("the sound", sound, if name == "parts.mp4" { 103 } else { 100 }),
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
    if most * 4 >= length * 3 {
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
            faults.extend(faults_of(folder.path(), name, how).await);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_which_no_part_can_be_read_alone_is_copied_once_for_all_its_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a.avi";
    let source = film(folder.path(), name, "-c:v mpeg4 -bf 2 -c:a libmp3lame");
    let length = source.len() as u64;
    let expected = Workers::local(&source).await.made().await;
    let remote = Workers::remote(&source, 1).await;
    assert!(remote.made().await == expected, "{name}: the pieces differ");
    let Fetched { survey, picture, sound } = remote.fetched();
    within(name, "the survey", survey, length, 100);
    within(name, "the picture", picture, length, 100);
    within(name, "the sound", sound, length, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_without_a_shared_folder_share_the_pieces_of_a_lecture_and_do_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (name, how) = SLICED[0];
    let source = film(folder.path(), name, how);
    let remote = Workers::remote(&source, 2).await;
    let made = remote.made().await;
    let written = remote.written();
    assert_eq!(written.len(), made.len(), "pieces were made twice: {written:?}");
    assert_eq!(remote.nodes_seen(), 2, "one of the workers did nothing");
    let Fetched { picture, .. } = remote.fetched();
    within(name, "the picture, by two workers,", picture, source.len() as u64, 130);
    let most = remote.most_staged();
    assert!(
        most * 4 < source.len() as u64 * 3,
        "{most} of {} bytes were staged",
        source.len()
    );
    assert!(remote.is_tidy().await);
}
