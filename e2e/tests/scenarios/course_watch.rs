//! A course opens its lectures to those who may watch them, and to nobody else, and takes them away at once.

use super::postgres::database;
use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Answer, Api};
use e2e::courses::Course;
use e2e::process::until;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, tools};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::process::Command;

/// Three times the promise.
const SOON: Duration = Duration::from_secs(3);
const TRIALS: usize = 3;
/// A moment that is over, and one that is far away.
const PAST: &str = "2020-01-01T00:00:00Z";
const FUTURE: &str = "2090-01-01T00:00:00Z";

/// What takes the right of a learner away.
const ENDS: [&str; 11] = [
    "left",
    "removed",
    "unpublished",
    "archived",
    "deleted",
    "ended",
    "opened later",
    "module opened later",
    "item removed",
    "lecture taken out",
    "access narrowed",
];

/// What ends the sign-in by which somebody watches, or their role.
const SIGN_INS: [&str; 4] = ["signed out", "deactivated", "password changed", "role taken away"];

/// A segment of a new session.
async fn segment(api: &Api, lecture: &str, token: &str) -> Result<String> {
    let session = api.session(lecture, token).await?;
    let renditions = playlist::open(api, &session.hls_url).await?;
    let segment = renditions[0].segments.first().context("a segment")?.clone();
    api.fetch(&segment).await?.expect(200)?;
    Ok(segment)
}

/// Opens a stream with these headers.
async fn stream(api: &Api, lecture: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut request = api.request(Method::GET, &format!("/api/v1/content/{lecture}/stream"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.header("accept", "application/json")).await
}

async fn end(api: &Api, course: &Course, room: &Room, how: &str) -> Result<()> {
    let Room { learner, lecture, .. } = room;
    let module = format!("/modules/{}", course.module);
    let null = Value::Null;
    let (method, path, body) = match how {
        "left" => {
            let path = course.path("/enrolments/me");
            api.delete(&path, &learner.token).await?.expect(204)?;
            return Ok(());
        }
        "removed" => (Method::DELETE, format!("/enrolments/{}", learner.id), null),
        "unpublished" => (Method::POST, "/unpublish".to_owned(), null),
        "archived" => (Method::POST, "/archive".to_owned(), null),
        "deleted" => {
            course.act(api, Method::POST, "/unpublish", &null).await?;
            (Method::DELETE, String::new(), null)
        }
        "ended" => (Method::PATCH, String::new(), json!({"ends_at": PAST})),
        "opened later" => (Method::PATCH, String::new(), json!({"opens_at": FUTURE})),
        "module opened later" => (Method::PATCH, module, json!({"opens_at": FUTURE})),
        "item removed" => (Method::DELETE, format!("{module}/items/{}", course.items[0]), null),
        "lecture taken out" => (Method::DELETE, format!("/lectures/{lecture}"), null),
        _ => (Method::PATCH, String::new(), json!({"access": "enrolled"})),
    };
    course.act(api, method, &path, &body).await?;
    Ok(())
}

/// The people of a trial, and what they watch.
struct Room {
    owner: Account,
    learner: Account,
    both: Account,
    lecture: String,
}

impl Room {
    async fn new(stage: &mut Stage) -> Result<Self> {
        let owner = stage.account("instructor").await?;
        let lecture = stage.api.playable(&media::short().await?, &owner.token).await?;
        Ok(Self {
            learner: stage.account("learner").await?,
            both: stage.account("learner").await?,
            owner,
            lecture,
        })
    }
}

/// Ends the learner's right in one way; returns how long the next segment was still served.
async fn trial(api: &Api, room: &Room, how: &str) -> Result<Duration> {
    let fields = match how {
        "access narrowed" => json!({"access": "open"}),
        _ => json!({}),
    };
    let lectures = [room.lecture.as_str()];
    let course = Course::publish(api, &room.owner, &lectures, &fields).await?;
    let second = Course::publish(api, &room.owner, &lectures, &json!({})).await?;
    second.enrol(api, &room.both).await?;
    if how != "access narrowed" {
        course.enrol(api, &room.learner).await?;
        course.enrol(api, &room.both).await?;
    }
    let watching = async |who: &Account| {
        until("the enrolment opens the lecture", SOON, async || {
            let bearer = format!("Bearer {}", who.token);
            let answer = stream(api, &room.lecture, &[("authorization", &bearer)]).await?;
            Ok((answer.status == 200).then_some(()))
        })
        .await?;
        segment(api, &room.lecture, &who.token).await
    };
    let (one, other) = (watching(&room.learner).await?, watching(&room.both).await?);
    let own = segment(api, &room.lecture, &room.owner.token).await?;
    end(api, &course, room, how).await?;
    let begun = Instant::now();
    until("the next segment is refused", SOON, async || {
        Ok((api.fetch(&one).await?.status == 403).then_some(()))
    })
    .await?;
    let lasted = begun.elapsed();
    let bearer = format!("Bearer {}", room.learner.token);
    let again = stream(api, &room.lecture, &[("authorization", &bearer)]).await?;
    ensure!(matches!(again.status.as_u16(), 403 | 404), "{}", again.text());
    for goes_on in [&other, &own] {
        api.fetch(goes_on).await?.expect(200)?;
    }
    for over in [&course, &second] {
        over.ask(api, Method::POST, "/unpublish", &Value::Null).await?;
    }
    Ok(lasted)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_takes_the_right_away_ends_playback_within_a_second_and_spares_others() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let room = Room::new(stage).await?;
        let mut longest = Duration::ZERO;
        for how in ENDS {
            for _ in 0..TRIALS {
                let lasted = trial(&stage.api, &room, how).await.context(how)?;
                longest = longest.max(lasted);
            }
        }
        ensure!(longest <= SOON, "{longest:?}");
        Ok(())
    })
    .await
}

/// Ends a sign-in, or the role of an admin, while it watches; returns how long the next segment was still served.
async fn sign_in_trial(stage: &mut Stage, room: &Room, how: &str) -> Result<Duration> {
    let admin = stage.account("admin").await?;
    let who = stage
        .account(if how == "role taken away" { "admin" } else { "learner" })
        .await?;
    let api = &stage.api;
    let watches = api.login(&who.email, &who.password).await?;
    let one = segment(api, &room.lecture, &watches.token).await?;
    let other = segment(api, &room.lecture, &who.token).await?;
    let send = async |method: Method, path: &str, token: &str, body: Value| {
        let answer = api.json(method, path, token, &body).await?;
        ensure!(
            answer.status.is_success(),
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
        Ok(())
    };
    match how {
        "signed out" => send(Method::POST, "/api/v1/users/logout", &watches.token, json!({})).await?,
        "deactivated" => send(Method::DELETE, "/api/v1/users/deactivate", &who.token, json!({})).await?,
        "password changed" => {
            let new = "a password that nobody had before";
            let body = json!({"current_password": who.password, "new_password": new});
            send(Method::POST, "/api/v1/users/password/change", &who.token, body).await?;
        }
        _ => {
            let path = format!("/api/v1/users/{}/roles", who.id);
            send(Method::PUT, &path, &admin.token, json!({"roles": ["learner"]})).await?;
        }
    }
    let begun = Instant::now();
    until("the next segment is refused", SOON, async || {
        Ok((api.fetch(&one).await?.status == 403).then_some(()))
    })
    .await?;
    let lasted = begun.elapsed();
    let bearer = format!("Bearer {}", watches.token);
    let again = stream(api, &room.lecture, &[("authorization", &bearer)]).await?;
    ensure!(again.status == 401, "{} {}", again.status, again.text());
    // A new password has the sign-in that changed it open its sessions again.
    let status = if how == "signed out" { 200 } else { 403 };
    api.fetch(&other).await?.expect(status)?;
    Ok(lasted)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_sign_in_or_a_role_ends_its_playback() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let room = Room::new(stage).await?;
        let open = json!({"access": "open"});
        Course::publish(&stage.api, &room.owner, &[&room.lecture], &open).await?;
        for how in SIGN_INS {
            for _ in 0..TRIALS {
                let lasted = sign_in_trial(stage, &room, how).await.context(how)?;
                ensure!(lasted <= SOON, "{how}: {lasted:?}");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_brought_a_lecture_into_another_s_course_takes_it_back_after_leaving() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let room = Room::new(stage).await?;
        let guest = stage.account("instructor").await?;
        let api = &stage.api;
        let fields = json!({"access": "public"});
        let course = Course::publish(api, &room.owner, &[room.lecture.as_str()], &fields).await?;
        course.enrol(api, &guest).await?;
        let member = format!("/members/{}", guest.id);
        let editor = json!({"role": "editor"});
        course.act(api, Method::PUT, &member, &editor).await?;
        let lent = api.playable(&media::short().await?, &guest.token).await?;
        let items = course.path(&format!("/modules/{}/items", course.module));
        let item = json!({"kind": "video", "content_id": lent});
        api.json(Method::POST, &items, &guest.token, &item).await?.expect(201)?;
        let removed = format!("/enrolments/{}", guest.id);
        course.act(api, Method::DELETE, &removed, &Value::Null).await?;
        let anybody = until("the course opens the lecture to everybody", SOON, async || {
            let answer = stream(api, &lent, &[]).await?;
            Ok((answer.status == 200).then(|| answer.json()))
        });
        let hls = anybody.await?["hls_url"].as_str().context("an address")?.to_owned();
        let renditions = playlist::open(api, &hls).await?;
        let segment = renditions[0].segments.first().context("a segment")?.clone();
        api.fetch(&segment).await?.expect(200)?;

        let shown = format!("/api/v1/courses/lectures/{lent}");
        let listed = api.get(&shown, &guest.token).await?.expect(200)?.json();
        ensure!(listed["items"][0]["id"] == json!(course.id), "{listed}");
        let taken = course.path(&format!("/lectures/{lent}"));
        api.delete(&taken, &room.owner.token)
            .await?
            .problem(404, "video_not_found")?;
        api.delete(&taken, &guest.token).await?.expect(204)?;
        until("the next segment is refused", SOON, async || {
            Ok((api.fetch(&segment).await?.status == 403).then_some(()))
        })
        .await?;
        stream(api, &lent, &[]).await?.problem(401, "unauthenticated")?;
        api.session(&lent, &guest.token).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_who_enrols_watches_with_the_receipt_at_once() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let room = Room::new(stage).await?;
        let (api, lecture) = (&stage.api, room.lecture.as_str());
        let course = Course::publish(api, &room.owner, &[lecture], &json!({})).await?;
        let bearer = format!("Bearer {}", room.learner.token);
        let signed_in = [("authorization", bearer.as_str())];
        stream(api, lecture, &signed_in)
            .await?
            .problem(404, "video_not_found")?;
        let receipt = course.enrol(api, &room.learner).await?;
        let with_receipt = [
            ("authorization", bearer.as_str()),
            ("enrolment-receipt", receipt.as_str()),
        ];
        stream(api, lecture, &with_receipt).await?.expect(200)?;
        segment(api, lecture, &room.learner.token).await?;
        let others = format!("Bearer {}", room.both.token);
        let stolen = [
            ("authorization", others.as_str()),
            ("enrolment-receipt", receipt.as_str()),
        ];
        stream(api, lecture, &stolen).await?.problem(404, "video_not_found")?;
        let listed = format!("/api/v1/content?course_id={}", course.id);
        let listed = api.get(&listed, &room.learner.token).await?.expect(200)?.json();
        ensure!(listed["items"][0]["id"] == lecture, "{listed}");
        let seen = api.video(lecture, &room.learner.token).await?;
        ensure!(
            seen["source"]["filename"].is_null() && seen["upload"].is_null(),
            "{seen}"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_course_that_is_not_open_is_known_to_its_members_alone() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let room = Room::new(stage).await?;
        let (api, lecture) = (&stage.api, room.lecture.as_str());
        let course = Course::publish(api, &room.owner, &[lecture], &json!({})).await?;
        course.enrol(api, &room.learner).await?;
        end(api, &course, &room, "module opened later").await?;
        let bearers = [&room.learner, &room.both].map(|who| format!("Bearer {}", who.token));
        until("the lecture is known and closed", SOON, async || {
            let answer = stream(api, lecture, &[("authorization", &bearers[0])]).await?;
            Ok((answer.code() == "not_entitled").then_some(()))
        })
        .await?;
        let closed = stream(api, lecture, &[("authorization", &bearers[0])]).await?;
        closed.problem(403, "not_entitled")?;
        let strange = stream(api, lecture, &[("authorization", &bearers[1])]).await?;
        strange.problem(404, "video_not_found")?;
        stream(api, lecture, &[]).await?.problem(401, "unauthenticated")?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_course_takes_a_sign_in_and_a_public_one_nothing() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let room = Room::new(stage).await?;
        let (api, lecture) = (&stage.api, room.lecture.as_str());
        let course = Course::publish(api, &room.owner, &[lecture], &json!({"access": "open"})).await?;
        let bearer = format!("Bearer {}", room.both.token);
        until("the course opens its lecture", SOON, async || {
            let answer = stream(api, lecture, &[("authorization", &bearer)]).await?;
            Ok((answer.status == 200).then_some(()))
        })
        .await?;
        stream(api, lecture, &[]).await?.problem(401, "unauthenticated")?;
        course.act(api, Method::PATCH, "", &json!({"access": "public"})).await?;
        let session = until("the course is public", SOON, async || {
            let answer = stream(api, lecture, &[]).await?;
            Ok((answer.status == 200).then(|| answer.json()))
        })
        .await?;
        let index = session["hls_url"].as_str().context("an address")?;
        api.secret(index.split('/').nth(2).context("a token in the path")?);
        let segment = playlist::open(api, index).await?[0].segments[0].clone();
        api.fetch(&segment).await?.expect(200)?;
        let seen = api
            .send(api.request(Method::GET, &format!("/api/v1/content/{lecture}")))
            .await?;
        let seen = seen.expect(200)?.json();
        ensure!(
            seen["owner_id"].is_null() && seen["source"]["filename"].is_null(),
            "{seen}"
        );
        course.act(api, Method::PATCH, "", &json!({"access": "open"})).await?;
        until("the stranger's next segment is refused", SOON, async || {
            Ok((api.fetch(&segment).await?.status == 403).then_some(()))
        })
        .await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_event_is_repaired_within_a_minute() -> Result<()> {
    let url = database().await?;
    let start = Start::default().set("DATABASE_URL", &url);
    scenario(start, async |stage| {
        let room = Room::new(stage).await?;
        let (api, lecture) = (&stage.api, room.lecture.as_str());
        let course = Course::publish(api, &room.owner, &[lecture], &json!({})).await?;
        let bearer = format!("Bearer {}", room.learner.token);
        let open = async |expected: u16, within: Duration| {
            until("the stream answers so", within, async || {
                let answer = stream(api, lecture, &[("authorization", &bearer)]).await?;
                Ok((answer.status == expected).then_some(()))
            })
            .await
        };
        course.enrol(api, &room.learner).await?;
        open(200, SOON).await?;
        end(api, &course, &room, "removed").await?;
        open(404, SOON).await?;
        // As if the event of the removal had been lost.
        let before = "WITH back AS (UPDATE content.course_members SET role = 'learner' WHERE role IS NULL \
                      RETURNING course_id) \
                      UPDATE content.courses SET sequence = sequence - 1 WHERE id IN (SELECT course_id FROM back)";
        tools::output(Command::new("psql").args([&url, "-qc", before]), b"").await?;
        open(200, SOON).await?;
        let segment = segment(api, lecture, &room.learner.token).await?;
        until("the lost event is repaired", Duration::from_secs(60), async || {
            Ok((api.fetch(&segment).await?.status == 403).then_some(()))
        })
        .await?;
        open(404, SOON).await
    })
    .await
}
