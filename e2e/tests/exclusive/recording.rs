//! The recording of a lecture by WebRTC has the slices and the packets of Opus that were published.

use super::scenario;
use anyhow::{Context, Result, ensure};
use e2e::live::{BEGINNING, playlists};
use e2e::media;
use e2e::playlist::renditions;
use e2e::process::until;
use e2e::recorded::{self, stretches};
use e2e::server::Start;
use e2e::tools::{self, report};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::time::timeout;

/// Units that may be on their way when a publisher ends its session.
const ON_THE_WAY: usize = 25;
/// Packets of sound that may precede the first picture.
const PRECEDING: usize = 4;

/// A film as browsers publish it: H.264 without B-frames, and Opus.
async fn film() -> Result<PathBuf> {
    let source = media::picture("320x180", "25", 8);
    let mut arguments: Vec<&str> = source.iter().map(String::as_str).collect();
    let codecs = "-c:v libx264 -profile:v baseline -preset veryfast -tune zerolatency -bf 0 -g 50 -pix_fmt yuv420p \
        -x264-params sliced-threads=0 -c:a libopus -ar 48000 -ac 2";
    arguments.extend(codecs.split_whitespace());
    media::make("webrtc.mkv", &arguments).await
}

/// Publishes a film by ffmpeg's own WHIP to its end.
async fn publish(film: &Path, url: &str, key: &str) -> Result<()> {
    let code = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())";
    let mut python = tokio::process::Command::new(e2e::settings::python()?);
    let program = String::from_utf8(tools::output(python.args(["-c", code]), &[]).await?)?;
    let mut ffmpeg = tokio::process::Command::new(program.trim());
    ffmpeg
        .args(["-hide_banner", "-loglevel", "error", "-re", "-i"])
        .arg(film);
    ffmpeg.args(["-c", "copy", "-f", "whip", "-authorization", key, url]);
    let ffmpeg = ffmpeg.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = timeout(BEGINNING, ffmpeg.kill_on_drop(true).status());
    let ended = ended.await.context("a publisher that does not end")??;
    ensure!(ended.success(), "the publisher failed: {ended}");
    Ok(())
}

/// The hashes of a film's packets of sound.
async fn packets(film: &Path) -> Result<Vec<String>> {
    let show = ["-select_streams", "a", "-show_packets", "-show_data_hash", "SHA256"];
    let probed = tools::probe(&film.to_string_lossy(), &show).await?;
    let all = probed["packets"].as_array().context("packets")?.iter();
    let hash = |packet: &serde_json::Value| packet["data_hash"].as_str()?.strip_prefix("SHA256:").map(str::to_owned);
    all.map(|packet| hash(packet).context("a hash")).collect()
}

fn hashes(units: &[Vec<u8>]) -> Vec<String> {
    let hash = |unit: &Vec<u8>| {
        let digest = Sha256::digest(unit);
        digest.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    units.iter().map(hash).collect()
}

/// Fails unless what was recorded is what was published, except for some units at both ends.
fn compare(what: &str, recorded: &[String], published: &[String], latest: usize) -> Result<()> {
    let first = recorded
        .first()
        .with_context(|| format!("{what}: nothing is recorded"))?;
    let begin = published
        .iter()
        .position(|hash| hash == first)
        .context("another beginning")?;
    let rest = &published[begin..];
    let differs = recorded.iter().zip(rest).position(|(one, other)| one != other);
    report(format_args!(
        "{what}: {} of {} units, from {begin} on",
        recorded.len(),
        published.len()
    ));
    ensure!(
        differs.is_none() && recorded.len() <= rest.len(),
        "{what}: unit {differs:?} differs"
    );
    let missing = rest.len() - recorded.len();
    ensure!(
        begin <= latest && missing <= ON_THE_WAY,
        "{what}: {begin} and {missing} units are missing"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_of_a_lecture_by_webrtc_has_its_slices_and_its_opus() -> Result<()> {
    let film = film().await?;
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let body = json!({ "title": "A live lecture" });
        let lecture = stage
            .api
            .json(Method::POST, "/api/v1/content/live", &owner.token, &body)
            .await?;
        let lecture = lecture.expect(201)?.json();
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).context("a text");
        let (id, ingest) = (text(&lecture["id"])?, &lecture["ingest"]);
        let key = text(&ingest["stream_key"])?;
        stage.api.secret(&key);
        let whip = format!("{}{}", stage.server.url(), text(&ingest["whip_url"])?);
        publish(&film, &whip, &key).await?;
        let index = playlists(&stage.api, &id, &owner.token).await?;
        let index = index.strip_prefix(&stage.api.base).context("a path")?.to_owned();
        let path = format!("/api/v1/content/live/{id}/end");
        stage
            .api
            .json(Method::POST, &path, &owner.token, &json!({}))
            .await?
            .expect(200)?;
        let all = until("the recording", BEGINNING, async || {
            let answer = stage.api.fetch(&index).await?;
            Ok((answer.status == 200).then(|| renditions(&index, &answer.text())))
        });
        let all = all.await?;
        let named = |name: &str| {
            all.iter()
                .find(|it| it.ends_with(name))
                .with_context(|| format!("{all:?}"))
        };
        let (picture, sound) = (named("/video-0/media.m3u8")?, named("/audio-opus/media.m3u8")?);
        let (mut slices, mut samples) = (Vec::new(), Vec::new());
        for stretch in stretches(&stage.api, picture).await? {
            slices.extend(stretch.slices()?);
        }
        for stretch in stretches(&stage.api, sound).await? {
            samples.extend(stretch.samples()?);
        }
        let all_slices = recorded::slices(&film).await?;
        compare("slices", &hashes(&slices), &hashes(&all_slices), 0)?;
        compare("packets of Opus", &hashes(&samples), &packets(&film).await?, PRECEDING)
    })
    .await
}
