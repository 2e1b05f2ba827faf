use super::*;
use contracts::RenditionName;

fn input(container: &str, zero: i64) -> Input {
    Input {
        container: container.to_owned(),
        zero,
        video: Some(Stream::Number(2)),
        pixels: 0,
        last_picture: None,
        recording: None,
    }
}

fn text(args: &[OsString]) -> String {
    let words: Vec<&str> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
    words.join(" ")
}

#[test]
fn a_piece_is_decoded_once_for_all_its_rungs() {
    let rung = |name: &str, width, height| Rung {
        name: name.parse().unwrap(),
        width,
        height,
        frame_rate: 30.0,
        thinned: Some(false),
        bit_rate: 400_000,
        crf: 22,
    };
    let (low, high) = (rung("240p", 426, 240), rung("360p", 640, 360));
    let args = piece(&PieceOrder {
        input: &input("matroska", -7_000),
        source: &SourceFile::stored("/data/a -f b".into()),
        seek: Some(900_000),
        bounds: &[900_900, 1_351_350, 1_801_800],
        rungs: &[&low, &high],
        preset: "veryfast",
        threads: 1,
    });
    let line = text(&args);
    assert!(
        line.contains("-seek_timestamp 1 -noaccurate_seek -ss 9.993000 -max_alloc "),
        "{line}"
    );
    assert!(line.contains(" -f matroska -i file:/data/a -f b"), "{line}");
    assert!(line.contains(
        "[0:2]setpts=round(PTS-(-0.007000)/TB),trim=start=10.009800:end=20.019800,split=2[a0][a1];[a0]scale=426:240"
    ));
    assert!(line.contains("-force_key_frames 10.009800,15.014800 "));
    assert_eq!(line.matches("-i ").count(), 1);
    // of the decoder and of each encoder
    assert_eq!(line.matches(" -threads 1 ").count(), 3);
    assert!(
        args.contains(&OsString::from("file:/data/a -f b")),
        "a path is one argument"
    );
}

#[test]
fn sound_goes_on_with_a_sample_and_begins_to_read_shortly_before() {
    let sound_of = Sound {
        name: "audio".parse().unwrap(),
        stream: 1,
        channels: 2,
        language: None,
        silences: Vec::new(),
    };
    let args = |from| {
        text(&sound(
            &input("mp4", 0),
            &SourceFile::stored("/s".into()),
            &sound_of,
            (from, 1_080_000),
        ))
    };
    assert!(!args(0).contains("-ss"));
    assert!(args(480_000).contains("-seek_timestamp 1 -noaccurate_seek -ss 8.000000"));
    assert!(args(480_000).contains("first_pts=480000"));
    for container in ["wav", "w64", "aiff", "au", "caf"] {
        let whole = text(&sound(
            &input(container, 0),
            &SourceFile::stored("/s".into()),
            &sound_of,
            (480_000, 1_080_000),
        ));
        assert!(
            !whole.contains("-ss") && whole.contains("atrim=start=8.000000:end=12.000000"),
            "{whole}"
        );
    }
}

fn ffmpeg(folder: &Path, args: impl IntoIterator<Item = OsString>) -> Vec<u8> {
    let mut command = std::process::Command::new("ffmpeg");
    let output = command.args(args).current_dir(folder).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    output.stdout
}

/// A transport stream whose picture, or whose sound, begins half a second after the other.
fn late(folder: &Path, name: &str, inputs: &str) -> Input {
    let plain = "-nostdin -v error -y -f lavfi -i testsrc2=size=320x180:rate=30:duration=12 -f lavfi \
        -i sine=sample_rate=48000:duration=12 -c:v libx264 -preset ultrafast -g 30 -c:a aac plain.mp4";
    ffmpeg(folder, words(plain));
    ffmpeg(
        folder,
        words(&format!(
            "-nostdin -v error -y {inputs} -map 0:v -map 1:a -c copy {name}"
        )),
    );
    Input {
        video: Some(Stream::Number(0)),
        ..input("mpegts", 1_400_000)
    }
}

#[test]
fn a_late_picture_is_as_late_in_its_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let input = late(folder.path(), "late.ts", "-itsoffset 0.5 -i plain.mp4 -i plain.mp4");
    let low = Rung {
        name: "144p".parse().unwrap(),
        width: 256,
        height: 144,
        frame_rate: 30.0,
        thinned: Some(false),
        bit_rate: 400_000,
        crf: 28,
    };
    for (bounds, seek, first, frames) in [
        ([0, 450_000], None, 46_920, 135),
        ([450_000, 900_000], Some(360_000), 451_920, 150),
    ] {
        let order = PieceOrder {
            input: &input,
            source: &SourceFile::stored(folder.path().join("late.ts")),
            seek,
            bounds: &bounds,
            rungs: &[&low],
            preset: "ultrafast",
            threads: 2,
        };
        ffmpeg(folder.path(), piece(&order));
        let probe = std::process::Command::new("ffprobe")
            .args("-v error -show_entries packet=pts -of csv=p=0 144p.mp4".split(' '))
            .current_dir(folder.path())
            .output()
            .unwrap();
        let list = String::from_utf8(probe.stdout).unwrap();
        let mut times: Vec<u64> = list
            .lines()
            .map(|line| line.trim_matches(',').parse().unwrap())
            .collect();
        times.sort_unstable();
        assert_eq!((times[0], times.len()), (first, frames));
    }
}

#[test]
fn a_late_sound_is_as_late_from_wherever_it_is_encoded() {
    let folder = tempfile::tempdir().unwrap();
    let input = late(folder.path(), "late.ts", "-i plain.mp4 -itsoffset 0.5 -i plain.mp4");
    let of = Sound {
        name: "audio".parse().unwrap(),
        stream: 1,
        channels: 1,
        language: None,
        silences: Vec::new(),
    };
    for (from, silent) in [(0, 24_000), (12_288, 24_000 - 12_288), (240_640, 0)] {
        let encoded = ffmpeg(
            folder.path(),
            sound(
                &input,
                &SourceFile::stored(folder.path().join("late.ts")),
                &of,
                (from, 9_000_000),
            ),
        );
        std::fs::write(folder.path().join("sound.aac"), encoded).unwrap();
        let samples = ffmpeg(folder.path(), words("-nostdin -v error -i sound.aac -f s16le -"));
        let loud = |pair: &[u8]| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > 1_000;
        let first = samples.chunks_exact(2).position(loud).unwrap();
        // The first packet primes the decoder.
        let began = i64::try_from(first).unwrap() - 1_024;
        assert!(
            (began - silent).abs() < 1_500,
            "from {from}: silent for {began} samples"
        );
        let all = i64::try_from(samples.len() / 2).unwrap() - 1_024;
        let expected = 12 * 48_000 + 24_000 - i64::try_from(from).unwrap();
        assert!((all - expected).abs() < 4_096, "from {from}: {all} samples");
    }
}

/// A rung of frames as large as the source's.
fn rung(width: u32, height: u32, frame_rate: f64, thinned: bool) -> Rung {
    Rung {
        name: RenditionName::rung(height),
        width,
        height,
        frame_rate,
        thinned: Some(thinned),
        bit_rate: 4_000_000,
        crf: 28,
    }
}

/// Encodes a piece and makes its segments, as a worker does; returns the times of its frames in ticks.
fn encoded(folder: &Path, input: &Input, (name, seek): (&str, Option<u64>), bounds: &[u64], rung: &Rung) -> Vec<u64> {
    let order = PieceOrder {
        input,
        source: &SourceFile::stored(folder.join(name)),
        seek,
        bounds,
        rungs: &[rung],
        preset: "ultrafast",
        threads: 2,
    };
    ffmpeg(folder, piece(&order));
    let file = file_name(rung);
    let bytes = std::fs::read(folder.join(&file)).unwrap();
    fmp4::video_piece(&bytes, bounds, 0, 6_000).unwrap();
    let probe = std::process::Command::new("ffprobe")
        .args("-v error -show_entries packet=pts -of csv=p=0".split(' '))
        .arg(&file)
        .current_dir(folder)
        .output()
        .unwrap();
    let list = String::from_utf8(probe.stdout).unwrap();
    let mut times: Vec<u64> = list
        .lines()
        .map(|line| line.trim_matches(',').parse().unwrap())
        .collect();
    times.sort_unstable();
    times
}

#[test]
fn after_the_end_of_a_picture_its_last_frame_is_repeated_each_second() {
    let folder = tempfile::tempdir().unwrap();
    for (rate, container, name) in [
        ("25", "matroska", "a.mkv"),
        ("30000/1001", "avi", "a.avi"),
        ("1/2", "avi", "slow.avi"),
    ] {
        let make =
            format!("-nostdin -v error -y -f lavfi -i testsrc2=size=320x180:rate={rate}:duration=7 -c:v mpeg4 {name}");
        ffmpeg(folder.path(), words(&make));
        let last = match rate {
            "25" => 174 * 3_600,
            "1/2" => 3 * 180_000,
            _ => 209 * 3_003,
        };
        let input = Input {
            video: Some(Stream::Number(0)),
            last_picture: Some(last),
            ..input(container, 0)
        };
        let rung = rung(320, 180, 25.0, false);
        let across = [450_000, 900_000, 1_350_000];
        let times = encoded(folder.path(), &input, (name, Some(270_000)), &across, &rung);
        let held: Vec<u64> = times.iter().copied().filter(|&time| time > last).collect();
        let expected: Vec<u64> = (last / 90_000 + 1..15).map(|second| second * 90_000).collect();
        assert_eq!(held, expected, "{name}");
        let after = [9_000_000, 9_450_000, 9_900_000];
        let times = encoded(folder.path(), &input, (name, Some(540_000)), &after, &rung);
        assert_eq!(
            times,
            (100..110).map(|second| second * 90_000).collect::<Vec<u64>>(),
            "{name}"
        );
    }
}

#[test]
fn a_fast_picture_is_thinned_to_what_the_highest_level_allows() {
    let folder = tempfile::tempdir().unwrap();
    let make = "-nostdin -v error -y -f lavfi -i testsrc2=size=1280x720:rate=400:duration=0.5 -c:v libx264 -preset ultrafast fast.mkv";
    ffmpeg(folder.path(), words(make));
    let input = Input {
        video: Some(Stream::Number(0)),
        ..input("matroska", 0)
    };
    let rung = rung(1280, 720, 57.142, true);
    let times = encoded(folder.path(), &input, ("fast.mkv", None), &[0, 45_000], &rung);
    assert_eq!(times.len(), 29);
    let slots: Vec<u64> = times.iter().map(|&time| rung.slot(time)).collect();
    assert_eq!(slots, (0..29).collect::<Vec<u64>>());
}

#[test]
fn sound_keeps_its_times_over_holes_and_with_another_clock() {
    let folder = tempfile::tempdir().unwrap();
    let beeps =
        "-nostdin -v error -y -f lavfi -i aevalsrc=0.01*sin(9000*t)+0.6*sin(6283*t)*lt(mod(t\\,2)\\,0.1):s=48000:d=20";
    for (name, more) in [
        ("hole.mkv", "-c:a aac -bsf:a noise=drop='between(n,120,400)'"),
        (
            "losses.mkv",
            "-c:a libopus -bsf:a noise=drop='between(n,20,23)+between(n,220,223)'",
        ),
        (
            "slow.mkv",
            "-af asetrate=47760,aresample=48000 -c:a libopus -bsf:a setts=ts=TS*0.995",
        ),
        (
            "fast.mp4",
            "-af asetrate=48240,aresample=48000 -c:a aac -bsf:a setts=ts=TS*1.005",
        ),
    ] {
        ffmpeg(folder.path(), words(&format!("{beeps} {more} {name}")));
        let of = Sound {
            name: "audio".parse().unwrap(),
            stream: 0,
            channels: 1,
            language: None,
            silences: Vec::new(),
        };
        let container = if name.ends_with("mp4") { "mp4" } else { "matroska" };
        let encoded = ffmpeg(
            folder.path(),
            sound(
                &input(container, 0),
                &SourceFile::stored(folder.path().join(name)),
                &of,
                (0, 9_000_000),
            ),
        );
        std::fs::write(folder.path().join("sound.aac"), encoded).unwrap();
        let samples = ffmpeg(folder.path(), words("-nostdin -v error -i sound.aac -f s16le -"));
        let loud = |pair: &[u8]| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > 6_000;
        let places = samples.chunks_exact(2).enumerate().filter(|(_, pair)| loud(pair));
        let mut last = None;
        for (place, _) in places {
            // The first packet primes the decoder.
            let millis = i64::try_from(place).unwrap() * 1_000 / 48_000 - 21;
            if last.is_none_or(|last| millis > last + 500) {
                let off = (millis + 1_000) % 2_000 - 1_000;
                assert!(off.abs() <= 40, "{name}: a beep at {millis} ms");
            }
            last = Some(millis);
        }
        assert!(last.is_some_and(|last| last > 15_000), "{name}");
    }
}
