//! A lecture is shared with everyone who is signed in, or by a link, and taken back at once.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::api::{Answer, Api};
use e2e::courses::Course;
use e2e::process::until;
use e2e::random::Random;
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::{media, playlist};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Three times the promise.
const SOON: Duration = Duration::from_secs(3);
const GUESSES: usize = 10_000;
const ABREAST: usize = 32;

/// Changes who may watch; returns the lecture as its owner sees it.
async fn share(api: &Api, lecture: &str, token: &str, visibility: &str) -> Result<Value> {
    let path = format!("/api/v1/content/{lecture}");
    let body = json!({"visibility": visibility});
    let changed = api.json(Method::PATCH, &path, token, &body).await?.expect(200)?.json();
    ensure!(changed["visibility"] == visibility, "{changed}");
    Ok(changed)
}

/// The key in a lecture's link.
fn key(lecture: &Value) -> Result<String> {
    let url = lecture["share_url"].as_str().context("a link")?;
    let id = lecture["id"].as_str().context("an id")?;
    let key = url
        .strip_prefix(&format!("/lectures/{id}?s="))
        .context("the page's path")?;
    Ok(key.to_owned())
}

/// Asks for something of a lecture without a sign-in, by a key.
async fn visit(api: &Api, lecture: &str, below: &str, key: &str) -> Result<Answer> {
    let path = format!("/api/v1/content/{lecture}{below}?s={key}");
    let request = api.request(Method::GET, &path).header("accept", "application/json");
    api.send(request).await
}

/// A segment of the session that an answer has opened.
async fn segment(api: &Api, opened: &Answer) -> Result<String> {
    let session = opened.json();
    let url = session["hls_url"].as_str().with_context(|| opened.text())?;
    let segment = playlist::open(api, url).await?[0].segments[0].clone();
    ensure!(!api.fetch(&segment).await?.expect(200)?.body.is_empty(), "no bytes");
    Ok(segment)
}

async fn ends(api: &Api, segment: &str) -> Result<()> {
    until("the next segment is refused", SOON, async || {
        let answer = api.fetch(segment).await?;
        Ok((answer.status == 403 && answer.body.is_empty()).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_link_watches_without_a_sign_in_until_it_is_taken_back() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let other = stage.account("learner").await?;
        let api = &stage.api;
        let lecture = api.playable(&media::short().await?, &owner.token).await?;
        let first = key(&share(api, &lecture, &owner.token, "link").await?)?;
        ensure!(first.len() == 22, "{first}");
        ensure!(
            key(&share(api, &lecture, &owner.token, "link").await?)? == first,
            "it was shared already"
        );

        let seen = visit(api, &lecture, "", &first).await?.expect(200)?.json();
        ensure!(seen["title"].is_string() && seen["duration"].is_number(), "{seen}");
        for hidden in ["owner_id", "visibility", "share_url", "upload", "reason"] {
            ensure!(seen[hidden].is_null(), "{hidden}: {seen}");
        }
        ensure!(seen["source"]["filename"].is_null(), "{seen}");
        let playing = segment(api, &visit(api, &lecture, "/stream", &first).await?.expect(200)?).await?;
        // Everything else stays closed, and an unknown lecture looks the same.
        for below in ["/events", "/transcode"] {
            visit(api, &lecture, below, &first)
                .await?
                .problem(401, "unauthenticated")?;
        }
        let unknown = "01900000-0000-7000-8000-000000000000";
        for (id, brought) in [
            (lecture.as_str(), "x"),
            (lecture.as_str(), ""),
            (unknown, first.as_str()),
        ] {
            for below in ["", "/stream"] {
                visit(api, id, below, brought).await?.problem(401, "unauthenticated")?;
            }
        }
        // Somebody who is signed in needs the key as well.
        let path = format!("/api/v1/content/{lecture}");
        api.get(&path, &other.token).await?.problem(404, "video_not_found")?;
        api.get(&format!("{path}?s={first}"), &other.token).await?.expect(200)?;
        let report = json!({"position": 1, "intervals": [[0, 1]]});
        let watch = async |query: &str| {
            let path = format!("{path}/watch{query}");
            api.json(Method::POST, &path, &other.token, &report).await
        };
        watch("").await?.problem(404, "video_not_found")?;
        watch(&format!("?s={first}")).await?.expect(204)?;

        share(api, &lecture, &owner.token, "private").await?;
        ends(api, &playing).await?;
        visit(api, &lecture, "/stream", &first)
            .await?
            .problem(401, "unauthenticated")?;
        let second = key(&share(api, &lecture, &owner.token, "link").await?)?;
        ensure!(second != first, "the same link came again");
        visit(api, &lecture, "", &first)
            .await?
            .problem(401, "unauthenticated")?;
        visit(api, &lecture, "", &second).await?.expect(200)?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_who_is_signed_in_finds_and_watches_what_is_shared_with_them() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let other = stage.account("learner").await?;
        let api = &stage.api;
        let lecture = api.playable(&media::short().await?, &owner.token).await?;
        let shared = async |token: &str| -> Result<Vec<Value>> {
            let page = api.get("/api/v1/content?shared=true", token).await?.expect(200)?.json();
            Ok(page["items"].as_array().cloned().unwrap_or_default())
        };
        ensure!(shared(&other.token).await?.is_empty(), "something private is listed");
        share(api, &lecture, &owner.token, "signed_in").await?;
        let listed = shared(&other.token).await?;
        ensure!(listed.len() == 1 && listed[0]["id"] == lecture.as_str(), "{listed:?}");
        ensure!(listed[0]["source"]["filename"].is_null(), "{listed:?}");
        ensure!(
            shared(&owner.token).await?.is_empty(),
            "one's own lectures are elsewhere"
        );
        // That it may be watched does not show in which courses it is.
        let fields = json!({"join": "closed"});
        let course = Course::publish(api, &owner, &[lecture.as_str()], &fields).await?;
        let of_course = format!("/api/v1/content?course_id={}", course.id);
        let listed = api.get(&of_course, &other.token).await?.expect(200)?.json();
        ensure!(listed["items"] == json!([]), "{listed}");
        let path = format!("/api/v1/content/{lecture}/stream");
        let request = api.request(Method::GET, &path).bearer_auth(&other.token);
        let opened = api.send(request.header("accept", "application/json")).await?;
        let playing = segment(api, &opened).await?;
        visit(api, &lecture, "", "").await?.problem(401, "unauthenticated")?;

        share(api, &lecture, &owner.token, "private").await?;
        ends(api, &playing).await?;
        ensure!(shared(&other.token).await?.is_empty(), "it is still listed");
        api.get(&path, &other.token).await?.problem(404, "video_not_found")?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_says_whom_it_is_shared_with_in_each_way_to_upload() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let api = &stage.api;
        let film = std::fs::read(media::short().await?)?;
        let upload = |query: &str| {
            let path = format!("/api/v1/content/upload{query}");
            api.request(Method::POST, &path).bearer_auth(&owner.token)
        };
        let raw = upload("?visibility=signed_in").header("content-type", "video/mp4");
        let raw = api.send(raw.body(film.clone())).await?.expect(201)?.json();
        ensure!(raw["visibility"] == "signed_in" && raw["share_url"].is_null(), "{raw}");

        let file = reqwest::multipart::Part::bytes(film.clone()).file_name("a.mp4");
        let form = reqwest::multipart::Form::new()
            .part("file", file)
            .text("visibility", "link");
        let form = api.send(upload("").multipart(form)).await?.expect(201)?.json();
        key(&form)?;

        let metadata = format!(
            "filename {},visibility {}",
            STANDARD.encode("a.mp4"),
            STANDARD.encode("link")
        );
        let tus = upload("")
            .header("tus-resumable", "1.0.0")
            .header("upload-length", film.len());
        let tus = api
            .send(tus.header("upload-metadata", metadata))
            .await?
            .expect(201)?
            .json();
        key(&tus)?;

        let wrong = upload("?visibility=public")
            .header("content-type", "video/mp4")
            .body(film);
        api.send(wrong).await?.problem(422, "invalid_request")?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_guessed_links_open_nothing() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let api = &stage.api;
        let lecture = api.playable(&media::short().await?, &owner.token).await?;
        let key = key(&share(api, &lecture, &owner.token, "link").await?)?;
        let mut random = Random::start("guessed links");
        let guesses: Vec<String> = (0..GUESSES).map(|_| guess(&mut random, &key)).collect();
        let answers = stream::iter(guesses).map(|guess| {
            let lecture = &lecture;
            async move { visit(api, lecture, "/stream", &guess).await }
        });
        let mut answers = answers.buffer_unordered(ABREAST);
        while let Some(answer) = answers.next().await {
            answer?.problem(401, "unauthenticated")?;
        }
        segment(api, &visit(api, &lecture, "/stream", &key).await?.expect(200)?).await?;
        Ok(())
    })
    .await
}

/// A key that is near the right one: one letter is another, or some are cut off, or all are random.
fn guess(random: &mut Random, key: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut letters = key.as_bytes().to_vec();
    let below = |random: &mut Random, most: usize| usize::try_from(random.within(0..most as u64)).unwrap_or_default();
    match below(random, 3) {
        0 => {
            let at = below(random, letters.len());
            let other = LETTERS.iter().filter(|it| **it != letters[at]);
            let other = other.cycle().nth(below(random, LETTERS.len()));
            letters[at] = *other.unwrap_or(&b'A');
        }
        1 => letters.truncate(below(random, key.len())),
        _ => letters = (0..key.len()).map(|_| LETTERS[below(random, LETTERS.len())]).collect(),
    }
    String::from_utf8_lossy(&letters).into_owned()
}
