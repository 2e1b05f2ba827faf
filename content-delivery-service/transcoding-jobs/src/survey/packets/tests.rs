use super::picture::USUAL_FRAME;
use super::*;
use renditions::models::survey::SurveyFrame;
use std::fmt::Write as _;

/// Lines of `stream|pts|dts|duration|flags` with a size and without a place.
fn lines(text: &str) -> Vec<u8> {
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        let mut fields: Vec<&str> = line.split('|').collect();
        if fields.len() > 4 {
            fields.splice(4..4, ["9", "N/A"]);
        }
        lines.push_str(&fields.join("|"));
    }
    lines.into_bytes()
}

fn picture(text: &str, delay: usize, zero: i64) -> Option<(Vec<SurveyFrame>, u64)> {
    let mut packets = Packets::new(zero, false);
    packets.watch_video(0, Unit::new(1, 30).unwrap(), delay);
    packets.push(&lines(text)).unwrap();
    packets.close().unwrap();
    packets.frames()
}

/// Times in thirtieths.
fn times(found: Option<(Vec<SurveyFrame>, u64)>) -> (Vec<u64>, u64) {
    let (frames, end) = found.unwrap();
    (frames.iter().map(|frame| frame.time / 3_000).collect(), end / 3_000)
}

#[test]
fn frames_come_out_by_time_once_and_without_what_is_not_shown() {
    let text = "0|2|0|1|K_\n1|9|9|1|K_\n\n0|4|1|1|__|\n0|3|2|1|__\n0|3|2|1|K_\n0|1|0|1|KD\n0|nonsense\n0|5|3|1";
    let (frames, end) = picture(text, 2, 0).unwrap();
    let keys: Vec<_> = frames.iter().map(|frame| (frame.time / 3_000, frame.key)).collect();
    assert_eq!(keys, [(2, true), (3, true), (4, false)]);
    assert_eq!(end, 15_000);
}

#[test]
fn frames_without_times_are_shown_when_the_decoder_releases_them() {
    // MPEG-4 in AVI, with two B-frames between others: only the B-frames have times
    let text = "0|N/A|0|1|K_\n0|N/A|1|1|__\n0|2|2|1|__\n0|3|3|1|__\n0|N/A|4|1|__\n0|5|5|1|__\n0|6|6|1|__\n";
    assert_eq!(times(picture(text, 1, 0)), ((1..=7).collect(), 8));
    // H.264 in AVI: no frame has a time
    let text = "0|N/A|0|1|K_\n0|N/A|1|1|__\n0|N/A|2|1|__\n0|N/A|3|1|__\n";
    assert_eq!(times(picture(text, 2, 0)), ((2..=5).collect(), 6));
    // without B-frames, no frame is held back
    assert_eq!(times(picture(text, 0, 0)), ((0..=3).collect(), 4));
}

#[test]
fn a_clock_that_starts_again_in_the_middle_is_an_error() {
    let mut packets = Packets::new(0, false);
    packets.watch_video(0, Unit::new(1, 30).unwrap(), 0);
    packets
        .push(&lines("0|0|0|1|K_\n0|90|90|1|K_\n0|61|61|1|K_\n"))
        .unwrap();
    let again = packets.push(&lines("0|0|0|1|K_\n"));
    assert!(matches!(again, Err(SurveyError::Timeline)), "{again:?}");
}

#[test]
fn a_sound_alone_that_starts_again_in_the_middle_is_an_error_and_beside_a_picture_it_is_none() {
    let again = |with_picture: bool| {
        let mut packets = Packets::new(0, false);
        if with_picture {
            packets.watch_video(0, Unit::new(1, 30).unwrap(), 0);
        }
        packets.watch_audio(1, Unit::new(1, 48_000).unwrap());
        // Half a second back is forgiven, more than a second isn't.
        packets.push(&lines(
            "1|0|0|96000|K_\n1|96000|96000|96000|K_\n1|72000|72000|96000|K_\n",
        ))?;
        packets.push(&lines("1|0|0|96000|K_\n"))
    };
    assert!(matches!(again(false), Err(SurveyError::Timeline)));
    assert!(again(true).is_ok());
}

#[test]
fn times_count_from_the_lecture_s_zero_and_nothing_comes_before_it() {
    let text = "0|30|30|1|K_\n0|31|31|1|__\n0|32|32|1|K_\n";
    assert_eq!(times(picture(text, 0, 1_033_333)), (vec![0, 1], 2));
    assert_eq!(times(picture(text, 0, -1_000_000)), (vec![60, 61, 62], 63));
}

#[test]
fn the_last_frame_lasts_as_long_as_the_others_where_it_does_not_say() {
    assert_eq!(
        picture("0|0|0|N/A|K_\n0|3|3|N/A|__\n0|6|6|N/A|__\n", 0, 0).unwrap().1,
        27_000
    );
    assert_eq!(picture("0|0|0|N/A|K_\n", 0, 0).unwrap().1, USUAL_FRAME);
    assert!(picture("0|N/A|N/A|N/A|K_\n", 0, 0).is_none());
}

#[test]
fn times_beyond_belief_are_an_error_and_never_a_panic() {
    let mut packets = Packets::new(i64::MIN + 1, false);
    packets.watch_video(0, Unit::new(u32::MAX, 1).unwrap(), 2);
    packets.watch_audio(1, Unit::new(1, 48_000).unwrap());
    let top = i64::MAX;
    packets
        .push(&lines(&format!("0|{top}|{top}|{top}|K_\n1|{top}|{top}|{top}|K_\n")))
        .unwrap();
    assert!(matches!(packets.close(), Err(SurveyError::Timeline)));
    assert!(packets.frames().is_none() && packets.end_of(1).is_some());
}

#[test]
fn sounds_end_with_their_last_packet_or_with_the_sum_of_all() {
    let mut packets = Packets::new(500_000, false);
    packets.watch_audio(1, Unit::new(1, 1_000).unwrap());
    packets.watch_audio(2, Unit::new(1, 1_000).unwrap());
    packets.watch_audio(3, Unit::new(1, 1_000).unwrap());
    for chunk in [
        "1|500|500|20|9|0|K_\n1|5",
        "20|520|20|9|20|K_\n2|N/A|N/A|700|9|N/A|K_",
        "\n2|N/A|N/A|800|9|N/A|K_\n",
    ] {
        packets.push(chunk.as_bytes()).unwrap();
    }
    packets.close().unwrap();
    assert_eq!(packets.end_of(1), Some(3_600));
    assert_eq!(packets.end_of(2), Some(90_000));
    assert_eq!(packets.end_of(3), None);
}

#[test]
fn a_line_without_end_takes_no_memory() {
    let mut packets = Packets::new(0, false);
    for _ in 0..1_000 {
        packets.push(&[b'0'; 1_000]).unwrap();
    }
    assert!(packets.line.capacity() <= 4 * LONGEST_LINE);
}

#[test]
fn a_frame_belongs_to_the_stretch_of_its_packet_also_where_it_is_never_shown() {
    let mut packets = Packets::new(0, true);
    packets.watch_video(0, Unit::new(1, 2).unwrap(), 1);
    packets.watch_audio(1, Unit::new(1, 2).unwrap());
    let text =
        "0|-2|-2|1|5|40|KD\n1|0|0|1|3|45|K_\n0|2|-1|1|5|48|__\n0|0|0|1|5|53|__\n1|9|9|1|3|60|K_\n1|2|2|1|3|63|K_\n";
    packets.push(text.as_bytes()).unwrap();
    packets.close().unwrap();
    let (frames, _) = packets.frames().unwrap();
    let stretches: Vec<_> = frames.iter().map(|frame| (frame.time, frame.stretch)).collect();
    assert_eq!(stretches, [(0, 2), (90_000, 1)]);
    let found = packets.take_stretches(0, Some(100));
    assert_eq!(
        found.iter().map(|one| one.bytes.clone()).collect::<Vec<_>>(),
        [40..45, 48..53, 53..58]
    );
    assert!(packets.take_stretches(1, Some(100)).is_empty(), "its times go back");
}

#[test]
fn what_follows_a_gap_in_all_streams_belongs_to_no_frame_and_no_sound() {
    let mut packets = Packets::new(0, false);
    packets.watch_video(0, Unit::new(1, 30).unwrap(), 0);
    packets.watch_audio(1, Unit::new(1, 50).unwrap());
    let mut text = String::new();
    for n in 0..300 {
        let _ = writeln!(text, "0|{n}|{n}|1|9|N/A|K_");
        let _ = writeln!(text, "1|{n}|{n}|1|9|N/A|K_");
    }
    // a damaged clock: 30 hours, and 90 days
    text.push_str("1|5400000|5400000|1|9|N/A|K_\n1|388800000|388800000|1|9|N/A|K_\n0|233280000|233280000|1|9|N/A|K_\n");
    packets.push(text.as_bytes()).unwrap();
    packets.close().unwrap();
    let (frames, end) = packets.frames().unwrap();
    assert_eq!((frames.len(), end), (300, 10 * 90_000));
    assert_eq!(
        packets.end_of(1),
        Some(10 * 90_000),
        "silent at its end, and no longer than the picture"
    );
    assert!(packets.is_cut());
}

#[test]
fn silence_in_one_stream_is_no_gap_and_in_all_of_them_it_is_one() {
    let read = |text: &str| {
        let mut packets = Packets::new(0, false);
        packets.watch_video(0, Unit::new(1, 1).unwrap(), 0);
        packets.watch_audio(1, Unit::new(1, 1).unwrap());
        packets.push(text.as_bytes()).unwrap();
        packets.close().map(|()| packets.is_cut())
    };
    let mut text = "0|0|0|900|9|N/A|K_\n1|0|0|1|9|N/A|K_\n0|900|900|1|9|N/A|K_\n1|900|900|1|9|N/A|K_\n".to_owned();
    assert!(matches!(read(&text), Err(SurveyError::Timeline)));
    for n in (0..900).step_by(59) {
        let _ = writeln!(text, "1|{n}|{n}|1|9|N/A|K_");
    }
    assert!(matches!(read(&text), Ok(false)));
}

#[test]
fn twenty_million_packets_and_four_million_pictures_are_taken_and_no_more() {
    let one = lines("1|0|0|1|K_\n");
    let mut packets = Packets::new(0, false);
    packets.count = 19_999_999;
    packets.push(&one).unwrap();
    assert!(matches!(packets.push(&one), Err(SurveyError::TooLarge("packets"))));

    let mut packets = Packets::new(0, false);
    packets.watch_video(0, Unit::new(1, 1_000).unwrap(), 0);
    packets.video.as_mut().unwrap().pretend(3_999_999);
    packets.push(&lines("0|9|9|1|K_\n")).unwrap();
    assert!(matches!(
        packets.push(&lines("0|10|10|1|__\n")),
        Err(SurveyError::TooLarge("frames"))
    ));
}
