//! Tests that a survey matches what ffmpeg decodes.

use super::stage::{PROGRAM, SOON, Stage, sandbox};
use fmp4::{Sniff, sniff};
use renditions::models::survey::Survey;
use sandbox::{RunError, Sandbox};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use transcoding_jobs::containers::demuxer;
use transcoding_jobs::survey::{SurveyError, survey};

const PATIENT: Duration = Duration::from_secs(60);
const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=5";
const SOUND: &str = "-f lavfi -i sine=duration=5";

pub(crate) fn ffmpeg(folder: &Path, args: &str) {
    let mut command = Command::new("ffmpeg");
    command
        .args("-nostdin -v error -y".split(' '))
        .args(args.split_whitespace());
    let output = command.current_dir(folder).output().unwrap();
    assert!(
        output.status.success(),
        "{args}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

pub(crate) fn kind(file: &Path) -> Sniff {
    sniff(&fs::read(file).unwrap())
}

async fn surveyed(stage: &Stage, name: &str) -> Result<Survey, SurveyError> {
    let file = stage.data.path().join(name);
    survey(&sandbox(PATIENT), &file, kind(&file), stage.task.path()).await
}

/// The times of all frames in ticks, as an encoder receives them.
fn decoded(stage: &Stage, name: &str, found: &Survey) -> Vec<u64> {
    let demuxer = demuxer(&found.container);
    let zero = if demuxer == "mov" { "" } else { "-start_at_zero" };
    // All streams are mapped, because ffmpeg takes the earliest start of the mapped streams only.
    let args = format!(
        "-copyts {zero} -f {demuxer} -i {name} -map 0:v -c:v rawvideo -fps_mode passthrough -enc_time_base 1:90000 \
        -f framecrc frames.txt -map 0:a? -c copy -f null -"
    );
    ffmpeg(stage.data.path(), &args);
    let text = fs::read_to_string(stage.data.path().join("frames.txt")).unwrap();
    assert!(text.contains("#tb 0: 1/90000"), "{text:.200}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(',').nth(2).unwrap().trim().parse().unwrap())
        .collect()
}

/// File name, encoder arguments, and the names of the codecs found.
const KINDS: [(&str, &str, &str, &str); 13] = [
    (
        "a.mkv",
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=3 -c:a aac",
        "hevc",
        "aac",
    ),
    (
        "a.webm",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus",
        "vp9",
        "opus",
    ),
    ("a.avi", "-c:v mpeg4 -bf 2 -c:a libmp3lame", "mpeg4", "mp3"),
    ("plain.avi", "-c:v mpeg4 -c:a libmp3lame", "mpeg4", "mp3"),
    ("odd.avi", "-c:v libx264 -c:a libmp3lame", "h264", "mp3"),
    ("a.ts", "-c:v libx264 -c:a aac", "h264", "aac"),
    ("a.mpg", "-c:v mpeg2video -bf 2 -c:a mp2", "mpeg2video", "mp2"),
    ("a.flv", "-c:v flv -c:a libmp3lame", "flv1", "mp3"),
    ("new.flv", "-c:v libx264 -c:a aac", "h264", "aac"),
    ("a.ogv", "-c:v libtheora -c:a libvorbis", "theora", "vorbis"),
    ("a.wmv", "-c:v wmv2 -c:a wmav2", "wmv2", "wmav2"),
    ("a.mp4", "-c:v libx264 -c:a aac", "h264", "aac"),
    ("a.mov", "-c:v mpeg4 -c:a aac", "mpeg4", "aac"),
];

#[tokio::test]
async fn every_frame_has_the_time_at_which_ffmpeg_decodes_it() {
    let stage = Stage::set();
    for (name, codecs, video, audio) in KINDS {
        ffmpeg(
            stage.data.path(),
            &format!("{PICTURE} {SOUND} {codecs} -g 30 -metadata:s:a language=deu {name}"),
        );
        let found = surveyed(&stage, name).await.unwrap();
        let picture = found.video.as_ref().unwrap();
        let times: Vec<_> = picture.frames.iter().map(|frame| frame.time).collect();
        assert_eq!(times, decoded(&stage, name, &found), "{name}");
        assert_eq!((times.len(), picture.width, picture.height), (150, 320, 180), "{name}");
        assert_eq!(
            (picture.codec.as_str(), found.audio[0].codec.as_str()),
            (video, audio),
            "{name}"
        );
        assert!(
            (picture.frame_rate - 30.0).abs() < 0.3,
            "{name}: {}",
            picture.frame_rate
        );
        let keys = picture.frames.iter().filter(|frame| frame.key).count();
        assert!(
            (5..30).contains(&keys) && picture.frames[0].key,
            "{name}: {keys} key frames"
        );
        assert_eq!((found.audio.len(), found.audio[0].channels), (1, 1), "{name}");
        let near = |end: u64| end.abs_diff(5 * 90_000) < 15_000;
        assert!(
            near(picture.end) && near(found.audio[0].end),
            "{name}: {} {}",
            picture.end,
            found.audio[0].end
        );
        assert_eq!(found.duration, picture.end.max(found.audio[0].end), "{name}");
    }
}

#[tokio::test]
async fn audio_files_are_surveyed_and_a_cover_is_no_video() {
    let stage = Stage::set();
    ffmpeg(stage.data.path(), "-f lavfi -i color=size=64x64 -frames:v 1 cover.png");
    let cover = "-i cover.png -map 0 -map 1 -c:v copy -disposition:v attached_pic -id3v2_version 3";
    for (name, codec, how) in [
        ("a.mp3", "mp3", cover),
        ("a.wav", "pcm_s16le", ""),
        ("a.ogg", "vorbis", "-c:a libvorbis"),
        ("a.opus", "opus", "-c:a libopus"),
        ("a.aac", "aac", ""),
        ("a.flac", "flac", ""),
        ("a.aiff", "pcm_s16be", ""),
        ("a.caf", "alac", "-c:a alac"),
        ("a.au", "pcm_s16be", ""),
        ("a.w64", "pcm_s16le", ""),
        ("a.m4a", "aac", ""),
    ] {
        ffmpeg(stage.data.path(), &format!("{SOUND} {how} {name}"));
        let found = surveyed(&stage, name).await.unwrap();
        assert!(found.video.is_none(), "{name}");
        assert_eq!((found.audio.len(), found.audio[0].codec.as_str()), (1, codec), "{name}");
        assert!(
            found.duration.abs_diff(5 * 90_000) < 9_000,
            "{name}: {}",
            found.duration
        );
    }
}

#[tokio::test]
async fn a_late_video_track_keeps_its_offset_to_the_audio() {
    let stage = Stage::set();
    ffmpeg(
        stage.data.path(),
        &format!("{PICTURE} {SOUND} -c:v libx264 -c:a aac a.mp4"),
    );
    ffmpeg(
        stage.data.path(),
        "-itsoffset 0.5 -i a.mp4 -i a.mp4 -map 0:v -map 1:a -c copy late.ts",
    );
    let found = surveyed(&stage, "late.ts").await.unwrap();
    let picture = found.video.as_ref().unwrap();
    let first = picture.frames[0].time;
    assert!(first.abs_diff(45_000) < 3_000, "{first}");
    let times: Vec<_> = picture.frames.iter().map(|frame| frame.time).collect();
    assert_eq!(times, decoded(&stage, "late.ts", &found));
}

#[tokio::test]
async fn video_has_its_display_size_and_tracks_have_their_languages() {
    let stage = Stage::set();
    let two = format!(
        "{PICTURE} {SOUND} {SOUND} -map 0 -map 1 -map 2 -vf setsar=4/3 -c:v libx264 -c:a libopus \
        -metadata:s:a:0 language=deu -metadata:s:a:1 language=en\",URI=\"x two.mkv"
    );
    ffmpeg(stage.data.path(), &two);
    let found = surveyed(&stage, "two.mkv").await.unwrap();
    let picture = found.video.unwrap();
    assert_eq!((picture.width, picture.height), (427, 180));
    let languages: Vec<_> = found.audio.iter().map(|it| it.language.as_deref()).collect();
    assert_eq!(languages, [Some("deu"), None]);
    ffmpeg(stage.data.path(), &format!("{PICTURE} -c:v libx264 plain.mp4"));
    // This ffmpeg rotates it a quarter to the left: the matrix moves the right edge to the top.
    let turn = "-i plain.mp4 -c copy -metadata:s:v rotate=90 turned.mp4";
    ffmpeg(stage.data.path(), turn);
    let turned = surveyed(&stage, "turned.mp4").await.unwrap().video.unwrap();
    assert_eq!((turned.rotation, turned.width, turned.height), (270, 180, 320));
}

#[tokio::test]
async fn a_live_recording_and_a_truncated_file_last_as_long_as_their_packets() {
    let stage = Stage::set();
    let live = format!("{PICTURE} {SOUND} -c:v libvpx -deadline realtime -c:a libopus -f webm -live 1 live.webm");
    ffmpeg(stage.data.path(), &live);
    let found = surveyed(&stage, "live.webm").await.unwrap();
    assert!(found.duration.abs_diff(5 * 90_000) < 9_000, "{}", found.duration);
    let whole = fs::read(stage.data.path().join("live.webm")).unwrap();
    fs::write(stage.data.path().join("half.webm"), &whole[..whole.len() / 2]).unwrap();
    let half = surveyed(&stage, "half.webm").await.unwrap();
    assert!((90_000..400_000).contains(&half.duration), "{}", half.duration);
}

#[tokio::test]
async fn a_file_without_media_gets_an_error_code() {
    let stage = Stage::set();
    let data = stage.data.path();
    let mut matroska = vec![0x1a, 0x45, 0xdf, 0xa3];
    matroska.extend(vec![0x55; 100_000]);
    fs::write(data.join("noise.mkv"), matroska).unwrap();
    let refused = surveyed(&stage, "noise.mkv").await.unwrap_err();
    assert_eq!(refused.code(), "media_malformed");
    fs::write(data.join("list.txt"), "#EXTM3U\nhttp://example.org/a.ts\n").unwrap();
    assert_eq!(
        surveyed(&stage, "list.txt").await.unwrap_err().code(),
        "media_unreadable"
    );
    // a WAV without samples
    ffmpeg(data, "-f lavfi -i sine=duration=1 -frames:a 1 a.wav");
    let head: Vec<u8> = fs::read(data.join("a.wav")).unwrap().into_iter().take(78).collect();
    fs::write(data.join("empty.wav"), head).unwrap();
    assert_eq!(surveyed(&stage, "empty.wav").await.unwrap_err().code(), "media_empty");
}

#[tokio::test]
async fn a_missing_ffprobe_is_not_blamed_on_the_file() {
    let stage = Stage::set();
    ffmpeg(stage.data.path(), &format!("{SOUND} a.wav"));
    let script = stage.data.path().join("without-tools");
    fs::write(&script, format!("#!/bin/sh\nPATH=/nowhere exec {PROGRAM} \"$@\"\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let without_tools = Sandbox::new(script, PATIENT);
    let file = stage.data.path().join("a.wav");
    let missing = survey(&without_tools, &file, Sniff::Wav, stage.task.path()).await;
    let missing = missing.unwrap_err();
    assert!(
        matches!(missing, SurveyError::Encoder(RunError::Missing(_))),
        "{missing:?}"
    );
}

#[tokio::test]
async fn odd_paths_stay_paths() {
    let stage = Stage::set();
    ffmpeg(stage.data.path(), &format!("{SOUND} a.wav"));
    for odd in ["-i", "http:a.wav", "a b'c\"$(touch owned)\n%03d.wav", "concat:a|b"] {
        let path = stage.data.path().join(odd);
        fs::copy(stage.data.path().join("a.wav"), &path).unwrap();
        let found = survey(&sandbox(PATIENT), &path, Sniff::Wav, stage.task.path()).await;
        assert!(found.is_ok(), "{odd:?}: {found:?}");
    }
    assert!(stage.is_clean());
}

#[tokio::test]
async fn a_file_is_only_read_in_the_format_of_its_first_bytes() {
    let stage = Stage::set();
    ffmpeg(stage.data.path(), &format!("{SOUND} a.wav"));
    let list = stage.data.path().join("list.mkv");
    fs::write(&list, "ffconcat version 1.0\nfile a.wav\n").unwrap();
    for sniff in [Sniff::Matroska, Sniff::MpegTs] {
        let refused = survey(&sandbox(PATIENT), &list, sniff, stage.task.path()).await;
        assert!(
            matches!(refused, Err(SurveyError::Malformed(_) | SurveyError::Empty)),
            "{refused:?}"
        );
    }
}

/// The probe waits for a pipe that nobody writes to.
#[tokio::test]
async fn a_stalled_probe_is_ended_in_bounded_time() {
    let stage = Stage::set();
    let pipe: PathBuf = stage.data.path().join("pipe.mkv");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let sandbox = sandbox(Duration::from_secs(1));
    let looked = survey(&sandbox, &pipe, Sniff::Matroska, stage.task.path());
    let ended = tokio::time::timeout(SOON, looked).await.unwrap();
    assert!(matches!(ended, Err(SurveyError::Stalled)), "{ended:?}");
}
