//! Long lectures: their playlists stay right and small, and parts are made fast.

use crate::studio::{Plan, Random, SETTINGS, Studio, aac, opus};
use live::packager::Rendition;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

fn gzipped(bytes: &[u8]) -> usize {
    let mut child = Command::new("gzip")
        .args(["-6", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout.len()
}

#[test]
fn playlists_at_twenty_minutes_and_at_two_hours() {
    let mut studio = Studio::new(SETTINGS);
    studio.strict = false;
    let mut random = Random::new();
    let plan = Plan {
        rate: 15,
        jitter: 5_000,
        sounds: vec![aac(), opus()],
        size: 30,
        ..Plan::new()
    };
    let mut from = 0;
    for (until, name) in [(1_200, "20 minutes"), (7_200, "2 hours")] {
        while from < until {
            plan.publish(&mut studio, &mut random, from, from + 60);
            from += 60;
            studio
                .packager
                .renditions()
                .into_iter()
                .for_each(|rendition| drop(studio.read(rendition)));
        }
        for rendition in studio.packager.renditions() {
            let whole = studio.packager.playlist(rendition, false).unwrap();
            let delta = studio.packager.playlist(rendition, true).unwrap();
            let (large, small) = (gzipped(&whole), gzipped(&delta));
            println!(
                "{name}, {rendition}: whole {} bytes, {large} gzipped; reload {} bytes, {small} gzipped",
                whole.len(),
                delta.len()
            );
            assert!(small <= 8 * 1024);
        }
        let media = studio.read(Rendition::Picture(0));
        let length: f64 = media.segments.iter().map(|segment| segment.duration).sum();
        assert!(
            (length - f64::from(i32::try_from(until).unwrap())).abs() < 3.0,
            "{length}"
        );
        assert!(
            media
                .segments
                .iter()
                .all(|segment| (1.4..2.6).contains(&segment.duration))
        );
    }
    studio.end();
}

#[test]
fn making_parts_is_fast() {
    let mut studio = Studio::new(SETTINGS);
    studio.strict = false;
    let plan = Plan {
        size: 10_000,
        ..Plan::new()
    };
    let begun = Instant::now();
    plan.publish(&mut studio, &mut Random::new(), 0, 120);
    let spent = begun.elapsed();
    let parts = 120 * 3 * 2;
    let frames = 120 * (30 + 50);
    println!(
        "{spent:?} for {frames} frames in {parts} parts: {:?} each",
        spent / parts
    );
    assert!(spent.as_secs() < 60);
    let begun = Instant::now();
    for _ in 0..1_000 {
        let format = crate::studio::h264(40);
        drop(crate::studio::picture(0, &format, 0, false, 100));
    }
    println!("making 1,000 pictures for the test: {:?}", begun.elapsed());
}
