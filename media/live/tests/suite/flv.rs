//! FLV as frames.

use crate::make::{Bench, Packet, adler32, packets};
use live::flv::{FileReader, FileWriter, FlvReader, Tag, TagKind};
use live::{Format, Frame, Track};
use std::path::Path;

const PICTURE_WITH_B_FRAMES: &str =
    "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 3 -g 45 -c:a aac -b:a 96k -f flv";

/// The tags of a file.
pub(crate) fn tags(path: &Path) -> Vec<Tag> {
    let mut reader = FileReader::new();
    let mut tags = Vec::new();
    for part in std::fs::read(path).unwrap().chunks(1_000) {
        reader.push(part);
        while let Some(tag) = reader.next_tag().unwrap() {
            tags.push(tag);
        }
    }
    tags
}

fn frames(tags: &[Tag]) -> Vec<Frame> {
    let mut reader = FlvReader::from(0);
    tags.iter().filter_map(|tag| reader.push(tag).unwrap()).collect()
}

fn assert_same(frame: &Frame, packet: &Packet) {
    assert_eq!(frame.track == Track::Sound, !packet.is_picture);
    assert_eq!(frame.data.len(), packet.size);
    assert_eq!(adler32(&frame.data), packet.hash);
    assert_eq!(frame.key, packet.key);
    let shown = frame.decoded_at + i64::from(frame.shown_after);
    if packet.is_picture {
        assert_eq!((frame.decoded_at, shown), (packet.dts * 90, packet.pts * 90));
    } else {
        let off = frame.decoded_at * 1_000 - packet.pts * i64::from(frame.format.timescale());
        assert!(
            off.abs() <= 1_000 * i64::from(frame.format.timescale()) / 1_000,
            "{packet:?}"
        );
    }
}

#[test]
fn frames_equal_the_packets_that_ffprobe_finds() {
    let bench = Bench::new();
    let path = bench.source("source.flv", 6, PICTURE_WITH_B_FRAMES);
    let (frames, packets) = (frames(&tags(&path)), packets(&path));
    assert_eq!(frames.len(), packets.len());
    assert!(
        frames.iter().any(|frame| frame.shown_after > 3_000),
        "there are B-frames"
    );
    for (frame, packet) in frames.iter().zip(&packets) {
        assert_same(frame, packet);
    }
    let sound: Vec<&Frame> = frames.iter().filter(|frame| frame.track == Track::Sound).collect();
    assert!(
        sound
            .windows(2)
            .all(|pair| pair[1].decoded_at - pair[0].decoded_at == 1_024)
    );
    assert!(matches!(&*sound[0].format, Format::Aac { config } if config[..2] == [0x12, 0x08]));
}

#[test]
fn parameter_sets_that_change_make_a_new_format() {
    let bench = Bench::new();
    let first = tags(&bench.source("first.flv", 2, PICTURE_WITH_B_FRAMES));
    let smaller = format!("-vf scale=160:90 {PICTURE_WITH_B_FRAMES}");
    let mut second = tags(&bench.source("second.flv", 2, &smaller));
    let offset = first.last().unwrap().timestamp + 40;
    for tag in &mut second {
        tag.timestamp += offset;
    }
    let count = first.len() + second.len();
    let frames = frames(&[first, second].concat());
    assert!(frames.len() > count - 10);
    let pictures: Vec<&Frame> = frames.iter().filter(|frame| frame.track != Track::Sound).collect();
    let changes = pictures.windows(2).filter(|pair| pair[0].format != pair[1].format);
    let changes: Vec<bool> = changes.map(|pair| pair[1].key).collect();
    assert_eq!(changes, [true], "the format changes once, at a key frame");
}

#[test]
fn parameter_sets_within_the_stream_are_kept_out_of_frames() {
    let bench = Bench::new();
    let source = bench.source("source.flv", 2, PICTURE_WITH_B_FRAMES);
    let repeated = bench.convert(&source, "repeated.flv", "-c copy -bsf:v h264_mp4toannexb -f flv");
    let plain = frames(&tags(&source));
    let frames = frames(&tags(&repeated));
    assert_eq!(frames.len(), plain.len());
    for (frame, plain) in frames.iter().zip(&plain) {
        assert_eq!((&frame.data, &frame.format), (&plain.data, &plain.format));
    }
}

#[test]
fn pictures_that_are_written_as_flv_are_the_same_for_ffprobe() {
    let bench = Bench::new();
    let source = bench.source("source.flv", 3, PICTURE_WITH_B_FRAMES);
    let frames = frames(&tags(&source));
    let pictures: Vec<&Frame> = frames.iter().filter(|frame| frame.track != Track::Sound).collect();
    let (writer, header) = FileWriter::new(-500);
    let mut file = header.to_vec();
    let Format::H264(sets) = &*pictures[0].format else {
        panic!("{:?}", pictures[0].format);
    };
    file.extend_from_slice(&writer.configuration(sets, pictures[0]));
    for picture in &pictures {
        file.extend_from_slice(&writer.picture(picture));
    }
    let path = bench.path("written.flv");
    std::fs::write(&path, &file).unwrap();
    let written = packets(&path);
    let expected: Vec<Packet> = packets(&source)
        .into_iter()
        .filter(|packet| packet.is_picture)
        .collect();
    assert_eq!(written.len(), expected.len());
    for (written, expected) in written.iter().zip(expected) {
        let times = (written.dts - 500, written.pts - 500);
        assert_eq!((times, written.hash), ((expected.dts, expected.pts), expected.hash));
    }
}

#[test]
fn frames_go_on_evenly_when_timestamps_wrap_and_start_anew() {
    let bench = Bench::new();
    let tags = tags(&bench.source("source.flv", 4, PICTURE_WITH_B_FRAMES));
    let plain = frames(&tags);
    let mut moved = tags.clone();
    for tag in &mut moved {
        tag.timestamp = tag.timestamp.wrapping_sub(2_000);
    }
    let mut reader = FlvReader::from(0_u32.wrapping_sub(2_000));
    let wrapped: Vec<Frame> = moved.iter().filter_map(|tag| reader.push(tag).unwrap()).collect();
    let times = |frames: &[Frame]| -> Vec<i64> { frames.iter().map(|frame| frame.decoded_at).collect() };
    assert_eq!(times(&wrapped), times(&plain));
    // The second time, both tracks begin at 0 once more.
    let mut reader = FlvReader::from(0);
    let twice: Vec<Frame> = [tags.clone(), tags]
        .concat()
        .iter()
        .filter_map(|tag| reader.push(tag).unwrap())
        .collect();
    assert_eq!(twice.len(), 2 * plain.len());
    for track in [Track::Sound, Track::Picture(0)] {
        let times: Vec<i64> = twice
            .iter()
            .filter(|frame| frame.track == track)
            .map(|frame| frame.decoded_at)
            .collect();
        let rate = i64::from(
            twice
                .iter()
                .find(|frame| frame.track == track)
                .unwrap()
                .format
                .timescale(),
        );
        assert!(
            times
                .windows(2)
                .all(|pair| (1..rate / 5).contains(&(pair[1] - pair[0]))),
            "{track:?}: {times:?}"
        );
    }
}

#[test]
fn a_stream_without_configurations_has_no_frames() {
    let bench = Bench::new();
    let tags = tags(&bench.source("source.flv", 1, PICTURE_WITH_B_FRAMES));
    let without: Vec<Tag> = tags.into_iter().filter(|tag| tag.body.get(1) != Some(&0)).collect();
    assert!(without.iter().any(|tag| tag.kind == TagKind::Picture) && without.len() > 30);
    assert!(frames(&without).is_empty());
}
