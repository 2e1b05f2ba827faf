//! Plans as they are stored: reads what earlier versions wrote in ffmpeg's terms.

use super::{Input, KeyFrame, PlannedPiece, RecordedLayer, Stream};
use serde::Deserialize;
use std::ops::Range;

/// An [`Input`], or its earlier form with the name of ffmpeg's demuxer and its specifier of a stream.
#[derive(Deserialize)]
pub(super) struct StoredInput {
    #[serde(alias = "demuxer")]
    container: String,
    zero: i64,
    video: Option<StoredStream>,
    pixels: u64,
    last_picture: Option<u64>,
    recording: Option<RecordedLayer>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredStream {
    Known(Stream),
    /// Its number, or `i:` and its track's id.
    Specifier(String),
}

/// A [`PlannedPiece`], or its earlier form with the time to which ffmpeg jumps.
#[derive(Deserialize)]
pub(super) struct StoredPiece {
    first: u32,
    segments: u32,
    key_frame: Option<KeyFrame>,
    seek: Option<u64>,
    frames: Option<u32>,
    bytes: Option<Range<u64>>,
}

impl From<StoredInput> for Input {
    fn from(stored: StoredInput) -> Self {
        let container = match stored.container.as_str() {
            "mpeg" => "mpegps".to_owned(),
            _ => stored.container,
        };
        let video = stored.video.and_then(|stream| match stream {
            StoredStream::Known(stream) => Some(stream),
            StoredStream::Specifier(text) => specified(&text),
        });
        Self {
            container,
            zero: stored.zero,
            video,
            pixels: stored.pixels,
            last_picture: stored.last_picture,
            recording: stored.recording,
        }
    }
}

fn specified(text: &str) -> Option<Stream> {
    match text.strip_prefix("i:") {
        Some(id) => id.parse().ok().map(Stream::Id),
        None => text.parse().ok().map(Stream::Number),
    }
}

impl From<StoredPiece> for PlannedPiece {
    fn from(stored: StoredPiece) -> Self {
        // The jump is aimed as far behind the key frame as is safe. With the next key frame at the same time, the worker
        // aims it no further.
        let before = stored.seek.map(|at| KeyFrame { at, next: Some(at) });
        Self {
            first: stored.first,
            segments: stored.segments,
            key_frame: stored.key_frame.or(before),
            frames: stored.frames,
            bytes: stored.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;
    use serde_json::json;

    fn stored(input: &serde_json::Value, piece: &serde_json::Value) -> Plan {
        let rest = json!({ "bounds": [0, 540_000], "pieces": [piece] });
        let plan = json!({
            "audio": { "bounds": [], "pieces": [] }, "input": input, "rungs": [], "sounds": [], "source": null, "video": rest
        });
        serde_json::from_value(plan).unwrap()
    }

    #[test]
    fn plans_that_the_version_before_stored_are_read() {
        let piece = json!({ "first": 2, "frames": 50, "seek": 913_140, "segments": 2 });
        for (demuxer, video, container, stream) in [
            ("matroska", json!("0"), "matroska", Some(Stream::Number(0))),
            ("mov", json!("i:257"), "mov", Some(Stream::Id(257))),
            ("mpeg", json!(null), "mpegps", None),
        ] {
            let input = json!({ "demuxer": demuxer, "pixels": 3_072, "video": video, "zero": -7_000 });
            let plan = stored(&input, &piece);
            assert_eq!((plan.input.container.as_str(), plan.input.video), (container, stream));
            assert_eq!((plan.input.zero, plan.input.pixels), (-7_000, 3_072));
            let key_frame = KeyFrame {
                at: 913_140,
                next: Some(913_140),
            };
            assert_eq!(plan.video.pieces[0].key_frame, Some(key_frame));
            assert_eq!(
                (plan.video.pieces[0].frames, &plan.video.pieces[0].bytes),
                (Some(50), &None)
            );
        }
        let plan = stored(
            &json!({ "demuxer": "mov", "pixels": 1, "video": "i:1", "zero": 0 }),
            &json!({ "first": 0, "frames": null, "seek": null, "segments": 1 }),
        );
        assert_eq!(plan.video.pieces[0].key_frame, None);
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let input = Input {
            container: "mpegps".to_owned(),
            zero: 5,
            video: Some(Stream::Id(480)),
            pixels: 1,
            last_picture: Some(9),
            recording: Some(RecordedLayer {
                name: "video-1".parse().unwrap(),
                is_boxed: true,
            }),
        };
        let piece = PlannedPiece {
            first: 1,
            segments: 2,
            key_frame: Some(KeyFrame { at: 7, next: None }),
            frames: None,
            bytes: Some(188..376),
        };
        let plan = stored(&json!(input), &json!(piece));
        assert_eq!((&plan.input, &plan.video.pieces[0]), (&input, &piece));
        assert_eq!(serde_json::from_value::<Plan>(json!(plan)).unwrap(), plan);
    }
}
