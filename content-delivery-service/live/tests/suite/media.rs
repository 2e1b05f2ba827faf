//! Media that ffmpeg makes and decodes.

use live::flv::{FileReader, FileWriter, FlvReader};
use live::sound::{OggReader, OggWriter, adts, opus_samples};
use live::{Format, Frame, Track};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// A picture with a white flash and a tone with a beep at each whole second.
pub(crate) const FLASHES: &str =
    "color=black:size=320x180:rate=30,drawbox=color=white:t=fill:enable='lt(mod(t,1),0.1)'";
pub(crate) const BEEPS: &str = "aevalsrc='0.8*sin(1000*2*PI*t)*lt(mod(t,1),0.1)':s=44100";

pub(crate) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-v", "error", "-y"]);
    command
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("ffmpeg is installed");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}");
    output.stdout
}

/// The frames of an FLV stream with B-frames and AAC.
pub(crate) fn rtmp_frames(seconds: u32) -> Vec<Frame> {
    rtmp_frames_of(FLASHES, seconds)
}

/// The same of other pictures.
pub(crate) fn rtmp_frames_of(pictures: &str, seconds: u32) -> Vec<Frame> {
    let mut command = ffmpeg();
    command.args([
        "-f",
        "lavfi",
        "-i",
        pictures,
        "-f",
        "lavfi",
        "-i",
        BEEPS,
        "-t",
        &seconds.to_string(),
    ]);
    command.args("-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 3 -g 60 -c:a aac -b:a 96k -f flv -".split(' '));
    let mut file = FileReader::new();
    file.push(&run(&mut command));
    let (mut reader, mut frames) = (FlvReader::new(), Vec::new());
    while let Some(tag) = file.next_tag().unwrap() {
        frames.extend(reader.push(&tag).unwrap());
    }
    frames
}

/// Packets of Opus, the first at a time in samples.
pub(crate) fn opus_frames(seconds: u32, first: i64) -> Vec<Frame> {
    let mut command = ffmpeg();
    command.args(["-f", "lavfi", "-i", BEEPS, "-t", &seconds.to_string()]);
    command.args(["-ac", "2", "-c:a", "libopus", "-f", "ogg", "-"]);
    let mut reader = OggReader::new();
    let packets = reader.push(&run(&mut command)).unwrap();
    let format = Arc::new(Format::Opus { channels: 2 });
    let mut time = first;
    let frame = |data: bytes::Bytes| {
        let decoded_at = time;
        time += i64::from(opus_samples(&data).unwrap());
        Frame {
            track: Track::Sound,
            format: Arc::clone(&format),
            decoded_at,
            shown_after: 0,
            key: true,
            data,
        }
    };
    packets.into_iter().map(frame).collect()
}

/// When flashes begin in pictures.
///
/// Units: seconds, by the frames' times
pub(crate) fn flashes(frames: &[Frame], folder: &Path) -> Vec<f64> {
    let Format::H264(sets) = &*frames[0].format else {
        panic!("no pictures");
    };
    let zero = frames[0].decoded_at.div_euclid(90);
    let (writer, head) = FileWriter::new(zero);
    let mut file = head.to_vec();
    file.extend_from_slice(&writer.configuration(sets, &frames[0]));
    frames
        .iter()
        .for_each(|frame| file.extend_from_slice(&writer.picture(frame)));
    let path = folder.join("pictures");
    std::fs::write(&path, file).unwrap();
    let mut command = ffmpeg();
    command.args(["-copyts", "-f", "flv", "-i"]).arg(&path);
    command.args([
        "-vf",
        "signalstats,metadata=print:file=-",
        "-fps_mode",
        "passthrough",
        "-f",
        "null",
        "-",
    ]);
    let text = String::from_utf8(run(&mut command)).unwrap();
    let (mut flashes, mut time, mut is_dark) = (Vec::new(), 0.0, false);
    for line in text.lines() {
        if let Some((_, at)) = line.split_once("pts_time:") {
            time = at.trim().parse::<f64>().unwrap() + zero as f64 / 1_000.0;
        } else if let Some(level) = line.strip_prefix("lavfi.signalstats.YAVG=") {
            let is_bright = level.parse::<f64>().unwrap() > 120.0;
            if is_bright && is_dark {
                flashes.push(time);
            }
            is_dark = !is_bright;
        }
    }
    flashes
}

/// When beeps begin in packets of sound.
///
/// Units: seconds, by the frames' times
pub(crate) fn beeps(frames: &[Frame], folder: &Path) -> Vec<f64> {
    let path = folder.join("sound");
    let format = &*frames[0].format;
    let (demuxer, file) = match format {
        Format::Opus { channels } => {
            let (mut writer, head) = OggWriter::new(*channels);
            let mut file = head.to_vec();
            for frame in frames {
                file.extend_from_slice(&writer.packet(&frame.data, opus_samples(&frame.data).unwrap()));
            }
            ("ogg", file)
        }
        Format::Aac { config } => (
            "aac",
            frames
                .iter()
                .flat_map(|frame| adts(config, &frame.data).unwrap())
                .collect(),
        ),
        Format::H264(_) => panic!("no sound"),
    };
    std::fs::write(&path, file).unwrap();
    let mut command = ffmpeg();
    command
        .args(["-f", demuxer, "-i"])
        .arg(&path)
        .args(["-ac", "1", "-ar", "48000", "-f", "s16le", "-"]);
    let bytes = run(&mut command);
    let samples: Vec<i16> = bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    // The time of a sample of what was decoded: frames follow each other without a gap.
    let first = frames[0].decoded_at as f64 / f64::from(format.timescale());
    let (mut beeps, mut quiet) = (Vec::new(), 10_000);
    for (n, sample) in samples.iter().enumerate() {
        if sample.unsigned_abs() < 3_000 {
            quiet += 1;
            continue;
        }
        if quiet > 9_000 {
            beeps.push(first + n as f64 / 48_000.0);
        }
        quiet = 0;
    }
    beeps
}
