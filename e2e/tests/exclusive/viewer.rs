//! A viewer who starts at once never waits, and no listed part of a growing playlist changes.

use super::every_kind::chromium;
use super::scenario;
use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Api};
use e2e::encoding::{SignedIn, encoding, is_whole, renditions};
use e2e::growing::Growing;
use e2e::ladder::Track;
use e2e::media::sources;
use e2e::stage::Stage;
use e2e::tools::report;
use e2e::{process, settings, tools};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Follows the playlists at the lecture's pace without a player: each look must find the next segment.
async fn plays_along(api: &Api, hls_url: &str, lowest: &str, playlists: &mut Growing) -> Result<f64> {
    let begun = Instant::now();
    let mut least = f64::INFINITY;
    loop {
        let ended = playlists.look(api, hls_url).await?;
        let at = begun.elapsed().as_secs_f64();
        for name in [lowest, "audio"] {
            let seen = playlists.named(name).with_context(|| format!("no {name}"))?;
            let ahead = seen.seconds() - at;
            if !seen.ended {
                // players request the next segment when the current one has started
                ensure!(
                    ahead > 0.0,
                    "{name} ends at {} s, the viewer is at {at} s",
                    seen.seconds()
                );
                least = least.min(ahead);
            }
        }
        if ended {
            return Ok(least);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Uploads a lecture and waits until it can be watched; returns the time since its last byte.
async fn uploaded(stage: &Stage, owner: &Account, path: &Path) -> Result<(String, Duration)> {
    let id = stage.api.upload(std::fs::read(path)?, &owner.token).await?;
    let sent = Instant::now();
    let states = ["playable", "ready"];
    stage
        .api
        .becomes_within(&id, &owner.token, &states, Duration::from_secs(60))
        .await?;
    Ok((id, sent.elapsed()))
}

/// Checks that the progress in the details never decreases.
async fn progress_rises(api: &Api, owner: &mut SignedIn, id: &str) -> Result<usize> {
    let (mut last, mut steps) = (0.0, 0);
    loop {
        let video = api.video(id, &owner.account(api).await?.token).await?;
        let now = video["progress"].as_f64().context("progress")?;
        ensure!(now >= last && now <= 1.0, "{now} after {last}: {video}");
        steps += usize::from(now > last);
        last = now;
        if video["status"] == "ready" {
            ensure!(last >= 1.0, "{video}");
            return Ok(steps);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_starts_at_once_never_waits_while_the_lecture_is_encoded() -> Result<()> {
    let start = encoding("90,180").set("CONTENT__TRANSCODE__PRESET", "veryfast");
    scenario(start, async |stage| {
        let mut owner = SignedIn::new(stage, "instructor").await?;
        let (minutes, size) = if settings::long() {
            (60, "640x360")
        } else {
            (4, "320x180")
        };
        let path = sources::long(minutes, size, "12").await?;
        let (id, took) = uploaded(stage, &owner.account, &path).await?;
        report(format!(
            "{minutes} minutes of HEVC were playable {took:?} after the last byte"
        ));
        let video = stage.api.video(&id, &owner.account.token).await?;
        let early = renditions(&video);
        let session = stage.api.session(&id, &owner.account.token).await?;
        let mut playlists = Growing::default();
        let (along, steps) = tokio::try_join!(
            plays_along(&stage.api, &session.hls_url, "90p", &mut playlists),
            progress_rises(&stage.api, &mut owner, &id)
        )?;
        report(format!(
            "the viewer always had at least {along:.1} s ahead; progress rose {steps} times; at first {early:?}"
        ));
        ensure!(steps >= 5, "progress rose {steps} times");
        let lowest = playlists.named("90p").context("the lowest rung")?;
        ensure!(lowest.versions >= 4, "the lowest rung grew {} times", lowest.versions);
        // the lowest rung ran ahead: it was complete before any other
        for (path, other) in &playlists.seen {
            let whole = |reached: &[(Instant, f64)]| {
                reached
                    .iter()
                    .find(|(_, it)| *it >= lowest.seconds() - 1.0)
                    .map(|(at, _)| *at)
            };
            let name = path.rsplit('/').nth(1).unwrap_or_default();
            if !["90p", "audio"].contains(&name) {
                ensure!(
                    whole(&lowest.reached) <= whole(&other.reached),
                    "{name} was complete before the lowest rung"
                );
            }
        }
        if !settings::long() {
            is_whole(stage, &owner.account, &id, &path).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_that_starts_at_once_never_waits() -> Result<()> {
    let start = encoding("90").set("CONTENT__TRANSCODE__PRESET", "veryfast");
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        let path = sources::long(4, "320x180", "12").await?;
        let (id, _) = uploaded(stage, &owner, &path).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        let url = format!("{}{}", stage.api.base, session.hls_url);
        let order = json!([{ "url": url, "until": 20, "patience": 60_000 }]);
        let seen = tools::output(&mut tools::node("play.mjs")?, &serde_json::to_vec(&order)?).await?;
        let seen: Vec<Value> = serde_json::from_slice(&seen)?;
        let seen = seen.first().context("nothing was played")?;
        ensure!(seen["at"].as_f64().is_some_and(|it| it >= 20.0), "{seen}");
        ensure!(
            seen["stalls"] == 0 && seen["holes"] == json!([]) && seen["errors"] == json!([]),
            "{seen}"
        );
        let first = seen["flashes"][0][0].as_f64().context("no flash was seen")?;
        // it started at the lecture's start, although the playlist was growing
        ensure!((first - 10.0).abs() < 0.5, "the first flash was at {first} s");
        stage
            .api
            .becomes_within(&id, &owner.token, &["ready"], Duration::from_secs(120))
            .await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_of_hours_plays_at_its_start_middle_and_end() -> Result<()> {
    scenario(encoding("72"), async |stage| {
        let owner = stage.account("instructor").await?;
        let minutes = if settings::long() { 120 } else { 20 };
        let path = sources::long(minutes, "128x72", "5").await?;
        let (id, _) = uploaded(stage, &owner, &path).await?;
        let within = Duration::from_secs(300);
        let video = stage.api.becomes_within(&id, &owner.token, &["ready"], within).await?;
        let ladder = is_whole(stage, &owner, &id, &path).await?;
        let lasts = video["duration"].as_f64().context("a duration")?;
        let ends: Vec<f64> = ladder.tracks.iter().map(Track::end).collect();
        ensure!(
            lasts >= f64::from(minutes) * 60.0 && ends.iter().all(|it| (it - lasts).abs() < 0.25),
            "{lasts} s, the renditions end at {ends:?}"
        );
        let session = stage.api.session(&id, &owner.token).await?;
        let url = format!("{}{}", stage.api.base, session.hls_url);
        // each part contains one of the flashes, which come at the tenth second of each minute
        let middle = (f64::from(minutes / 2) * lasts / f64::from(minutes)).floor() + 6.0;
        let end = ((f64::from(minutes) - 1.0) * lasts / f64::from(minutes)).floor() + 6.0;
        let orders = json!([
            { "url": url, "until": 14 },
            { "url": url, "from": middle, "until": middle + 8.0 },
            { "url": url, "from": end, "rate": 4 },
        ]);
        // two at a time: they wait for the lecture's own pace, and its pictures are small
        let seen = chromium(&orders, 2).await?;
        ensure!(seen.len() == 3 && seen[2]["ended"] == true, "{seen:?}");
        for seen in seen {
            ensure!(seen["stalls"] == 0 && seen["holes"] == json!([]), "{seen}");
            let both = ["flashes", "beeps"].map(|it| seen[it].as_array().map(Vec::len));
            ensure!(both == [Some(1), Some(1)], "{seen}");
        }
        process::until("the end of all encoders", Duration::from_secs(10), async || {
            Ok(process::encoders(stage.server.data())?.is_empty().then_some(()))
        })
        .await
    })
    .await
}
