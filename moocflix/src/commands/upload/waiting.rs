//! Follows an uploaded lecture until it is completely encoded.
//!
//! The server sends each change as an event; a broken connection is reopened with a fresh token.

use super::account::Account;
use super::address::Server;
use super::encoding::Encoding;
use super::events::Events;
use super::lecture::Lecture;
use super::tus::ServerUnreached;
use super::{print, tus};
use anyhow::{Context, Result, bail};
use reqwest::{Response, StatusCode};
use std::time::Duration;

/// The server sends something at least every 15 seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// Consecutive failures without an event before the command gives up.
const TRIES: u32 = 12;
/// What a person who can't wait any longer needs to know.
pub(super) const GOES_ON: &str =
    "the lecture is uploaded, and the server continues to encode it; run the same command again to wait for it";
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How a lecture ended up.
pub(super) enum Verdict {
    Ready,
    /// It failed or is gone, or a part of it can't be encoded; the text is the reason.
    Failed(String),
}

/// How an event stream ended.
enum WatchEnd {
    /// The lecture has settled.
    Over(Verdict),
    /// The connection broke after this many events.
    Broke(usize, anyhow::Error),
}

/// Returns when the lecture is ready, or won't become ready.
///
/// Errors: if the server can't be asked any longer
pub(super) async fn until_settled(server: &Server, video_id: &str, account: &mut Account) -> Result<Verdict> {
    let mut waiting = Waiting {
        address: server.lecture(video_id),
        watchable: false,
        encoding: Encoding::new(),
    };
    let mut misses = 0;
    loop {
        let error = match waiting.look(server, video_id, account).await? {
            WatchEnd::Over(verdict) => return Ok(verdict),
            WatchEnd::Broke(events, error) => {
                misses = if events > 0 { 1 } else { misses + 1 };
                error
            }
        };
        if misses >= TRIES {
            return Err(error.context(format!("gave up waiting; {GOES_ON}")));
        }
        let pause = (FIRST_PAUSE * 2_u32.pow(misses.min(6) - 1)).min(LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
    }
}

struct Waiting {
    address: String,
    /// Whether the command has reported that the lecture can be watched.
    watchable: bool,
    encoding: Encoding,
}

impl Waiting {
    async fn look(&mut self, server: &Server, video_id: &str, account: &mut Account) -> Result<WatchEnd> {
        let mut answer = match account.events(video_id).await {
            Ok(answer) => answer,
            Err(error) if error.is::<ServerUnreached>() => return Ok(WatchEnd::Broke(0, error)),
            Err(error) => bail!("{error:#}; {GOES_ON}"),
        };
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Ok(WatchEnd::Over(Verdict::Failed("the lecture is gone".to_owned())));
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Ok(WatchEnd::Broke(0, anyhow::Error::msg(tus::problem(answer).await)));
            }
            StatusCode::UNAUTHORIZED => bail!("{}; {GOES_ON}", tus::problem(answer).await),
            _ => bail!(
                "{} does not report the progress: {}; {GOES_ON}",
                server.as_str(),
                tus::problem(answer).await
            ),
        }
        let (mut events, mut count) = (Events::default(), 0);
        loop {
            let bytes = match next(&mut answer).await {
                Ok(bytes) => bytes,
                Err(error) => return Ok(WatchEnd::Broke(count, error)),
            };
            for event in events.push(&bytes)? {
                count += 1;
                let lecture: Lecture = serde_json::from_str(&event).context("the server sent an invalid event")?;
                if let Some(verdict) = self.take(&lecture)? {
                    return Ok(WatchEnd::Over(verdict));
                }
            }
        }
    }

    /// Shows the lecture's progress, and returns how it ended up if it has settled.
    fn take(&mut self, lecture: &Lecture) -> Result<Option<Verdict>> {
        let can_be_watched = matches!(lecture.status.as_str(), "playable" | "ready");
        if can_be_watched && !self.watchable {
            self.watchable = true;
            let line = format!("ready to watch: {}", self.address);
            self.encoding.aside(|| print(&line))?;
        }
        match lecture.status.as_str() {
            "ready" => {
                self.encoding.finish(lecture);
                print("ready: all of the lecture is encoded")?;
                Ok(Some(Verdict::Ready))
            }
            "failed" => Ok(Some(
                self.failed(format!("the lecture can't be played: {}", why(lecture))),
            )),
            "deleted" => Ok(Some(self.failed("the lecture was deleted".to_owned()))),
            _ => {
                self.encoding.show(lecture);
                let text = || format!("a part of the lecture could not be encoded: {}", why(lecture));
                Ok(lecture.is_stuck().then(|| self.failed(text())))
            }
        }
    }

    fn failed(&mut self, why: String) -> Verdict {
        self.encoding.stop();
        Verdict::Failed(why)
    }
}

fn why(lecture: &Lecture) -> String {
    let reason = lecture.reason.as_ref();
    reason.map_or_else(
        || "no reason given".to_owned(),
        |it| format!("{} ({})", it.message, it.code),
    )
}

async fn next(answer: &mut Response) -> Result<bytes::Bytes> {
    let came = tokio::time::timeout(SILENCE, answer.chunk()).await;
    let came = came.context("the server stopped sending")?;
    came.map_err(reqwest::Error::without_url)
        .context("the connection broke")?
        .context("the server closed the connection")
}
