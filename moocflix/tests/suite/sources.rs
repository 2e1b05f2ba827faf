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

#[tokio::test(flavor = "multi_thread")]
async fn a_ladder_made_from_a_remote_store_is_that_of_the_local_file_and_fetches_hardly_more_than_the_source_once() {
    let folder = tempfile::tempdir().unwrap();
    for (name, how) in SLICED {
        let source = film(folder.path(), name, how);
        let length = source.len() as u64;
        let local = Workers::local(&source).await;
        let expected = local.made().await;
        assert!(expected.len() > 10, "{name}: {}", expected.len());
        drop(local);
        let remote = Workers::remote(&source, 1).await;
        let made = remote.made().await;
        assert_eq!(
            made.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "{name}"
        );
        for (piece, bytes) in &made {
            assert!(*bytes == expected[piece], "{name}: {piece} differs");
        }
        let Fetched { survey, picture, sound } = remote.fetched();
        within(name, "the survey", survey, length, 100);
        within(name, "the picture", picture, length, 130);
        within(name, "the sound", sound, length, 100);
        assert!(
            remote.is_tidy().await,
            "{name}: something was left in the staging folders"
        );
        let most = remote.most_staged();
        println!("{name}: {most} bytes were staged at most");
        assert!(most * 2 < length, "{name}: {most} of {length} bytes were staged");
    }
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
        most * 2 < source.len() as u64,
        "{most} of {} bytes were staged",
        source.len()
    );
    assert!(remote.is_tidy().await);
}
