//! Several nodes of one role, on the servers of production, without a folder that they share.

use super::metrics::{numbers, of};
use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Api};
use e2e::courses::Course;
use e2e::process::{files, until};
use e2e::server::Server;
use e2e::tools::report;
use e2e::topology::{Installation, Topology};
use e2e::{media, playlist};
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Three times the promise of five seconds.
const SOON: Duration = Duration::from_secs(15);
const ENCODED: Duration = Duration::from_secs(300);
const SETTINGS: &[(&str, &str)] = &[
    ("CONTENT__TRANSCODE__RUNGS", "240"),
    ("CONTENT__TRANSCODE__PRESET", "ultrafast"),
    ("CONTENT__TRANSCODE__SLOTS", "1"),
    ("CONTENT__PLAYBACK__SESSIONS_PER_USER", "0"),
];

/// Two nodes of content, each asked without the proxy.
struct Nodes {
    first: Api,
    second: Api,
    _other: Server,
}

impl Nodes {
    async fn beside(site: &mut Installation) -> Result<Self> {
        let other = site.another("content").await?;
        Ok(Self {
            first: Api::new(&site.role("content")?.url())?,
            second: Api::new(&other.url())?,
            _other: other,
        })
    }

    /// A segment that a viewer has opened on the first node and watched on both, with the same bytes.
    async fn watched(&self, lecture: &str, viewer: &Account) -> Result<String> {
        let session = self.first.session(lecture, &viewer.token).await?;
        let renditions = playlist::open(&self.first, &session.hls_url).await?;
        let mut last = None;
        for path in renditions.iter().flat_map(|it| [&it.init, &it.segments[0]]) {
            let hot = self.first.fetch(path).await?.expect(200)?;
            let again = self.first.fetch(path).await?.expect(200)?;
            let other = self.second.fetch(path).await?.expect(200)?;
            ensure!(
                hot.body == again.body && hot.body == other.body,
                "{path} differs on the other node"
            );
            last = Some(path.clone());
        }
        last.context("a segment")
    }

    /// Waits until both nodes refuse a segment, which both have served.
    async fn refuse(&self, segment: &str, why: &str) -> Result<()> {
        let since = Instant::now();
        for (node, name) in [(&self.second, "other"), (&self.first, "same")] {
            until(&format!("the {name} node refuses after {why}"), SOON, async || {
                Ok((node.fetch(segment).await?.status == 403).then_some(()))
            })
            .await?;
            report(format!("{why}: the {name} node refuses after {:?}", since.elapsed()));
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_content_node_allows_or_revokes_holds_on_the_other() -> Result<()> {
    let mut site = Installation::start(Topology::ProductionSplit, SETTINGS).await?;
    let (teacher, learner) = (site.account("instructor").await?, site.account("learner").await?);
    let nodes = Nodes::beside(&mut site).await?;
    let api = site.api.clone();
    let lecture = api.playable(&media::short().await?, &teacher.token).await?;
    let course = Course::publish(&api, &teacher, &[&lecture], &json!({"access": "enrolled"})).await?;
    course.enrol(&api, &learner).await?;
    let stream = format!("/api/v1/content/{lecture}/stream");
    for node in [&nodes.first, &nodes.second] {
        until("the enrolment", SOON, async || {
            Ok((node.get(&stream, &learner.token).await?.status == 307).then_some(()))
        })
        .await?;
    }

    let segment = nodes.watched(&lecture, &learner).await?;
    let path = course.path(&format!("/enrolments/{}", learner.id));
    api.delete(&path, &teacher.token).await?.expect(204)?;
    nodes.refuse(&segment, "the un-enrolment").await?;

    let viewer = api.login(&teacher.email, &teacher.password).await?;
    let segment = nodes.watched(&lecture, &viewer).await?;
    let nothing = json!({});
    let out = api.json(Method::POST, "/api/v1/users/logout", &viewer.token, &nothing);
    out.await?.expect(204)?;
    nodes.refuse(&segment, "the sign-out").await?;

    let session = nodes.second.session(&lecture, &teacher.token).await?;
    let segment = playlist::open(&nodes.first, &session.hls_url).await?[0].segments[0].clone();
    for node in [&nodes.first, &nodes.second] {
        node.fetch(&segment).await?.expect(200)?;
    }
    let delete = format!("/api/v1/content/{lecture}/delete");
    nodes.first.delete(&delete, &teacher.token).await?.expect(202)?;
    nodes.refuse(&segment, "the deletion").await?;
    let gone = format!("/api/v1/content/{lecture}");
    nodes.second.get(&gone, &teacher.token).await?.expect(410)?;
    Ok(())
}

/// What a worker has run and fetched.
struct Share {
    encoded: f64,
    picture: f64,
    all: f64,
}

async fn share(worker: &Api, admin: &Account) -> Result<Share> {
    let now = numbers(worker, &admin.token).await?;
    let sum = |metric: &str, words: &[&str]| -> f64 {
        let series = of(&now, metric);
        let chosen = series
            .iter()
            .filter(|(name, _)| words.iter().all(|word| name.contains(word)));
        chosen.map(|(_, value)| **value).sum()
    };
    let fetched = "moocflix_source_bytes_fetched_total";
    Ok(Share {
        encoded: sum("moocflix_tasks_total", &["\"encode", "\"done\""]),
        picture: sum(fetched, &["picture"]),
        all: sum(fetched, &[]),
    })
}

/// What the largest file in these folders takes of the disk, until the future ends; slices have holes.
async fn largest(folders: &[PathBuf], until: impl Future<Output = Result<Value>>) -> Result<(Value, u64)> {
    let mut most = 0;
    let mut until = std::pin::pin!(until);
    loop {
        tokio::select! {
            done = &mut until => return Ok((done?, most)),
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                // the ballast that a deletion on a full disk needs has nothing to do with sources
                let all = folders.iter().flat_map(|folder| files(folder));
                let sizes = all.filter(|file| !file.ends_with("ballast"));
                // a file may be gone by now
                let sizes = sizes.filter_map(|file| Some(file.metadata().ok()?.blocks() * 512));
                most = sizes.fold(most, u64::max);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_without_a_shared_folder_share_a_lecture_and_do_no_piece_twice() -> Result<()> {
    let mut site = Installation::start(Topology::ProductionSplit, SETTINGS).await?;
    let (teacher, admin) = (site.account("instructor").await?, site.account("admin").await?);
    let second = site.another("transcode").await?;
    let first = site.role("transcode")?;
    let workers = [Api::new(&first.url())?, Api::new(&second.url())?];
    let folders = [first.data().to_owned(), second.data().to_owned()];

    let picture = media::picture("426x240", "25", 120);
    let mut arguments: Vec<&str> = picture.iter().map(String::as_str).collect();
    arguments.extend(["-c:v", "mpeg4", "-q:v", "3", "-g", "50", "-c:a", "aac", "-b:a", "96k"]);
    let source = std::fs::read(media::make("shared.mp4", &arguments).await?)?;
    let size = source.len() as u64;
    let lecture = site.api.upload(source, &teacher.token).await?;
    let ready = site.api.becomes_within(&lecture, &teacher.token, &["ready"], ENCODED);
    let (_, most) = largest(&folders, ready).await?;

    let tasks = "SELECT count(*), max(attempt), max(losses), count(DISTINCT worker) FROM content.tasks \
                 WHERE kind LIKE 'encode%'";
    let tasks = site.query(tasks).await?;
    let count = tasks.split('|').next().context("a count")?;
    let expected: f64 = count.parse()?;
    let [one, two] = until("all tasks are counted", SOON, async || {
        let both = [share(&workers[0], &admin).await?, share(&workers[1], &admin).await?];
        Ok((both[0].encoded + both[1].encoded >= expected).then_some(both))
    })
    .await?;
    let of_source = |bytes: f64| bytes / f64::from(u32::try_from(size).unwrap_or(u32::MAX));
    report(format!(
        "{size} bytes; tasks, most attempts, losses, workers: {tasks}; encoded {} and {}; fetched {:.2} for the picture, {:.2} in all; \
         the largest file of a worker {most}",
        one.encoded,
        two.encoded,
        of_source(one.picture + two.picture),
        of_source(one.all + two.all),
    ));
    ensure!(
        tasks == format!("{count}|1|0|2"),
        "tasks, most attempts, losses, workers: {tasks}"
    );
    ensure!(one.encoded > 0.0 && two.encoded > 0.0, "one of the workers did nothing");
    ensure!(one.encoded + two.encoded == expected, "not {count} tasks were run");
    ensure!(of_source(one.picture + two.picture) <= 1.3, "too much was fetched");
    ensure!(most < size, "a worker held {most} of {size} bytes");
    let session = site.api.session(&lecture, &teacher.token).await?;
    for rendition in playlist::open(&site.api, &session.hls_url).await? {
        for segment in &rendition.segments {
            site.api.fetch(segment).await?.expect(200)?;
        }
    }
    Ok(())
}
