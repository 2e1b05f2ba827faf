//! Lectures that flash white during a 1 kHz beep, and the detection of both in the output.

use crate::tools;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;

/// The length of a flash and its beep, in seconds.
const LENGTH: f64 = 0.12;
/// The brightness from which a frame counts as a flash.
const WHITE: f64 = 200.0;
/// The level from which sound counts as the beep, in dB of full scale.
const LOUD: f64 = -22.0;
/// The bytes of a decoded sample of sound.
const SAMPLE: usize = 2;
/// The samples of a millisecond.
const MILLISECOND: usize = 48;

/// ffmpeg's inputs for a moving picture that flashes at these seconds and audio that beeps with it.
#[must_use]
pub fn flashing(size: &str, rate: &str, seconds: u32, at: &[f64]) -> Vec<String> {
    let (mut white, mut loud) = (String::from("0"), String::from("0"));
    for at in at {
        // a frame's time is a rounded fraction; half a millisecond earlier still selects the intended frame
        let (from, to) = (at - 0.000_5, at + LENGTH - 0.000_5);
        // writing to a string cannot fail
        let _ = write!(white, "+gte(t,{from})*lt(t,{to})");
        let _ = write!(loud, "+gte(t,{at})*lt(t,{})", at + LENGTH);
    }
    let picture =
        format!("testsrc2=size={size}:rate={rate}:duration={seconds},drawbox=c=white:t=fill:enable='{white}'");
    // a little noise, so that no encoder drops silence
    let sound = format!(
        "aevalsrc=exprs='0.01*sin(2*PI*330*t)+0.6*sin(2*PI*1000*t)*({loud})':sample_rate=48000:duration={seconds}"
    );
    ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]
        .map(str::to_owned)
        .to_vec()
}

/// A decoded frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The presentation time in the stream, in seconds.
    pub time: f64,
    /// The brightness, 0 to 255.
    pub brightness: f64,
    /// The picture in 16 × 16 grey pixels.
    pub small: Vec<u8>,
}

/// Parses the output of ffmpeg's `metadata` filters: a time and a value per line.
fn printed(text: &str) -> Vec<(f64, &str)> {
    let mut found = Vec::new();
    let mut time = None;
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("pts_time:") {
            time = rest.trim().parse().ok();
        } else if let (Some(at), Some((_, value))) = (time, line.rsplit_once('=')) {
            found.push((at, value));
        }
    }
    found
}

/// Decodes every frame in order, rotated as players rotate it, with its time in the stream.
pub async fn shown(input: &str, more: &[&str]) -> Result<Vec<Frame>> {
    let folder = tempfile::tempdir()?;
    let times = folder.path().join("times");
    // The small picture is as bright as the whole one, and its statistics cost next to nothing.
    let filter = format!(
        "scale=16:16:flags=area,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file={},format=gray",
        times.display()
    );
    let mut command = tools::ffmpeg();
    command.args(more).args(["-copyts", "-i", input]);
    command.args([
        "-map",
        "0:v:0",
        "-fps_mode",
        "passthrough",
        "-vf",
        &filter,
        "-f",
        "rawvideo",
        "-",
    ]);
    let pictures = tools::output(&mut command, &[]).await?;
    let times = std::fs::read_to_string(&times)?;
    let printed = printed(&times);
    ensure!(
        printed.len() * 256 == pictures.len(),
        "{} times, {} bytes of pictures",
        printed.len(),
        pictures.len()
    );
    let frames = printed.into_iter().zip(pictures.chunks_exact(256));
    let frames = frames.map(|((time, brightness), small)| -> Result<Frame> {
        Ok(Frame {
            time,
            brightness: brightness.parse()?,
            small: small.to_vec(),
        })
    });
    frames.collect()
}

/// The time of the first frame of each flash.
#[must_use]
pub fn whites(frames: &[Frame]) -> Vec<f64> {
    let mut last = 0.0;
    let mut found = Vec::new();
    for frame in frames {
        if frame.brightness >= WHITE && last < WHITE {
            found.push(frame.time);
        }
        last = frame.brightness;
    }
    found
}

/// The level of samples in dB of full scale, of all channels together; silence is `-inf`.
fn level(samples: &[u8]) -> f64 {
    let (mut squares, mut count) = (0.0, 0.0);
    for sample in samples.chunks_exact(SAMPLE) {
        let sample = f64::from(i16::from_le_bytes([sample[0], sample[1]])) / 32_768.0;
        squares += sample * sample;
        count += 1.0;
    }
    10.0 * (squares / count).log10()
}

/// The start of each beep, to a millisecond.
pub async fn beeps(input: &str, stream: &str, more: &[&str]) -> Result<Vec<f64>> {
    let folder = tempfile::tempdir()?;
    let frames = folder.path().join("frames");
    // Only the times and lengths of frames come from filters: their statistics of each millisecond take ten times as long.
    let filter = format!(
        "aresample=48000,astats=metadata=1:reset=1:measure_overall=Number_of_samples:measure_perchannel=none,\
         ametadata=print:key=lavfi.astats.Overall.Number_of_samples:file={}",
        frames.display()
    );
    let mut command = tools::ffmpeg();
    command.args(more).args(["-copyts", "-i", input]);
    command.args(["-map", &format!("0:{stream}"), "-af", &filter, "-f", "s16le", "-"]);
    let sound = tools::output(&mut command, &[]).await?;
    let frames = std::fs::read_to_string(&frames)?;
    let mut lengths = Vec::new();
    for (time, length) in printed(&frames) {
        // a whole number, which is printed with decimals
        let length = length.split('.').next().unwrap_or(length);
        lengths.push((time, length.parse::<usize>()?));
    }
    let total: usize = lengths.iter().map(|(_, length)| length).sum();
    let width = sound.len().checked_div(total).context("no sound")?;
    ensure!(width * total == sound.len(), "{} bytes of {total} samples", sound.len());
    let mut found: Vec<f64> = Vec::new();
    let (mut heard, mut rest) = (f64::NEG_INFINITY, sound.as_slice());
    for (begin, length) in lengths {
        let (frame, after) = rest.split_at(length * width);
        rest = after;
        let milliseconds = (0..).zip(frame.chunks(MILLISECOND * width));
        for (passed, samples) in milliseconds {
            let time = begin + f64::from(passed) / 1_000.0;
            if level(samples) < LOUD {
                continue;
            }
            if time - heard > LENGTH {
                found.push(time);
            }
            heard = time;
        }
    }
    Ok(found)
}

/// How far each beep lags behind its flash, in seconds; fails unless there are `count` of both.
pub fn offsets(whites: &[f64], beeps: &[f64], count: usize) -> Result<Vec<f64>> {
    ensure!(
        whites.len() == count && beeps.len() == count,
        "{count} flashes became {whites:?} and {beeps:?}"
    );
    Ok(whites.iter().zip(beeps).map(|(white, beep)| beep - white).collect())
}

/// The largest difference between two lists of frames, in grey levels; fails unless both have equally many.
pub fn difference(before: &[Frame], after: &[Frame]) -> Result<f64> {
    ensure!(
        before.len() == after.len(),
        "{} frames became {}",
        before.len(),
        after.len()
    );
    let apart = |one: &Frame, other: &Frame| -> f64 {
        let greys = one.small.iter().zip(&other.small);
        greys.map(|(one, other)| f64::from(one.abs_diff(*other))).sum::<f64>() / 256.0
    };
    let worst = before.iter().zip(after).map(|(one, other)| apart(one, other));
    worst.reduce(f64::max).context("no frames")
}
