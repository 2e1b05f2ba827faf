//! Makes media with ffmpeg, and lists what ffprobe finds in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder for one test's files.
pub(crate) struct Bench(TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for test media"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes a file of some seconds of a moving picture and a tone.
    pub(crate) fn source(&self, name: &str, seconds: u32, arguments: &str) -> PathBuf {
        let picture = format!("testsrc2=size=320x180:rate=30:duration={seconds}");
        let tone = format!("sine=frequency=440:sample_rate=44100:duration={seconds}");
        let path = self.path(name);
        let mut command = ffmpeg();
        command.args(["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone]);
        command.args(arguments.split_whitespace()).arg(&path);
        run(&mut command);
        path
    }

    /// Runs ffmpeg on a file of this folder.
    pub(crate) fn convert(&self, from: &Path, name: &str, arguments: &str) -> PathBuf {
        let path = self.path(name);
        run(ffmpeg()
            .arg("-i")
            .arg(from)
            .args(arguments.split_whitespace())
            .arg(&path));
        path
    }
}

/// A packet as ffprobe lists it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) is_picture: bool,
    /// Units: the file's time base
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) size: usize,
    pub(crate) key: bool,
    pub(crate) hash: u32,
}

/// The packets of a file, in its order.
pub(crate) fn packets(path: &Path) -> Vec<Packet> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_data_hash", "adler32", "-of", "csv=p=0"]);
    command.args(["-show_entries", "packet=codec_type,pts,dts,size,flags,data_hash"]);
    let output = run(command.arg(path));
    let text = String::from_utf8(output.stdout).unwrap();
    let packet = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let [kind, pts, dts, size, flags, hash] = fields.get(..6)?.try_into().ok()?;
        Some(Packet {
            is_picture: kind == "video",
            pts: pts.parse().ok()?,
            dts: dts.parse().ok()?,
            size: size.parse().ok()?,
            key: flags.starts_with('K'),
            hash: u32::from_str_radix(hash.strip_prefix("adler32:")?, 16).ok()?,
        })
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| packet(line).unwrap_or_else(|| panic!("{line}")))
        .collect()
}

/// The checksum that ffprobe prints.
pub(crate) fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

pub(crate) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
    command
}

pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().expect("ffmpeg is installed");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
    output
}
