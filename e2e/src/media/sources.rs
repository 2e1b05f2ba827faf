//! Lectures of every kind that people upload, each with flashes and beeps near its start, middle and end.

use super::{boxes, flashes, make};
use anyhow::Result;
use std::path::PathBuf;

/// A kind of lecture and its expected renditions.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The file's name; its extension is the container.
    pub name: &'static str,
    /// The coded size of the video; empty for audio files.
    pub size: &'static str,
    /// Frames per second.
    pub rate: &'static str,
    /// Its length.
    pub seconds: u32,
    /// Additional arguments for ffmpeg: codecs and more.
    pub more: &'static [&'static str],
    /// Whether a phone held it upright.
    pub upright: bool,
    /// The expected renditions, video first, lowest first.
    pub ladder: &'static [&'static str],
    /// The number of audio tracks.
    pub sounds: usize,
}

const fn kind(
    name: &'static str,
    size: &'static str,
    seconds: u32,
    more: &'static [&'static str],
    ladder: &'static [&'static str],
) -> Kind {
    Kind {
        name,
        size,
        rate: "25",
        seconds,
        more,
        upright: false,
        ladder,
        sounds: 1,
    }
}

/// A lecture that must be encoded.
pub const HEVC: Kind = kind(
    "hevc.mkv",
    "426x240",
    27,
    &[
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=error",
        "-preset",
        "ultrafast",
        "-c:a",
        "aac",
        "-ac",
        "2",
    ],
    &["240p", "audio"],
);

/// A lecture that plays without encoding.
pub const INSTANT: Kind = kind(
    "instant.mp4",
    "320x180",
    27,
    &[
        "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2",
    ],
    &["source", "audio"],
);

/// One lecture of each kind that must be encoded to a ladder.
pub const ALL: [Kind; 18] = [
    HEVC,
    kind(
        "vp9.webm",
        "256x144",
        13,
        &[
            "-c:v",
            "libvpx-vp9",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
            "-b:v",
            "200k",
            "-c:a",
            "libopus",
            "-ac",
            "2",
        ],
        &["144p", "audio"],
    ),
    kind(
        "mpeg4.avi",
        "320x180",
        13,
        &["-c:v", "mpeg4", "-q:v", "4", "-c:a", "libmp3lame", "-ac", "2"],
        &["180p", "audio"],
    ),
    kind(
        "broadcast.ts",
        "320x180",
        13,
        &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-bf",
            "2",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ac",
            "2",
            "-output_ts_offset",
            "3723.4",
        ],
        &["180p", "audio"],
    ),
    kind(
        "camera.flv",
        "320x180",
        13,
        &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ac",
            "2",
        ],
        &["180p", "audio"],
    ),
    kind("talk.mp3", "", 13, &["-c:a", "libmp3lame", "-ac", "2"], &["audio"]),
    kind("talk.wav", "", 13, &["-ac", "1"], &["audio"]),
    kind("talk.aiff", "", 13, &["-ac", "2"], &["audio"]),
    kind("talk.ogg", "", 13, &["-c:a", "libvorbis", "-ac", "2"], &["audio"]),
    Kind {
        upright: true,
        ..kind(
            "phone.mov",
            "480x270",
            13,
            &[
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=error",
                "-preset",
                "ultrafast",
                "-tag:v",
                "hvc1",
                "-c:a",
                "aac",
                "-ac",
                "2",
            ],
            &["240p", "270p", "audio"],
        )
    },
    Kind {
        upright: true,
        ..kind(
            "phone.mp4",
            "480x270",
            13,
            &[
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-g",
                "50",
                "-pix_fmt",
                "yuv420p",
                "-c:a",
                "aac",
                "-ac",
                "2",
            ],
            &["240p", "source", "audio"],
        )
    },
    kind(
        "four-eighty.mp4",
        "854x480",
        13,
        &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ac",
            "2",
            "-movflags",
            "+faststart",
        ],
        &["240p", "360p", "source", "audio"],
    ),
    kind(
        "four-eighty.mkv",
        "854x480",
        13,
        &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-ac",
            "2",
        ],
        &["240p", "360p", "480p", "audio"],
    ),
    kind(
        "small.mkv",
        "200x150",
        13,
        &["-c:v", "mpeg4", "-c:a", "aac", "-ac", "1"],
        &["150p", "audio"],
    ),
    kind(
        "five.mkv",
        "320x180",
        5,
        &["-c:v", "mpeg4", "-c:a", "aac", "-ac", "2"],
        &["180p", "audio"],
    ),
    Kind {
        sounds: 0,
        ..kind("silent.mkv", "320x180", 13, &["-c:v", "mpeg4", "-an"], &["180p"])
    },
    Kind {
        sounds: 2,
        ..kind(
            "two.mkv",
            "320x180",
            13,
            &[
                "-map",
                "0:v",
                "-map",
                "1:a",
                "-map",
                "1:a",
                "-c:v",
                "mpeg4",
                "-c:a",
                "aac",
                "-ac",
                "2",
                "-metadata:s:a:0",
                "language=deu",
                "-metadata:s:a:1",
                "language=fra",
            ],
            &["180p", "audio", "audio-2"],
        )
    },
    Kind {
        rate: "30000/1001",
        ..kind(
            "ntsc.mkv",
            "320x180",
            13,
            &["-c:v", "mpeg4", "-bf", "2", "-c:a", "aac", "-ac", "2"],
            &["180p", "audio"],
        )
    },
];

impl Kind {
    /// The times of its flashes: near its start, in its middle, near its end, exactly on frames.
    #[must_use]
    pub fn flashes(&self) -> [f64; 3] {
        let (frames, seconds) = self.rate.split_once('/').unwrap_or((self.rate, "1"));
        let frame = seconds.parse::<f64>().unwrap_or(1.0) / frames.parse::<f64>().unwrap_or(25.0);
        let end = f64::from(self.seconds);
        [1.0, (end / 2.0).floor() + 0.2, end - 1.0].map(|it| (it / frame).round() * frame)
    }

    /// Makes the file, once.
    pub async fn file(&self) -> Result<PathBuf> {
        let size = if self.size.is_empty() { "64x64" } else { self.size };
        let inputs = flashes::flashing(size, self.rate, self.seconds, &self.flashes());
        let mut arguments: Vec<&str> = inputs.iter().map(String::as_str).collect();
        if self.size.is_empty() {
            arguments.extend(["-map", "1:a"]);
        }
        arguments.extend(self.more);
        let path = make(self.name, &arguments).await?;
        if self.upright { boxes::turned(&path) } else { Ok(path) }
    }
}

/// A long lecture in HEVC and AAC: one encoded minute, repeated; it flashes and beeps at the tenth second of each minute.
pub async fn long(minutes: u32, size: &str, rate: &str) -> Result<PathBuf> {
    let inputs = flashes::flashing(size, rate, 60, &[10.0]);
    let mut arguments: Vec<&str> = inputs.iter().map(String::as_str).collect();
    arguments.extend([
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=error:keyint=50:open-gop=0",
        "-preset",
        "ultrafast",
    ]);
    // a whole number of AAC frames per minute, so that nothing drifts where copies meet
    arguments.extend(["-c:a", "aac", "-ar", "16000", "-ac", "1", "-b:a", "24k"]);
    let minute = make("minute-hevc.mkv", &arguments)
        .await?
        .to_string_lossy()
        .into_owned();
    let times = (minutes - 1).to_string();
    make("long-hevc.mkv", &["-stream_loop", &times, "-i", &minute, "-c", "copy"]).await
}

/// A short, minimal lecture that has to be encoded.
pub async fn tiny(seconds: u32) -> Result<PathBuf> {
    let inputs = flashes::flashing("64x48", "10", seconds, &[1.0]);
    let mut arguments: Vec<&str> = inputs.iter().map(String::as_str).collect();
    arguments.extend(["-c:v", "mpeg4", "-c:a", "aac", "-ac", "1", "-b:a", "32k"]);
    make("tiny.mkv", &arguments).await
}
