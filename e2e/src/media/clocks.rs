//! Small files with many packets, or with much time between a few.

use super::matroska::{Block, element, file, number, track};
use super::{make, written};
use anyhow::Result;
use std::path::PathBuf;

/// A second of sound whose second half comes some milliseconds later.
fn clicks(gap: u64) -> Vec<String> {
    let later = format!("setts=ts=if(gte(N\\,24)\\,TS+{gap}\\,TS)");
    ["-c:a", "aac", "-ac", "2", "-b:a", "96k", "-bsf:a", &later]
        .map(str::to_owned)
        .to_vec()
}

const CLICK: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=1"];

/// Two clicks of sound with nothing between them for this many hours.
pub async fn gap(hours: u64) -> Result<PathBuf> {
    let clicks = clicks(hours * 3_600_000);
    let arguments = CLICK.into_iter().chain(clicks.iter().map(String::as_str));
    make("gap.mkv", &arguments.collect::<Vec<_>>()).await
}

/// Eleven hours of a still picture, sent again every 50 seconds, with a click of sound at the start and at the end.
pub async fn silence() -> Result<PathBuf> {
    let picture = ["-f", "lavfi", "-i", "color=size=64x48:rate=1/50:duration=39600"];
    let clicks = clicks(39_590_000);
    let arguments = CLICK.into_iter().chain(picture).chain(["-c:v", "mpeg4"]);
    let arguments = arguments.chain(clicks.iter().map(String::as_str));
    make("silence.mkv", &arguments.collect::<Vec<_>>()).await
}

/// Sound of which each byte is a packet: 8,000 packets a second, 255 in a block.
pub async fn tiny_packets(mib: u64) -> Result<PathBuf> {
    const FRAMES: u8 = 255;
    const MILLISECONDS: u64 = 32;
    written(&format!("tiny-packets-{mib}.mkv"), || {
        let shape = [
            element(&[0xb5], &8_000_f64.to_be_bytes()),
            number(&[0x9f], 1),
            number(&[0x62, 0x64], 8),
        ];
        let more = [number(&[0x23, 0xe3, 0x83], 125_000), element(&[0xe1], &shape.concat())];
        let blocks = (0..(mib << 20) / u64::from(FRAMES)).map(|n| Block {
            time: n * MILLISECONDS,
            frames: FRAMES,
            key: true,
            bytes: vec![0x80; usize::from(FRAMES)],
        });
        file(&track(2, "A_PCM/INT/LIT", &more), blocks)
    })
    .await
}
