//! Sources that can be cut without encoding: the result equals the source.

use std::fs;

use fmp4::{Limits, Scanner, Step, TrackKind};

use crate::files::{Tree, rewrite, scan_counting};
use crate::judge::{Cut, same};
use crate::make::Bench;

const GOP: &str = "-g 50 -bf 2 -b_strategy 0";

/// Makes a source with arguments, cuts it and compares.
fn cut(name: &str, rate: &str, arguments: &str) -> (Bench, Cut) {
    let bench = Bench::new();
    let source = bench.source(name, 9, rate, arguments);
    let cut = same(&source);
    (bench, cut)
}

#[test]
fn b_frames_with_the_header_at_the_end() {
    let (_bench, cut) = cut("a.mp4", "25", GOP);
    let video = cut.scan.probe.video.unwrap();
    assert_eq!(
        (video.codec.as_str(), video.width, video.height, video.rotation),
        ("h264", 320, 180, 0)
    );
    assert!(video.codec_string.starts_with("avc1.4d"), "{}", video.codec_string);
    assert!((video.frame_rate - 25.0).abs() < 0.001);
    assert_eq!(cut.scan.probe.container, "mp4");
    assert!(
        (8_900_000..9_200_000).contains(&cut.scan.probe.duration),
        "{}",
        cut.scan.probe.duration
    );
    let audio = &cut.scan.probe.audio[0];
    assert_eq!(
        (audio.codec.as_str(), audio.codec_string.as_str()),
        ("aac", "mp4a.40.2")
    );
    assert_eq!((audio.channels, audio.sample_rate), (1, 44_100));
    // Groups of two seconds: cuts at six, and the audio follows.
    for track in cut.head.tracks() {
        let starts: Vec<u64> = track.segments.iter().map(|segment| segment.start).collect();
        assert_eq!(starts.len(), 2);
        let seconds = starts[1] / u64::from(track.timescale);
        assert_eq!(seconds, 6);
    }
    let text = fs::read_to_string(cut.playlist).unwrap();
    assert!(
        text.contains("RESOLUTION=320x180,FRAME-RATE=25.000,AUDIO=\"audio\""),
        "{text}"
    );
}

#[test]
fn b_frames_with_the_header_at_the_front() {
    cut("a.mp4", "25", &format!("{GOP} -movflags +faststart"));
}

#[test]
fn fragments_of_a_group_each() {
    cut(
        "a.mp4",
        "25",
        &format!("{GOP} -movflags +frag_keyframe+empty_moov+default_base_moof"),
    );
}

#[test]
fn fragments_with_an_edit_list() {
    cut(
        "a.mp4",
        "25",
        &format!("{GOP} -movflags +frag_keyframe+delay_moov+default_base_moof"),
    );
}

#[test]
fn fragments_with_offsets_from_the_start_of_the_file() {
    cut("a.mp4", "25", &format!("{GOP} -movflags +frag_keyframe+empty_moov"));
}

#[test]
fn fragments_of_one_frame_each() {
    cut(
        "a.mp4",
        "25",
        &format!("{GOP} -movflags +frag_every_frame+empty_moov+default_base_moof"),
    );
}

#[test]
fn fragments_with_an_index() {
    cut(
        "a.mp4",
        "25",
        &format!("{GOP} -movflags +dash+frag_keyframe+global_sidx"),
    );
}

#[test]
fn fragments_behind_samples_of_the_movie() {
    cut("a.mp4", "25", &format!("{GOP} -movflags +frag_keyframe"));
}

#[test]
fn signed_composition_offsets() {
    cut("a.mp4", "25", &format!("{GOP} -movflags +negative_cts_offsets"));
}

#[test]
fn quicktime_with_its_own_sound_descriptions() {
    let (_bench, first) = cut("a.mov", "25", GOP);
    assert_eq!(first.scan.probe.container, "mov");
    assert_eq!(first.scan.probe.audio[0].codec_string, "mp4a.40.2");
    // Above 65,535 samples per second ffmpeg writes the long form.
    let (_bench, second) = cut("a.mov", "25", &format!("{GOP} -ar 96000 -b:a 128k"));
    assert_eq!(second.scan.probe.audio[0].sample_rate, 96_000);
}

#[test]
fn no_edit_list_at_all() {
    cut("a.mp4", "25", &format!("{GOP} -use_editlist 0"));
}

#[test]
fn a_leading_empty_edit_of_video_or_of_audio() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 9, "25", GOP);
    for (first, name) in [("1:v -map 0:a", "video.mp4"), ("0:v -map 1:a", "audio.mp4")] {
        let late = bench.path(name);
        let mut command = crate::make::ffmpeg();
        command
            .arg("-i")
            .arg(&source)
            .args(["-itsoffset", "0.7"])
            .arg("-i")
            .arg(&source);
        command
            .args(crate::make::words(&format!("-map {first} -c copy")))
            .arg(&late);
        crate::make::run(&mut command);
        same(&late);
    }
}

#[test]
fn the_usual_frame_rates() {
    for (rate, shown) in [("24000/1001", 23.976), ("30000/1001", 29.97), ("60", 60.0)] {
        let (_bench, cut) = cut("a.mp4", rate, GOP);
        let found = cut.scan.probe.video.unwrap().frame_rate;
        assert!((found - shown).abs() < 0.0015, "{rate}: {found}");
    }
}

#[test]
fn variable_frame_rate() {
    cut(
        "a.mp4",
        "30",
        &format!("{GOP} -vf select='not(eq(mod(n\\,7)\\,3))',setpts=PTS+floor(N/11)*0.02/TB -fps_mode vfr"),
    );
}

#[test]
fn stereo_mono_and_silence() {
    let (_bench, stereo) = cut("a.mp4", "25", &format!("{GOP} -ac 2"));
    assert_eq!(stereo.scan.probe.audio[0].channels, 2);
    let (_bench, silent) = cut("a.mp4", "25", &format!("{GOP} -an"));
    assert!(silent.scan.probe.audio.is_empty());
    assert_eq!(silent.head.tracks().len(), 1);
}

#[test]
fn audio_of_low_rates() {
    for rate in [8_000, 16_000] {
        let (_bench, cut) = cut("a.mp4", "25", &format!("{GOP} -ar {rate} -b:a 24k"));
        assert_eq!(cut.scan.probe.audio[0].sample_rate, rate);
    }
}

#[test]
fn sound_alone() {
    let (_bench, cut) = cut("a.m4a", "25", "-vn");
    assert!(cut.scan.probe.video.is_none());
    let segments = &cut.head.tracks()[0].segments;
    assert_eq!(segments.len(), 2);
}

#[test]
fn several_audio_tracks_with_languages() {
    let (_bench, cut) = cut(
        "a.mp4",
        "25",
        &format!(
            "{GOP} -map 0:v -map 1:a -map 1:a -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu -ac:a:1 2"
        ),
    );
    let languages: Vec<_> = cut
        .scan
        .probe
        .audio
        .iter()
        .map(|audio| audio.language.as_deref())
        .collect();
    assert_eq!(languages, [Some("eng"), Some("deu")]);
    let languages = cut.head.tracks().iter().filter_map(|track| match &track.kind {
        TrackKind::Audio(shape) => Some((shape.language.as_deref(), shape.channels)),
        TrackKind::Video(_) => None,
    });
    let languages: Vec<_> = languages.collect();
    assert_eq!(languages, [(Some("eng"), 1), (Some("deu"), 2)]);
}

#[test]
fn a_rotated_picture_with_wide_pixels() {
    let bench = Bench::new();
    let plain = bench.source("a.mp4", 3, "25", &format!("{GOP} -vf setsar=4/3"));
    let source = bench.convert(&plain, "turned.mp4", "", "-c copy -metadata:s:v:0 rotate=90");
    let cut = same(&source);
    let video = cut.scan.probe.video.unwrap();
    // 320 by 180 with pixels of 4:3 is 427 by 180, then rotated.
    assert_eq!((video.width, video.height), (180, 427));
    let turned = |path: &std::path::Path| {
        let mut command = crate::make::ffprobe();
        command.args([
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream_side_data=rotation:stream=sample_aspect_ratio",
        ]);
        let output = crate::make::run(command.args(["-of", "csv=p=0"]).arg(path));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        turned(&source),
        turned(&source.with_extension("cut").join("track0/init.mp4"))
    );
    assert!(matches!(video.rotation, 90 | 270));
}

#[test]
fn offsets_of_64_bits_and_narrow_sizes() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 4, "25", GOP);
    let long = rewrite(&source, |movie| {
        movie.all(b"stco", &mut |table| {
            let (head, places) = table.body.split_at(8);
            let places = places
                .as_chunks::<4>()
                .0
                .iter()
                .flat_map(|place| u64::from(u32::from_be_bytes(*place)).to_be_bytes());
            *table = Tree::leaf(b"co64", head.iter().copied().chain(places).collect());
        });
        movie.all(b"stsz", &mut |table| {
            let (words, _) = table.body.as_chunks::<4>();
            let sizes = words[3..]
                .iter()
                .flat_map(|size| u16::try_from(u32::from_be_bytes(*size)).unwrap().to_be_bytes());
            let head = [0, 0, 0, 0, 0, 0, 0, 16].into_iter().chain(words[2]);
            *table = Tree::leaf(b"stz2", head.chain(sizes).collect());
        });
    });
    let path = bench.path("long.mp4");
    fs::write(&path, long).unwrap();
    same(&path);
}

#[test]
fn media_beyond_four_gibibytes() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 4, "25", GOP);
    let gap = 5_u64 << 30;
    let mut trees = Tree::parse(&fs::read(&source).unwrap());
    let movie = trees.last_mut().unwrap();
    movie.all(b"stco", &mut |table| {
        let (head, places) = table.body.split_at(8);
        let far = |place: &[u8; 4]| (u64::from(u32::from_be_bytes(*place)) + gap).to_be_bytes();
        *table = Tree::leaf(
            b"co64",
            head.iter()
                .copied()
                .chain(places.as_chunks().0.iter().flat_map(far))
                .collect(),
        );
    });
    // A hole in the file: a free box of 64-bit size between the brand and the media.
    let path = bench.path("far.mp4");
    let file = fs::File::create(&path).unwrap();
    let write = |bytes: &[u8], at: u64| std::os::unix::fs::FileExt::write_all_at(&file, bytes, at).unwrap();
    let (brand, rest) = (crate::files::file_of(&trees[..1]), crate::files::file_of(&trees[1..]));
    write(&brand, 0);
    let at = u64::try_from(brand.len()).unwrap();
    write(&[&1_u32.to_be_bytes()[..], b"free", &gap.to_be_bytes()].concat(), at);
    write(&rest, at + gap);
    same(&path);
}

#[test]
fn a_scan_takes_few_steps_and_its_index_is_small() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 9, "25", GOP);
    let (steps, scan) = scan_counting(&source);
    assert!(steps <= 7, "{steps}");
    let index = crate::judge::playable(scan.unwrap()).encode();
    assert!(index.len() < 8_000, "{}", index.len());
}

#[test]
fn a_source_span_contains_exactly_the_samples_of_its_segment() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 9, "25", GOP);
    let index = crate::judge::playable(crate::files::scan(&source).unwrap());
    let encoded = index.encode();
    for (number, track) in index.head().tracks().iter().enumerate() {
        for (n, segment) in track.segments.iter().enumerate() {
            let block = segment.block.clone();
            let block = &encoded[usize::try_from(block.start).unwrap()..usize::try_from(block.end).unwrap()];
            let made_of = index.head().plan(number, n, block).unwrap().source;
            let start = made_of.iter().map(|run| run.start).min().unwrap();
            let end = made_of.iter().map(|run| run.end).max().unwrap();
            assert_eq!(index.source_span(number, n), Some(start..end));
        }
        assert_eq!(index.source_span(number, track.segments.len()), None);
    }
    assert_eq!(index.source_span(9, 0), None);
}

#[test]
fn every_kind_of_damage_to_an_index_is_detected() {
    let bench = Bench::new();
    let source = bench.source("a.mp4", 4, "25", GOP);
    let index = crate::judge::playable(crate::files::scan(&source).unwrap());
    let encoded = index.encode();
    let head = fmp4::IndexHead::decode(&encoded).unwrap();
    assert_eq!(&head, index.head());
    let length = usize::try_from(fmp4::IndexHead::length(&encoded).unwrap()).unwrap();
    for place in 0..length {
        let mut damaged = encoded.clone();
        damaged[place] ^= 0x41;
        // Two bytes after the version are unused.
        assert!(
            fmp4::IndexHead::decode(&damaged).is_err() || (10..12).contains(&place),
            "{place}"
        );
        assert!(fmp4::IndexHead::decode(&encoded[..place]).is_err());
    }
    let block = head.tracks()[0].segments[0].block.clone();
    let block = &encoded[usize::try_from(block.start).unwrap()..usize::try_from(block.end).unwrap()];
    assert!(head.plan(0, 0, block).is_ok());
    assert!(head.plan(0, 0, &block[1..]).is_err());
    assert!(head.plan(0, 99, block).is_err());
    assert!(head.plan(9, 0, block).is_err());
}

#[test]
fn unrequested_answers_are_refused() {
    let mut scanner = Scanner::new(100, Limits::default());
    let Ok(Step::Read(ranges)) = scanner.step::<Vec<u8>>(&[]) else {
        panic!()
    };
    assert_eq!(ranges.first(), Some(&(0..100)));
    assert_eq!(scanner.step(&[vec![0; 99]]).unwrap_err().code(), "media_truncated");
}

#[test]
fn lengths_of_one_and_two_bytes_before_each_unit() {
    let bench = Bench::new();
    // Small slices, so that the length of each fits one byte.
    let source = bench.source(
        "a.mp4",
        2,
        "5",
        "-g 5 -bf 2 -b_strategy 0 -crf 51 -slice-max-size 200 -an -bsf:v filter_units=remove_types=6",
    );
    let bytes = fs::read(&source).unwrap();
    for size in [1_usize, 2] {
        let path = bench.path(&format!("short{size}.mp4"));
        fs::write(&path, shortened(&bytes, size)).unwrap();
        same(&path);
    }
}

/// Rewrites a silent file with its header at the end, with fewer bytes for the length of each unit.
fn shortened(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut trees = Tree::parse(bytes);
    let mut sizes = Vec::new();
    let movie = trees.last_mut().unwrap();
    movie.all(b"stsz", &mut |table| {
        sizes = table.body.as_chunks().0[3..]
            .iter()
            .map(|size| u32::from_be_bytes(*size))
            .collect();
    });
    let media = trees.iter_mut().find(|tree| &tree.kind == b"mdat").unwrap();
    let mut rest = std::mem::take(&mut media.body);
    let mut new_sizes = Vec::new();
    for size_before in sizes {
        let after = rest.split_off(usize::try_from(size_before).unwrap());
        let (start, mut sample) = (media.body.len(), &rest[..]);
        while !sample.is_empty() {
            let length = usize::try_from(u32::from_be_bytes(sample[..4].try_into().unwrap())).unwrap();
            assert!(length < 256 || size > 1, "{length}");
            media.body.extend(&sample[4 - size..4 + length]);
            sample = &sample[4 + length..];
        }
        new_sizes.push(u32::try_from(media.body.len() - start).unwrap());
        rest = after;
    }
    let movie = trees.last_mut().unwrap();
    movie.all(b"stsz", &mut |table| {
        let count = u32::try_from(new_sizes.len()).unwrap();
        *table = Tree::table(b"stsz", &[&[0, count][..], &new_sizes].concat());
    });
    // A silent file of ffmpeg may not have one chunk per sample; one chunk for all is simplest.
    let count = u32::try_from(new_sizes.len()).unwrap();
    movie.all(b"stsc", &mut |table| *table = Tree::table(b"stsc", &[1, 1, count, 1]));
    movie.all(b"stco", &mut |table| {
        let first = u32::from_be_bytes(table.body[8..12].try_into().unwrap());
        *table = Tree::table(b"stco", &[1, first]);
    });
    movie.all(b"stsd", &mut |table| {
        let config = table.body.windows(4).position(|window| window == b"avcC").unwrap();
        table.body[config + 8] = 0xfc | u8::try_from(size - 1).unwrap();
    });
    crate::files::file_of(&trees)
}

#[test]
fn more_key_frames_than_are_checked_one_by_one() {
    let bench = Bench::new();
    let clip = bench.source("clip.mp4", 10, "60", "-g 1 -crf 51 -b:a 16k");
    let source = bench.convert(&clip, "long.mp4", "-stream_loop 28", "-c copy");
    let (steps, scan) = scan_counting(&source);
    assert!(steps < 10, "{steps}");
    let index = crate::judge::playable(scan.unwrap());
    let segments = &index.head().tracks()[0].segments;
    assert!((45..=50).contains(&segments.len()), "{}", segments.len());
}

#[test]
fn time_codes_chapters_and_cover_pictures_are_ignored() {
    let bench = Bench::new();
    let plain = bench.source("a.mov", 4, "25", &format!("{GOP} -timecode 01:00:00:00"));
    assert_eq!(same(&plain).head.tracks().len(), 2);
    let chapters = bench.path("chapters.txt");
    fs::write(
        &chapters,
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=2\ntitle=One\n",
    )
    .unwrap();
    let cover = bench.path("cover.jpg");
    crate::make::run(
        crate::make::ffmpeg()
            .args(["-i"])
            .arg(&plain)
            .args(["-frames:v", "1"])
            .arg(&cover),
    );
    let full = bench.path("full.mp4");
    let mut command = crate::make::ffmpeg();
    command
        .arg("-i")
        .arg(&plain)
        .arg("-i")
        .arg(&chapters)
        .arg("-i")
        .arg(&cover);
    let arguments = "-map 0:v -map 0:a -map 2:v -map_metadata 1 -c copy -disposition:v:1 attached_pic";
    crate::make::run(command.args(crate::make::words(arguments)).arg(&full));
    assert_eq!(same(&full).head.tracks().len(), 2);
}
