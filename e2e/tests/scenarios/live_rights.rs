//! Who loses the right to a live lecture sees no more of it, who loses the right to publish it is out, and who was there is
//! written down.

use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Api};
use e2e::courses::Course;
use e2e::live::{BEGINNING, playlists};
use e2e::media;
use e2e::playlist::{beside, renditions};
use e2e::process::until;
use e2e::server::{PLACES, Start};
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use e2e::viewers::{Audience, now};
use e2e::webrtc::{Lecture, Pictures, SMALL};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::sleep;

/// Three times the promise.
const SOON: f64 = 3.0;
/// How far attendance may be from what has happened.
const ATTENDED: f64 = 2.0;

/// What takes the right to watch away, each from somebody else; as long as everybody may watch who is signed in, the end of a
/// membership takes nothing away.
const ENDS: [&str; 5] = ["private again", "un-enrolled", "logged out", "deactivated", "deleted"];

/// Somebody who watches in both ways.
struct Learner {
    how: &'static str,
    account: Account,
    /// A media playlist, and all kinds of files beside it.
    playlist: String,
    files: Vec<String>,
}

impl Learner {
    /// Comes to a lecture, by WebRTC and by segments; with two sign-ins, because one has one place in a lecture.
    async fn come(
        api: &Api,
        (lecture, audience): (&Lecture, &mut Audience),
        (how, account): (&'static str, Account),
    ) -> Result<Self> {
        let other = api.login(&account.email, &account.password).await?;
        audience.comes(how, &lecture.whep, &other.token).await?;
        let index = playlists(api, &lecture.id, &account.token).await?;
        let index = index.strip_prefix(&api.base).context("a path")?.to_owned();
        let text = api.fetch(&index).await?.expect(200)?.text();
        let playlist = renditions(&index, &text).into_iter().next().context("a rendition")?;
        let text = api.fetch(&playlist).await?.expect(200)?.text();
        let named = |tag: &str| {
            let line = text.lines().rev().find(|line| line.starts_with(tag))?;
            let (_, rest) = line.split_once("URI=\"")?;
            Some(beside(&playlist, rest.split('"').next()?))
        };
        let files = [named("#EXT-X-MAP:"), named("#EXT-X-PART:"), Some(index)];
        let files: Vec<String> = files.into_iter().flatten().collect();
        ensure!(files.len() == 3, "{text}");
        audience.hears(how, "playing", BEGINNING).await?;
        Ok(Self {
            how,
            account,
            playlist,
            files,
        })
    }

    /// Takes the right away.
    async fn lose(&self, api: &Api, lecture: &Lecture, course: &Course) -> Result<()> {
        let video = format!("/api/v1/content/{}", lecture.id);
        let (own, owner) = (&self.account.token, &lecture.owner.token);
        let answer = match self.how {
            "un-enrolled" => {
                let path = course.path(&format!("/enrolments/{}", self.account.id));
                api.delete(&path, owner).await?
            }
            "logged out" => {
                let everywhere = json!({"everywhere": true});
                api.json(Method::POST, "/api/v1/users/logout", own, &everywhere).await?
            }
            "deactivated" => api.delete("/api/v1/users/deactivate", own).await?,
            "private again" => {
                let change = json!({"visibility": "private"});
                api.json(Method::PATCH, &video, owner, &change).await?
            }
            _ => api.delete(&format!("{video}/delete"), owner).await?,
        };
        ensure!(answer.status.is_success(), "{}: {}", self.how, answer.text());
        Ok(())
    }

    /// Waits until segments are refused; returns when that was, in seconds since 1970.
    async fn refused(&self, api: &Api) -> Result<f64> {
        let at = until("a refusal", Duration::from_secs(10), async || {
            let answer = api.send(api.request(Method::GET, &self.playlist)).await?;
            Ok((answer.status != 200).then_some(now()?))
        })
        .await?;
        for path in self.files.iter().chain([&self.playlist]) {
            let answer = api.send(api.request(Method::GET, path)).await?;
            let is_refused = matches!(answer.status.as_u16(), 401 | 403 | 404 | 410);
            ensure!(is_refused, "{}: {} after the end", self.how, answer.status);
        }
        Ok(at)
    }
}

/// Takes the right away from each in turn, while one of those who keep it watches on.
async fn revoke(
    api: &Api,
    (lecture, course): (&Lecture, &Course),
    learners: &[Learner],
    audience: &mut Audience,
) -> Result<()> {
    for learner in learners {
        // A reload that waits for the next part must not bring it any more.
        let begun = now()?;
        learner.lose(api, lecture, course).await?;
        let refused = learner.refused(api).await? - begun;
        let ended = audience.hears(learner.how, "ended", Duration::from_secs(20)).await?;
        let time = |name: &str| ended[name].as_f64().with_context(|| format!("{ended}"));
        let (last, ended) = (time("last")? - begun, time("at")? - begun);
        report(format_args!(
            "{}: the last picture by WebRTC after {last:.2} s, its end after {ended:.2} s, segments refused after {refused:.2} s",
            learner.how
        ));
        ensure!(last <= SOON && ended <= SOON && refused <= SOON, "{}", learner.how);
        let stays = !audience.has_heard("stays", "ended").await;
        ensure!(
            stays || learner.how == "deleted",
            "{}: somebody else's right is gone",
            learner.how
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_the_right_during_a_lecture_sees_no_more_of_it() -> Result<()> {
    scenario(Start::default().set(PLACES, "0"), async |stage| {
        let owner = stage.account("instructor").await?;
        let mut accounts = Vec::new();
        for how in ENDS.into_iter().chain(["stays"]) {
            accounts.push((how, stage.account("learner").await?));
        }
        let api = &stage.api;
        let lecture = Lecture::announce(api, owner).await?;
        // a course needs something that can be watched when it is published
        let film = api.playable(&media::short().await?, &lecture.owner.token).await?;
        let course = Course::publish(api, &lecture.owner, &[&lecture.id, &film], &json!({})).await?;
        for (how, account) in &accounts {
            // who is not in the course watches as long as everybody may who is signed in
            if *how != "private again" {
                course.enrol(api, account).await?;
            }
        }
        let video = format!("/api/v1/content/{}", lecture.id);
        let change = json!({"visibility": "signed_in"});
        let change = api.json(Method::PATCH, &video, &lecture.owner.token, &change).await?;
        change.expect(200)?;
        let _publisher = lecture.with_ffmpeg(&lecture.key, SMALL).await?;
        lecture.is_published(api, true).await?;
        let (mut audience, mut learners) = (Audience::open()?, Vec::new());
        for account in accounts {
            learners.push(Learner::come(api, (&lecture, &mut audience), account).await?);
        }
        // Nobody takes it from who stays.
        learners.retain(|learner| learner.how != "stays");
        revoke(api, (&lecture, &course), &learners, &mut audience).await
    })
    .await
}

/// A count of `/metrics`.
async fn counted(api: &Api, admin: &Account, series: &str) -> Result<f64> {
    let text = api.get("/metrics", &admin.token).await?.expect(200)?.text();
    let line = text.lines().find(|line| line.starts_with(series));
    Ok(line
        .and_then(|line| line.rsplit_once(' ')?.1.parse().ok())
        .unwrap_or_default())
}

/// Waits until a count is above another one; returns when, in seconds since 1970.
async fn rises(api: &Api, admin: &Account, series: &str, above: f64) -> Result<f64> {
    until(series, BEGINNING, async || {
        Ok((counted(api, admin, series).await? > above).then_some(now()?))
    })
    .await
}

const OPENED: &str = "moocflix_live_webrtc_opened_total{kind=\"publisher\"}";
const TAKEN_OVER: &str = "moocflix_live_webrtc_ended_total{kind=\"publisher\",reason=\"taken_over\"}";
const LARGER: Pictures = Pictures {
    size: "854x480",
    rate: 800,
};

/// A new key sends the publisher away, and the old one is good for nothing.
async fn rotate(stage: &Stage, lecture: &mut Lecture) -> Result<()> {
    let api = &stage.api;
    let (old, begun) = (lecture.key.clone(), now()?);
    let changed = lecture.act(api, Method::POST, "/key", &json!({})).await?;
    let key = changed["ingest"]["stream_key"].as_str().context("a key")?;
    api.secret(key);
    key.clone_into(&mut lecture.key);
    lecture.is_published(api, false).await?;
    let out = now()? - begun;
    report(format_args!("a new key: the publisher is out after {out:.2} s"));
    ensure!(out <= SOON, "{out}");
    let offer = api.request(Method::POST, &lecture.path("/whip")).bearer_auth(&old);
    let offer = offer.header("content-type", "application/sdp").body("v=0\r\n");
    api.send(offer).await?.problem(401, "unauthenticated")?;
    Ok(())
}

/// The same lecture from another place.
async fn take_over(api: &Api, admin: &Account, lecture: &Lecture, audience: &mut Audience) -> Result<()> {
    let (opened, over) = (
        counted(api, admin, OPENED).await?,
        counted(api, admin, TAKEN_OVER).await?,
    );
    let _second = lecture.with_ffmpeg(&lecture.owner.token, LARGER).await?;
    let begun = rises(api, admin, OPENED, opened).await?;
    let out = rises(api, admin, TAKEN_OVER, over).await? - begun;
    let size = loop {
        let size = audience.hears("stays", "size", BEGINNING).await?;
        if size["width"] == 854 {
            break size;
        }
    };
    let seen = size["at"].as_f64().context("a time")? - begun;
    report(format_args!(
        "a second publisher: the first one is out after {out:.2} s, the second one's first picture is seen after {seen:.2} s"
    ));
    ensure!(out <= SOON && seen <= SOON, "{out} {seen}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_is_out_when_the_key_changes_or_another_one_comes() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let (owner, admin) = (stage.account("instructor").await?, stage.account("admin").await?);
        let mut lecture = Lecture::announce(&stage.api, owner).await?;
        let _first = lecture.with_ffmpeg(&lecture.key, SMALL).await?;
        lecture.is_published(&stage.api, true).await?;
        let mut audience = Audience::open()?;
        audience.comes("stays", &lecture.whep, &lecture.owner.token).await?;
        audience.hears("stays", "playing", BEGINNING).await?;
        rotate(stage, &mut lecture).await?;
        let _again = lecture.with_ffmpeg(&lecture.key, SMALL).await?;
        lecture.is_published(&stage.api, true).await?;
        take_over(&stage.api, &admin, &lecture, &mut audience).await?;
        ensure!(!audience.has_heard("stays", "ended").await, "a viewer was sent away");
        Ok(())
    })
    .await
}

/// When somebody came and left, each as the moments before and after it.
struct Visit {
    user: String,
    came: (f64, f64),
    left: (f64, f64),
}

/// Watches by WebRTC for some time.
async fn visit_by_webrtc(audience: &mut Audience, lecture: &Lecture, who: &Account) -> Result<Visit> {
    let begun = now()?;
    audience.comes(&who.email, &lecture.whep, &who.token).await?;
    audience.hears(&who.email, "playing", BEGINNING).await?;
    let came = (begun, now()?);
    sleep(Duration::from_secs(4)).await;
    let leaves = now()?;
    audience.leaves(&who.email).await?;
    audience.hears(&who.email, "left", BEGINNING).await?;
    Ok(Visit {
        user: who.id.clone(),
        came,
        left: (leaves, now()?),
    })
}

/// Watches by segments for some time.
async fn visit_by_segments(api: &Api, lecture: &Lecture, who: &Account) -> Result<Visit> {
    let index = playlists(api, &lecture.id, &who.token).await?;
    let index = index.strip_prefix(&api.base).context("a path")?.to_owned();
    let begun = now()?;
    api.fetch(&index).await?.expect(200)?;
    let came = (begun, now()?);
    for _ in 0..4 {
        sleep(Duration::from_secs(1)).await;
        api.fetch(&index).await?.expect(200)?;
    }
    let leaves = now()?;
    let end = index.replace("/index.m3u8", "/end");
    let answer = api.send(api.request(Method::POST, &end)).await?;
    ensure!(answer.status.is_success(), "{}", answer.text());
    Ok(Visit {
        user: who.id.clone(),
        came,
        left: (leaves, now()?),
    })
}

impl Visit {
    /// Checks that somebody's entry is right.
    fn is_in(&self, attendance: &[Value]) -> Result<()> {
        let own: Vec<_> = attendance.iter().filter(|it| it["user_id"] == *self.user).collect();
        let [entry] = own[..] else {
            anyhow::bail!("{own:?}");
        };
        for (name, (before, after)) in [("from", self.came), ("until", self.left)] {
            let text = entry[name].as_str().context("a time")?;
            let time = OffsetDateTime::parse(text, &Rfc3339)?.unix_timestamp_nanos() as f64 / 1e9;
            report(format_args!("{name}: {:.2} s after it happened", time - before));
            ensure!(
                (before - ATTENDED..=after + ATTENDED).contains(&time),
                "{name}: {time} is not from {before} to {after}"
            );
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attendance_is_who_was_there_by_either_way_and_when() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let (one, two) = (stage.account("learner").await?, stage.account("learner").await?);
        let stranger = stage.account("learner").await?;
        let api = &stage.api;
        let lecture = Lecture::announce(api, owner).await?;
        let video = format!("/api/v1/content/{}", lecture.id);
        let change = json!({"visibility": "signed_in"});
        let change = api.json(Method::PATCH, &video, &lecture.owner.token, &change).await?;
        change.expect(200)?;
        let _publisher = lecture.with_ffmpeg(&lecture.key, SMALL).await?;
        lecture.is_published(api, true).await?;
        let mut audience = Audience::open()?;
        let (one, two) = tokio::join!(
            visit_by_webrtc(&mut audience, &lecture, &one),
            visit_by_segments(api, &lecture, &two)
        );
        let attendance = lecture.act(api, Method::GET, "/attendance", &Value::Null).await?;
        let items = attendance["items"].as_array().context("a list")?;
        one?.is_in(items)?;
        two?.is_in(items)?;
        ensure!(items.iter().all(|it| it["user_id"] != *stranger.id), "{attendance}");
        Ok(())
    })
    .await
}
