//! Test media, made once by ffmpeg and kept in `target/media`.

mod boxes;
pub mod clocks;
pub mod fat;
pub mod field;
pub mod flashes;
mod matroska;
pub mod pixels;
pub mod sources;

use crate::{settings, tools};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Lets one test make a file while others wait for it.
static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A file that ffmpeg makes from these arguments; the extension determines the container.
pub async fn make(name: &str, arguments: &[&str]) -> Result<PathBuf> {
    let (stem, extension) = name.rsplit_once('.').context("a name with an extension")?;
    let folder = settings::target().join("media");
    // CI keeps the files for clones in other places; some are made of others in the same folder
    let how = arguments.join("\u{1f}").replace(&*folder.to_string_lossy(), "");
    let digest = Sha256::digest(how);
    let path = folder.join(format!(
        "{stem}-{:02x}{:02x}{:02x}.{extension}",
        digest[0], digest[1], digest[2]
    ));
    let _one = MAKING.lock().await;
    if !path.exists() {
        std::fs::create_dir_all(&folder)?;
        let part = folder.join(format!("part-{}.{extension}", uuid::Uuid::new_v4()));
        tools::output(tools::ffmpeg().args(arguments).arg(&part), &[]).await?;
        std::fs::rename(&part, &path)?;
    }
    Ok(path)
}

/// A file with these bytes; a maker that changes needs another name.
async fn written(name: &str, bytes: impl FnOnce() -> Result<Vec<u8>>) -> Result<PathBuf> {
    let folder = settings::target().join("media");
    let path = folder.join(name);
    let _one = MAKING.lock().await;
    if !path.exists() {
        std::fs::create_dir_all(&folder)?;
        let part = folder.join(format!("part-{}", uuid::Uuid::new_v4()));
        std::fs::write(&part, bytes()?)?;
        std::fs::rename(&part, &path)?;
    }
    Ok(path)
}

/// Arguments for a video that changes in every frame, and a tone.
#[must_use]
pub fn picture(size: &str, rate: &str, seconds: u32) -> Vec<String> {
    let video = format!("testsrc2=size={size}:rate={rate}:duration={seconds}");
    let audio = format!("sine=frequency=330:beep_factor=3:sample_rate=48000:duration={seconds}");
    ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio]
        .map(str::to_owned)
        .to_vec()
}

/// A short lecture that plays without encoding: 640×360, 25 frames per second, stereo.
pub async fn short() -> Result<PathBuf> {
    lecture(12, &["-movflags", "+faststart"]).await
}

/// A lecture of some 16 MB that nothing compresses, at a rate that still plays without encoding.
pub async fn noisy() -> Result<PathBuf> {
    let rate = ["-b:v", "6500k", "-maxrate", "7M", "-bufsize", "7M"];
    let more = [&["-vf", "noise=alls=60:allf=t", "-movflags", "+faststart"][..], &rate].concat();
    lecture(20, &more).await
}

/// A lecture of some seconds, with additional arguments for ffmpeg.
pub async fn lecture(seconds: u32, more: &[&str]) -> Result<PathBuf> {
    let source = picture("640x360", "25", seconds);
    let mut arguments: Vec<&str> = source.iter().map(String::as_str).collect();
    arguments.extend([
        "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p",
    ]);
    arguments.extend(["-c:a", "aac", "-b:a", "64k", "-ac", "2"]);
    arguments.extend(more);
    make("lecture.mp4", &arguments).await
}

/// The file's SHA-256 in hexadecimal.
pub fn sha256(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut file = std::fs::File::open(path)?;
    let mut block = vec![0; 1 << 20];
    loop {
        let read = std::io::Read::read(&mut file, &mut block)?;
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
    }
    Ok(hash
        .finalize()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

/// The checksum of every frame that ffmpeg decodes, in order.
pub async fn frames(input: &str) -> Result<Vec<String>> {
    sums(
        input,
        &["-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", "yuv420p"],
    )
    .await
}

/// The checksum of every audio packet in the file, in order.
pub async fn audio_packets(input: &str) -> Result<Vec<String>> {
    sums(input, &["-map", "0:a:0", "-c", "copy"]).await
}

async fn sums(input: &str, map: &[&str]) -> Result<Vec<String>> {
    let mut command = tools::ffmpeg();
    command.args(["-i", input]).args(map).args(["-f", "framemd5", "-"]);
    let text = String::from_utf8(tools::output(&mut command, &[]).await?)?;
    let lines = text.lines().filter(|it| !it.starts_with('#'));
    // stream, dts, pts, duration, size, sum, and optional side data
    Ok(lines
        .filter_map(|it| it.split(',').nth(5))
        .map(|it| it.trim().to_owned())
        .collect())
}

/// The packets of a stream.
#[derive(Debug)]
pub struct Packets {
    /// Their presentation times in seconds, sorted.
    pub times: Vec<f64>,
    /// Their sizes in decoding order.
    pub sizes: Vec<u64>,
}

/// Lists the packets of a stream (`v:0` or `a:0`).
pub async fn packets(input: &str, stream: &str) -> Result<Packets> {
    let show = ["-select_streams", stream, "-show_entries", "packet=pts_time,size"];
    let found = tools::probe(input, &show).await?;
    let packets = found["packets"].as_array().context("packets")?;
    let time = |it: &serde_json::Value| it["pts_time"].as_str().and_then(|it| it.parse().ok());
    let size = |it: &serde_json::Value| it["size"].as_str().and_then(|it| it.parse().ok());
    let mut times: Vec<f64> = packets.iter().filter_map(time).collect();
    times.sort_by(f64::total_cmp);
    let sizes: Vec<u64> = packets.iter().filter_map(size).collect();
    Ok(Packets { times, sizes })
}

/// A minute of picture, repeated without encoding it again, with a sound of the same length: repeated sound would not be
/// back to back.
pub async fn long(minutes: u32) -> Result<PathBuf> {
    let minute = picture("256x144", "12", 60);
    let mut arguments: Vec<&str> = minute.iter().map(String::as_str).collect();
    arguments.extend([
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "36", "-g", "72", "-pix_fmt", "yuv420p",
    ]);
    arguments.push("-an");
    let minute = make("minute.mp4", &arguments).await?;
    let (times, minute) = ((minutes - 1).to_string(), minute.to_string_lossy().into_owned());
    let sound = format!(
        "sine=frequency=330:beep_factor=3:sample_rate=16000:duration={}",
        minutes * 60
    );
    let mut arguments = vec!["-stream_loop", &times, "-i", &minute, "-f", "lavfi", "-i", &sound];
    arguments.extend(["-map", "0:v", "-map", "1:a", "-c:v", "copy"]);
    arguments.extend(["-c:a", "aac", "-aac_coder", "fast", "-b:a", "16k"]);
    make("long.mp4", &arguments).await
}

/// A copy that starts in the middle of a group of pictures, by an edit that skips the beginning.
pub async fn cut_in_the_middle_of_a_gop() -> Result<PathBuf> {
    let whole = lecture(12, &[]).await?.to_string_lossy().into_owned();
    make("cut.mp4", &["-ss", "3.1", "-i", &whole, "-c", "copy"]).await
}

/// A track whose later chunks have a second sample entry, of another size.
pub async fn two_sample_entries() -> Result<PathBuf> {
    let source = picture("320x180", "25", 6);
    let mut arguments: Vec<&str> = source.iter().map(String::as_str).collect();
    arguments.extend([
        "-map", "0:v", "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p",
    ]);
    let other = make("other.mp4", &arguments).await?;
    boxes::two_entries(&lecture(12, &[]).await?, &other)
}

/// A copy with 64-bit chunk offsets.
pub fn far_offsets(path: &Path) -> Result<PathBuf> {
    boxes::far_offsets(path)
}
