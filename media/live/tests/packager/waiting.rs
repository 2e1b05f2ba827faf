//! Which requests wait, which are answered, which are refused.

use crate::studio::{Plan, Random, SETTINGS, Studio};
use live::packager::{Ready, Rendition};

const PICTURE: Rendition = Rendition::Picture(0);

#[test]
fn requests_wait_for_what_comes_next_and_no_further() {
    let mut studio = Studio::new(SETTINGS);
    assert_eq!(studio.packager.ready(PICTURE, 0, None), Ready::Unknown);
    Plan::new().publish(&mut studio, &mut Random::new(), 0, 7);
    let media = studio.read(PICTURE);
    let open = u32::try_from(media.segments.len()).unwrap();
    let parts = u32::try_from(media.open.parts.len()).unwrap();
    assert!(open >= 2 && parts >= 1);
    assert_eq!(studio.packager.next_part(PICTURE), Some((open, parts)));
    let ready = |sequence: u32, part: Option<u32>| studio.packager.ready(PICTURE, sequence, part);
    for sequence in 0..open {
        assert_eq!(
            (ready(sequence, None), ready(sequence, Some(0))),
            (Ready::Now, Ready::Now)
        );
    }
    assert_eq!(ready(open, Some(parts - 1)), Ready::Now);
    assert_eq!(
        [ready(open, Some(parts)), ready(open, None), ready(open + 1, Some(0))],
        [Ready::Wait; 3]
    );
    assert_eq!([ready(open + 1, None), ready(open, Some(parts + 2))], [Ready::Wait; 2]);
    assert_eq!(
        [
            ready(open + 2, None),
            ready(u32::MAX, None),
            ready(open, Some(parts + 40))
        ],
        [Ready::TooFar; 3]
    );
    // A part behind the last one of a segment is the next segment's first.
    let last = u32::try_from(media.segments.last().unwrap().parts.len()).unwrap();
    assert_eq!(ready(open - 1, Some(last - 1)), Ready::Now);
    assert_eq!(ready(open - 1, Some(last)), Ready::Now);
    assert_eq!(studio.packager.ready(Rendition::Picture(7), 0, None), Ready::Unknown);
    studio.end();
    assert_eq!(studio.packager.ready(PICTURE, open + 9, Some(3)), Ready::Now);
    assert_eq!(studio.packager.next_part(PICTURE), None);
}

#[test]
fn a_request_that_waits_is_answered_by_the_next_change() {
    let mut studio = Studio::new(SETTINGS);
    let mut random = Random::new();
    let plan = Plan::new();
    plan.publish(&mut studio, &mut random, 0, 4);
    let (mut waited, mut answered) = (studio.packager.next_part(PICTURE).unwrap(), 0);
    let (format, mut before) = (
        crate::studio::h264(40),
        studio.packager.playlist(PICTURE, true).unwrap(),
    );
    for n in 120..360 {
        studio.now += 33_333;
        let key = studio.asked.pop().is_some();
        studio.push(&crate::studio::picture(0, &format, n * 100_000 / 3, key, 100));
        let now = studio.packager.playlist(PICTURE, true).unwrap();
        if studio.packager.ready(PICTURE, waited.0, Some(waited.1)) == Ready::Now {
            assert_ne!(now, before);
            waited = studio.packager.next_part(PICTURE).unwrap();
            answered += 1;
        }
        before = now;
    }
    assert!((24..=31).contains(&answered), "{answered}");
}

#[test]
fn a_playlist_is_made_once_for_each_change() {
    let mut studio = Studio::new(SETTINGS);
    Plan::new().publish(&mut studio, &mut Random::new(), 0, 5);
    for skip in [true, false] {
        let one = studio.packager.playlist(PICTURE, skip).unwrap();
        let other = studio.packager.playlist(PICTURE, skip).unwrap();
        assert_eq!(one.as_ptr(), other.as_ptr());
    }
}

#[test]
fn delta_updates_can_be_turned_off() {
    let settings = live::packager::Settings {
        delta_updates: false,
        ..SETTINGS
    };
    let mut studio = Studio::new(settings);
    Plan::new().publish(&mut studio, &mut Random::new(), 0, 40);
    let skipped = studio.packager.playlist(PICTURE, true).unwrap();
    assert_eq!(Some(&skipped), studio.packager.playlist(PICTURE, false).as_ref());
    assert!(!String::from_utf8(skipped.to_vec()).unwrap().contains("SKIP"));
}
