//! Lectures from the field play from 0 to their end, in sync, in Chromium and in ffmpeg.

use super::every_kind::{chromium, played_to_end};
use super::scenario;
use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::encoding::{encoding, ready};
use e2e::ladder::{self, Ladder};
use e2e::media::field::{ENDLESS, FAST, FieldCase, LENGTHS, SOUNDS, TRACKS};
use e2e::media::flashes;
use e2e::stage::Stage;
use e2e::tools::report;
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

/// How far a beep may be from its flash, in seconds; AVI's writer extends the first frame by as much.
const APART: f64 = 0.041;
/// How far both may be from their times: some containers begin with the priming of their sound.
const MOVED: f64 = 0.065;
/// How far a rendition's end may be from the lecture's, in seconds.
const END: f64 = 0.15;

/// How far the first of these moments are from their times, in seconds.
fn off(seen: &[f64], meant: &[f64]) -> Result<f64> {
    ensure!(seen.len() == meant.len(), "{seen:?} instead of {meant:?}");
    let off = seen.iter().zip(meant).map(|(seen, meant)| (seen - 1.0 - meant).abs());
    Ok(off.fold(0.0, f64::max))
}

/// Checks the renditions of a lecture in ffmpeg.
async fn is_right(stage: &Stage, case: &FieldCase, lasts: f64, ladder: &Ladder) -> Result<f64> {
    ladder.is_aligned()?;
    let (flashes, beeps) = case.seen;
    let url = |playlist: &str| format!("{}{playlist}", stage.api.base);
    let (mut worst, mut moved) = (0.0_f64, 0.0_f64);
    for track in &ladder.tracks {
        let name = track.rendition.name.clone();
        ensure!(
            (track.end() - lasts).abs() < END,
            "{name} ends at {} s of {lasts}",
            track.end()
        );
    }
    let sound = ladder
        .sounds()
        .find(|track| track.rendition.name == "audio")
        .context("a sound")?;
    let heard = flashes::beeps(&url(&sound.rendition.playlist), "a:0", &[]).await?;
    moved = moved.max(off(&heard, &case.at[..beeps])?);
    for track in ladder.pictures() {
        let shown = flashes::shown(&url(&track.rendition.playlist), &[]).await?;
        let rate = f64::from(track.samples()) / lasts;
        ensure!(
            rate <= case.most_frames,
            "{}: {rate} frames a second",
            track.rendition.name
        );
        let whites = flashes::whites(&shown);
        moved = moved.max(off(&whites, &case.at[..flashes]).with_context(|| track.rendition.name.clone())?);
        for (white, beep) in whites.iter().zip(&heard) {
            worst = worst.max((white - beep).abs());
        }
    }
    ensure!(
        worst <= APART && moved <= MOVED,
        "flashes and beeps are {worst} s apart, and moved by {moved} s"
    );
    Ok(worst)
}

/// Uploads a lecture, and checks it in ffmpeg; returns how long it lasts and where to play it.
async fn encoded(stage: &Stage, owner: &Account, case: &FieldCase) -> Result<(f64, String)> {
    let path = case.file().await?;
    let video = ready(&stage.api, owner, &path, Duration::from_secs(90)).await?;
    let lasts = video["duration"].as_f64().context("a duration")?;
    let near = if case.cut { 1.2 } else { END };
    ensure!((lasts - case.lasts).abs() < near, "{lasts} s");
    let notes = if case.cut { json!(["end_missing"]) } else { json!([]) };
    ensure!(video["notes"] == notes, "{video}");
    let id = video["id"].as_str().context("an id")?;
    let session = stage.api.session(id, &owner.token).await?;
    let ladder = ladder::read(&stage.api, &session.hls_url).await?;
    let (mut names, mut meant) = (ladder.names(), case.ladder.to_vec());
    names.sort_unstable();
    meant.sort_unstable();
    ensure!(names == meant, "{names:?} are served, not {meant:?}");
    let worst = is_right(stage, case, lasts, &ladder).await?;
    report(format!("{}: {lasts:.2} s, {:.0} ms apart", case.name, worst * 1_000.0));
    Ok((lasts, format!("{}{}", stage.api.base, session.hls_url)))
}

/// Plays lectures to their end in ffmpeg and in Chromium.
async fn play(cases: &[FieldCase]) -> Result<()> {
    scenario(encoding("240,1080"), async |stage| {
        let owner = stage.account("instructor").await?;
        let (mut wrong, mut right) = (Vec::new(), Vec::new());
        let all = futures::stream::iter(cases);
        let all = all.map(async |case| (case.name, encoded(stage, &owner, case).await));
        for (name, it) in all.buffered(3).collect::<Vec<_>>().await {
            match it {
                Ok((lasts, url)) => right.push((name, lasts, url)),
                Err(error) => wrong.push(format!("{name}: {error:#}")),
            }
        }
        let orders: Vec<Value> = right.iter().map(|(.., url)| json!({ "url": url, "rate": 4 })).collect();
        let seen = chromium(&json!(orders), 2).await?;
        ensure!(
            seen.len() == right.len(),
            "{} of {} were played",
            seen.len(),
            right.len()
        );
        for ((name, lasts, _), seen) in right.iter().zip(&seen) {
            if let Err(error) = played_to_end(*lasts, seen) {
                wrong.push(format!("{name} in Chromium: {error:#}"));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_plays_to_the_end_of_its_longest_track() -> Result<()> {
    play(&LENGTHS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_of_any_frame_rate_has_all_its_renditions() -> Result<()> {
    play(&FAST).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_was_never_ended_plays_up_to_where_it_breaks_off() -> Result<()> {
    play(&ENDLESS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_with_holes_or_another_clock_stays_in_sync() -> Result<()> {
    play(&SOUNDS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lecture_is_chosen_among_several_pictures_and_sounds() -> Result<()> {
    play(&TRACKS).await
}
