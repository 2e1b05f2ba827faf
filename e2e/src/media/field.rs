//! Lectures as they come from the field: tracks of different lengths, odd clocks, missing ends, previews beside the picture.

use super::{flashes, make};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// A lecture from the field, and how it must be played.
#[derive(Debug, Clone, Copy)]
pub struct FieldCase {
    /// The file's name; its extension is the container.
    pub name: &'static str,
    /// The size and the frame rate of the picture.
    pub picture: (&'static str, &'static str),
    /// The seconds that its inputs last.
    pub seconds: u32,
    /// ffmpeg's arguments for the file, separated by spaces.
    pub more: &'static str,
    /// What happens to the file afterwards.
    pub damage: Damage,
    /// When it flashes and beeps.
    pub at: &'static [f64],
    /// How many of these flashes, and how many of these beeps, are in the file.
    pub seen: (usize, usize),
    /// How long it must last.
    pub lasts: f64,
    /// The expected renditions.
    pub ladder: &'static [&'static str],
    /// The most frames a second of a rung.
    pub most_frames: f64,
    /// Whether the lecture must have a note that its end is missing.
    pub cut: bool,
}

/// What happens to a file after ffmpeg has written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Nothing.
    None,
    /// It ends in the media of its last fragment.
    InLastFragment,
    /// It ends in the header of its last fragment.
    InLastHeader,
    /// Its last fragment is empty space.
    Reserved,
    /// Its last part, in thousandths, is missing.
    Shorter(usize),
}

const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -ac 2";
const USUAL: FieldCase = FieldCase {
    name: "",
    picture: ("320x180", "25"),
    seconds: 8,
    more: H264,
    damage: Damage::None,
    at: &[1.0, 2.0, 7.0],
    seen: (3, 3),
    lasts: 8.0,
    ladder: &["180p", "audio"],
    most_frames: 61.0,
    cut: false,
};
/// A picture without flashes, and a sound without beeps.
const BESIDE: &str = "-f lavfi -i testsrc=s=160x90:r=25:d=8 -f lavfi -i sine=f=330:d=8";

const fn case(name: &'static str, more: &'static str) -> FieldCase {
    FieldCase { name, more, ..USUAL }
}

/// Lectures whose picture or sound ends before the other.
pub const LENGTHS: [FieldCase; 5] = [
    FieldCase {
        seen: (2, 3),
        ..case(
            "audio-longer.mp4",
            "-vf trim=end=3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -ac 2",
        )
    },
    FieldCase {
        seconds: 20,
        at: &[1.0, 2.0, 19.0],
        seen: (2, 3),
        lasts: 20.0,
        ..case(
            "static-end.mkv",
            "-vf trim=end=4 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 200k -c:a libopus -ac 2",
        )
    },
    FieldCase {
        seen: (3, 2),
        ..case(
            "sound-ends.mov",
            "-af atrim=end=3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -ac 2",
        )
    },
    FieldCase {
        seen: (3, 2),
        ..case("sound-ends.avi", "-af atrim=end=3 -c:v mpeg4 -c:a libmp3lame -ac 1")
    },
    FieldCase {
        seen: (2, 3),
        ..case(
            "picture-ends.ts",
            "-vf trim=end=3 -c:v mpeg2video -b:v 1M -c:a mp2 -ac 2",
        )
    },
];

/// Lectures with more frames a second than players show.
pub const FAST: [FieldCase; 4] = [
    FieldCase {
        picture: ("1920x1080", "240"),
        seconds: 2,
        at: &[0.5, 1.5],
        seen: (2, 2),
        lasts: 2.0,
        ladder: &["240p", "1080p", "audio"],
        ..case(
            "slow-motion.mov",
            "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1 -c:a aac -ac 2",
        )
    },
    FieldCase {
        picture: ("1280x720", "400"),
        seconds: 2,
        at: &[0.5, 1.5],
        seen: (2, 2),
        lasts: 2.0,
        ladder: &["240p", "720p", "audio"],
        ..case("fast.mkv", H264)
    },
    FieldCase {
        picture: ("320x180", "90"),
        ..case("ninety.mkv", "-c:v mpeg4 -c:a aac -ac 2")
    },
    // Browsers and recorders write frames when the screen changes; the clock is in milliseconds.
    FieldCase {
        picture: ("640x360", "25"),
        ladder: &["240p", "360p", "audio"],
        ..case(
            "variable.mkv",
            "-vf select='not(eq(mod(n,7),3))',settb=1/1000,setpts='PTS+3*mod(N,3)' -fps_mode vfr -enc_time_base 1:1000 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a libopus -ac 2",
        )
    },
];

/// Recordings that were never ended.
pub const ENDLESS: [FieldCase; 5] = [
    FieldCase {
        seconds: 10,
        damage: Damage::InLastFragment,
        ladder: &["source", "audio"],
        cut: true,
        ..case(
            "fragments.mp4",
            "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -ac 2 -movflags +frag_keyframe+empty_moov+default_base_moof",
        )
    },
    FieldCase {
        seconds: 10,
        damage: Damage::InLastHeader,
        ladder: &["source", "audio"],
        cut: true,
        ..case(
            "header.mp4",
            "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -ac 2 -movflags +frag_keyframe+delay_moov",
        )
    },
    FieldCase {
        seconds: 10,
        damage: Damage::Reserved,
        cut: true,
        ..case(
            "reserved.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50:min-keyint=50:bframes=0 -tag:v hvc1 -c:a aac -ac 2 \
             -movflags +frag_keyframe+empty_moov+default_base_moof",
        )
    },
    FieldCase {
        seconds: 10,
        damage: Damage::Shorter(60),
        lasts: 9.0,
        cut: true,
        ..case(
            "killed.mkv",
            "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -ac 2",
        )
    },
    FieldCase {
        seconds: 10,
        damage: Damage::Shorter(60),
        lasts: 9.0,
        cut: true,
        ..case(
            "killed.flv",
            "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -ac 2",
        )
    },
];

/// Lectures whose sound is not back to back. Packets are about 21 ms long.
pub const SOUNDS: [FieldCase; 5] = [
    case(
        "hole.mp4",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -c:a aac -ac 2 -bsf:a noise=drop='between(n,120,220)'",
    ),
    case(
        "clock.mp4",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -af asetrate=48240,aresample=48000 -c:a aac -ac 2 -bsf:a setts=ts=TS*1.005",
    ),
    case(
        "hole.ts",
        "-c:v mpeg2video -b:v 1M -c:a aac -ac 2 -bsf:a noise=drop='between(n,120,220)'",
    ),
    case(
        "clock.mkv",
        "-c:v mpeg4 -af asetrate=47760,aresample=48000 -c:a libopus -ac 2 -bsf:a setts=ts=TS*0.995",
    ),
    case(
        "losses.flv",
        "-c:v flv -c:a aac -ac 2 -bsf:a noise=drop='between(n,100,103)+between(n,180,183)+between(n,320,324)'",
    ),
];

/// Files with more pictures, or more sounds, than the lecture's.
pub const TRACKS: [FieldCase; 5] = [
    case(
        "disabled.mov",
        "-map 2:v -map 0:v -map 1:a -c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1 -c:a aac -ac 2 \
         -disposition:v:0 0 -disposition:v:1 default",
    ),
    case(
        "still-first.mp4",
        "-map 2:v -map 0:v -map 1:a -filter:v:0 trim=end_frame=1 -c:v:0 mjpeg -pix_fmt:v:0 yuvj420p -c:v:1 libx265 \
         -preset ultrafast -x265-params log-level=error -tag:v:1 hvc1 -c:a aac -ac 2 -f mov",
    ),
    case(
        "default.mkv",
        "-map 2:v -map 0:v -map 1:a -c:v mpeg4 -c:a libopus -ac 2 -disposition:v:0 0 -disposition:v:1 default",
    ),
    case(
        "frame-first.mkv",
        "-map 2:v -map 0:v -map 1:a -filter:v:0 trim=end_frame=1 -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -ac 2 \
         -disposition:v:0 default -disposition:v:1 0",
    ),
    FieldCase {
        ladder: &["180p", "audio", "audio-2"],
        ..case(
            "sound-second.mkv",
            "-map 0:v -map 3:a -map 1:a -c:v mpeg4 -c:a libopus -ac 2 -disposition:a:0 0 -disposition:a:1 default",
        )
    },
];

impl FieldCase {
    /// Makes the file, once.
    pub async fn file(&self) -> Result<PathBuf> {
        let (size, rate) = self.picture;
        let inputs = flashes::flashing(size, rate, self.seconds, self.at);
        let mut arguments: Vec<&str> = inputs.iter().map(String::as_str).collect();
        arguments.extend(BESIDE.split_whitespace());
        if !self.more.contains("-map") {
            arguments.extend(["-map", "0:v", "-map", "1:a"]);
        }
        arguments.extend(self.more.split_whitespace());
        let whole = make(self.name, &arguments).await?;
        self.damage.done_to(&whole)
    }
}

impl Damage {
    fn done_to(self, path: &Path) -> Result<PathBuf> {
        let whole = std::fs::read(path)?;
        let header = || {
            let kind = whole.windows(4).rposition(|window| window == b"moof");
            kind.map(|at| at - 4).context("a fragment")
        };
        let bytes = match self {
            Self::None => return Ok(path.to_owned()),
            Self::InLastFragment => {
                let media = whole
                    .windows(4)
                    .rposition(|window| window == b"mdat")
                    .context("media")?;
                whole[..media + 3_000].to_vec()
            }
            Self::InLastHeader => whole[..header()? + 60].to_vec(),
            Self::Reserved => [&whole[..header()?], &[0; 60_000][..]].concat(),
            Self::Shorter(part) => whole[..whole.len() - whole.len() * part / 1_000].to_vec(),
        };
        let extension = path.extension().context("an extension")?.to_string_lossy();
        let damaged = path.with_extension(format!("damaged.{extension}"));
        std::fs::write(&damaged, bytes)?;
        Ok(damaged)
    }
}
