//! Live lectures on two nodes: whichever a client comes to, it publishes and watches; and a lecture outlives its node.

use super::metrics::{numbers, of};
use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Api};
use e2e::live::{BEGINNING, announce, playlists, publish_by_whip};
use e2e::playlist::{beside, renditions};
use e2e::process::until;
use e2e::server::{PLACES, Server};
use e2e::tools::{self, report};
use e2e::topology::{Installation, Topology};
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const SETTINGS: &[(&str, &str)] = &[(PLACES, "0")];
/// Three times the promise of ten seconds.
const BACK: Duration = Duration::from_secs(30);
/// Where another publisher begins.
const BREAK: &str = "#EXT-X-DISCONTINUITY\n";
const READERS: usize = 100;
/// How many parts each of them reads.
const PARTS: usize = 12;

/// Two nodes, the first of which holds a lecture once it is published there.
struct Nodes {
    site: Installation,
    other: Server,
    /// A client of the other node.
    wrong: Api,
    teacher: Account,
    admin: Account,
    lecture: String,
    key: String,
}

impl Nodes {
    async fn start() -> Result<Self> {
        let (mut site, other) = Installation::nodes(SETTINGS).await?;
        let (teacher, admin) = (site.account("instructor").await?, site.account("admin").await?);
        let (lecture, key) = announce(&site.api, &teacher).await?;
        let wrong = Api::new(&other.url())?;
        Ok(Self {
            site,
            other,
            wrong,
            teacher,
            admin,
            lecture,
            key,
        })
    }

    fn path(&self, end: &str) -> String {
        format!("/api/v1/content/live/{}/{end}", self.lecture)
    }

    /// The address of the playlist of the lecture's picture on the wrong node.
    async fn playlist(&self) -> Result<String> {
        picture(&self.wrong, &self.lecture, &self.teacher).await
    }

    async fn counted(&self, api: &Api, metric: &str, kind: &str) -> Result<f64> {
        let now = numbers(api, &self.admin.token).await?;
        let series = of(&now, metric);
        let chosen = series.iter().filter(|(name, _)| name.contains(kind));
        Ok(chosen.map(|(_, value)| **value).sum())
    }
}

/// The address of the playlist of a lecture's picture.
async fn picture(api: &Api, lecture: &str, viewer: &Account) -> Result<String> {
    let url = playlists(api, lecture, &viewer.token).await?;
    let path = url.strip_prefix(&api.base).context("a path")?;
    let index = until("the index", BEGINNING, async || {
        let index = api.fetch(path).await?;
        Ok((index.status == 200).then(|| index.text()))
    });
    let all = renditions(path, &index.await?);
    all.into_iter().next().context("a rendition")
}

/// What aiortc sees and hears within some seconds by WHEP at the server with this base.
async fn watched(base: &str, lecture: &str, viewer: &Account) -> Result<Value> {
    let url = format!("{base}/api/v1/content/live/{lecture}/whep");
    let mut watch = tools::python("whep.py")?;
    let seen = tools::output(watch.args([&url, &viewer.token, "4"]), &[]).await?;
    let seen: Value = serde_json::from_slice(&seen)?;
    ensure!(seen["pictures"].as_f64().is_some_and(|count| count >= 30.0), "{seen}");
    Ok(seen)
}

/// An offer to the wrong node leads to the other one by a ticket, which stands for the bearer once.
async fn ticket(nodes: &Nodes) -> Result<()> {
    let offer = |request: reqwest::RequestBuilder| request.header("content-type", "application/sdp").body("v=0");
    let request = nodes.wrong.request(Method::POST, &nodes.path("whip"));
    let sent = nodes
        .wrong
        .send(offer(request.bearer_auth(&nodes.key)))
        .await?
        .expect(307)?;
    let way = sent.header("location").to_owned();
    let (place, ticket) = way.split_once("?ticket=").context("a ticket")?;
    nodes.wrong.secret(ticket);
    ensure!(
        place == format!("{}{}", nodes.site.api.base, nodes.path("whip")),
        "{place}"
    );
    ensure!(
        !way.contains(&nodes.key) && sent.header("access-control-allow-origin") == "*",
        "{sent:?}"
    );
    let path = way.strip_prefix(&nodes.site.api.base).context("the first node")?;
    let api = &nodes.site.api;
    let asked = api.send(api.request(Method::OPTIONS, path)).await?.expect(204)?;
    ensure!(asked.header("access-control-allow-origin") == "*", "{asked:?}");
    let whep = path.replace("/whip?", "/whep?");
    for (to, code) in [
        (path, "malformed_sdp"),
        (path, "ticket_refused"),
        (&whep, "ticket_refused"),
    ] {
        let answer = api.send(offer(api.request(Method::POST, to))).await?;
        ensure!(answer.code() == code, "{code}: {answer:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_is_published_and_watched_by_the_wrong_node_and_outlives_its_own() -> Result<()> {
    let mut nodes = Nodes::start().await?;
    let (_first, session) = publish_by_whip(&nodes.site.api.base, &nodes.lecture, &nodes.key).await?;
    ensure!(session.starts_with(&nodes.site.api.base), "{session}");
    ticket(&nodes).await?;
    let (mut publisher, session) = publish_by_whip(&nodes.wrong.base, &nodes.lecture, &nodes.key).await?;
    ensure!(session.starts_with(&nodes.site.api.base), "{session}");
    let seen = watched(&nodes.wrong.base, &nodes.lecture, &nodes.teacher).await?;
    report(format!("WHIP and WHEP by the wrong node, both aiortc: {seen}"));
    let playlist = nodes.playlist().await?;
    let before = until("two segments", BEGINNING, async || {
        let text = nodes.wrong.fetch(&playlist).await?.expect(200)?.text();
        Ok((segments(&text).len() >= 2).then_some(text))
    })
    .await?;
    ensure!(before.contains("#EXT-X-PART:"), "{before}");

    let server = nodes.site.servers.first_mut().context("a node")?;
    server.kill()?;
    let killed = Instant::now();
    publisher.start_kill()?;
    let (_again, session) = publish_by_whip(&nodes.other.url(), &nodes.lecture, &nodes.key).await?;
    ensure!(session.starts_with(&nodes.other.url()), "{session}");
    let answered = killed.elapsed();
    let after = until("the lecture goes on", BACK.saturating_sub(answered), async || {
        let text = nodes.wrong.fetch(&playlist).await?.expect(200)?.text();
        let new = text.rsplit_once(BREAK).map(|(_, new)| new);
        let goes_on = text.matches(BREAK).count() > before.matches(BREAK).count();
        Ok((goes_on && new.is_some_and(|new| new.contains("#EXT-X-PART:"))).then_some(text))
    })
    .await?;
    report(format!(
        "the node killed: its publisher is back on the other after {answered:?}, and seen after {:?}",
        killed.elapsed()
    ));
    let (old, new) = (segments(&before), segments(&after));
    // the last one may not have been stored
    ensure!(new.starts_with(&old[..old.len() - 1]), "{before}\n{after}");
    Ok(())
}

/// The addresses of complete segments.
fn segments(playlist: &str) -> Vec<&str> {
    playlist
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// The newest part that a playlist lists, and the position of the next one.
fn edge(playlist: &str) -> Option<(&str, usize, usize)> {
    let first: usize = playlist
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")?.parse().ok())
        .unwrap_or(0);
    let (last, mut parts) = (first + segments(playlist).len(), 0);
    let mut newest = None;
    for line in playlist.lines() {
        if let Some(part) = line.strip_prefix("#EXT-X-PART:") {
            newest = part.split("URI=\"").nth(1)?.split('"').next();
            parts += 1;
        } else if !line.is_empty() && !line.starts_with('#') {
            parts = 0;
        }
    }
    Some((newest?, last, parts))
}

/// Everything that readers have asked for, and how often.
#[derive(Default)]
struct Asked {
    playlists: BTreeSet<String>,
    parts: BTreeSet<String>,
    requests: usize,
}

/// Reads parts as they come.
async fn read(api: &Api, playlist: &str, begin: &str, asked: &Mutex<Asked>) -> Result<()> {
    let mut text = begin.to_owned();
    for _ in 0..PARTS {
        let (part, segment, next) = edge(&text).with_context(|| text.clone())?;
        let part = beside(playlist, part);
        let reload = format!("{playlist}?_HLS_msn={segment}&_HLS_part={next}");
        {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.parts.insert(part.clone());
            asked.playlists.insert(reload.clone());
            asked.requests += 2;
        }
        api.send(api.request(Method::GET, &part)).await?.expect(200)?;
        text = api.send(api.request(Method::GET, &reload)).await?.expect(200)?.text();
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_readers_on_one_node_cost_the_other_one_request_per_part() -> Result<()> {
    let nodes = Nodes::start().await?;
    let (_publisher, _) = publish_by_whip(&nodes.site.api.base, &nodes.lecture, &nodes.key).await?;
    let playlist = nodes.playlist().await?;
    let begin = until("a part", BEGINNING, async || {
        let text = nodes.wrong.fetch(&playlist).await?.expect(200)?.text();
        Ok(edge(&text).is_some().then_some(text))
    })
    .await?;
    let metric = "moocflix_live_files_read_by_nodes_total";
    let count = async |kind: &str| nodes.counted(&nodes.site.api, metric, kind).await;
    let before = (count("playlist").await?, count("part").await?);
    let asked = Mutex::new(Asked::default());
    try_join_all((0..READERS).map(|_| read(&nodes.wrong, &playlist, &begin, &asked))).await?;
    let after = (count("playlist").await?, count("part").await?);
    let asked = asked.into_inner().unwrap_or_else(PoisonError::into_inner);
    let cost = (after.0 - before.0, after.1 - before.1);
    report(format!(
        "{READERS} readers made {} requests for {} playlists and {} parts; the other node was asked for {} and {}",
        asked.requests,
        asked.playlists.len(),
        asked.parts.len(),
        cost.0,
        cost.1
    ));
    let at_most = |count: f64, names: &BTreeSet<String>| {
        count > 0.0 && count <= f64::from(u32::try_from(names.len()).unwrap_or(0))
    };
    ensure!(at_most(cost.1, &asked.parts), "parts: {} for {:?}", cost.1, asked.parts);
    ensure!(
        at_most(cost.0, &asked.playlists),
        "playlists: {} for {:?}",
        cost.0,
        asked.playlists
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_no_role_but_live_publishes_what_content_serves() -> Result<()> {
    let mut site = Installation::start(Topology::ProductionSplit, SETTINGS).await?;
    let teacher = site.account("instructor").await?;
    let live = site.another("live").await?;
    let (lecture, key) = announce(&site.api, &teacher).await?;
    let (_publisher, _) = publish_by_whip(&live.url(), &lecture, &key).await?;
    let seen = watched(&live.url(), &lecture, &teacher).await?;
    report(format!("WHIP and WHEP by a process with no role but live: {seen}"));
    let playlist = picture(&site.api, &lecture, &teacher).await?;
    until("a part", BEGINNING, async || {
        let text = site.api.fetch(&playlist).await?.expect(200)?.text();
        let Some((part, ..)) = edge(&text) else {
            return Ok(None);
        };
        site.api.fetch(&beside(&playlist, part)).await?.expect(200)?;
        Ok(Some(()))
    })
    .await?;
    let end = format!("/api/v1/content/live/{lecture}/end");
    site.api
        .json(Method::POST, &end, &teacher.token, &Value::Null)
        .await?
        .expect(200)?;
    site.api.becomes(&lecture, &teacher.token, &["ready"]).await?;
    Ok(())
}
