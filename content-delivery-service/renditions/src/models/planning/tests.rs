use super::super::plan::{PlannedPiece, Work};
use super::super::survey::{Stretch, SurveyFrame};
use super::*;
use std::ops::Range;

const LISTED: [u32; 5] = [240, 360, 540, 720, 1080];

/// A film of 30000/1001 frames a second with a key frame each two seconds.
fn film(width: u32, height: u32, seconds: u64) -> Survey {
    let frames: Vec<SurveyFrame> = (0..seconds * 30)
        .map(|n| SurveyFrame {
            time: n * 3003,
            key: n % 60 == 0,
            stretch: 0,
        })
        .collect();
    let end = frames.last().map_or(0, |frame| frame.time + 3003);
    Survey {
        container: "matroska".to_owned(),
        zero: 0,
        duration: end,
        cut: false,
        video: Some(SurveyVideo {
            stream: 0,
            codec: "hevc".to_owned(),
            width,
            height,
            frame_rate: 30.0 / 1.001,
            rotation: 0,
            frames,
            end,
            stretches: Vec::new(),
        }),
        audio: vec![SurveyAudio {
            stream: 1,
            codec: "opus".to_owned(),
            channels: 6,
            sample_rate: 48_000,
            language: None,
            end,
            silences: Vec::new(),
            stretches: Vec::new(),
        }],
    }
}

fn sizes(width: u32, height: u32) -> Vec<(String, u32, u32)> {
    let plan = plan_of_survey(&film(width, height, 12), &LISTED);
    plan.rungs
        .into_iter()
        .map(|rung| (rung.name.to_string(), rung.width, rung.height))
        .collect()
}

fn names(width: u32, height: u32) -> Vec<String> {
    sizes(width, height).into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn a_picture_is_never_upscaled_and_its_own_size_is_on_top() {
    assert_eq!(names(1920, 1080), ["240p", "360p", "540p", "720p", "1080p"]);
    assert_eq!(names(854, 480), ["240p", "360p", "480p"]);
    assert_eq!(sizes(200, 150), [("150p".to_owned(), 200, 150)]);
    assert_eq!(names(3840, 2160), ["240p", "360p", "540p", "720p", "1080p"]);
    assert_eq!(names(1080, 1920).last().map(String::as_str), Some("1080p"));
    for (width, height) in [
        (1920, 1080),
        (853, 480),
        (201, 151),
        (1080, 1921),
        (4000, 100),
        (33, 3000),
    ] {
        for (name, across, down) in sizes(width, height) {
            assert!(
                across <= width.max(16) && down <= height.max(16),
                "{name}: {across}x{down}"
            );
            assert!(across % 2 == 0 && down % 2 == 0 && across > 0 && down > 0);
        }
    }
}

#[test]
fn pieces_are_ten_ten_twenty_forty_and_then_sixty_seconds_and_shorter_towards_the_end() {
    let plan = plan_of_survey(&film(640, 360, 400), &LISTED);
    let lengths: Vec<u64> = plan
        .video
        .pieces
        .iter()
        .map(|piece| {
            let bounds = plan.video.bounds_of(piece).unwrap();
            (bounds.last().unwrap() - bounds[0] + u64::from(TICKS) / 2) / u64::from(TICKS)
        })
        .collect();
    assert_eq!(lengths, [10, 10, 20, 40, 60, 60, 60, 45, 30, 20, 15, 10, 10, 10]);
    let counted: u32 = plan.video.pieces.iter().map(|piece| piece.frames.unwrap()).sum();
    assert_eq!(counted, 400 * 30);
    for piece in &plan.video.pieces {
        let start = plan.video.bounds_of(piece).unwrap()[0];
        let key_frame = piece.key_frame.unwrap();
        assert!(key_frame.at <= start && start < key_frame.next.unwrap());
    }
    let mut next = 0;
    for piece in &plan.video.pieces {
        assert_eq!(piece.first, next);
        next += piece.segments;
    }
    assert_eq!(usize::try_from(next).unwrap() + 1, plan.video.bounds.len());
}

#[test]
fn every_segment_has_a_frame_and_none_is_a_stub() {
    // In milliseconds: a picture that begins late, and one that stands still for long.
    let ticks = |at: u64| at * u64::from(TICKS) / 1_000;
    let late: Vec<u64> = (0..300).map(|n| ticks(6_000 + 40 * n)).collect();
    let still = [0, 40, 9_996, 10_012, 10_040, 14_000, 19_500, 20_100]
        .map(ticks)
        .to_vec();
    for (times, end) in [(late, ticks(18_000)), (still, ticks(20_998))] {
        let mut survey = film(640, 360, 1);
        let video = survey.video.as_mut().unwrap();
        video.frames = times
            .iter()
            .map(|&time| SurveyFrame {
                time,
                key: true,
                stretch: 0,
            })
            .collect();
        video.end = end;
        survey.audio[0].end = ticks(40_000);
        let plan = plan_of_survey(&survey, &LISTED);
        let last = *times.last().unwrap();
        assert_eq!(plan.input.last_picture, Some(last));
        for segment in plan.video.bounds.windows(2).filter(|segment| segment[0] <= last) {
            let shown = times.iter().filter(|&&time| segment[0] <= time && time < segment[1]);
            assert!(shown.count() > 0, "{segment:?}");
        }
        for segment in plan.video.bounds.windows(2).chain(plan.audio.bounds.windows(2)) {
            assert!(segment[1] - segment[0] >= u64::from(TICKS) / 2, "{segment:?}");
        }
    }
}

#[test]
fn decoding_begins_with_the_last_key_frame_before() {
    let survey = film(640, 360, 10);
    let mut video = survey.video.unwrap();
    let found = |video: &SurveyVideo, time| grid::key_frame(video, time).map(|it| (it.at, it.next));
    // Key frames are at 0, 180180, 360360 and so on.
    assert_eq!(found(&video, 100), Some((0, Some(180_180))));
    assert_eq!(found(&video, 200_000), Some((180_180, Some(360_360))));
    assert_eq!(found(&video, 850_000), Some((720_720, Some(video.end))));
    video.frames[0].key = false;
    assert_eq!(found(&video, 100), None);
}

/// A film whose packets are 10 bytes long, a second of picture before a second of sound, and its stretches.
fn placed(seconds: u64) -> Survey {
    let mut survey = film(640, 360, seconds);
    let video = survey.video.as_mut().unwrap();
    for (n, frame) in (0..).zip(&mut video.frames) {
        frame.stretch = n / 15;
    }
    let halves = |offset: u64, length: u64| {
        (0..seconds * 2).map(move |n| {
            let start = n / 2 * 1_000 + offset + n % 2 * length;
            Stretch {
                from: n * 45_045,
                bytes: start..start + length,
            }
        })
    };
    video.stretches = halves(0, 150).collect();
    survey.audio[0].stretches = halves(300, 350).collect();
    survey
}

fn bytes(pieces: &[PlannedPiece]) -> Vec<Option<Range<u64>>> {
    pieces.iter().map(|piece| piece.bytes.clone()).collect()
}

#[test]
fn a_piece_needs_the_bytes_from_its_key_frame_to_its_end_with_half_a_second_on_both_sides() {
    let plan = plan_of_survey(&placed(30), &LISTED);
    assert_eq!(plan.video.bounds[..5], [0, 450_450, 900_900, 1_351_350, 1_801_800]);
    // Piece by piece: its key frames are at 0, 10 s and 20 s.
    assert_eq!(
        bytes(&plan.video.pieces),
        [Some(0..10_150), Some(9_150..20_150), Some(19_150..29_300)]
    );
    // Sound is decoded from four seconds before.
    assert_eq!(
        bytes(&plan.audio.pieces),
        [Some(300..11_000), Some(5_650..21_000), Some(15_650..30_000)]
    );
}

#[test]
fn a_piece_without_places_or_before_every_key_frame_has_no_bytes_or_those_from_the_beginning() {
    let mut survey = placed(30);
    survey.audio[0].stretches.clear();
    let video = survey.video.as_mut().unwrap();
    for frame in &mut video.frames[..301] {
        frame.key = false;
    }
    let plan = plan_of_survey(&survey, &LISTED);
    assert_eq!(
        bytes(&plan.video.pieces),
        [Some(0..10_150), Some(0..20_150), Some(19_150..29_300)]
    );
    assert!(plan.audio.pieces.iter().all(|piece| piece.bytes.is_none()));
    survey.video.as_mut().unwrap().stretches.clear();
    let plan = plan_of_survey(&survey, &LISTED);
    assert!(plan.video.pieces.iter().all(|piece| piece.bytes.is_none()));
}

#[test]
fn frames_that_are_decoded_late_prolong_the_bytes_of_their_piece() {
    let mut survey = placed(30);
    // The last frame of the first piece comes two seconds later in the file.
    let frames = &mut survey.video.as_mut().unwrap().frames;
    frames[299].stretch += 4;
    let plan = plan_of_survey(&survey, &LISTED);
    assert_eq!(plan.video.pieces[0].bytes, Some(0..12_150));
}

#[test]
fn picture_and_sound_have_one_grid_up_to_the_end_of_the_longer() {
    let mut survey = film(640, 360, 31);
    let end = survey.video.as_ref().unwrap().end;
    survey.audio[0].end = 42 * 90_000;
    let plan = plan_of_survey(&survey, &LISTED);
    let frames = &survey.video.as_ref().unwrap().frames;
    let (held, shown): (Vec<u64>, Vec<u64>) = plan.video.bounds.iter().partition(|&&bound| bound >= end);
    assert!(
        shown
            .iter()
            .all(|bound| frames.iter().any(|frame| frame.time == *bound))
    );
    assert_eq!(held, [35, 40, 42].map(|second| second * 90_000));
    assert_eq!(plan.audio.bounds, plan.video.bounds);
    assert_eq!(plan.input.last_picture, Some(end - 3_003));
    let counted: u32 = plan.video.pieces.iter().map(|piece| piece.frames.unwrap()).sum();
    assert_eq!(counted, 31 * 30, "repetitions are not the source's frames");
    survey.audio[0].end = 12 * 90_000;
    let short = plan_of_survey(&survey, &LISTED);
    assert_eq!((short.video.end(), &short.audio.bounds), (end, &short.video.bounds));
    assert_eq!(short.input.last_picture, None);
    // The last picture stays for a moment, within its segment.
    survey.audio[0].end = end + 90_000;
    let moment = plan_of_survey(&survey, &LISTED);
    assert_eq!((moment.video.end(), moment.input.last_picture), (end + 90_000, None));
}

/// The rates of a ladder, and how many frames of a film of so many frames a second it has in ten seconds.
fn rates(size: (u32, u32), rate: u64, listed: &[u32]) -> (Vec<(String, f64)>, u32) {
    let mut survey = film(size.0, size.1, 1);
    let video = survey.video.as_mut().unwrap();
    video.frames = (0..rate * 10)
        .map(|n| SurveyFrame {
            time: n * 90_000 / rate,
            key: n % 60 == 0,
            stretch: 0,
        })
        .collect();
    (video.end, video.frame_rate) = (900_000, f64::from(u32::try_from(rate).unwrap()));
    let plan = plan_of_survey(&survey, listed);
    let rates = plan.rungs.iter().map(|rung| (rung.name.to_string(), rung.frame_rate));
    let counted = plan.video.pieces.iter().map(|piece| piece.frames.unwrap()).sum();
    (rates.collect(), counted)
}

#[test]
fn rungs_have_at_most_sixty_frames_a_second_and_no_more_than_the_highest_level_allows() {
    for (rate, expected, counted) in [
        (30, 30.0, 300),
        (60, 60.0, 600),
        (90, 45.0, 450),
        (120, 60.0, 600),
        (240, 60.0, 600),
        (1_000, 58.823, 589),
    ] {
        let (rungs, frames) = rates((640, 360), rate, &[240, 360]);
        assert_eq!(rungs, [("240p".to_owned(), expected), ("360p".to_owned(), expected)]);
        assert_eq!(frames, counted, "{rate} frames a second");
    }
    let (rungs, _) = rates((3840, 2160), 60, &[1080, 2160]);
    assert_eq!(rungs, [("1080p".to_owned(), 60.0), ("2160p".to_owned(), 30.0)]);
    // 600 × 68 macroblocks are too many for any level.
    let (rungs, _) = rates((9600, 1080), 30, &[540, 1080]);
    assert_eq!(rungs.len(), 1);
}

#[test]
fn no_side_is_longer_than_the_highest_level_allows_and_the_shape_stays() {
    assert_eq!(sizes(250, 9_200), [("236p".to_owned(), 236, 8_684)]);
    assert_eq!(sizes(9_200, 250), [("236p".to_owned(), 8_684, 236)]);
    assert_eq!(sizes(16, 9_000), [("15p".to_owned(), 16, 8_438)]);
    assert_eq!(sizes(240, 8_688), [("240p".to_owned(), 240, 8_688)]);
    assert_eq!(names(1_200, 29_000), ["240p"]);
    for (width, height) in [
        (1, 32_000),
        (100, 32_000),
        (1_080, 32_000),
        (1_079, 8_690),
        (400, 8_700),
    ] {
        let sizes = sizes(width, height);
        assert!(!sizes.is_empty());
        for (name, across, down) in sizes {
            assert!(
                across <= 8_688 && down <= 8_688,
                "{width}x{height}: {name}: {across}x{down}"
            );
        }
    }
}

#[test]
fn frames_far_apart_make_long_segments_and_never_an_empty_one() {
    let mut survey = film(640, 360, 10);
    let video = survey.video.as_mut().unwrap();
    video.frames = [0_u64, 2, 13, 14, 47, 48]
        .map(|second| SurveyFrame {
            time: second * 90_000,
            key: second == 0,
            stretch: 0,
        })
        .to_vec();
    video.end = 49 * 90_000;
    let plan = plan_of_survey(&survey, &LISTED);
    let seconds: Vec<u64> = plan.video.bounds.iter().map(|bound| bound / 90_000).collect();
    assert_eq!(seconds, [0, 13, 47, 49]);
    assert!(
        plan.video
            .pieces
            .iter()
            .all(|piece| piece.key_frame.is_some_and(|key_frame| key_frame.at == 0))
    );
}

#[test]
fn the_lowest_rung_runs_ahead_where_nothing_else_can_be_watched() {
    let plan = plan_of_survey(&film(1280, 720, 30), &LISTED);
    let tasks = plan.tasks();
    let of = |priority: i64| tasks.iter().filter(|task| task.priority == priority).count();
    assert_eq!((of(30), of(20), of(10)), (2, 3, 2));
    assert_eq!(tasks.len(), 7);
    let first = Work::Piece {
        number: 0,
        rungs: vec!["240p".parse().unwrap()],
    };
    assert!(tasks.iter().any(|task| task.work == first && task.priority == 30));
}

#[test]
fn all_rungs_of_a_piece_are_one_task_if_the_source_is_fetched_but_for_the_first_piece() {
    let mut plan = plan_of_survey(&film(1280, 720, 30), &LISTED);
    plan.is_fetched = true;
    let tasks = plan.tasks();
    let pieces = tasks.iter().filter_map(|task| match &task.work {
        Work::Piece { number, rungs } => Some((*number, rungs.len(), task.priority)),
        Work::Audio(_) => None,
    });
    let all = plan.rungs.len();
    assert_eq!(
        pieces.collect::<Vec<_>>(),
        [(0, 1, 30), (1, all, 20), (2, all, 20), (0, all - 1, 20)]
    );
}

#[test]
fn sound_alone_has_a_grid_of_its_own_and_no_rungs() {
    let mut survey = film(640, 360, 10);
    survey.video = None;
    survey.audio[0].end = 61 * 90_000;
    let plan = plan_of_survey(&survey, &LISTED);
    assert!(plan.rungs.is_empty() && plan.video.pieces.is_empty());
    assert_eq!(plan.audio.bounds.len(), 13 + 1);
    assert_eq!(plan.sounds[0].channels, 2);
    assert_eq!(plan.tasks().len(), 1);
}

#[test]
fn a_source_with_nothing_to_watch_gives_an_empty_plan() {
    let mut survey = film(640, 360, 10);
    survey.video.as_mut().unwrap().frames.clear();
    survey.audio.clear();
    assert!(plan_of_survey(&survey, &LISTED).is_empty());
}

#[test]
fn the_largest_plan_that_a_survey_can_lead_to_has_less_than_a_mebibyte() {
    // Twelve hours with a key frame each two seconds, eight sounds with five hundred silences each, and a position for every
    // half second: what the survey stops at.
    const SECONDS: u64 = 12 * 3_600;
    const HALF: u64 = 45_000;
    let mut survey = film(1920, 1080, SECONDS);
    let stretches: Vec<Stretch> = (0..2 * SECONDS)
        .map(|n| Stretch {
            from: n * HALF,
            bytes: (u64::MAX / 2 + n)..(u64::MAX / 2 + n + 1),
        })
        .collect();
    survey.zero = i64::MIN;
    let video = survey.video.as_mut().unwrap();
    for frame in &mut video.frames {
        frame.stretch = u32::try_from(frame.time / HALF).unwrap().min(86_399);
    }
    video.stretches.clone_from(&stretches);
    let sound = SurveyAudio {
        silences: (0..500)
            .map(|n| n * 86 * 90_000 + 1..n * 86 * 90_000 + 11 * 90_000)
            .collect(),
        stretches,
        ..survey.audio.remove(0)
    };
    survey.audio = vec![sound; 8];
    let plan = plan_of_survey(&survey, &LISTED);
    let bytes = serde_json::to_vec(&plan).unwrap().len();
    println!(
        "{bytes} bytes, {} pieces, {} tasks",
        plan.video.pieces.len(),
        plan.tasks().len()
    );
    assert!(plan.video.pieces.iter().all(|piece| piece.bytes.is_some()));
    assert_eq!(
        plan.sounds.iter().map(|sound| sound.silences.len()).sum::<usize>(),
        4_000
    );
    assert!(bytes < 1 << 20, "{bytes} bytes");
}
