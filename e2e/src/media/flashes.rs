//! Lectures that flash white while 1 kHz is heard, and how both are found again in what is played.

use crate::tools;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;

/// How long a flash and its beep last, in seconds.
const LENGTH: f64 = 0.12;
/// A frame of at least this brightness is a flash.
const WHITE: f64 = 200.0;
/// What is at least this loud is the beep, in dB of full scale.
const LOUD: f64 = -22.0;

/// ffmpeg's inputs for a moving picture that flashes at these seconds, and for the sound that beeps with it.
#[must_use]
pub fn flashing(size: &str, rate: &str, seconds: u32, at: &[f64]) -> Vec<String> {
    let (mut white, mut loud) = (String::from("0"), String::from("0"));
    for at in at {
        // a frame's time is a rounded fraction; half a millisecond earlier is still the frame that was meant
        let (from, to) = (at - 0.000_5, at + LENGTH - 0.000_5);
        // writing into a text can't fail
        let _ = write!(white, "+gte(t,{from})*lt(t,{to})");
        let _ = write!(loud, "+gte(t,{at})*lt(t,{})", at + LENGTH);
    }
    let picture =
        format!("testsrc2=size={size}:rate={rate}:duration={seconds},drawbox=c=white:t=fill:enable='{white}'");
    // a little noise, so that no encoder leaves anything out
    let sound = format!(
        "aevalsrc=exprs='0.01*sin(2*PI*330*t)+0.6*sin(2*PI*1000*t)*({loud})':sample_rate=48000:duration={seconds}"
    );
    ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]
        .map(str::to_owned)
        .to_vec()
}

/// A frame as it is shown.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When, in seconds of the stream's own time.
    pub time: f64,
    /// How bright it is, 0 to 255.
    pub brightness: f64,
    /// The picture in 16 × 16 greys.
    pub small: Vec<u8>,
}

/// Lines of what ffmpeg's `metadata` filters print: a time and a value each.
fn printed(text: &str) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    let mut time = None;
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("pts_time:") {
            time = rest.trim().parse().ok();
        } else if let (Some(at), Some((_, value))) = (time, line.rsplit_once('=')) {
            // silence is `-inf`
            found.push((at, value.parse().unwrap_or(f64::NEG_INFINITY)));
        }
    }
    found
}

/// Every frame that decoding gives, in order, turned as players turn it; times as they stand in the stream.
pub async fn shown(input: &str, more: &[&str]) -> Result<Vec<Frame>> {
    let folder = tempfile::tempdir()?;
    let times = folder.path().join("times");
    let filter = format!(
        "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file={},scale=16:16:flags=area,format=gray",
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
    let printed = printed(&std::fs::read_to_string(&times)?);
    ensure!(
        printed.len() * 256 == pictures.len(),
        "{} times, {} bytes of pictures",
        printed.len(),
        pictures.len()
    );
    let frames = printed.into_iter().zip(pictures.chunks_exact(256));
    Ok(frames
        .map(|((time, brightness), small)| Frame {
            time,
            brightness,
            small: small.to_vec(),
        })
        .collect())
}

/// When the picture turns white, by the first frame of each flash.
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

/// When each beep begins, to a millisecond.
pub async fn beeps(input: &str, stream: &str, more: &[&str]) -> Result<Vec<f64>> {
    let folder = tempfile::tempdir()?;
    let levels = folder.path().join("levels");
    let filter = format!(
        "aresample=48000,asetnsamples=n=48:p=0,astats=metadata=1:reset=1:measure_overall=RMS_level:\
         measure_perchannel=none,ametadata=print:key=lavfi.astats.Overall.RMS_level:file={}",
        levels.display()
    );
    let mut command = tools::ffmpeg();
    command.args(more).args(["-copyts", "-i", input]);
    command.args(["-map", &format!("0:{stream}"), "-af", &filter, "-f", "null", "-"]);
    tools::output(&mut command, &[]).await?;
    let mut found: Vec<f64> = Vec::new();
    let mut heard = f64::NEG_INFINITY;
    for (time, level) in printed(&std::fs::read_to_string(&levels)?) {
        if level < LOUD {
            continue;
        }
        if time - heard > LENGTH {
            found.push(time);
        }
        heard = time;
    }
    Ok(found)
}

/// How far each beep is behind its flash, in seconds; as many of both as there should be.
pub fn offsets(whites: &[f64], beeps: &[f64], count: usize) -> Result<Vec<f64>> {
    ensure!(
        whites.len() == count && beeps.len() == count,
        "{count} flashes became {whites:?} and {beeps:?}"
    );
    Ok(whites.iter().zip(beeps).map(|(white, beep)| beep - white).collect())
}

/// How much two lists of frames differ in their worst frame, in greys; each frame is there once and in order.
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
