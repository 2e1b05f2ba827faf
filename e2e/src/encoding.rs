//! Encoded lectures: servers and workers for them, their stored pieces, and the checks of a finished ladder.

use crate::api::{Account, Api};
use crate::ladder::{self, Ladder};
use crate::media::flashes;
use crate::process::{self, until};
use crate::server::{PLACES, RUNGS, Server, Start};
use crate::stage::Stage;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A server that encodes as quickly as it can.
#[must_use]
pub fn encoding(rungs: &str) -> Start {
    Start::default()
        .set(RUNGS, rungs)
        .set("CONTENT__TRANSCODE__PRESET", "ultrafast")
        .set(PLACES, "0")
}

/// The names of a video's renditions, video first.
#[must_use]
pub fn renditions(video: &Value) -> Vec<(String, String)> {
    let all = video["renditions"].as_array().cloned().unwrap_or_default();
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    all.iter().map(|it| (text(&it["name"]), text(&it["state"]))).collect()
}

/// Uploads a file and waits for its whole ladder.
pub async fn ready(api: &Api, owner: &Account, path: &Path, within: Duration) -> Result<Value> {
    let id = api.upload(std::fs::read(path)?, &owner.token).await?;
    let video = api.becomes_within(&id, &owner.token, &["ready"], within).await?;
    let waits = renditions(&video).into_iter().find(|(_, state)| state != "ready");
    ensure!(waits.is_none(), "{waits:?} in {video}");
    ensure!(video["progress"] == 1.0 && video["reason"].is_null(), "{video}");
    Ok(video)
}

/// A user who signs in again before the access token expires, for scenarios that last longer than a token.
#[derive(Debug)]
pub struct SignedIn {
    /// The account, with the token of its last sign-in.
    pub account: Account,
    signed: Instant,
}

impl SignedIn {
    /// Makes an account and signs in.
    pub async fn new(stage: &mut Stage, role: &str) -> Result<Self> {
        Ok(Self {
            account: stage.account(role).await?,
            signed: Instant::now(),
        })
    }

    /// The account, with a valid access token.
    pub async fn account(&mut self, api: &Api) -> Result<&Account> {
        if self.signed.elapsed() > Duration::from_secs(200) {
            self.account = api.login(&self.account.email, &self.account.password).await?;
            self.signed = Instant::now();
        }
        Ok(&self.account)
    }

    /// Waits until a lecture is complete.
    pub async fn wait_until_ready(&mut self, api: &Api, id: &str, within: Duration) -> Result<Value> {
        let begun = Instant::now();
        loop {
            let account = self.account(api).await?;
            let part = Duration::from_secs(60).min(within);
            match api.becomes_within(id, &account.token, &["ready"], part).await {
                Err(error) if begun.elapsed() < within && error.to_string().contains("did not come within") => {}
                other => return other,
            }
        }
    }
}

/// A server that leaves the encoding to other processes.
#[must_use]
pub fn front(rungs: &str) -> Start {
    encoding(rungs).roles("users,courses,content,web")
}

/// A process that encodes for a server, started beside it as an operator does.
pub async fn worker(stage: &Stage, start: Start) -> Result<Server> {
    let start = start.on(stage.server.data()).roles("transcode");
    Server::start(start).await
}

/// A published piece: its rendition and its number.
pub type Piece = (String, u32);

/// The stored pieces of a lecture with the fences in their names.
#[must_use]
pub fn pieces(data: &Path, id: &str) -> BTreeMap<Piece, Vec<i64>> {
    let mut found: BTreeMap<Piece, Vec<i64>> = BTreeMap::new();
    for path in process::files(&data.join("objects")) {
        let Some((piece, fence)) = read_piece(&path, id) else {
            continue;
        };
        found.entry(piece).or_default().push(fence);
    }
    found
}

/// How many times each piece's task was claimed beyond the first: each claim raises the fence by one, and all tasks of a
/// lecture start with the same fence.
#[must_use]
pub fn taken_again(pieces: &BTreeMap<Piece, Vec<i64>>) -> BTreeMap<Piece, i64> {
    let first = pieces.values().flatten().min().copied().unwrap_or_default();
    let again = pieces.iter().map(|(piece, all)| {
        let last = all.iter().max().copied().unwrap_or_default();
        (piece.clone(), last - first)
    });
    again.filter(|(_, times)| *times > 0).collect()
}

/// `…/videos/{id}/{generation}/{rendition}/{piece}-{fence}.m4s`.
#[must_use]
pub fn read_piece(path: &Path, id: &str) -> Option<(Piece, i64)> {
    let words: Vec<&str> = path.iter().rev().take(4).filter_map(|it| it.to_str()).collect();
    let [file, rendition, _, video] = words.as_slice() else {
        return None;
    };
    let (piece, fence) = file.strip_suffix(".m4s")?.split_once('-')?;
    (*video == id).then_some(())?;
    Some((((*rendition).to_owned(), piece.parse().ok()?), fence.parse().ok()?))
}

/// Fails unless the encoders left nothing behind: no process, no staging file, each piece stored once.
pub async fn is_tidy(data: &Path, id: &str) -> Result<()> {
    let left = until("nothing left behind", Duration::from_secs(30), async || {
        let staged: Vec<PathBuf> = process::files(&data.join("staging"));
        let double: Vec<_> = pieces(data, id).into_iter().filter(|(_, all)| all.len() > 1).collect();
        let tidy = staged.is_empty() && double.is_empty() && process::encoders(data)?.is_empty();
        Ok(tidy.then_some(()))
    });
    left.await.with_context(|| {
        let staged = process::files(&data.join("staging"));
        format!("{staged:?}, {:?}, {:?}", process::encoders(data), pieces(data, id))
    })
}

/// Checks that a lecture's ladder is complete: every rendition aligned, every frame of the source present once.
pub async fn is_whole(stage: &Stage, owner: &Account, id: &str, source: &Path) -> Result<Ladder> {
    let session = stage.api.session(id, &owner.token).await?;
    let ladder = ladder::read(&stage.api, &session.hls_url).await?;
    ladder.is_aligned()?;
    let before = flashes::shown(&source.to_string_lossy(), &[]).await?;
    for track in ladder.pictures() {
        let played = format!("{}{}", stage.api.base, track.rendition.playlist);
        let after = flashes::shown(&played, &[]).await?;
        let differ = flashes::difference(&before, &after).with_context(|| track.rendition.name.clone())?;
        ensure!(differ < 12.0, "{}: {differ} greys", track.rendition.name);
    }
    Ok(ladder)
}
