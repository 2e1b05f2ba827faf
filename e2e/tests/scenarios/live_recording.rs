//! The recording of a live lecture is what was published, whatever its publishers and its server went through.

use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::live::{BEGINNING, free, lecture, playlists};
use e2e::playlist::renditions;
use e2e::process::{files, until};
use e2e::recorded::{Stretch, Units, film, publish_copy, published, stretches, times};
use e2e::server::{RUNGS, Start};
use e2e::stage::{Stage, scenario};
use e2e::tools::{self, report};
use reqwest::Method;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// Three times the promise.
const FIRST_FRAME: Duration = Duration::from_secs(6);
/// Packets of sound that may precede the first picture.
const PRECEDING: usize = 4;
/// How long a short film may take to be published on a busy machine.
const PUBLISHED: Duration = Duration::from_secs(60);
/// How long encoders may take for a short recording on a busy machine.
const ENCODED: Duration = Duration::from_secs(180);

/// A lecture, and how it is watched.
struct Lecture {
    id: String,
    url: String,
    teacher: Account,
}

impl Lecture {
    async fn announce(stage: &mut Stage) -> Result<Self> {
        let teacher = stage.account("instructor").await?;
        let (id, url, _) = lecture(&stage.api, &teacher).await?;
        Ok(Self { id, url, teacher })
    }

    /// Publishes a film to its end.
    async fn publish(&self, film: &Path) -> Result<()> {
        let mut publisher = publish_copy(film, &self.url)?;
        let ended = timeout(PUBLISHED, publisher.wait())
            .await
            .context("a publisher that does not end")??;
        ensure!(ended.success(), "the publisher failed: {ended}");
        Ok(())
    }

    /// The path of its multivariant playlist.
    async fn index(&self, stage: &Stage) -> Result<String> {
        let url = playlists(&stage.api, &self.id, &self.teacher.token).await?;
        let path = url.strip_prefix(&stage.api.base).context("a path")?.to_owned();
        stage.api.secret(path.split('/').nth(2).context("a token")?);
        Ok(path)
    }

    /// Ends it, and returns how long it takes until the first segment of the recording is there; its first frame is decoded.
    async fn end(&self, stage: &Stage, picture: &str) -> Result<Duration> {
        let begun = Instant::now();
        let path = format!("/api/v1/content/live/{}/end", self.id);
        let ended = stage
            .api
            .json(Method::POST, &path, &self.teacher.token, &json!({}))
            .await?;
        ended.expect(200)?;
        let playlist = until("the recording's playlist", FIRST_FRAME, async || {
            let answer = stage.api.fetch(picture).await?;
            Ok(Some(answer.text()).filter(|it| it.contains("#EXT-X-ENDLIST")))
        });
        let playlist = playlist.await?;
        let file = e2e::playlist::media(picture, &playlist)?;
        let first = file.segments.first().context("no segment")?;
        let mut bytes = stage.api.fetch(&file.init).await?.expect(200)?.body.to_vec();
        bytes.extend(stage.api.fetch(first).await?.expect(200)?.body);
        let there = begun.elapsed();
        let mut decode = tools::ffmpeg();
        decode.args(["-i", "pipe:0", "-frames:v", "1", "-f", "rawvideo", "pipe:1"]);
        let frame = tools::output(&mut decode, &bytes).await?;
        ensure!(!frame.is_empty(), "no frame");
        let decoded = begun.elapsed();
        report(format_args!(
            "from the end of a lecture to the recording: {there:?}, to its first frame: {decoded:?}"
        ));
        Ok(there)
    }
}

/// The playlists of the picture and of the sound as AAC.
async fn media(stage: &Stage, index: &str) -> Result<(String, String)> {
    until("both playlists", BEGINNING, async || {
        let answer = stage.api.fetch(index).await?;
        if answer.status != 200 {
            return Ok(None);
        }
        let all = renditions(index, &answer.text());
        let named = |name: &str| all.iter().find(|it| it.ends_with(name)).cloned();
        Ok(named("/video-0/media.m3u8").zip(named("/audio/media.m3u8")))
    })
    .await
}

/// How many segments a playlist has.
async fn count(stage: &Stage, playlist: &str) -> Result<usize> {
    let answer = stage.api.fetch(playlist).await?;
    let segments = answer.text().lines().filter(|it| it.starts_with("#EXTINF")).count();
    Ok(if answer.status == 200 { segments } else { 0 })
}

/// Publishes a film until some of its segments are finished, kills the server, and starts it again. Returns how many segments
/// were finished a second before.
async fn killed(stage: &mut Stage, lecture: &Lecture, (film, picture): (&Path, &str)) -> Result<usize> {
    let before = count(stage, picture).await?;
    let publisher = publish_copy(film, &lecture.url)?;
    let finished = until("finished segments", BEGINNING, async || {
        let now = count(stage, picture).await?;
        Ok(Some(now.saturating_sub(before)).filter(|finished| *finished >= 2))
    });
    let finished = finished.await?;
    sleep(Duration::from_secs(1)).await;
    stage.server.kill()?;
    drop(publisher);
    stage.server.restart().await?;
    Ok(finished)
}

/// Fails unless what was recorded is a part of what was published that begins at the latest with this unit; returns how many
/// units are missing at its end.
fn compare(what: &str, recorded: &[Vec<u8>], published: &[Vec<u8>], latest: usize) -> Result<usize> {
    let first = recorded
        .first()
        .with_context(|| format!("{what}: nothing is recorded"))?;
    let begin = published.iter().position(|unit| unit == first);
    let begin = begin.with_context(|| format!("{what}: it begins with something else"))?;
    ensure!(begin <= latest, "{what}: {begin} units are missing at the beginning");
    let rest = &published[begin..];
    ensure!(
        recorded.len() <= rest.len(),
        "{what}: {} units instead of {}",
        recorded.len(),
        rest.len()
    );
    let differs = recorded.iter().zip(rest).position(|(one, other)| one != other);
    ensure!(
        differs.is_none(),
        "{what}: unit {differs:?} of {} differs",
        recorded.len()
    );
    Ok(rest.len() - recorded.len())
}

/// What is recorded, each part between two discontinuities.
async fn recorded(stage: &Stage, (picture, sound): (&str, &str)) -> Result<Vec<(Units, Units)>> {
    let (pictures, sounds) = (
        stretches(&stage.api, picture).await?,
        stretches(&stage.api, sound).await?,
    );
    ensure!(
        pictures.len() == sounds.len(),
        "{} and {} parts",
        pictures.len(),
        sounds.len()
    );
    let both = pictures.iter().zip(&sounds);
    both.map(|(picture, sound)| Ok((picture.slices()?, sound.samples()?)))
        .collect()
}

/// Waits until the segments of a recording are joined, and returns in how many objects.
async fn joined(stage: &Stage, id: &str) -> Result<usize> {
    until("joined segments", ENCODED, async || {
        let all = files(stage.server.data());
        let own = all
            .iter()
            .filter(|path| path.to_string_lossy().contains(&format!("videos/{id}/live/")));
        let names = own.filter_map(|path| path.file_name()?.to_str()).collect::<Vec<_>>();
        let is_joined = names.iter().all(|name| name.starts_with("from-"));
        Ok(Some(names.len()).filter(|count| is_joined && *count > 0))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_what_was_published_across_a_reconnect_and_a_kill() -> Result<()> {
    let films = [
        film("320x180", 6, "null").await?,
        film("320x180", 40, "negate").await?,
        film("320x180", 6, "hflip").await?,
    ];
    let start = Start::default().set("LIVE__RTMP_LISTEN", free()?.to_string());
    scenario(start, async |stage| {
        let lecture = Lecture::announce(stage).await?;
        let publishing = lecture.publish(&films[0]);
        let watching = async { media(stage, &lecture.index(stage).await?).await };
        let (published_first, playlists) = tokio::join!(publishing, watching);
        published_first?;
        let (picture, sound) = playlists?;
        let finished = killed(stage, &lecture, (&films[1], &picture)).await?;
        lecture.publish(&films[2]).await?;
        let there = lecture.end(stage, &picture).await?;
        let parts = recorded(stage, (&picture, &sound)).await?;
        ensure!(parts.len() == 3, "{} parts", parts.len());
        for (n, ((slices, packets), film)) in parts.iter().zip(&films).enumerate() {
            let (all_slices, all_packets) = published(film).await?;
            let missing = compare(&format!("picture {n}"), slices, &all_slices, 0)?;
            let silent = compare(&format!("sound {n}"), packets, &all_packets, PRECEDING)?;
            report(format_args!(
                "film {n}: {} slices, {} packets as published",
                slices.len(),
                packets.len()
            ));
            ensure!(
                n == 1 || (missing, silent) == (0, 0),
                "film {n}: {missing} slices, {silent} packets are missing"
            );
        }
        // segments of two seconds
        let (least, kept) = (finished * 50, parts[1].0.len());
        ensure!(kept >= least, "{kept} slices were kept of {least} that were finished");
        let objects = joined(stage, &lecture.id).await?;
        stage.server.restart().await?;
        ensure!(
            recorded(stage, (&picture, &sound)).await? == parts,
            "joined segments differ"
        );
        report(format_args!("the segments were joined into {objects} objects"));
        ensure!(there <= FIRST_FRAME, "{there:?}");
        Ok(())
    })
    .await
}

/// Fails unless a rung shows its pictures when the layer shows them, with the same discontinuities.
async fn are_in_step(layer: &[Stretch], rung: &[Stretch]) -> Result<()> {
    ensure!(layer.len() == rung.len(), "{} and {} parts", layer.len(), rung.len());
    for (layer, rung) in layer.iter().zip(rung) {
        ensure!(layer.segments.len() == rung.segments.len(), "other segments");
        let (published, encoded) = (times(&layer.file()).await?, times(&rung.file()).await?);
        ensure!(
            published.len() == encoded.len(),
            "{} and {} pictures",
            published.len(),
            encoded.len()
        );
        let apart = published.iter().zip(&encoded).map(|(one, other)| (one - other).abs());
        let furthest = apart.fold(0.0, f64::max);
        ensure!(furthest < 0.002, "a picture is shown {furthest} s apart");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rungs_that_nobody_published_are_encoded_while_the_recording_is_watched() -> Result<()> {
    let films = [film("640x360", 6, "null").await?, film("480x360", 4, "negate").await?];
    let start = Start::default()
        .set("LIVE__RTMP_LISTEN", free()?.to_string())
        .set(RUNGS, "180,360");
    scenario(start, async |stage| {
        let lecture = Lecture::announce(stage).await?;
        let publishing = lecture.publish(&films[0]);
        let watching = async {
            let index = lecture.index(stage).await?;
            anyhow::Ok((media(stage, &index).await?, index))
        };
        let (published_first, watched) = tokio::join!(publishing, watching);
        published_first?;
        let ((picture, _), index) = watched?;
        lecture.publish(&films[1]).await?;
        lecture.end(stage, &picture).await?;
        let (id, token) = (&lecture.id, &lecture.teacher.token);
        let video = stage.api.becomes_within(id, token, &["ready"], ENCODED).await?;
        let named = |name: &str| {
            video["renditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|it| it["name"] == name)
        };
        ensure!(named("180p") && named("video-0") && !named("360p"), "{video}");
        let all = renditions(&index, &stage.api.fetch(&index).await?.expect(200)?.text());
        let rung = all
            .iter()
            .find(|it| it.contains("/180p/"))
            .with_context(|| format!("{all:?}"))?;
        let (layer, rung) = (
            stretches(&stage.api, &picture).await?,
            stretches(&stage.api, rung).await?,
        );
        ensure!(layer.len() == 2, "{} parts", layer.len());
        are_in_step(&layer, &rung).await?;
        let path = format!("/api/v1/content/{id}/transcode");
        let again = json!({"renditions": ["180p"]});
        stage.api.json(Method::POST, &path, token, &again).await?.expect(202)?;
        until("the rung of the next generation", ENCODED, async || {
            let index = stage.api.fetch(&index).await?.expect(200)?.text();
            Ok(index.contains("2/180p/").then_some(()))
        })
        .await
    })
    .await
}
