//! Small films, made by ffmpeg once for the whole run.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// How a film is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Film {
    /// H.264 and AAC in MP4, twelve seconds: plays at once.
    Lecture,
    /// The same without sound.
    Silent,
    /// Sound alone.
    Sound,
    /// MPEG-4 part 2 in MP4: has to be encoded again.
    OldCodec,
    /// H.264 and AAC in Matroska: has to be encoded again.
    Matroska,
}

const PICTURE: &[&str] = &["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=12"];
const SOUND: &[&str] = &["-f", "lavfi", "-i", "sine=frequency=440:duration=12:sample_rate=48000"];
const H264: &[&str] = &[
    "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p",
];
const AAC: &[&str] = &["-c:a", "aac", "-b:a", "64k"];

impl Film {
    /// The film's bytes.
    pub(crate) fn bytes(self) -> &'static [u8] {
        static MADE: [OnceLock<Vec<u8>>; 5] = [const { OnceLock::new() }; 5];
        MADE[self as usize].get_or_init(|| self.make())
    }

    fn make(self) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let (name, parts): (_, Vec<&[&str]>) = match self {
            Self::Lecture => ("film.mp4", vec![PICTURE, SOUND, H264, AAC]),
            Self::Silent => ("film.mp4", vec![PICTURE, H264]),
            Self::Sound => ("film.mp4", vec![SOUND, AAC]),
            Self::OldCodec => ("film.mp4", vec![PICTURE, SOUND, &["-c:v", "mpeg4"], AAC]),
            Self::Matroska => ("film.mkv", vec![PICTURE, SOUND, H264, AAC]),
        };
        run(&parts.concat(), &folder.path().join(name))
    }
}

fn run(arguments: &[&str], out: &Path) -> Vec<u8> {
    let made = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .arg(out)
        .output()
        .expect("ffmpeg must be installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(out).unwrap()
}
