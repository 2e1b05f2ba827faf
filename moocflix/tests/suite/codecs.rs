//! Which codecs are surveyed, and which are refused by their names.

use super::stage::{Stage, sandbox};
use super::survey::{ffmpeg, kind};
use renditions::models::survey::Survey;
use std::fs;
use std::time::Duration;
use transcoding_jobs::survey::{SurveyError, survey};

const PICTURE: &str = "-f lavfi -i testsrc2=size=176x144:rate=25:duration=1";
const SOUND: &str = "-f lavfi -i sine=duration=1:sample_rate=8000";

async fn surveyed(stage: &Stage, name: &str) -> Result<Survey, SurveyError> {
    let file = stage.data.path().join(name);
    survey(&sandbox(Duration::from_secs(60)), &file, kind(&file), stage.task.path()).await
}

#[tokio::test]
async fn what_cameras_and_screen_recorders_write_is_surveyed() {
    let stage = Stage::set();
    let encoders = std::process::Command::new("ffmpeg").arg("-encoders").output().unwrap();
    let encoders = String::from_utf8_lossy(&encoders.stdout);
    for (codec, name, options) in [
        ("zmbv", "a.avi", ""),
        ("cinepak", "a.avi", "-pix_fmt rgb24"),
        ("flashsv", "a.flv", "-pix_fmt bgr24"),
        ("flashsv2", "a.flv", "-pix_fmt bgr24"),
        ("qtrle", "a.mov", "-pix_fmt rgb24"),
        ("msrle", "a.avi", ""),
        ("msvideo1", "a.avi", ""),
        ("dvvideo", "a.avi", "-s 720x576 -pix_fmt yuv420p"),
        ("mjpeg", "a.avi", ""),
        ("huffyuv", "a.avi", ""),
        ("utvideo", "a.avi", ""),
        ("ffv1", "a.mkv", ""),
        ("rawvideo", "a.avi", "-pix_fmt bgr24"),
        ("prores", "a.mov", ""),
        ("dnxhd", "a.mov", "-s 1280x720 -pix_fmt yuv422p -b:v 90M"),
        ("wmv1", "a.wmv", ""),
        ("msmpeg4", "a.avi", ""),
        ("h263", "a.mov", ""),
        ("png", "a.mov", ""),
        ("libaom-av1", "a.mp4", "-cpu-used 8 -usage realtime"),
    ] {
        if !encoders.contains(&format!(" {codec} ")) {
            continue; // such as msrle, which only newer versions write
        }
        ffmpeg(stage.data.path(), &format!("{PICTURE} -c:v {codec} {options} {name}"));
        let found = surveyed(&stage, name).await;
        assert!(found.as_ref().is_ok_and(|it| it.video.is_some()), "{codec}: {found:?}");
    }
}

#[tokio::test]
async fn other_codecs_are_refused_by_their_names() {
    let stage = Stage::set();
    for (codec, name, options) in [
        ("magicyuv", "a.avi", "-pix_fmt yuv420p"),
        ("snow", "a.avi", "-strict -2 -pix_fmt yuv420p"),
        ("svq1", "a.mov", "-pix_fmt yuv410p"),
        ("cfhd", "a.mov", "-pix_fmt yuv422p10"),
        ("jpeg2000", "a.mov", ""),
    ] {
        // a decodable stream beside it changes nothing
        ffmpeg(
            stage.data.path(),
            &format!("{PICTURE} {SOUND} -c:v {codec} {options} -c:a pcm_s16le {name}"),
        );
        let refused = surveyed(&stage, name).await.unwrap_err();
        assert_eq!(refused.code(), "media_codec", "{codec}: {refused}");
        assert!(refused.to_string().contains(codec), "{codec}: {refused}");
    }
}

#[tokio::test]
async fn subtitles_data_and_attachments_do_not_make_a_survey_fail() {
    let stage = Stage::set();
    let data = stage.data.path();
    fs::write(data.join("s.srt"), "1\n00:00:00,100 --> 00:00:00,900\nHello\n").unwrap();
    fs::write(data.join("font.ttf"), [0; 64]).unwrap();
    for (name, subtitles, more) in [
        (
            "srt.mkv",
            "subrip",
            "-attach font.ttf -metadata:s:t mimetype=application/x-truetype-font",
        ),
        ("ass.mkv", "ass", ""),
        ("vtt.mkv", "webvtt", ""),
        ("a.mov", "mov_text", "-timecode 01:00:00:00"),
        ("dvb.ts", "dvbsub", ""),
        ("dvd.mkv", "dvdsub", ""),
    ] {
        let text_only = matches!(subtitles, "dvbsub" | "dvdsub");
        let input = if text_only { "" } else { "-i s.srt -map 0 -map 1" };
        let codec = if text_only {
            String::new()
        } else {
            format!("-c:s {subtitles}")
        };
        ffmpeg(
            data,
            &format!("{PICTURE} {input} -c:v libx264 -preset ultrafast {codec} {more} {name}"),
        );
        let found = surveyed(&stage, name).await;
        assert!(found.is_ok(), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn too_many_pixels_or_streams_are_refused_before_they_are_decoded() {
    let stage = Stage::set();
    let data = stage.data.path();
    ffmpeg(data, "-f lavfi -i color=size=8192x5000 -frames:v 1 -c:v mjpeg huge.avi");
    let refused = surveyed(&stage, "huge.avi").await.unwrap_err();
    assert_eq!(refused.code(), "media_limits", "{refused}");
    ffmpeg(
        data,
        "-f lavfi -i color=size=7680x4320 -frames:v 1 -c:v mjpeg large.avi",
    );
    let large = surveyed(&stage, "large.avi").await.unwrap();
    assert_eq!(large.video.map(|it| (it.width, it.height)), Some((7_680, 4_320)));
    for (count, name) in [(64, "64.mkv"), (65, "65.mkv"), (70, "70.ts")] {
        let maps = "-map 0 ".repeat(count);
        ffmpeg(
            data,
            &format!("{SOUND} -t 0.2 {maps} -c:a mp2 -ar 16000 -b:a 32k {name}"),
        );
        let found = surveyed(&stage, name).await;
        match count {
            64 => assert!(found.is_ok(), "{found:?}"),
            _ => assert!(
                matches!(found, Err(SurveyError::TooLarge("streams"))),
                "{name}: {found:?}"
            ),
        }
    }
}
