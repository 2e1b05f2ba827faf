//! One story, told to the same installation in three forms: each answers the same.

use super::metrics::{APART, numbers, of};
use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Answer, Api};
use e2e::courses::Course;
use e2e::process::until;
use e2e::topology::{Installation, Topology};
use e2e::{media, playlist, tus};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Three times the promise of five seconds, where another process must hear of it.
const SOON: Duration = Duration::from_secs(15);
const ENCODED: Duration = Duration::from_secs(120);
const SETTINGS: &[(&str, &str)] = &[
    ("CONTENT__TRANSCODE__RUNGS", "240"),
    ("CONTENT__TRANSCODE__PRESET", "ultrafast"),
    ("CONTENT__QUOTA__UPLOADS", "1"),
    ("CONTENT__PLAYBACK__SESSIONS_PER_USER", "0"),
];

/// What was answered, in order, without what differs from one run to the next.
#[derive(Default)]
struct Record(Vec<Value>);

impl Record {
    fn note(&mut self, what: &str, answer: &Answer) -> Value {
        let body = answer.json();
        let kind = answer.header("content-type").to_owned();
        self.0
            .push(json!([what, answer.status.as_u16(), kind, normal("", &body)]));
        body
    }

    fn add(&mut self, what: &str, fact: &Value) {
        self.0.push(json!([what, fact]));
    }
}

/// Ids, moments and secrets by their kind alone.
fn normal(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, it)| (name.clone(), normal(name, it)))
            .collect(),
        Value::Array(all) => all.iter().map(|it| normal(name, it)).collect(),
        Value::String(text) if uuid::Uuid::try_parse(text).is_ok() => json!("an id"),
        Value::String(_) if name.ends_with("_at") => json!("a moment"),
        Value::String(text) if text.starts_with('/') => json!("a path"),
        Value::String(_)
            if ["request_id", "receipt", "next_cursor", "access_token", "refresh_token"].contains(&name) =>
        {
            json!("a text")
        }
        // encoders of a loaded machine end at other moments
        Value::Number(_) if ["progress", "retry_after"].contains(&name) => json!("a number"),
        other => other.clone(),
    }
}

/// The people of the story.
struct People {
    teacher: Account,
    learner: Account,
    stranger: Account,
    outsider: Account,
    admin: Account,
}

async fn people(site: &mut Installation, record: &mut Record) -> Result<People> {
    let password = uuid::Uuid::new_v4().to_string();
    site.api.secret(&password);
    let body = json!({"email": "someone@example.org", "password": password, "name": "Someone"});
    let signed = site.api.json(Method::POST, "/api/v1/users/signup", "", &body).await?;
    record.note("sign-up", &signed);
    let again = site.api.json(Method::POST, "/api/v1/users/signup", "", &body).await?;
    record.note("the same address", &again);
    Ok(People {
        teacher: site.account("instructor").await?,
        learner: site.api.login("someone@example.org", &password).await?,
        stranger: site.account("learner").await?,
        outsider: site.account("learner").await?,
        admin: site.account("admin").await?,
    })
}

/// Uploads by tus in two parts, with a wrong offset between them; a second upload meanwhile is over the quota.
async fn upload(api: &Api, owner: &Account, path: &std::path::Path, record: &mut Record) -> Result<String> {
    let bytes = std::fs::read(path)?;
    let half = bytes.len() / 2;
    let upload = tus::create(api, &owner.token, u64::try_from(bytes.len())?).await?;
    let second = tus::ask(api, &owner.token, "1000").await?;
    record.note("an upload over the quota", &second);
    tus::send(api, &upload.url, 0, bytes[..half].to_vec())
        .await?
        .expect(204)?;
    let wrong = tus::send(api, &upload.url, 1, bytes[half..].to_vec()).await?;
    record.add("a wrong offset", &json!([wrong.status.as_u16(), wrong.code()]));
    let offset = tus::offset(api, &upload.url).await?;
    ensure!(offset == u64::try_from(half)?, "{offset}");
    tus::send(api, &upload.url, offset, bytes[half..].to_vec())
        .await?
        .expect(204)?;
    api.becomes_within(&upload.id, &owner.token, &["ready"], ENCODED)
        .await?;
    record.note(
        "a lecture",
        &api.get(&format!("/api/v1/content/{}", upload.id), &owner.token).await?,
    );
    Ok(upload.id)
}

/// Watches from the first to the last segment; returns one of them.
async fn watch(api: &Api, lecture: &str, viewer: &Account, record: &mut Record) -> Result<String> {
    let session = api.session(lecture, &viewer.token).await?;
    let renditions = playlist::open(api, &session.hls_url).await?;
    let mut last = None;
    for rendition in &renditions {
        let ends = [rendition.segments.first(), rendition.segments.last()];
        let mut seen = Vec::new();
        for path in ends.into_iter().flatten().chain([&rendition.init]) {
            let answer = api.fetch(path).await?.expect(200)?;
            ensure!(!answer.body.is_empty(), "{path} is empty");
            seen.push(json!([answer.header("content-type"), answer.header("cache-control")]));
        }
        let part = api.request(Method::GET, &rendition.init).header("range", "bytes=0-9");
        let part = api.send(part).await?;
        seen.push(json!([part.status.as_u16(), part.body.len()]));
        record.add("a rendition", &json!([rendition.name, rendition.segments.len(), seen]));
        last = rendition.segments.last().cloned();
    }
    last.context("a segment")
}

/// Waits until an answer is this one, and records it.
async fn becomes(api: &Api, path: &str, token: &str, status: u16, record: &mut Record) -> Result<()> {
    let answer = until(&format!("{status} for {path}"), SOON, async || {
        let answer = api.get(path, token).await?;
        Ok((answer.status.as_u16() == status).then_some(answer))
    })
    .await?;
    record.note(&format!("{status} in the end"), &answer);
    Ok(())
}

async fn is_refused(api: &Api, segment: &str) -> Result<()> {
    until("the next segment is refused", SOON, async || {
        Ok((api.fetch(segment).await?.status == 403).then_some(()))
    })
    .await
}

/// Enrols, watches, is removed: what a course allows, and no longer.
async fn course(api: &Api, people: &People, lectures: [&str; 2], record: &mut Record) -> Result<()> {
    let fields = json!({"access": "enrolled", "completed_share": 0.1});
    let course = Course::publish(api, &people.teacher, &lectures, &fields).await?;
    let stream = format!("/api/v1/content/{}/stream", lectures[0]);
    becomes(api, &stream, &people.learner.token, 404, record).await?;
    record.note(
        "the course to a stranger",
        &api.get(&course.path(""), &people.stranger.token).await?,
    );
    course.enrol(api, &people.learner).await?;
    becomes(api, &stream, &people.learner.token, 307, record).await?;
    let mut last = String::new();
    for lecture in lectures {
        last = watch(api, lecture, &people.learner, record).await?;
        let report = json!({"position": 2.0, "intervals": [[0, 2]]});
        let path = format!("/api/v1/content/{lecture}/watch");
        record.note(
            "progress",
            &api.json(Method::POST, &path, &people.learner.token, &report).await?,
        );
        record.note("progress again", &api.get(&path, &people.learner.token).await?);
    }
    // two seconds complete no lecture outside of this course
    let mine = api.get(&course.path("/progress"), &people.learner.token).await?;
    ensure!(mine.json()["completed"] == 2, "{}", mine.text());
    for (token, path) in [
        (&people.learner.token, "/progress"),
        (&people.teacher.token, "/members/progress"),
        (&people.teacher.token, "/members"),
        (&people.learner.token, "/members"),
    ] {
        record.note(path, &api.get(&course.path(path), token).await?);
    }
    let added = json!({"email": people.stranger.email});
    record.note(
        "enrolled by address",
        &course.ask(api, Method::POST, "/enrolments", &added).await?,
    );
    let path = course.path(&format!("/enrolments/{}", people.learner.id));
    record.note("removed", &api.delete(&path, &people.teacher.token).await?);
    is_refused(api, &last).await?;
    becomes(api, &stream, &people.learner.token, 404, record).await
}

/// Shares by a link, without a sign-in, and takes it back.
async fn link(api: &Api, owner: &Account, lecture: &str, record: &mut Record) -> Result<()> {
    let path = format!("/api/v1/content/{lecture}");
    let shared = api
        .json(Method::PATCH, &path, &owner.token, &json!({"visibility": "link"}))
        .await?;
    let shared = shared.expect(200)?.json();
    let key = shared["share_url"]
        .as_str()
        .and_then(|url| url.split("?s=").nth(1))
        .context("a key")?;
    let visit = async |key: &str| {
        let request = api.request(Method::GET, &format!("{path}/stream?s={key}"));
        api.send(request.header("accept", "application/json")).await
    };
    let opened = visit(key).await?.expect(200)?.json();
    let renditions = playlist::open(api, opened["hls_url"].as_str().context("a playlist")?).await?;
    let segment = renditions[0].segments[0].clone();
    api.fetch(&segment).await?.expect(200)?;
    record.note("another key", &visit("x").await?);
    api.json(Method::PATCH, &path, &owner.token, &json!({"visibility": "private"}))
        .await?
        .expect(200)?;
    is_refused(api, &segment).await?;
    record.note("the key of before", &visit(key).await?);
    Ok(())
}

/// Signs out: the API and the media plane refuse, in every process.
async fn sign_out(api: &Api, people: &People, lecture: &str, record: &mut Record) -> Result<()> {
    let viewer = api.login(&people.teacher.email, &people.teacher.password).await?;
    let segment = watch(api, lecture, &viewer, record).await?;
    let left = api
        .json(Method::POST, "/api/v1/users/logout", &viewer.token, &json!({}))
        .await?;
    record.note("sign-out", &left);
    for path in ["/api/v1/users/profile", "/api/v1/courses?mine=true", "/api/v1/content"] {
        becomes(api, path, &viewer.token, 401, record).await?;
    }
    is_refused(api, &segment).await
}

async fn end(api: &Api, people: &People, lecture: &str, record: &mut Record) -> Result<()> {
    let segment = watch(api, lecture, &people.teacher, record).await?;
    let path = format!("/api/v1/content/{lecture}");
    record.note(
        "deleted",
        &api.delete(&format!("{path}/delete"), &people.admin.token).await?,
    );
    is_refused(api, &segment).await?;
    becomes(api, &path, &people.teacher.token, 410, record).await?;
    becomes(api, &path, &people.outsider.token, 404, record).await?;
    for service in ["users", "courses", "content"] {
        let audit = api
            .get(&format!("/api/v1/{service}/audit"), &people.admin.token)
            .await?
            .expect(200)?;
        let mut acts = BTreeMap::<String, usize>::new();
        for entry in audit.json()["items"].as_array().context("entries")? {
            *acts
                .entry(entry["act"].as_str().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        record.add(&format!("audit of {service}"), &json!(acts));
    }
    for path in ["/internal/v1/users/people", "/api/v1/nothing"] {
        let answer = api
            .json(Method::POST, path, &people.admin.token, &json!({"ids": []}))
            .await?;
        ensure!(!answer.status.is_success(), "{path}: {}", answer.status);
    }
    Ok(())
}

async fn story(site: &mut Installation) -> Result<Vec<Value>> {
    let mut record = Record::default();
    let people = people(site, &mut record).await?;
    let api = site.api.clone();
    let source = media::picture("426x240", "25", 6);
    let mut arguments: Vec<&str> = source.iter().map(String::as_str).collect();
    arguments.extend(["-c:v", "mpeg4", "-q:v", "5", "-c:a", "libmp3lame"]);
    let conforming = upload(&api, &people.teacher, &media::short().await?, &mut record).await?;
    let other = media::make("other.avi", &arguments).await?;
    let other = upload(&api, &people.teacher, &other, &mut record).await?;
    course(&api, &people, [conforming.as_str(), other.as_str()], &mut record).await?;
    link(&api, &people.teacher, &conforming, &mut record).await?;
    sign_out(&api, &people, &other, &mut record).await?;
    end(&api, &people, &conforming, &mut record).await?;
    let log = site.log();
    for secret in api.secrets() {
        ensure!(!log.contains(&secret), "a secret in a log");
    }
    let panic = log.lines().find(|line| line.contains("panicked at"));
    ensure!(panic.is_none(), "{panic:?}");
    Ok(record.0)
}

async fn told(topology: Topology) -> Result<Vec<Value>> {
    let mut site = Installation::start(topology, SETTINGS).await?;
    let told = Box::pin(story(&mut site)).await;
    told.with_context(|| {
        let log = site.log();
        let faults = log
            .lines()
            .filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\""));
        let faults: Vec<_> = faults.take(30).collect();
        format!("{topology:?}; the processes' warnings:\n{}", faults.join("\n"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_story_ends_the_same_embedded_in_production_and_with_the_roles_apart() -> Result<()> {
    let embedded = told(Topology::Embedded).await?;
    ensure!(embedded.len() > 40, "only {} answers", embedded.len());
    for topology in [Topology::ProductionInOne, Topology::ProductionSplit] {
        let other = told(topology).await?;
        for (one, two) in embedded.iter().zip(&other) {
            ensure!(one == two, "{topology:?}:\n{two}\nembedded:\n{one}");
        }
        ensure!(embedded.len() == other.len(), "{topology:?}: {} answers", other.len());
    }
    Ok(())
}

/// Waits until a process without `users` has measured what it asks, and that nobody answers.
async fn is_left_alone(content: &Api, admin: &Account) -> Result<()> {
    let all = [
        "moocflix_question_seconds",
        "moocflix_questions_asked_again_total",
        "moocflix_questions_total",
    ];
    until("users are left alone", SOON, async || {
        let now = numbers(content, &admin.token).await?;
        let moved = all.iter().all(|it| of(&now, it).iter().any(|(_, value)| **value > 0.0));
        let left = of(&now, "moocflix_roles_left_alone");
        Ok((moved && left.iter().any(|(name, value)| name.contains("users") && **value > 0.0)).then_some(()))
    })
    .await
}

/// What a process misses.
async fn missing(api: &Api, kind: &str) -> Result<Value> {
    Ok(api.get("/health/ready", "").await?.json()[kind].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_away_is_named_and_the_others_go_on() -> Result<()> {
    let mut site = Installation::start(Topology::ProductionSplit, SETTINGS).await?;
    let (teacher, admin) = (site.account("instructor").await?, site.account("admin").await?);
    let api = site.api.clone();
    let lecture = api.playable(&media::short().await?, &teacher.token).await?;
    let session = api.session(&lecture, &teacher.token).await?;
    let segment = playlist::open(&api, &session.hls_url).await?[0].segments[0].clone();
    let content = Api::new(&site.role("content")?.url())?;
    let document = api.get("/openapi.json", "").await?.expect(200)?.json();
    for path in ["/api/v1/users/login", "/api/v1/courses", "/api/v1/content/upload"] {
        ensure!(document["paths"][path].is_object(), "{path} is not documented");
    }

    site.role("users")?.kill()?;
    until("content notes that users are away", SOON, async || {
        Ok(missing(&content, "notes").await?["users"].is_string().then_some(()))
    })
    .await?;
    ensure!(missing(&content, "checks").await?["users"] == "ok", "its keys came");
    is_left_alone(&content, &admin).await?;
    api.fetch(&segment).await?.expect(200)?;
    api.video(&lecture, &teacher.token).await?;
    let course = json!({"title": "Graphs"});
    let made = api
        .json(Method::POST, "/api/v1/courses", &teacher.token, &course)
        .await?;
    made.expect(201)?;

    // a process that starts meanwhile can't tell what a token is worth
    let server = site.role("content")?;
    server.kill()?;
    server.restart().await?;
    ensure!(missing(&content, "checks").await?["users"] == "failing", "no keys came");
    api.get(&format!("/api/v1/content/{lecture}"), &teacher.token)
        .await?
        .problem(503, "unavailable")?;
    site.role("users")?.restart().await?;
    until("content is ready", SOON, async || {
        let ready = content.get("/health/ready", "").await?;
        Ok((ready.status == 200 && ready.json()["notes"]["users"].is_null()).then_some(()))
    })
    .await?;
    api.video(&lecture, &teacher.token).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_gets_an_answer_to_what_roles_ask_each_other() -> Result<()> {
    let mut site = Installation::start(Topology::ProductionSplit, SETTINGS).await?;
    let admin = site.account("admin").await?;
    let table = site.servers[0].moocflix(&["openapi", "--access"], "").await?;
    let rows: Vec<_> = table
        .lines()
        .filter(|line| line.starts_with("| `POST /internal/"))
        .collect();
    ensure!(rows.len() >= 14, "{} rows", rows.len());
    let live = site.another("live").await?;
    for row in rows {
        let path = row
            .split(['`', ' '])
            .find(|word| word.starts_with("/internal/"))
            .context("a path")?;
        let role = path.split('/').nth(3).context("a role")?;
        let url = if role == "live" {
            live.url()
        } else {
            site.role(role)?.url()
        };
        let direct = Api::new(&url)?;
        for token in ["", "x.y.z", &admin.token] {
            let asked = direct.json(Method::POST, path, token, &json!({"ids": []})).await?;
            asked.problem(401, "not_signed").with_context(|| path.to_owned())?;
            let outside = site.api.json(Method::POST, path, token, &json!({"ids": []})).await?;
            outside.expect(404)?;
        }
        let signed = direct
            .request(Method::POST, path)
            .header("authorization", "MoocFlix courses.1800000000.AAAA");
        direct.send(signed.body("{}")).await?.problem(401, "not_signed")?;
    }
    let users = Api::new(&site.role("users")?.url())?;
    let now = numbers(&users, &admin.token).await?;
    let refused = "moocflix_questions_refused_total";
    ensure!(
        APART.contains(&refused) && !of(&now, refused).is_empty(),
        "{refused} is missing"
    );
    // in a process with all roles, nobody else asks
    let alone = Installation::start(Topology::Embedded, &[]).await?;
    let answer = alone
        .api
        .json(Method::POST, "/internal/v1/users/people", "", &json!({"ids": []}))
        .await?;
    ensure!(matches!(answer.status.as_u16(), 404 | 405), "{}", answer.status);
    Ok(())
}
