//! Encoders: what goes in comes out in the other codec, at the same time.

use crate::media::{beeps, opus_frames, rtmp_frames, rtmp_frames_of};
use fmp4::LiveTrack;
use live::{Format, Frame, Track};
use live_server::encoders::{Encoders, Feed, Sink};
use std::future::Future;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a whole test may take on a busy machine.
const LONG: Duration = Duration::from_secs(60);

pub(crate) fn encoders(data: &TempDir) -> Encoders {
    let program = env!("CARGO_BIN_EXE_live-guard");
    Encoders::open(program, data.path(), false).unwrap()
}

/// What comes out of an encoder, with the time at which it did.
struct Made(UnboundedReceiver<(Frame, Instant)>);

impl Made {
    fn sink() -> (Self, Sink) {
        let (sender, made) = unbounded_channel();
        let sink = move |frame| drop(sender.send((frame, Instant::now())));
        (Self(made), Box::new(sink))
    }

    async fn next(&mut self) -> (Frame, Instant) {
        timeout(LONG, self.0.recv())
            .await
            .expect("the encoder makes frames")
            .unwrap()
    }

    /// The frames up to a time.
    async fn until(&mut self, seconds: f64) -> Vec<Frame> {
        let mut frames = Vec::new();
        loop {
            let (frame, _) = self.next().await;
            let is_last = time(&frame) >= seconds;
            frames.push(frame);
            if is_last {
                return frames;
            }
        }
    }
}

fn time(frame: &Frame) -> f64 {
    frame.decoded_at as f64 / f64::from(frame.format.timescale())
}

fn run(work: impl Future<Output = ()> + Send + 'static) -> JoinSet<()> {
    let mut set = JoinSet::new();
    set.spawn(work);
    set
}

fn push_all(feed: &mut Feed, frames: &[Frame]) {
    frames.iter().for_each(|frame| feed.push(frame));
}

/// Asserts that beeps are at the same times, to a hundredth of a second.
fn assert_beeps(made: &[Frame], taken: &[Frame], data: &TempDir) {
    let (made, taken) = (beeps(made, data.path()), beeps(taken, data.path()));
    assert!(made.len() >= 3, "{made:?}");
    for beep in &made {
        let nearest = taken.iter().map(|other| (other - beep).abs()).fold(f64::MAX, f64::min);
        assert!(nearest < 0.01, "{made:?} of {taken:?}");
    }
}

#[tokio::test]
async fn opus_becomes_aac_at_the_same_times() {
    let data = tempfile::tempdir().unwrap();
    let (mut made, sink) = Made::sink();
    let (mut feed, work) = encoders(&data).opus_to_aac(sink);
    let _work = run(work);
    // One minute and some samples after the beginning of the lecture.
    let taken = opus_frames(5, 60 * 48_000 + 77);
    push_all(&mut feed, &taken);
    let frames = made.until(64.5).await;
    assert!(matches!(&*frames[0].format, Format::Aac { config } if config[..] == [0x11, 0x90]));
    assert!(
        frames
            .windows(2)
            .all(|pair| pair[1].decoded_at - pair[0].decoded_at == 1_024)
    );
    assert_eq!(frames[0].decoded_at, 60 * 48_000 + 77);
    assert_beeps(&frames, &taken, &data);
}

#[tokio::test]
async fn aac_becomes_opus_at_the_same_times_at_another_rate() {
    let data = tempfile::tempdir().unwrap();
    let (mut made, sink) = Made::sink();
    let (mut feed, work) = encoders(&data).aac_to_opus(sink);
    let _work = run(work);
    let taken: Vec<Frame> = rtmp_frames(5)
        .into_iter()
        .filter(|frame| frame.track == Track::Sound)
        .collect();
    push_all(&mut feed, &taken);
    let frames = made.until(4.5).await;
    assert_eq!(*frames[0].format, Format::Opus { channels: 1 });
    assert!(
        frames
            .windows(2)
            .all(|pair| pair[1].decoded_at - pair[0].decoded_at == 960)
    );
    assert_beeps(&frames, &taken, &data);
}

#[tokio::test]
async fn a_gap_in_the_sound_comes_out_as_long_as_it_went_in() {
    let data = tempfile::tempdir().unwrap();
    let (mut made, sink) = Made::sink();
    let (mut feed, work) = encoders(&data).opus_to_aac(sink);
    let _work = run(work);
    let mut taken = opus_frames(4, 0);
    for frame in taken.iter_mut().skip(100) {
        frame.decoded_at += 5 * 48_000;
    }
    push_all(&mut feed, &taken);
    let frames = made.until(8.5).await;
    let gaps: Vec<i64> = frames
        .windows(2)
        .map(|pair| pair[1].decoded_at - pair[0].decoded_at)
        .collect();
    let gaps: Vec<i64> = gaps.into_iter().filter(|gap| *gap != 1_024).collect();
    assert_eq!(gaps, [5 * 48_000 + 1_024]);
}

#[tokio::test]
async fn pictures_come_out_in_the_order_in_which_they_are_shown() {
    let data = tempfile::tempdir().unwrap();
    let (mut made, sink) = Made::sink();
    let (mut feed, work) = encoders(&data).pictures(sink);
    let _work = run(work);
    let taken: Vec<Frame> = rtmp_frames(5)
        .into_iter()
        .filter(|frame| frame.track != Track::Sound)
        .collect();
    assert!(
        taken.iter().any(|frame| frame.shown_after > 3_000),
        "there are B-frames"
    );
    push_all(&mut feed, &taken);
    let frames = made.until(4.5).await;
    let mut shown: Vec<i64> = taken
        .iter()
        .map(|frame| frame.decoded_at + i64::from(frame.shown_after))
        .collect();
    shown.sort_unstable();
    let times: Vec<i64> = frames.iter().map(|frame| frame.decoded_at).collect();
    assert_eq!(times, shown[..times.len()], "each picture at its time");
    assert!(frames.iter().all(|frame| frame.shown_after == 0));
    assert!(
        matches!(&*frames[0].format, Format::H264(sets) if sets.sps[1] == 66),
        "baseline"
    );
    let keys: Vec<usize> = (0..frames.len()).filter(|n| frames[*n].key).collect();
    assert_eq!(keys, [0, 60, 120], "a key frame every two seconds");
}

#[tokio::test]
async fn large_pictures_become_smaller_whether_they_are_wide_or_upright() {
    for (size, expected) in [("1920x1080", (1_280, 720)), ("1080x1920", (720, 1_280))] {
        let data = tempfile::tempdir().unwrap();
        let (mut made, sink) = Made::sink();
        let (mut feed, work) = encoders(&data).pictures(sink);
        let _work = run(work);
        let taken = rtmp_frames_of(&format!("color=black:size={size}:rate=10"), 2);
        for frame in taken.iter().filter(|frame| frame.track != Track::Sound) {
            feed.push(frame);
        }
        let (frame, _) = made.next().await;
        let Format::H264(sets) = &*frame.format else {
            panic!("no picture");
        };
        let track = LiveTrack::h264(&sets.sps, &sets.pps).unwrap();
        assert_eq!((track.width, track.height), expected, "{size}");
    }
}

#[tokio::test]
async fn a_child_that_dies_is_started_again() {
    let data = tempfile::tempdir().unwrap();
    let (mut made, sink) = Made::sink();
    let (mut feed, work) = encoders(&data).opus_to_aac(sink);
    let _work = run(work);
    push_all(&mut feed, &opus_frames(1, 0));
    made.next().await;
    // A header that no packet of Opus has: the child ends, since it can't be decoded.
    let begun = Instant::now();
    let mut broken = opus_frames(1, 48_000);
    kill_children(&data);
    let mut second = 1;
    loop {
        second += 1;
        assert!(begun.elapsed() < LONG, "nothing comes out any more");
        for frame in &mut broken {
            frame.decoded_at += 48_000;
            feed.push(frame);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let newest = std::iter::from_fn(|| made.0.try_recv().ok()).last();
        if newest.is_some_and(|(frame, at)| at > begun && time(&frame) > f64::from(second) - 1.5 && second > 3) {
            return;
        }
    }
}

/// Kills the tools whose folder is in this one.
fn kill_children(data: &TempDir) {
    let staging = data.path().join("staging");
    let mut killed = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).into_owned();
        let is_tool = words.starts_with("ffmpeg") && words.contains(&*staging.to_string_lossy());
        if let (true, Some(id)) = (is_tool, entry.file_name().to_str()) {
            killed += u32::from(
                std::process::Command::new("kill")
                    .args(["-9", id])
                    .status()
                    .unwrap()
                    .success(),
            );
        }
    }
    assert!(killed > 0, "there is a tool");
}

/// Prints how late frames come out that go in as a publisher sends them.
#[tokio::test]
async fn frames_come_out_soon_after_they_went_in() {
    let data = tempfile::tempdir().unwrap();
    let encoders = encoders(&data);
    let (mut pictures, sink) = Made::sink();
    let (mut picture_feed, work) = encoders.pictures(sink);
    let _picture_work = run(work);
    let (mut sound, sink) = Made::sink();
    let (mut sound_feed, work) = encoders.aac_to_opus(sink);
    let _sound_work = run(work);
    let begun = Instant::now();
    for frame in rtmp_frames(6) {
        sleep_until(begun + Duration::from_secs_f64(time(&frame).max(0.0))).await;
        match frame.track {
            Track::Sound => sound_feed.push(&frame),
            Track::Picture(_) => picture_feed.push(&frame),
        }
    }
    for (kind, made) in [("pictures", &mut pictures), ("sound", &mut sound)] {
        let mut late = Vec::new();
        loop {
            let (frame, at) = made.next().await;
            late.push(at.duration_since(begun).as_secs_f64() - time(&frame));
            if time(&frame) > 5.5 {
                break;
            }
        }
        let mut late = late.split_off(late.len() / 2);
        late.sort_by(f64::total_cmp);
        println!(
            "{kind}: median {:.3} s, longest {:.3} s",
            late[late.len() / 2],
            late[late.len() - 1]
        );
        assert!(late[late.len() / 2] < 0.5, "{kind}: {late:?}");
    }
}
