//! Every metric of `docs/metrics.md` exists and changes when its subject happens.

use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Api};
use e2e::process::until;
use e2e::raw::Wire;
use e2e::server::{PLACES, Start};
use e2e::settings;
use e2e::siege::event_streams;
use e2e::siege::h2::Connection;
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, tus};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

/// Metrics that exist but stay as they are: the embedded bus empties its queues before they are counted and loses nothing that
/// has to be repaired, and the machine and its encoder stay the same.
const STILL: [&str; 6] = [
    "moocflix_course_changes_repaired_total",
    "moocflix_outbox_waiting",
    "moocflix_bus_lag",
    "moocflix_bus_errors_total",
    "moocflix_encoder_memory_limit",
    "moocflix_encoder_missing",
];

/// Counts nothing where sources are files.
const REMOTE: &str = "moocflix_source_bytes_fetched_total";

/// Metrics of roles that run apart; `topologies` has a scenario about them.
pub(crate) const APART: [&str; 5] = [
    "moocflix_question_seconds",
    "moocflix_questions_asked_again_total",
    "moocflix_questions_refused_total",
    "moocflix_questions_total",
    "moocflix_roles_left_alone",
];

/// Metrics of live lectures begin like this; `live_metrics` has a scenario about them.
pub(crate) const LIVE: &str = "moocflix_live_";

/// Names in the first column of the document's tables.
pub(crate) fn documented() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(settings::root().join("docs/metrics.md"))?;
    let cells = text.lines().filter_map(|it| it.strip_prefix("| `")?.split('`').next());
    Ok(cells
        .filter(|it| it.starts_with("moocflix_"))
        .map(|it| it.split('{').next().unwrap_or(it).to_owned())
        .collect())
}

/// Every series with its value; a histogram's by its sum and count.
pub(crate) async fn numbers(api: &Api, token: &str) -> Result<BTreeMap<String, f64>> {
    let text = api.get("/metrics", token).await?.expect(200)?.text();
    let lines = text
        .lines()
        .filter(|it| !it.starts_with('#'))
        .filter_map(|it| it.rsplit_once(' '));
    Ok(lines
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect())
}

pub(crate) fn of<'a>(numbers: &'a BTreeMap<String, f64>, metric: &str) -> Vec<(&'a String, &'a f64)> {
    let same = |name: &str| {
        let bare = name.split('{').next().unwrap_or(name);
        bare == metric
            || ["_sum", "_count", "_bucket"]
                .iter()
                .any(|it| bare.strip_suffix(it) == Some(metric))
    };
    numbers.iter().filter(|(name, _)| same(name)).collect()
}

/// Enrols a learner in a course, and is refused another enrolment on the same day.
async fn enrol(stage: &mut Stage, owner: &Account) -> Result<()> {
    let course = json!({ "title": "A course" });
    let course = stage
        .api
        .json(Method::POST, "/api/v1/courses", &owner.token, &course)
        .await?;
    let id = course.expect(201)?.json()["id"].as_str().context("an id")?.to_owned();
    let path = format!("/api/v1/courses/{id}/enrolments/list");
    let list = json!({ "text": stage.account("learner").await?.email });
    for status in [200, 429] {
        let answer = stage.api.json(Method::POST, &path, &owner.token, &list).await?;
        answer.expect(status)?;
    }
    Ok(())
}

/// Does everything that a metric counts.
async fn busy(stage: &mut Stage) -> Result<()> {
    let owner = stage.account("instructor").await?;
    let elsewhere = stage.api.login(&owner.email, &owner.password).await?;
    let bytes = std::fs::read(media::short().await?)?;
    let id = stage.api.playable(&media::short().await?, &owner.token).await?;
    let upload = tus::create(&stage.api, &owner.token, bytes.len() as u64).await?;
    tus::send(&stage.api, &upload.url, 0, bytes[..5_000].to_vec())
        .await?
        .expect(204)?;
    stage
        .api
        .upload("no video at all", &owner.token)
        .await
        .err()
        .context("a file that is no video is refused")?;
    let broken = stage.api.upload(bytes[..9_000].to_vec(), &owner.token).await?;
    stage.api.becomes(&broken, &owner.token, &["failed"]).await?;
    // a lecture that has to be encoded
    let other = std::fs::read(media::sources::tiny(2).await?)?;
    let other = stage.api.upload(other, &owner.token).await?;
    stage.api.becomes(&other, &owner.token, &["ready"]).await?;
    let session = stage.api.session(&id, &owner.token).await?;
    for _ in 0..2 {
        let rendition = playlist::open(&stage.api, &session.hls_url).await?.remove(0);
        for path in &rendition.segments {
            stage.api.fetch(path).await?.expect(200)?;
        }
    }
    stage
        .api
        .fetch(&session.hls_url.replace("/p/", "/p/x"))
        .await?
        .expect(403)?;
    let wrong = json!({ "email": owner.email, "password": "not the password at all" });
    stage
        .api
        .json(Method::POST, "/api/v1/users/login", "", &wrong)
        .await?
        .expect(401)?;
    unread(stage, &owner.token).await?;
    let third = format!("/api/v1/content/{id}/stream");
    let third = stage.api.get(&third, &elsewhere.token).await?;
    third.problem(429, "too_many_sessions")?;
    enrol(stage, &owner).await?;
    refused(stage, &owner.token, &upload.id).await?;
    let mut silent = Wire::open(stage.server.address()).await?;
    silent.write(b"GET / HTTP/1.1\r\n").await?;
    silent.rest(Duration::from_secs(8)).await?;
    stage
        .api
        .delete(&format!("/api/v1/content/{id}/delete"), &owner.token)
        .await?
        .expect(202)?;
    stage
        .api
        .json(Method::POST, "/api/v1/users/logout", &owner.token, &json!({}))
        .await?
        .expect(204)?;
    Ok(())
}

/// A body that is too large, and more media than one viewer may leave unread.
async fn unread(stage: &Stage, token: &str) -> Result<()> {
    let long = json!({ "email": "x".repeat(20_000), "password": "x" });
    let login = stage.api.json(Method::POST, "/api/v1/users/login", "", &long);
    login.await?.problem(413, "too_large")?;
    let id = stage.api.playable(&media::noisy().await?, token).await?;
    let session = stage.api.session(&id, token).await?;
    let segment = playlist::open(&stage.api, &session.hls_url).await?.remove(0).segments[0].clone();
    let address = stage.server.address();
    let headers = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", address),
        (":path", segment.as_str()),
    ];
    let mut viewer = Connection::open(address).await?;
    for _ in 0..30 {
        viewer.request(&headers, false).await?;
    }
    // Requests that are counted at the same moment may refuse each other, and leave room for a few more.
    until("a refusal", Duration::from_secs(20), async || {
        viewer.request(&headers, false).await?;
        viewer.listen(Duration::from_millis(10)).await?;
        let answer = stage.api.fetch(&segment).await?;
        Ok((answer.status == 503).then_some(answer))
    })
    .await?
    .problem(503, "busy")?;
    Ok(())
}

/// More uploads and streams of events than one owner may have.
async fn refused(stage: &Stage, token: &str, upload: &str) -> Result<()> {
    let mut last = StatusCode::CREATED;
    while last == StatusCode::CREATED {
        last = tus::ask(&stage.api, token, "1000").await?.status;
    }
    ensure!(last == 429, "{last} after many uploads");
    let streams = event_streams::open(&stage.api, token, upload, 7).await?;
    ensure!(streams.refused == [429], "{:?}", streams.refused);
    Ok(())
}

/// More sign-ins at once than the server can hash passwords for, and one sign-up more than an address may make.
async fn crowd(stage: &Stage) -> Result<()> {
    for (email, status) in [("new@example.org", 201), ("newer@example.org", 429)] {
        let new = json!({ "email": email, "password": "a quiet sentence", "name": "New" });
        stage
            .api
            .json(Method::POST, "/api/v1/users/signup", "", &new)
            .await?
            .expect(status)?;
    }
    // each for another account, because few tries on one account may wait
    let wrong = |n| json!({ "email": format!("nobody{n}@example.org"), "password": "not the password" });
    let all = (0..300).map(async |n| stage.api.json(Method::POST, "/api/v1/users/login", "", &wrong(n)).await);
    let answers = futures::future::try_join_all(all).await?;
    let busy = answers
        .into_iter()
        .find(|it| it.status == 503)
        .context("no sign-in was turned away")?;
    let busy = busy.problem(503, "busy")?;
    ensure!(!busy.header("retry-after").is_empty(), "{:?}", busy.headers);
    Ok(())
}

/// The documented metrics that change during some work, or after it until there are enough, within seconds.
pub(crate) async fn moved(
    stage: &mut Stage,
    what: impl AsyncFnOnce(&mut Stage) -> Result<()>,
    enough: impl Fn(&BTreeSet<String>) -> bool,
) -> Result<BTreeSet<String>> {
    let admin = stage.account("admin").await?;
    let documented = documented()?;
    let before = numbers(&stage.api, &admin.token).await?;
    let moved = Mutex::new(BTreeSet::new());
    let look = async |api: &Api| -> Result<bool> {
        let now = numbers(api, &admin.token).await?;
        let mut moved = moved.lock().map_err(|error| anyhow::anyhow!("{error}"))?;
        moved.extend(documented.iter().filter(|it| of(&before, it) != of(&now, it)).cloned());
        Ok(enough(&moved))
    };
    let api = stage.api.clone();
    let watch = async {
        loop {
            // a look may fall into a restart or a crowd
            let _ = look(&api).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        done = Box::pin(what(stage)) => done?,
        () = watch => {}
    }
    for _ in 0..300 {
        if look(&api).await? {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    moved.into_inner().map_err(|error| anyhow::anyhow!("{error}"))
}

/// A server whose limits are met soon.
fn strict() -> Start {
    let settings = [
        ("SERVER__HEADER_TIMEOUT", "1.0"),
        ("USERS__HASH_WORKERS", "1"),
        ("USERS__LIMITS__FAILURES_PER_ACCOUNT", "0"),
        ("USERS__LIMITS__FAILURES_PER_ADDRESS", "0"),
        ("USERS__LIMITS__SIGNUPS_PER_ADDRESS", "1"),
        ("COURSES__ENROLMENTS_PER_DAY", "1"),
        (PLACES, "2"),
    ];
    settings
        .into_iter()
        .fold(Start::default(), |start, (name, value)| start.set(name, value))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_metric_moves() -> Result<()> {
    let mut documented: BTreeSet<_> = documented()?.into_iter().collect();
    ensure!(APART.iter().all(|it| documented.remove(*it)), "{APART:?}");
    ensure!(documented.remove(REMOTE), "{REMOTE}");
    documented.retain(|it| !it.starts_with(LIVE));
    ensure!(documented.len() >= 8, "only {documented:?} are documented");
    let mut seen = BTreeSet::from(STILL.map(str::to_owned));
    scenario(strict(), async |stage| {
        stage
            .api
            .send(stage.api.request(Method::GET, "/metrics"))
            .await?
            .expect(401)?;
        let both = async |stage: &mut Stage| {
            busy(stage).await?;
            crowd(stage).await
        };
        seen.extend(moved(stage, both, |seen| seen.len() >= documented.len() - STILL.len() - 1).await?);
        let admin = stage.account("admin").await?;
        let after = numbers(&stage.api, &admin.token).await?;
        ensure!(STILL.iter().all(|it| !of(&after, it).is_empty()), "{STILL:?}");
        let names = after
            .keys()
            .filter(|it| it.starts_with("moocflix_") && !it.starts_with(LIVE));
        let unknown: Vec<_> = names
            .filter(|it| !documented.iter().any(|known| it.starts_with(known.as_str())))
            .collect();
        ensure!(unknown.is_empty(), "these are not documented: {unknown:?}");
        Ok(())
    })
    .await?;
    // without a scanner, tasks wait
    let start = Start::default().roles("users,courses,content,web");
    scenario(start, async |stage| {
        let upload = async |stage: &mut Stage| {
            let owner = stage.account("instructor").await?;
            stage
                .api
                .upload(std::fs::read(media::short().await?)?, &owner.token)
                .await?;
            let admin = stage.account("admin").await?;
            for _ in 0..200 {
                let now = numbers(&stage.api, &admin.token).await?;
                if of(&now, "moocflix_tasks_waiting")
                    .iter()
                    .any(|(_, value)| **value > 0.0)
                {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(())
        };
        seen.extend(moved(stage, upload, |seen| !seen.is_empty()).await?);
        Ok(())
    })
    .await?;
    let still: Vec<_> = documented.difference(&seen).collect();
    ensure!(still.is_empty(), "these did not move: {still:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_served_at_their_own_address_if_one_is_set() -> Result<()> {
    scenario(Start::default().set("METRICS_LISTEN", "127.0.0.1:0"), async |stage| {
        let log = stage.server.log();
        let lines = log
            .split(|it: char| it.is_whitespace() || it == '"')
            .filter(|it| it.contains("127.0.0.1:"));
        let mut addresses: Vec<_> = lines
            .map(|it| it.trim_start_matches("http://").trim_end_matches("/metrics"))
            .collect();
        addresses.retain(|it| *it != stage.server.address());
        let address = addresses
            .first()
            .with_context(|| format!("where are the metrics? {log}"))?;
        stage.api.get("/health/live", "").await?.expect(200)?;
        let (status, text) = e2e::raw::get(address, "GET", "/metrics", "").await?;
        ensure!(
            status == 200 && text.contains("moocflix_http_requests_total"),
            "{status} {text}"
        );
        let (status, _) = e2e::raw::get(address, "GET", "/api/v1/content", "").await?;
        ensure!(status == 404, "only metrics are served there, not {status}");
        Ok(())
    })
    .await
}
