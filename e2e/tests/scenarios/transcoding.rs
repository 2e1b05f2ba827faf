//! What can't be played as it is becomes a ladder, piece by piece, through anything that may happen.

mod crowd;
mod faults;
mod killed;
mod sources;
mod viewer;
mod workers;

use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Api};
use e2e::ladder::{self, Ladder};
use e2e::media::flashes;
use e2e::process::{self, until};
use e2e::server::{RUNGS, Server, Start};
use e2e::stage::Stage;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A server that encodes as quickly as it can.
fn encoding(rungs: &str) -> Start {
    Start::default()
        .set(RUNGS, rungs)
        .set("CONTENT__TRANSCODE__PRESET", "ultrafast")
}

/// The names of a video's renditions, pictures first.
fn renditions(video: &Value) -> Vec<(String, String)> {
    let all = video["renditions"].as_array().cloned().unwrap_or_default();
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    all.iter().map(|it| (text(&it["name"]), text(&it["state"]))).collect()
}

/// Uploads a file and waits for its whole ladder.
async fn ready(api: &Api, owner: &Account, path: &Path, within: Duration) -> Result<Value> {
    let id = api.upload(std::fs::read(path)?, &owner.token).await?;
    let video = api.becomes_within(&id, &owner.token, &["ready"], within).await?;
    let waits = renditions(&video).into_iter().find(|(_, state)| state != "ready");
    ensure!(waits.is_none(), "{waits:?} in {video}");
    ensure!(video["progress"] == 1.0 && video["reason"].is_null(), "{video}");
    Ok(video)
}

/// Someone who signs in again before the access token has run out, for what takes longer than that.
struct Patient {
    account: Account,
    signed: Instant,
}

impl Patient {
    async fn new(stage: &mut Stage, role: &str) -> Result<Self> {
        Ok(Self {
            account: stage.account(role).await?,
            signed: Instant::now(),
        })
    }

    async fn account(&mut self, api: &Api) -> Result<&Account> {
        if self.signed.elapsed() > Duration::from_secs(200) {
            self.account = api.login(&self.account.email, &self.account.password).await?;
            self.signed = Instant::now();
        }
        Ok(&self.account)
    }

    /// Waits until all of a lecture is there.
    async fn sees_ready(&mut self, api: &Api, id: &str, within: Duration) -> Result<Value> {
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

/// A server whose encoding is left to others.
fn front(rungs: &str) -> Start {
    encoding(rungs).argument("--roles").argument("users,content,web")
}

/// A process that encodes for a server, as its operator starts one beside it.
async fn worker(stage: &Stage, start: Start) -> Result<Server> {
    let start = start.on(stage.server.data()).argument("--roles").argument("transcode");
    Server::start(start).await
}

/// A published piece: its rendition and its number.
type Piece = (String, u32);

/// The stored pieces of a lecture with the fences that their names carry.
fn pieces(data: &Path, id: &str) -> BTreeMap<Piece, Vec<i64>> {
    let mut found: BTreeMap<Piece, Vec<i64>> = BTreeMap::new();
    for path in process::files(&data.join("objects")) {
        let Some((piece, fence)) = read_piece(&path, id) else {
            continue;
        };
        found.entry(piece).or_default().push(fence);
    }
    found
}

/// How often the pieces' tasks were taken up beyond the first time: a fence rises by one each time, and all of a lecture's
/// tasks begin with the same one.
fn taken_again(pieces: &BTreeMap<Piece, Vec<i64>>) -> BTreeMap<Piece, i64> {
    let first = pieces.values().flatten().min().copied().unwrap_or_default();
    let again = pieces.iter().map(|(piece, all)| {
        let last = all.iter().max().copied().unwrap_or_default();
        (piece.clone(), last - first)
    });
    again.filter(|(_, times)| *times > 0).collect()
}

/// `…/videos/{id}/{generation}/{rendition}/{piece}-{fence}.m4s`.
fn read_piece(path: &Path, id: &str) -> Option<(Piece, i64)> {
    let words: Vec<&str> = path.iter().rev().take(4).filter_map(|it| it.to_str()).collect();
    let [file, rendition, _, video] = words.as_slice() else {
        return None;
    };
    let (piece, fence) = file.strip_suffix(".m4s")?.split_once('-')?;
    (*video == id).then_some(())?;
    Some((((*rendition).to_owned(), piece.parse().ok()?), fence.parse().ok()?))
}

/// Nothing is left of encoders: no process, no staging file; each piece is stored once.
async fn is_tidy(data: &Path, id: &str) -> Result<()> {
    let left = until("a tidy house", Duration::from_secs(30), async || {
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

/// A lecture's ladder is whole: every rendition aligned, every frame of the source there once.
async fn is_whole(stage: &Stage, owner: &Account, id: &str, source: &Path) -> Result<Ladder> {
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
