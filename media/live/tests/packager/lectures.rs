//! Lectures of all kinds keep the rules of low-latency playlists, and no byte is lost.

use crate::studio::{Plan, Random, SECOND, SETTINGS, Studio, aac, h264, opus};
use live::packager::{Packager, Rendition, SegmentState, Settings, Targets};

fn seconds(micros: u64) -> f64 {
    f64::from(u32::try_from(micros / 1000).unwrap()) / 1000.0
}

/// Publishes, ends and checks every sample.
fn lecture(plan: &Plan, length: i64) -> Studio {
    let mut studio = Studio::new(SETTINGS);
    plan.publish(&mut studio, &mut Random::new(), 0, length);
    studio.end();
    for rendition in studio.packager.renditions() {
        studio.check_samples(rendition);
    }
    studio
}

#[test]
fn layers_and_sounds_have_segments_of_two_seconds_at_the_same_times() {
    let plan = Plan {
        layers: 3,
        sounds: vec![opus(), aac()],
        ..Plan::new()
    };
    let studio = lecture(&plan, 60);
    let pictures: Vec<_> = (0..3).map(Rendition::Picture).collect();
    let all = [&pictures[..], &[Rendition::Aac, Rendition::Opus]].concat();
    assert_eq!(studio.packager.renditions(), all);
    let first = &studio.files[&Rendition::Picture(0)].segments;
    assert!((28..=30).contains(&first.len()), "{}", first.len());
    for rendition in all {
        let segments = &studio.files[&rendition].segments;
        assert_eq!(segments.len(), first.len(), "{rendition}");
        for (one, other) in first.iter().zip(segments) {
            assert!(
                one.start.abs_diff(other.start) < 130_000,
                "{rendition}: {one:?} {other:?}"
            );
            assert!(one.programme_time.abs_diff(other.programme_time) < 130_000);
        }
        let [.., last] = segments.as_slice() else { panic!() };
        assert!((59.9..60.1).contains(&seconds(last.start + last.duration)));
        let usual = segments.iter().filter(|it| (1.9..2.2).contains(&seconds(it.duration)));
        assert!(usual.count() + 2 >= segments.len(), "{rendition}: {segments:?}");
    }
}

#[test]
fn the_multivariant_playlist_has_the_ladder_once_with_each_sound() {
    let mut studio = Studio::new(SETTINGS);
    let plan = Plan {
        layers: 2,
        sounds: vec![opus(), aac()],
        ..Plan::new()
    };
    assert_eq!(studio.packager.multivariant(), None);
    plan.publish(&mut studio, &mut Random::new(), 0, 10);
    let text = String::from_utf8(studio.packager.multivariant().unwrap().to_vec()).unwrap();
    let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        (lines("#EXT-X-MEDIA:"), lines("#EXT-X-STREAM-INF:"), lines("1/")),
        (2, 4, 4),
        "{text}"
    );
    assert!(
        text.contains("CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=30."),
        "{text}"
    );
    assert!(
        text.contains("CODECS=\"avc1.640028,opus\"") && text.contains("\n1/video-1/media.m3u8\n"),
        "{text}"
    );
    assert!(text.contains("URI=\"1/audio/media.m3u8\"") && text.contains("#EXT-X-INDEPENDENT-SEGMENTS"));
}

#[test]
fn every_rate_of_pictures_has_parts_that_keep_the_rule() {
    for (rate, part) in [
        (60, 333_334),
        (30, 333_334),
        (25, 333_334),
        (15, 333_334),
        (10, 700_000),
        (5, 1_000_000),
    ] {
        let plan = Plan { rate, ..Plan::new() };
        let rate_wanted = plan.rate;
        let mut slow = plan;
        // The publisher's loop runs at ten pictures a second at least.
        slow.jitter = 0;
        let studio = if rate >= 10 {
            lecture(&slow, 30)
        } else {
            five_a_second(30)
        };
        let targets = studio.packager.targets().unwrap();
        assert!(targets.part.abs_diff(part) < 2_000, "{rate_wanted}: {targets:?}");
        let parts = &studio.files[&Rendition::Picture(0)].parts;
        let longest = parts.values().map(|part| part.duration).max().unwrap();
        assert!(
            longest <= targets.part && (rate < 15 || longest >= 200_000),
            "{rate}: {longest}"
        );
        assert_eq!(
            studio.files[&Rendition::Picture(0)]
                .last
                .as_ref()
                .map(|last| last.independent),
            Some(true)
        );
    }
}

fn five_a_second(length: i64) -> Studio {
    let mut studio = Studio::new(SETTINGS);
    let (format, sound) = (h264(40), opus());
    let mut packet = 0;
    for n in 0..length * 5 {
        studio.now = crate::studio::NOON + n * SECOND / 5;
        let key = n == 0 || studio.asked.pop().is_some();
        studio.push(&crate::studio::picture(0, &format, n * SECOND / 5, key, 200));
        while packet < n * 10 {
            studio.push(&crate::studio::packet(&sound, packet));
            packet += 1;
        }
        studio.tick();
    }
    studio.end();
    studio.check_samples(Rendition::Picture(0));
    studio.check_samples(Rendition::Opus);
    studio
}

#[test]
fn a_still_screen_at_fifteen_a_second_keeps_the_rules_for_a_minute() {
    let plan = Plan {
        rate: 15,
        jitter: 9_000,
        size: 20,
        ..Plan::new()
    };
    let studio = lecture(&plan, 60);
    let files = &studio.files[&Rendition::Picture(0)];
    assert!(
        files
            .segments
            .iter()
            .all(|segment| !segment.is_gap() && segment.discontinuities == 0)
    );
    assert!(files.segments.len() >= 27);
}

#[test]
fn random_times_of_pictures_keep_the_rules() {
    let mut random = Random::new();
    for _ in 0..8 {
        let rate = i64::try_from(12 + random.below(50)).unwrap();
        let plan = Plan {
            layers: 1 + u8::try_from(random.below(3)).unwrap(),
            rate,
            jitter: i64::try_from(random.below(400_000)).unwrap(),
            sounds: vec![aac(), opus()],
            size: 40,
            ..Plan::new()
        };
        println!("{plan:?}");
        let mut studio = Studio::new(SETTINGS);
        plan.publish(&mut studio, &mut random, 0, 25);
        studio.end();
        for rendition in studio.packager.renditions() {
            studio.check_samples(rendition);
        }
    }
}

#[test]
fn lectures_of_one_kind_are_lectures() {
    let sound = lecture(&Plan { rate: 0, ..Plan::new() }, 20);
    assert_eq!(sound.packager.renditions(), [Rendition::Opus]);
    let usual = sound.files[&Rendition::Opus]
        .segments
        .iter()
        .filter(|it| it.duration.abs_diff(2_000_000) < 25_000);
    assert!(usual.count() >= 9);
    let text = String::from_utf8(sound.packager.multivariant().unwrap().to_vec()).unwrap();
    assert!(text.ends_with("CODECS=\"opus\"\n1/audio-opus/media.m3u8\n"), "{text}");
    let picture = lecture(
        &Plan {
            sounds: vec![],
            ..Plan::new()
        },
        20,
    );
    assert_eq!(picture.packager.renditions(), [Rendition::Picture(0)]);
    // Shorter than what is watched first.
    let short = lecture(&Plan::new(), 1);
    assert_eq!(short.packager.renditions().len(), 2);
}

#[test]
fn another_format_has_its_own_init_segment_behind_a_discontinuity_of_all() {
    let mut studio = Studio::new(SETTINGS);
    let mut random = Random::new();
    let mut plan = Plan {
        layers: 2,
        sounds: vec![opus(), aac()],
        ..Plan::new()
    };
    for (from, level) in [(0, 40), (7, 31), (14, 30)] {
        plan.format = h264(level);
        plan.publish(&mut studio, &mut random, from, from + 7);
    }
    studio.end();
    for (rendition, files) in &studio.files {
        studio.check_samples(*rendition);
        assert_eq!(files.inits.len(), if rendition.is_picture() { 3 } else { 1 });
        let media = files.last.as_ref().unwrap();
        let discontinuities: Vec<_> = media.segments.iter().filter(|it| it.discontinuity).collect();
        assert_eq!(discontinuities.len(), 2, "{rendition}");
        assert!(
            discontinuities
                .iter()
                .all(|it| it.map.is_some() == rendition.is_picture())
        );
    }
}

#[test]
fn a_publisher_that_leaves_before_anything_is_known_leaves_all_that_it_sent() {
    let mut studio = Studio::new(SETTINGS);
    let mut random = Random::new();
    for _ in 0..2 {
        Plan::new().publish(&mut studio, &mut random, 0, 1);
        studio.interrupt();
        studio.now += 5 * SECOND;
    }
    studio.end();
    assert!(!studio.files.is_empty());
    for rendition in studio.files.keys() {
        studio.check_samples(*rendition);
    }
}

#[test]
fn a_publisher_that_returns_goes_on_without_the_time_between() {
    let mut studio = Studio::new(SETTINGS);
    let mut random = Random::new();
    let plan = Plan {
        sounds: vec![opus(), aac()],
        ..Plan::new()
    };
    plan.publish(&mut studio, &mut random, 0, 9);
    studio.interrupt();
    studio.now += 60 * SECOND;
    // The publisher's clock begins anew.
    plan.publish(&mut studio, &mut random, 0, 9);
    studio.end();
    for (rendition, files) in &studio.files {
        studio.check_samples(*rendition);
        assert_eq!(files.inits.len(), 1);
        let ends = files
            .segments
            .windows(2)
            .map(|pair| (pair[0].start + pair[0].duration, pair[1].start));
        assert!(
            ends.clone().all(|(end, start)| end.abs_diff(start) < 90_000),
            "{rendition}"
        );
        let later = files
            .segments
            .iter()
            .find(|segment| segment.discontinuities == 1)
            .unwrap();
        let before = &files.segments[usize::try_from(later.sequence).unwrap() - 1];
        let silent = later.programme_time - before.programme_time;
        assert!(silent > 60 * SECOND && silent < 63 * SECOND, "{silent}");
        assert!((17.9..18.1).contains(&seconds(files.segments.iter().map(|it| it.duration).sum())));
    }
}

#[test]
fn a_lecture_goes_on_after_a_crash() {
    let mut studio = Studio::new(SETTINGS);
    let mut random = Random::new();
    let plan = Plan {
        layers: 2,
        sounds: vec![opus(), aac()],
        ..Plan::new()
    };
    plan.publish(&mut studio, &mut random, 0, 13);
    let state = serde_json::to_string(&studio.packager.state().unwrap()).unwrap();
    let renditions = studio.packager.renditions();
    studio.packager = Packager::restore(SETTINGS, serde_json::from_str(&state).unwrap());
    // What was made of the segment that is lost.
    for files in studio.files.values_mut() {
        let lost = u32::try_from(files.segments.len()).unwrap();
        files.parts.retain(|&(sequence, _), _| sequence < lost);
        files.last.as_mut().unwrap().open = crate::judge::Segment::default();
    }
    assert_eq!(studio.packager.renditions(), renditions);
    for &rendition in &renditions {
        drop(studio.read(rendition));
    }
    studio.now += 5 * SECOND;
    let given: Vec<usize> = renditions.iter().map(|it| studio.files[it].samples().len()).collect();
    renditions
        .iter()
        .for_each(|it| studio.given.get_mut(it).unwrap().clear());
    plan.publish(&mut studio, &mut random, 0, 8);
    studio.end();
    for (rendition, stored) in renditions.into_iter().zip(given) {
        let files = &studio.files[&rendition];
        assert_eq!(
            files.samples().len() - stored,
            studio.given[&rendition].len(),
            "{rendition}"
        );
        let gap = files.segments.iter().position(SegmentState::is_gap).unwrap();
        assert_eq!(
            files.segments[gap + 1].discontinuities,
            files.segments[gap].discontinuities + 1
        );
        assert!(files.segments[gap].duration < 2_300_000, "{:?}", files.segments[gap]);
        assert_eq!(files.segments.iter().filter(|segment| segment.is_gap()).count(), 1);
    }
}

#[test]
fn segments_that_were_made_and_never_stored_become_a_gap_of_their_length_that_uses_up_their_numbers() {
    const STORED: usize = 5;
    let (mut studio, mut random) = (Studio::new(SETTINGS), Random::new());
    let plan = Plan::new();
    plan.publish(&mut studio, &mut random, 0, 31);
    let mut state = studio.packager.state().unwrap();
    let made: Vec<usize> = state.renditions.iter().map(|it| it.segments.len()).collect();
    for stored in &mut state.renditions {
        stored.segments.truncate(STORED);
    }
    for files in studio.files.values_mut() {
        files.segments.truncate(STORED);
        let first_lost = u32::try_from(STORED).unwrap();
        files.parts.retain(|&(sequence, _), _| sequence < first_lost);
        files.last = None;
    }
    studio.packager = Packager::restore(SETTINGS, state);
    studio.packager.note_lost(studio.now);
    studio.now += 60 * SECOND;
    plan.publish(&mut studio, &mut random, 0, 8);
    studio.end();
    for (files, made) in studio.files.values().zip(made) {
        let gaps = files.segments.iter().filter(|segment| segment.is_gap());
        let lost: u64 = gaps.map(|segment| segment.duration).sum();
        assert!((20_000_000..25_000_000).contains(&lost), "{lost}");
        let mut rest = files.segments.iter().skip(STORED);
        let next = rest.find(|segment| !segment.is_gap()).unwrap();
        // the last one of the process before was not complete
        assert!(usize::try_from(next.sequence).unwrap() > made, "{next:?} after {made}");
    }
}

#[test]
fn a_publisher_that_decides_about_key_frames_decides_about_segments() {
    let settings = Settings {
        answers_requests: false,
        ..SETTINGS
    };
    for (every, segment) in [(2, 3), (4, 4), (9, 10)] {
        let mut studio = Studio::new(settings);
        let plan = Plan {
            key_every: Some(every),
            sounds: vec![aac()],
            ..Plan::new()
        };
        plan.publish(&mut studio, &mut Random::new(), 0, 40);
        assert!(studio.asked.is_empty());
        studio.end();
        studio.check_samples(Rendition::Picture(0));
        studio.check_samples(Rendition::Aac);
        assert_eq!(studio.packager.targets(), Some(Targets { segment, part: 333_334 }));
        let files = &studio.files[&Rendition::Picture(0)];
        assert!(files.last.as_ref().unwrap().independent);
        assert_eq!(files.segments[1].duration, u64::try_from(every * SECOND).unwrap());
    }
}

#[test]
fn a_publisher_that_sends_no_key_frames_has_segments_that_do_not_claim_them() {
    let mut studio = Studio::new(SETTINGS);
    let plan = Plan::new();
    let mut random = Random::new();
    plan.publish(&mut studio, &mut random, 0, 5);
    let format = h264(40);
    for n in 5 * 30..20 * 30 {
        studio.now += SECOND / 30;
        studio.push(&crate::studio::picture(0, &format, n * SECOND / 30, false, 100));
    }
    assert!(studio.asked.len() > 10);
    studio.end();
    studio.check_samples(Rendition::Picture(0));
    let media = studio.files[&Rendition::Picture(0)].last.clone().unwrap();
    assert!(!media.independent && media.segments.len() >= 6);
}
