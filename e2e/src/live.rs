//! Live lectures by RTMP: who publishes them, and what viewers record of them.

use crate::api::{Account, Api};
use crate::process::until;
use crate::tools;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

/// A white flash and a beep at each whole second.
const FLASHES: &str = "color=black:size=640x360:rate=30,drawbox=color=white:t=fill:enable='lt(mod(t,1),0.1)'";
const BEEPS: &str = "aevalsrc='0.8*sin(1000*2*PI*t)*lt(mod(t,1),0.1)':s=44100";
const CODECS: &str =
    "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 2 -b_strategy 0 -g 60 -c:a aac -b:a 96k -f flv";
/// How long a live stream may take to begin on a busy machine.
pub const BEGINNING: Duration = Duration::from_secs(40);
/// How far a flash and its beep may be apart.
///
/// Units: seconds
const APART: f64 = 0.04;

/// An address for RTMP that is free now.
pub fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A lecture that can be published by RTMP: its id, the URL to publish it, its key.
pub async fn lecture(api: &Api, teacher: &Account) -> Result<(String, String, String)> {
    let body = json!({"title": "By RTMP"});
    let lecture = api
        .json(Method::POST, "/api/v1/content/live", &teacher.token, &body)
        .await?;
    let lecture = lecture.expect(201)?.json();
    let text = |it: &Value| it.as_str().map(str::to_owned).with_context(|| format!("{lecture}"));
    let (id, url) = (text(&lecture["id"])?, text(&lecture["ingest"]["rtmp_url"])?);
    let key = text(&lecture["ingest"]["stream_key"])?;
    api.secret(&key);
    Ok((id, format!("{url}/{key}"), key))
}

/// ffmpeg as OBS would publish; killed when it is dropped.
pub fn publish(url: &str) -> Result<Child> {
    let mut command = tools::ffmpeg();
    command.args(["-re", "-f", "lavfi", "-i", FLASHES, "-re", "-f", "lavfi", "-i", BEEPS]);
    command.args(CODECS.split(' ')).arg(url);
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.kill_on_drop(true).spawn()?)
}

/// A lecture of somebody's: its id, and its stream key.
pub async fn announce(api: &Api, teacher: &Account) -> Result<(String, String)> {
    let body = json!({"title": "By WHIP"});
    let path = "/api/v1/content/live";
    let answer = api.json(Method::POST, path, &teacher.token, &body).await?;
    let lecture = answer.expect(201)?.json();
    let text = |it: &Value| it.as_str().map(str::to_owned).with_context(|| format!("{lecture}"));
    let (id, key) = (text(&lecture["id"])?, text(&lecture["ingest"]["stream_key"])?);
    api.secret(&key);
    Ok((id, key))
}

/// aiortc, which publishes by WHIP at the server with this base, and the address of its session; killed when it is dropped.
pub async fn publish_by_whip(base: &str, id: &str, key: &str) -> Result<(Child, String)> {
    let mut command = tools::python("whip.py")?;
    command.args([&format!("{base}/api/v1/content/live/{id}/whip"), key, "600"]);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    let output = child.stdout.take().context("an output")?;
    let mut lines = BufReader::new(output).lines();
    let session = timeout(BEGINNING, lines.next_line()).await.context("a session")??;
    Ok((child, session.context("aiortc could not publish")?))
}

/// The address of a lecture's playlists, once it can be watched.
pub async fn playlists(api: &Api, id: &str, token: &str) -> Result<String> {
    until("a stream", BEGINNING, async || {
        let request = api.request(Method::GET, &format!("/api/v1/content/{id}/stream"));
        let answer = api
            .send(request.bearer_auth(token).header("accept", "application/json"))
            .await?;
        if answer.status != 200 {
            return Ok(None);
        }
        Ok(answer.json()["hls_url"]
            .as_str()
            .map(|path| format!("{}{path}", api.base)))
    })
    .await
}

/// When flashes begin and when beeps begin in a file.
///
/// Units: seconds
pub async fn events(path: &Path) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut command = tools::ffmpeg();
    command
        .arg("-i")
        .arg(path)
        .args(["-an", "-vf", "signalstats,metadata=print:file=-", "-f", "null", "-"]);
    let text = String::from_utf8(tools::output(&mut command, &[]).await?)?;
    let (mut flashes, mut time, mut dark) = (Vec::new(), 0.0, false);
    for line in text.lines() {
        if let Some((_, at)) = line.split_once("pts_time:") {
            time = at.trim().parse()?;
        } else if let Some(level) = line.strip_prefix("lavfi.signalstats.YAVG=") {
            let is_bright = level.parse::<f64>()? > 120.0;
            if is_bright && dark {
                flashes.push(time);
            }
            dark = !is_bright;
        }
    }
    let mut command = tools::ffmpeg();
    command.arg("-i").arg(path);
    command.args([
        "-vn",
        "-af",
        "silencedetect=n=-20dB:d=0.3,ametadata=print:file=-",
        "-f",
        "null",
        "-",
    ]);
    let text = String::from_utf8(tools::output(&mut command, &[]).await?)?;
    let ends = text.lines().filter_map(|line| line.strip_prefix("lavfi.silence_end="));
    let beeps: Result<Vec<f64>, _> = ends.map(str::parse).collect();
    Ok((flashes, beeps?))
}

/// Fails unless each flash has its beep.
pub fn are_together(flashes: &[f64], beeps: &[f64]) -> Result<()> {
    ensure!(flashes.len() >= 3 && beeps.len() >= 3, "{flashes:?} {beeps:?}");
    let inner = flashes
        .iter()
        .filter(|flash| beeps.first() < Some(flash) && Some(*flash) < beeps.last());
    for flash in inner {
        let nearest = beeps.iter().map(|beep| (beep - flash).abs()).fold(f64::MAX, f64::min);
        ensure!(nearest <= APART, "a flash at {flash} s, beeps at {beeps:?}");
    }
    Ok(())
}

/// Records some seconds of a stream.
pub async fn record(url: &str, to: &Path, seconds: u32) -> Result<()> {
    let mut command = tools::ffmpeg();
    command
        .args(["-i", url, "-t", &seconds.to_string(), "-c", "copy", "-f", "matroska"])
        .arg(to);
    timeout(
        BEGINNING + Duration::from_secs(seconds.into()),
        tools::output(&mut command, &[]),
    )
    .await??;
    Ok(())
}
