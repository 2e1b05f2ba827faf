//! Learners who watch live lectures by WebRTC, all in one process of aiortc.

use crate::tools;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::{Instant, timeout_at};

/// The learners; they are gone when this is dropped.
#[derive(Debug)]
pub struct Audience {
    steps: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    /// Events that nobody has asked for yet.
    heard: Vec<Value>,
    child: Child,
}

/// Seconds since 1970, by the clock that an audience's events have.
pub fn now() -> Result<f64> {
    Ok(UNIX_EPOCH.elapsed()?.as_secs_f64())
}

impl Audience {
    /// Nobody yet, who will decode pictures.
    pub fn open() -> Result<Self> {
        Self::start("")
    }

    /// Nobody yet, who will only count pictures.
    pub fn blind() -> Result<Self> {
        Self::start("1")
    }

    fn start(blind: &str) -> Result<Self> {
        let mut command = tools::python("audience.py")?;
        command.env("AUDIENCE_BLIND", blind);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let events = child.stdout.take().context("its output")?;
        Ok(Self {
            steps: child.stdin.take().context("its input")?,
            events: BufReader::new(events).lines(),
            heard: Vec::new(),
            child,
        })
    }

    /// Somebody comes, and watches at this address.
    pub async fn comes(&mut self, name: &str, url: &str, bearer: &str) -> Result<()> {
        self.step(&json!({ "name": name, "url": url, "bearer": bearer })).await
    }

    /// Somebody leaves, and says so.
    pub async fn leaves(&mut self, name: &str) -> Result<()> {
        self.step(&json!({ "name": name, "leave": true })).await
    }

    async fn step(&mut self, step: &Value) -> Result<()> {
        self.steps.write_all(format!("{step}\n").as_bytes()).await?;
        Ok(())
    }

    /// Waits for an event of somebody's, which may have happened already.
    pub async fn hears(&mut self, name: &str, event: &str, within: Duration) -> Result<Value> {
        let deadline = Instant::now() + within;
        let is_it = |it: &Value| it["name"] == name && it["event"] == event;
        if let Some(place) = self.heard.iter().position(is_it) {
            return Ok(self.heard.remove(place));
        }
        loop {
            let Ok(line) = timeout_at(deadline, self.events.next_line()).await else {
                bail!("{name} was not {event} within {within:?}: {:?}", self.heard);
            };
            let Some(line) = line? else {
                bail!("the audience ended: {:?}", self.child.try_wait());
            };
            let heard: Value = serde_json::from_str(&line)?;
            if is_it(&heard) {
                return Ok(heard);
            }
            self.heard.push(heard);
        }
    }

    /// Whether an event of somebody's has happened that nobody has asked for.
    pub async fn has_heard(&mut self, name: &str, event: &str) -> bool {
        self.hears(name, event, Duration::from_millis(1)).await.is_ok()
    }
}
