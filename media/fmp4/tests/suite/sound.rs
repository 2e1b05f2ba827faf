//! Audio encoded in several runs, joined, and compared with its source.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fmp4::{AdtsReader, AudioConfig, Piece, PieceError, TICKS, audio_cuts, audio_piece};
use proptest::prelude::*;

use crate::make::{Bench, ffmpeg, ffprobe, run, words};

const RATE: u32 = 48_000;
const FRAME: usize = 1024;

/// Twelve seconds of two voices; no two moments are alike.
fn source(bench: &Bench, name: &str, rate: u32, arguments: &str) -> PathBuf {
    let voices = format!("aevalsrc=0.3*sin(330*2*PI*t*(1+t/9))|0.2*sin(1500*t+9*sin(2*t)):s={rate}:d=12");
    let path = bench.path(name);
    run(ffmpeg()
        .args(["-f", "lavfi", "-i", &voices])
        .args(words(arguments))
        .arg(&path));
    path
}

/// Decodes a source from a sample on, as workers do: resamples first, then trims, because the filter counts samples at
/// its input's rate.
fn decode(source: &Path, from: usize, arguments: &str) -> Vec<u8> {
    let filter = format!("aresample={RATE},aresample={RATE}:async=1:first_pts={from}");
    let second = (from / usize::try_from(RATE).unwrap()).saturating_sub(1).to_string();
    let mut command = ffmpeg();
    command.args(["-copyts", "-ss", &second, "-i"]).arg(source);
    command.args(["-vn", "-af", &filter, "-ac", "2"]).args(words(arguments));
    run(command.arg("-")).stdout
}

fn encode(source: &Path, from: usize) -> Vec<u8> {
    // The simplest of ffmpeg's coders: with the others, two runs differ inaudibly.
    decode(
        source,
        from,
        "-c:a aac -aac_coder fast -aac_pns 0 -aac_is 0 -b:a 128k -f adts",
    )
}

fn samples(bytes: &[u8]) -> Vec<f64> {
    let samples = bytes.chunks_exact(2);
    samples
        .map(|sample| f64::from(i16::from_le_bytes(sample.try_into().unwrap())))
        .collect()
}

fn decoded(path: &Path) -> Vec<f64> {
    samples(
        &run(ffmpeg()
            .args(["-xerror", "-i"])
            .arg(path)
            .args(words("-f s16le -ac 2 -")))
        .stdout,
    )
}

fn read(stream: &[u8]) -> (Vec<Bytes>, AudioConfig) {
    let mut reader = AdtsReader::new();
    let frames = reader.push(stream).unwrap();
    let config = *reader.config().unwrap();
    reader.finish().unwrap();
    (frames, config)
}

/// The root mean square of the difference, frame by frame.
fn errors(one: &[f64], other: &[f64]) -> Vec<f64> {
    let pairs: Vec<f64> = one
        .iter()
        .zip(other)
        .map(|(one, other)| (one - other).powi(2))
        .collect();
    let frames = pairs.chunks_exact(2 * FRAME);
    frames
        .map(|frame| (frame.iter().sum::<f64>() / 2048.0).sqrt())
        .collect()
}

fn write(bench: &Bench, name: &str, pieces: &[&Piece]) -> PathBuf {
    let mut bytes = pieces[0].init.clone();
    pieces.iter().for_each(|piece| bytes.extend(&piece.bytes));
    let path = bench.path(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Joins a run that ended at a frame with a run that continued there, and compares them with a single run.
fn continues(name: &str, rate: u32, arguments: &str) {
    let bench = Bench::new();
    let source = source(&bench, name, rate, arguments);
    let (whole, config) = read(&encode(&source, 0));
    let whole = &whole[1..];
    let cuts = audio_cuts(&[0, 450_450, 900_900], RATE);
    assert_eq!(cuts, [0, 235, 469]);
    let resumed = 235;
    let (rest, again) = read(&encode(&source, (resumed - 2) * FRAME));
    assert_eq!(config, again);
    let rest = &rest[3..];
    assert_eq!(resumed + rest.len(), whole.len());
    let count = |frames: usize| u32::try_from(frames).unwrap();
    let counts = [234, count(rest.len()) - 234];
    let piece = |frames: &[Bytes], first_frame, counts: &[u32], first| {
        audio_piece(frames, &config, first_frame, counts, first).unwrap()
    };
    let first = piece(&whole[..resumed], 0, &[235], 0);
    let second = piece(rest, 235, &counts, 1);
    let all = piece(whole, 0, &[count(whole.len())], 0);
    assert_eq!(first.init, second.init);
    assert_eq!(first.codec_string, "mp4a.40.2");
    let durations: Vec<u32> = second.segments.iter().map(|segment| segment.duration).collect();
    assert_eq!(durations, counts.map(|count| count * 1024));
    let joined = write(&bench, "joined.mp4", &[&first, &second]);
    check_times(&joined, whole.len());
    let original = samples(&decode(&source, 0, "-f s16le"));
    let [joined, all] = [joined, write(&bench, "all.mp4", &[&all])].map(|path| decoded(&path));
    assert_eq!(joined.len(), all.len());
    let [joined, all] = [joined, all].map(|found| errors(&original, &found));
    // The first frame has no previous one to overlap with.
    let worst = all.iter().skip(1).copied().fold(0.0, f64::max);
    for (n, error) in joined.iter().enumerate().skip(1) {
        assert!(
            worst < 100.0 && *error < worst * 1.1,
            "frame {n} differs by {error}, one run by {worst} at most"
        );
    }
}

/// Checks that every frame starts where the previous one ends, the first one second after time zero.
fn check_times(joined: &Path, frames: usize) {
    let mut command = ffprobe();
    command.args(words("-show_entries packet=pts,dts -of csv=p=0"));
    let text = String::from_utf8(run(command.arg(joined)).stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), frames);
    for (n, line) in lines.iter().enumerate() {
        let time = usize::try_from(RATE).unwrap() + n * FRAME;
        assert_eq!(*line, format!("{time},{time}"));
    }
}

#[test]
fn audio_continues_where_it_ended() {
    continues("a.m4a", 44_100, "-c:a aac -b:a 192k");
}

#[test]
fn audio_of_the_same_rate_continues() {
    continues("a.wav", 48_000, "");
}

#[test]
fn audio_segments_follow_the_video() {
    for rate in [44_100, 48_000, 22_050, 96_000] {
        let bounds: Vec<u64> = (0..2000).map(|n| n * 450_450 + n % 7 * 3003).collect();
        let cuts = audio_cuts(&bounds, rate);
        assert_eq!(cuts[0], 0);
        assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]));
        for (bound, cut) in bounds.iter().zip(cuts) {
            let [bound, begin] = [bound * u64::from(rate), cut * 1024 * u64::from(TICKS)];
            assert!(bound.abs_diff(begin) <= 512 * u64::from(TICKS), "{bound} and {begin}");
        }
    }
    assert_eq!(audio_cuts(&[u64::MAX], u32::MAX), [u64::MAX]);
    assert_eq!(audio_cuts(&[5, 0], 0), [0, 0]);
}

/// Some frames of three channel layouts, made once.
fn stream(channels: u32) -> Vec<u8> {
    let voice = format!("aevalsrc=0.3*sin(330*2*PI*t):s=48000:d=0.5,aformat=channel_layouts={channels}c");
    let mut command = ffmpeg();
    command.args(["-f", "lavfi", "-i", &voice, "-ac", &channels.to_string()]);
    run(command.args(words("-c:a aac -b:a 96k -f adts -"))).stdout
}

#[test]
fn a_stream_comes_in_chunks_of_any_size() {
    let stream = stream(1);
    let (frames, config) = read(&stream);
    assert_eq!(
        (config.sample_rate(), config.channels(), config.specific()),
        (48_000, 1, [0x11, 0x88])
    );
    assert!(frames.len() > 20);
    assert_eq!(frames.iter().map(|frame| frame.len() + 7).sum::<usize>(), stream.len());
    for size in [1, 6, 7, 100, 1000] {
        let mut reader = AdtsReader::new();
        let found: Vec<Bytes> = stream
            .chunks(size)
            .flat_map(|chunk| reader.push(chunk).unwrap())
            .collect();
        assert_eq!(found, frames);
        reader.finish().unwrap();
    }
}

/// An ADTS header before a payload; `change` may spoil the header.
#[test]
fn silence_continues_any_sound() {
    let bench = Bench::new();
    let source = source(&bench, "a.mp4", 48_000, "");
    for channels in [1, 2] {
        let stream = decode(&source, 0, &format!("-ac {channels} -c:a aac -f adts -t 1"));
        let (mut frames, config) = read(&stream);
        assert_eq!(AudioConfig::at_48_khz(channels).unwrap(), config);
        let sounding = frames.len();
        frames.extend(vec![config.silence().unwrap(); 100]);
        let count = u32::try_from(frames.len()).unwrap();
        let piece = audio_piece(&frames, &config, 0, &[count], 0).unwrap();
        let samples = decoded(&write(&bench, &format!("{channels}.mp4"), &[&piece]));
        // Two channels of 16 bits.
        assert_eq!(samples.len(), frames.len() * FRAME * 2);
        let (sound, silence) = samples.split_at((sounding + 1) * FRAME * 2);
        assert!(sound.iter().any(|sample| sample.abs() > 3_000.0));
        assert!(silence.iter().all(|sample| sample.abs() < 4.0), "{channels} channels");
    }
    assert!(AudioConfig::at_48_khz(6).is_err());
}

fn frame(payload: &[u8], checksum: bool, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let length = u64::try_from(payload.len() + if checksum { 9 } else { 7 }).unwrap();
    let fields = (0xfff1 << 40) | (0x4c_80 << 24) | (length << 13) | (0x7ff << 2);
    let mut bytes = u64::to_be_bytes(fields)[1..].to_vec();
    if checksum {
        bytes[1] &= 0xfe;
        bytes.extend([0xab, 0xcd]);
    }
    change(&mut bytes);
    bytes.extend(payload);
    bytes
}

fn code(stream: &[u8]) -> &'static str {
    let mut reader = AdtsReader::new();
    match reader.push(stream) {
        Ok(frames) => {
            assert!(frames.len() < 10);
            reader.finish().map_or_else(|error| error.code(), |()| "none")
        }
        Err(error) => error.code(),
    }
}

#[test]
fn frames_with_a_checksum_are_read_too() {
    let stream = [frame(&[1, 2, 3], false, |_| {}), frame(&[4, 5], true, |_| {})].concat();
    let (frames, config) = read(&stream);
    assert_eq!(frames, [&[1, 2, 3][..], &[4, 5]]);
    assert_eq!((config.sample_rate(), config.channels()), (48_000, 2));
}

#[test]
fn unusual_frames_are_refused() {
    let good = || frame(&[1, 2, 3], false, |_| {});
    let after = |change: &dyn Fn(&mut [u8])| code(&[good(), frame(&[1, 2, 3], false, change)].concat());
    assert_eq!(after(&|_| {}), "none");
    assert_eq!(after(&|header| header[0] = 0), "piece_malformed");
    assert_eq!(after(&|header| header[1] |= 4), "piece_malformed");
    assert_eq!(after(&|header| header[2] = 0x50), "piece_parameters");
    assert_eq!(after(&|header| header[3] = 0x40), "piece_parameters");
    assert_eq!(after(&|header| header[2] |= 0x80), "piece_format");
    assert_eq!(after(&|header| header[3] = 0), "piece_format");
    assert_eq!(after(&|header| header[2] = 0x7c), "piece_format");
    assert_eq!(after(&|header| header[6] |= 1), "piece_format");
    assert_eq!(code(&frame(&[], false, |_| {})), "piece_malformed");
    assert_eq!(code(&frame(&[], true, |_| {})), "piece_malformed");
    let (whole, cut) = (good(), good().len() - 1);
    assert_eq!(code(&whole[..cut]), "piece_truncated");
    assert_eq!(code(&whole[..4]), "piece_truncated");
    assert_eq!(code(&[]), "none");
}

#[test]
fn segments_without_their_frames_are_refused() {
    let (frames, config) = read(&frame(&[1, 2, 3], false, |_| {}).repeat(5));
    let refused = |first_frame, counts: &[u32], first| {
        let piece: Result<Piece, PieceError> = audio_piece(&frames, &config, first_frame, counts, first);
        piece.map(|piece| piece.frames).unwrap_err().code()
    };
    assert!(audio_piece(&frames, &config, 0, &[2, 3], 0).is_ok());
    assert_eq!(refused(0, &[2, 2], 0), "piece_asked");
    assert_eq!(refused(0, &[2, 4], 0), "piece_asked");
    assert_eq!(refused(0, &[5, 0], 0), "piece_no_frames");
    assert_eq!(refused(u64::MAX / 1024, &[5], 0), "piece_asked");
    assert_eq!(refused(0, &[2, 3], u32::MAX - 1), "piece_asked");
    assert_eq!(
        audio_piece(&[], &config, 0, &[], 0).unwrap_err().code(),
        "piece_no_frames"
    );
}

proptest! {
    #[test]
    fn no_stream_makes_the_reader_panic(
        garbage in prop::collection::vec(any::<u8>(), 0..100),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        size in 1..50_usize,
    ) {
        let mut stream = frame(&[1, 2, 3], false, |_| {}).repeat(9);
        stream.extend(garbage);
        for (place, value) in flips {
            let at = place.index(stream.len());
            stream[at] = value;
        }
        let mut reader = AdtsReader::new();
        let mut bytes = 0;
        for chunk in stream.chunks(size) {
            let Ok(frames) = reader.push(chunk) else { return Ok(()) };
            bytes += frames.iter().map(|frame| frame.len() + 7).sum::<usize>();
        }
        prop_assert!(bytes <= stream.len());
    }
}
