//! Makes small sources with ffmpeg, in a separate folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder for one test's files.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder for test media"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a source of some seconds of a moving test picture and a tone, with additional arguments for ffmpeg.
    ///
    /// Shape: input 0 is the picture and input 1 the tone; without `-map` both are used
    pub(crate) fn source(&self, name: &str, seconds: u32, rate: &str, arguments: &str) -> PathBuf {
        let picture = format!("testsrc2=size=320x180:rate={rate}:duration={seconds}");
        let tone = format!("aevalsrc='0.3*sin(330*2*PI*t*(1+t/9))':s=44100:d={seconds}");
        let path = self.path(name);
        let mut command = ffmpeg();
        command.args(["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone]);
        command.args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-threads",
            "1",
        ]);
        command
            .args(["-c:a", "aac", "-b:a", "64k"])
            .args(words(arguments))
            .arg(&path);
        run(&mut command);
        path
    }

    /// Runs ffmpeg on a file of this folder.
    pub(crate) fn convert(&self, from: &Path, name: &str, before: &str, arguments: &str) -> PathBuf {
        let path = self.path(name);
        run(ffmpeg()
            .args(words(before))
            .arg("-i")
            .arg(from)
            .args(words(arguments))
            .arg(&path));
        path
    }
}

/// The words of a command line; none may contain a space.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

pub(crate) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
    command
}

pub(crate) fn ffprobe() -> Command {
    let mut command = Command::new("ffprobe");
    command.args(["-hide_banner", "-v", "error"]);
    command
}

/// Runs a command that must succeed. A missing program is a failure, too: no test is skipped.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .expect("ffmpeg and ffprobe are installed (Debian: apt-get install ffmpeg)");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{errors}");
    output
}
