//! Tests that a piece's byte range in a plan contains all its packets, and suffices to decode it.
//!
//! The test lists the packets with ffprobe and derives those that a piece needs only from their order.

use super::stage::Stage;
use fmp4::{Index, Limits, Probe, Scanner, Step, Verdict};
use renditions::models::planning::plan_below_source;
use std::fs;

mod film;

use film::{Film, INPUTS, Slice, ffmpeg};

/// File name, encoder arguments, and how to read a part; `None` for containers that place packets by page, pack or chunk.
const KINDS: [(&str, &str, Option<Slice>); 12] = [
    (
        "back.mp4",
        "-c:v libx264 -preset ultrafast -bf 3 -c:a aac",
        Some(Slice::InPlace),
    ),
    (
        "front.mp4",
        "-c:v libx264 -preset ultrafast -bf 3 -c:a aac -movflags +faststart",
        Some(Slice::InPlace),
    ),
    ("a.mov", "-c:v mpeg4 -bf 2 -c:a pcm_s16le", Some(Slice::InPlace)),
    (
        "a.mkv",
        "-c:v libx264 -preset ultrafast -bf 3 -c:a libopus",
        Some(Slice::BehindHead),
    ),
    (
        "a.webm",
        "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus",
        Some(Slice::BehindHead),
    ),
    (
        "a.ts",
        "-c:v libx264 -preset ultrafast -bf 3 -c:a aac",
        Some(Slice::Alone),
    ),
    ("a.mpg", "-c:v mpeg2video -bf 2 -c:a mp2", Some(Slice::Alone)),
    ("a.avi", "-c:v mpeg4 -bf 2 -c:a libmp3lame", None),
    ("a.ogv", "-c:v libtheora -c:a libvorbis", None),
    (
        "live.webm",
        "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -f webm -live 1",
        None,
    ),
    ("a.wmv", "-c:v wmv2 -c:a wmav2", None),
    (
        "parts.mp4",
        "-c:v libx264 -preset ultrafast -bf 3 -c:a aac -movflags frag_keyframe+empty_moov",
        None,
    ),
];

#[tokio::test]
async fn the_bytes_of_a_piece_hold_all_its_packets_and_decode_to_its_frames() {
    let stage = Stage::set();
    for (name, how, slice) in KINDS {
        let film = Film::make(&stage, name, how).await;
        film.holds_its_pictures();
        film.holds_its_sounds();
        if let Some(slice) = slice {
            film.decodes_its_pieces(stage.data.path(), &slice);
        }
    }
}

fn scanned(film: &[u8]) -> (Probe, Index) {
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
                Verdict::Playable(index) => return (scan.probe, index),
                Verdict::NeedsTranscoding(obstacle) => panic!("{obstacle}"),
            },
        }
    }
}

#[tokio::test]
async fn the_bytes_of_a_piece_below_a_playable_source_are_those_of_its_segments() {
    let stage = Stage::set();
    let (folder, name) = (stage.data.path(), "instant.mp4");
    ffmpeg(
        folder,
        &format!("{INPUTS} -c:v libx264 -preset ultrafast -bf 3 -pix_fmt yuv420p -c:a aac -g 45 {name}"),
    );
    let whole = fs::read(folder.join(name)).unwrap();
    let (probe, index) = scanned(&whole);
    let plan = plan_below_source(&probe, &index, &[36]);
    let film = Film::listed(folder, name, whole, plan, 0);
    film.holds_its_pictures();
    film.decodes_its_pieces(folder, &Slice::InPlace);
}
