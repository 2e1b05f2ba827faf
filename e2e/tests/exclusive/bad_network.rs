//! What Chromium sees of a live lecture by a network that loses and delays what is sent, and for a while lets nothing through.

use super::scenario;
use anyhow::{Context, Result, ensure};
use e2e::live::free;
use e2e::server::Start;
use e2e::stage::Stage;
use e2e::tools::{self, report};
use e2e::viewers::now;
use e2e::weather::{BadNetwork, Weather};
use e2e::webrtc::Lecture;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::{sleep, timeout};

/// 2 % loss, 80 ms each way, 30 ms jitter.
const BAD: Weather = Weather {
    lost: 20,
    delay: Duration::from_millis(80),
    jitter: Duration::from_millis(30),
    is_cut: false,
};
/// How long a browser may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// How far picture and sound may be apart: three times the promise.
///
/// Units: milliseconds
const APART: f64 = 120.0;

/// What a page has seen.
#[derive(Debug, Deserialize)]
struct Seen {
    sent: Vec<(f64, String)>,
    viewers: BTreeMap<String, Viewer>,
}

#[derive(Debug, Deserialize)]
struct Viewer {
    received: Vec<(f64, String)>,
    apart: Vec<(f64, f64)>,
    counts: Value,
}

/// A publisher and viewers in Chromium.
struct Browsers {
    steps: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Browsers {
    /// Opens them, and waits until everybody sees something.
    async fn open(order: &Value) -> Result<Self> {
        let mut command = tools::node("bad_network.mjs")?;
        let mut child = command
            .arg(order.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let answers = child.stdout.take().context("its output")?;
        let mut browsers = Self {
            steps: child.stdin.take().context("its input")?,
            answers: BufReader::new(answers).lines(),
            _child: child,
        };
        browsers.answer().await?;
        Ok(browsers)
    }

    async fn answer(&mut self) -> Result<String> {
        let answer = timeout(PATIENCE, self.answers.next_line()).await??;
        answer.context("the browsers have ended")
    }

    async fn step(&mut self, step: &Value) -> Result<Seen> {
        self.steps.write_all(format!("{step}\n").as_bytes()).await?;
        Ok(serde_json::from_str(&self.answer().await?)?)
    }
}

/// A server whose media can also be had through a bad network.
fn behind(network: &BadNetwork, direct: SocketAddr) -> Start {
    let both = format!("{direct},{}", network.address());
    Start::default()
        .set("LIVE__UDP_LISTEN", direct.to_string())
        .set("LIVE__PUBLIC_ADDRESSES", both)
}

async fn announce(stage: &mut Stage) -> Result<Lecture> {
    let owner = stage.account("instructor").await?;
    Lecture::announce(&stage.api, owner).await
}

/// Milliseconds since 1970.
fn moment() -> Result<f64> {
    Ok(now()? * 1_000.0)
}

/// Of the pictures that were sent in this time, how many there were and how many a viewer has received.
fn arrived(seen: &Seen, viewer: &Viewer, (from, until): (f64, f64)) -> (usize, usize) {
    let received: HashSet<&str> = viewer.received.iter().map(|(_, name)| name.as_str()).collect();
    let due = seen.sent.iter().filter(|(at, _)| (from..until).contains(at));
    let due: Vec<&str> = due.map(|(_, name)| name.as_str()).collect();
    let there = due.iter().filter(|name| received.contains(**name)).count();
    (due.len(), there)
}

/// The median distance of picture and sound in the three seconds before a moment: browsers bring them together in steps.
fn apart(viewer: &Viewer, until: f64) -> Option<f64> {
    let all = viewer
        .apart
        .iter()
        .filter(|(at, _)| (until - 3_000.0..until).contains(at));
    let mut all: Vec<f64> = all.map(|(_, apart)| *apart).collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_on_a_bad_line_gets_nearly_every_picture_and_comes_back_by_itself() -> Result<()> {
    let direct = free()?;
    let network = BadNetwork::start(direct).await?;
    network.set(BAD);
    scenario(behind(&network, direct), async |stage| {
        let lecture = announce(stage).await?;
        let (near, far) = (direct.port(), network.address().port());
        let mut browsers = Browsers::open(&json!({
            "origin": stage.server.url(),
            "whip": { "url": lecture.whip, "bearer": lecture.key, "port": near, "named": true },
            "viewers": { "far": { "url": lecture.whep, "bearer": lecture.owner.token, "port": far, "named": true } },
        }))
        .await?;
        let began = moment()?;
        sleep(Duration::from_secs(9)).await;
        let cut = moment()?;
        let nothing = Weather { is_cut: true, ..BAD };
        network.set(nothing);
        sleep(Duration::from_secs(5)).await;
        let mended = moment()?;
        network.set(BAD);
        sleep(Duration::from_secs(6)).await;
        let seen = browsers.step(&json!({"end": true})).await?;
        let viewer = seen.viewers.get("far").context("a viewer")?;
        let back = viewer.received.iter().find(|(at, _)| *at > mended + 10.0);
        let back = back.context("nothing came back")?.0;
        // The page looks every half second whether packets were lost.
        let times = [(began + 1_500.0, cut - 500.0), (back + 1_000.0, moment()? - 1_000.0)];
        report(format_args!(
            "2 % loss, 80 ms, jitter: (sent, received) {:?}, after 5 s of nothing back in {:.1} s and then {:?}; sound and \
             picture {:?} ms and {:?} ms apart; {}",
            arrived(&seen, viewer, times[0]),
            (back - mended) / 1_000.0,
            arrived(&seen, viewer, times[1]),
            apart(viewer, times[0].1),
            apart(viewer, times[1].1),
            viewer.counts
        ));
        let (sent, received) = arrived(&seen, viewer, times[0]);
        ensure!(sent >= 100 && received * 100 >= sent * 99, "{received} of {sent}");
        ensure!(back - mended <= 5_000.0, "back after {} ms", back - mended);
        ensure!(arrived(&seen, viewer, times[1]).1 >= 20, "it has not gone on");
        // After nothing for five seconds a browser brings them together again in steps.
        let apart = apart(viewer, times[0].1).context("no sound, or no picture")?;
        ensure!(apart.abs() <= APART, "{apart} ms apart");
        Ok(())
    })
    .await
}
