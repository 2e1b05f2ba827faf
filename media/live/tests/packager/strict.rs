//! Another reader of playlists: hls-parser in strict mode.

use crate::absence::without;
use crate::studio::{Plan, Random, SECOND, SETTINGS, Studio, aac, h264, opus};
use live::packager::{Rendition, Settings};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Parses every n-th playlist that was read, and the last ones.
fn parse(studio: &Studio, every: usize) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/node");
    let packages = scripts.join("node_modules");
    assert!(
        packages.is_dir(),
        "{}: npm ci --prefix e2e/node, or ./test",
        packages.display()
    );
    let last = studio.texts.len().saturating_sub(20);
    let texts = studio.texts.iter().enumerate();
    let mut chosen: Vec<_> = texts
        .filter(|(n, _)| n % every == 0 || *n >= last)
        .map(|(_, text)| text)
        .collect();
    let multivariant = studio.packager.multivariant().unwrap();
    let multivariant = (
        "multivariant".to_owned(),
        String::from_utf8(multivariant.to_vec()).unwrap(),
    );
    chosen.push(&multivariant);
    let mut child = Command::new("node")
        .arg(scripts.join("strict.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(&chosen).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    let faults: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    println!("{} of {} playlists parsed", chosen.len(), studio.texts.len());
    assert!(faults.is_empty(), "{:#?}", faults.first());
}

#[test]
fn a_ladder_that_changes_stops_and_returns_is_strict() {
    let mut studio = Studio::new(SETTINGS);
    let mut random = Random::new();
    let mut plan = Plan {
        layers: 2,
        sounds: vec![opus(), aac()],
        jitter: 30_000,
        ..Plan::new()
    };
    plan.publish(&mut studio, &mut random, 0, 30);
    plan.format = h264(31);
    plan.publish(&mut studio, &mut random, 30, 40);
    studio.interrupt();
    without(&mut studio, 0, 20, |at, rendition| {
        rendition == Rendition::Picture(1) && (8 * SECOND..13 * SECOND).contains(&at)
    });
    parse(&studio, 7);
    studio.end();
    parse(&studio, 50);
}

#[test]
fn a_still_screen_published_for_a_minute_is_strict() {
    for settings in [
        SETTINGS,
        Settings {
            delta_updates: false,
            ..SETTINGS
        },
    ] {
        let mut studio = Studio::new(settings);
        let plan = Plan {
            rate: 15,
            size: 20,
            jitter: 5_000,
            ..Plan::new()
        };
        plan.publish(&mut studio, &mut Random::new(), 0, 60);
        parse(&studio, 3);
        studio.end();
        parse(&studio, 50);
    }
}
