//! What is published of a file, and what a recording has of it: slices of the picture, packets of the sound.

use crate::api::Api;
use crate::playlist::beside;
use crate::{media, tools};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Child;

/// The bytes of slices, or of packets, in order.
pub type Units = Vec<Vec<u8>>;

/// A rendition between two discontinuities.
#[derive(Debug, Default)]
pub struct Stretch {
    /// The init segment.
    pub init: Vec<u8>,
    /// The segments that have media.
    pub segments: Units,
}

/// A film of some seconds to publish: H.264 with B-frames and AAC; the filter makes its pictures unlike those of other films.
pub async fn film(size: &str, seconds: u32, filter: &str) -> Result<PathBuf> {
    let source = media::picture(size, "25", seconds);
    let mut arguments: Vec<&str> = source.iter().map(String::as_str).collect();
    let codecs =
        "-preset veryfast -bf 2 -b_strategy 0 -g 50 -keyint_min 50 -sc_threshold 0 -pix_fmt yuv420p -c:a aac -ac 2";
    arguments.extend(["-vf", filter, "-c:v", "libx264"]);
    arguments.extend(codecs.split(' '));
    media::make("published.mp4", &arguments).await
}

/// Publishes a file as it is, in its own time; killed when it is dropped.
pub fn publish_copy(film: &Path, url: &str) -> Result<Child> {
    let mut command = tools::ffmpeg();
    command
        .arg("-re")
        .arg("-i")
        .arg(film)
        .args(["-c", "copy", "-f", "flv", url]);
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.kill_on_drop(true).spawn()?)
}

/// The slices of a film's picture.
pub async fn slices(film: &Path) -> Result<Units> {
    let mut command = tools::ffmpeg();
    command.arg("-i").arg(film);
    command.args([
        "-an",
        "-c",
        "copy",
        "-bsf:v",
        "h264_mp4toannexb",
        "-f",
        "h264",
        "pipe:1",
    ]);
    let picture = tools::output(&mut command, &[]).await?;
    let slices = after_start_codes(&picture).into_iter().filter(|unit| is_slice(unit));
    Ok(slices.map(<[u8]>::to_vec).collect())
}

/// The slices of a film's picture, and the packets of its AAC.
pub async fn published(film: &Path) -> Result<(Units, Units)> {
    let mut command = tools::ffmpeg();
    command.arg("-i").arg(film);
    command.args(["-vn", "-c", "copy", "-f", "adts", "pipe:1"]);
    let sound = tools::output(&mut command, &[]).await?;
    Ok((slices(film).await?, packets(&sound)))
}

fn is_slice(unit: &[u8]) -> bool {
    matches!(unit.first().map(|byte| byte & 31), Some(1 | 5))
}

/// Source: ITU-T H.264 annex B
fn after_start_codes(stream: &[u8]) -> Vec<&[u8]> {
    let codes = stream.windows(3).enumerate().filter(|(_, it)| *it == [0, 0, 1]);
    let starts: Vec<usize> = codes.map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let unit = |(start, end): (&usize, usize)| {
        let unit = &stream[start + 3..end];
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        &unit[..unit.len() - zeros]
    };
    starts.iter().zip(ends).map(unit).collect()
}

/// Source: ISO/IEC 14496-3, 1.A.2.2 (ADTS)
fn packets(stream: &[u8]) -> Units {
    let (mut packets, mut rest) = (Vec::new(), stream);
    while rest.len() >= 7 {
        let length = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5]) >> 5;
        let (packet, behind) = rest.split_at(length.clamp(7, rest.len()));
        packets.push(packet[7..].to_vec());
        rest = behind;
    }
    packets
}

/// Fetches all that a playlist lists.
pub async fn stretches(api: &Api, path: &str) -> Result<Vec<Stretch>> {
    let playlist = api.fetch(path).await?.expect(200)?.text();
    let fetch = async |uri: &str| anyhow::Ok(api.fetch(&beside(path, uri)).await?.expect(200)?.body.to_vec());
    let (mut stretches, mut is_gap) = (vec![Stretch::default()], false);
    for line in playlist.lines() {
        let last = stretches.last_mut().context("a stretch")?;
        if line == "#EXT-X-DISCONTINUITY" {
            let init = last.init.clone();
            let segments = Vec::new();
            stretches.push(Stretch { init, segments });
        } else if let Some(map) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            last.init = fetch(map.trim_end_matches('"')).await?;
        } else if line == "#EXT-X-GAP" {
            is_gap = true;
        } else if !line.is_empty() && !line.starts_with('#') && !std::mem::take(&mut is_gap) {
            last.segments.push(fetch(line).await?);
        }
    }
    stretches.retain(|stretch| !stretch.segments.is_empty());
    Ok(stretches)
}

impl Stretch {
    /// The slices of the picture.
    pub fn slices(&self) -> Result<Units> {
        let mut slices = Vec::new();
        for sample in self.samples()? {
            let mut rest = sample.as_slice();
            while let Some((length, behind)) = rest.split_first_chunk::<4>() {
                let length = usize::try_from(u32::from_be_bytes(*length))?;
                ensure!(length <= behind.len(), "a unit goes beyond its sample");
                let (unit, behind) = behind.split_at(length);
                slices.extend(is_slice(unit).then(|| unit.to_vec()));
                rest = behind;
            }
        }
        Ok(slices)
    }

    /// The samples, in the order of decoding.
    pub fn samples(&self) -> Result<Units> {
        let mut samples = Vec::new();
        for segment in &self.segments {
            let mut sizes = Vec::new();
            for (kind, payload) in boxes(segment)? {
                match &kind {
                    b"moof" => sizes = sizes_of(payload)?,
                    b"mdat" => {
                        let mut rest = payload;
                        for size in std::mem::take(&mut sizes) {
                            let both = rest.split_at_checked(size).context("a sample beyond its box")?;
                            samples.push(both.0.to_vec());
                            rest = both.1;
                        }
                        ensure!(rest.is_empty(), "bytes behind the last sample");
                    }
                    _ => {}
                }
            }
        }
        Ok(samples)
    }

    /// All of it as one file.
    #[must_use]
    pub fn file(&self) -> Vec<u8> {
        [self.init.clone(), self.segments.concat()].concat()
    }
}

/// The boxes in some bytes: kind and payload.
fn boxes(mut bytes: &[u8]) -> Result<Vec<([u8; 4], &[u8])>> {
    let mut found = Vec::new();
    while let Some((size, rest)) = bytes.split_first_chunk::<4>() {
        let kind = *rest.first_chunk::<4>().context("a kind")?;
        let size = usize::try_from(u32::from_be_bytes(*size))?;
        ensure!((8..=bytes.len()).contains(&size), "a box of {size} bytes");
        found.push((kind, &bytes[8..size]));
        bytes = &bytes[size..];
    }
    Ok(found)
}

/// The sizes of samples that a `moof` states.
///
/// Source: ISO/IEC 14496-12 §8.8.7, §8.8.8
fn sizes_of(moof: &[u8]) -> Result<Vec<usize>> {
    let trafs = boxes(moof)?.into_iter().filter(|(kind, _)| kind == b"traf");
    let mut sizes = Vec::new();
    for (_, traf) in trafs {
        for (_, run) in boxes(traf)?.into_iter().filter(|(kind, _)| kind == b"trun") {
            let number = |at: usize| -> Result<u32> {
                let four = run.get(at..at + 4).context("a trun that ends early")?;
                Ok(u32::from_be_bytes(four.try_into()?))
            };
            let flags = number(0)?;
            let has = |flag: u32| usize::from(flags & flag != 0);
            ensure!(has(0x200) == 1, "samples without sizes of their own");
            let fields = has(0x100) + 1 + has(0x400) + has(0x800);
            let first = 8 + 4 * (has(1) + has(4) + has(0x100));
            for sample in 0..usize::try_from(number(4)?)? {
                sizes.push(usize::try_from(number(first + 4 * fields * sample)?)?);
            }
        }
    }
    Ok(sizes)
}

/// When the pictures of a file are shown, in order.
///
/// Units: seconds
pub async fn times(file: &[u8]) -> Result<Vec<f64>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("pictures.mp4");
    std::fs::write(&path, file)?;
    let shown = ["-select_streams", "v", "-show_entries", "frame=pts_time"];
    let probed = tools::probe(&path.to_string_lossy(), &shown).await?;
    let frames = probed["frames"].as_array().context("no frames")?;
    let time = |frame: &Value| -> Result<f64> { Ok(frame["pts_time"].as_str().context("a time")?.parse()?) };
    frames.iter().map(time).collect()
}
