//! The present program on data directories of the previous version, which was killed: `e2e/data` has them, made by
//! `e2e/python/version_before.py`.

use super::postgres::database;
use anyhow::{Context, Result, ensure};
use e2e::encoding::{is_tidy, is_whole, pieces};
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, settings, tools, tus};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// An account of that server.
#[derive(Debug, Deserialize)]
struct Known {
    email: String,
    password: String,
}

/// An interrupted upload.
#[derive(Debug, Deserialize)]
struct CutOff {
    id: String,
    url: String,
    offset: u64,
}

/// The facts that a client of that server knew.
#[derive(Debug, Deserialize)]
struct Facts {
    accounts: BTreeMap<String, Known>,
    /// A lecture that plays without encoding.
    instant: String,
    /// A lecture whose encoding was interrupted.
    half: String,
    /// The number of its published video pieces.
    pieces: usize,
    upload: CutOff,
    /// The number of waiting events, by service.
    events: BTreeMap<String, u64>,
    /// A time, in seconds since 1970, when all leases of the killed processes have expired but no upload has.
    now: u64,
}

/// An unpacked data directory with its database.
struct Left {
    folder: tempfile::TempDir,
    facts: Facts,
    name: &'static str,
    /// Its URL on PostgreSQL.
    url: Option<String>,
}

impl Left {
    async fn unpack(name: &'static str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let archive = settings::root().join("e2e/data/version-before.tar.gz");
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(folder.path());
        tools::output(&mut tar, b"").await?;
        let facts = std::fs::read(folder.path().join("facts.json"))?;
        let mut facts: BTreeMap<String, Facts> = serde_json::from_slice(&facts)?;
        let facts = facts.remove(name).with_context(|| format!("no facts of {name}"))?;
        let mut left = Self {
            folder,
            facts,
            name,
            url: None,
        };
        if name == "postgres" {
            let url = database().await?;
            let mut restore = Command::new("psql");
            restore.args([&url, "-qX", "-v", "ON_ERROR_STOP=1", "-f"]);
            tools::output(restore.arg(left.data().join("dump.sql")), b"").await?;
            left.url = Some(url);
        }
        Ok(left)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn source(&self, id: &str) -> PathBuf {
        self.data().join("objects/videos").join(id).join("source")
    }

    /// Starts the server at the time of the archive.
    fn start(&self) -> Result<Start> {
        let start = Start::default().on(&self.data()).at(self.facts.now)?;
        Ok(match &self.url {
            Some(url) => start.set("DATABASE_URL", url),
            None => start,
        })
    }

    /// The number of events in a service's outbox.
    async fn waiting(&self, service: &str) -> Result<u64> {
        let count = "SELECT count(*) FROM";
        let mut ask = match &self.url {
            Some(url) => {
                let mut psql = Command::new("psql");
                psql.args([url, "-AtXc", &format!("{count} {service}.outbox")]);
                psql
            }
            None => {
                let mut python = Command::new("python3");
                let code =
                    "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])";
                python.args(["-c", code]);
                python.arg(self.data().join(format!("{service}.sqlite")));
                python.arg(format!("{count} outbox"));
                python
            }
        };
        let output = String::from_utf8(tools::output(&mut ask, b"").await?)?;
        Ok(output.trim().parse()?)
    }
}

/// Signs in as one of the accounts.
async fn signed_in(stage: &Stage, facts: &Facts, name: &str) -> Result<e2e::api::Account> {
    let account = facts.accounts.get(name).context("an account")?;
    stage.api.login(&account.email, &account.password).await
}

/// Checks that the lecture plays without encoding: its frames are those of the stored source.
async fn plays(stage: &Stage, token: &str, id: &str, source: &Path) -> Result<()> {
    let session = stage.api.session(id, token).await?;
    let renditions = playlist::open(&stage.api, &session.hls_url).await?;
    let as_it_is = renditions.iter().find(|it| it.name == "source").context("no source")?;
    let shown = media::frames(&format!("{}{}", stage.api.base, as_it_is.playlist)).await?;
    let there = media::frames(&source.to_string_lossy()).await?;
    ensure!(shown == there, "{} frames of {}", shown.len(), there.len());
    Ok(())
}

/// Checks that the lecture's encoding is completed, and that published pieces stay unchanged.
async fn encoding_completes(stage: &Stage, left: &Left, owner: &e2e::api::Account) -> Result<()> {
    let (facts, data) = (&left.facts, left.data());
    let ready = ["ready"];
    let within = Duration::from_secs(120);
    let before = pieces(&data, &facts.half);
    stage
        .api
        .becomes_within(&facts.half, &owner.token, &ready, within)
        .await?;
    is_tidy(&data, &facts.half).await?;
    let after = pieces(&data, &facts.half);
    ensure!(
        before.keys().filter(|(name, _)| name != "audio").count() >= facts.pieces && after.len() > before.len(),
        "{before:?} became {after:?}"
    );
    let changed = before.iter().find(|(piece, fence)| after.get(*piece) != Some(*fence));
    ensure!(changed.is_none(), "{changed:?} was encoded again: {after:?}");
    is_whole(stage, owner, &facts.half, &left.source(&facts.half)).await?;
    Ok(())
}

/// Checks that the upload resumes where it was interrupted, using only the key in its URL.
async fn upload_resumes(stage: &Stage, left: &Left, token: &str) -> Result<()> {
    let (upload, api) = (&left.facts.upload, &stage.api);
    api.secret(upload.url.rsplit("k=").next().unwrap_or_default());
    let offset = tus::offset(api, &upload.url).await?;
    ensure!(offset == upload.offset, "{offset} instead of {}", upload.offset);
    let whole = std::fs::read(left.source(&left.facts.instant))?;
    let rest = whole.get(usize::try_from(offset)?..).context("a rest")?.to_vec();
    tus::send(api, &upload.url, offset, rest).await?.expect(204)?;
    api.becomes(&upload.id, token, &["playable", "ready"]).await?;
    let stored = std::fs::read(left.source(&upload.id))?;
    ensure!(stored == whole, "the stored bytes differ");
    plays(stage, token, &upload.id, &left.source(&upload.id)).await
}

/// Checks that all data is still there, and that all unfinished work is completed.
async fn still_works(name: &'static str) -> Result<()> {
    let left = Left::unpack(name).await?;
    for (service, events) in &left.facts.events {
        let waiting = left.waiting(service).await?;
        ensure!(waiting == *events && waiting > 0, "{waiting} events of {service}");
    }
    scenario(left.start()?, async |stage| {
        for name in left.facts.accounts.keys() {
            signed_in(stage, &left.facts, name).await?;
        }
        let owner = signed_in(stage, &left.facts, "instructor").await?;
        let instant = &left.facts.instant;
        plays(stage, &owner.token, instant, &left.source(instant)).await?;
        upload_resumes(stage, &left, &owner.token).await?;
        encoding_completes(stage, &left, &owner).await?;
        for service in left.facts.events.keys() {
            e2e::process::until("an empty outbox", Duration::from_secs(10), async || {
                Ok((left.waiting(service).await? == 0).then_some(()))
            })
            .await
            .with_context(|| service.clone())?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_of_the_previous_version_still_works() -> Result<()> {
    still_works("sqlite").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_database_of_the_previous_version_still_works() -> Result<()> {
    still_works("postgres").await
}

/// The reports of the server about the two lectures without a worker: details and playlists, without ids and times.
async fn report(name: &'static str) -> Result<String> {
    let left = Left::unpack(name).await?;
    let start = left.start()?.roles("users,courses,content,web");
    let mut text = String::new();
    scenario(start, async |stage| {
        let owner = signed_in(stage, &left.facts, "instructor").await?;
        for id in [&left.facts.instant, &left.facts.half] {
            let video = stage.api.video(id, &owner.token).await?;
            text += &format!("{:#}\n", without_times(video)).replace(id, "ID");
            let owner_id = &owner.id;
            text = text.replace(owner_id, "OWNER");
            let session = stage.api.session(id, &owner.token).await?;
            let index = stage.api.fetch(&session.hls_url).await?.expect(200)?.text();
            text += &index;
            for path in playlist::renditions(&session.hls_url, &index) {
                text += &stage.api.fetch(&path).await?.expect(200)?.text();
            }
        }
        Ok(())
    })
    .await?;
    Ok(text)
}

/// A document without the fields that hold a time.
fn without_times(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut() {
        fields.retain(|name, _| !name.ends_with("_at"));
    }
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_of_the_previous_version_give_equal_reports() -> Result<()> {
    let (sqlite, postgres) = (report("sqlite").await?, report("postgres").await?);
    ensure!(sqlite.contains("#EXTINF"), "no playlist was seen: {sqlite}");
    ensure!(sqlite == postgres, "on SQLite:\n{sqlite}\non PostgreSQL:\n{postgres}");
    Ok(())
}
