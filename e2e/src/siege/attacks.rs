//! The attacks of `bench/siege`, each by its name.

use super::bodies::{Bodies, Size};
use super::readers::Readers;
use super::sign_ins::SignIns;
use super::{event_streams, uploads};
use crate::api::{Account, Api};
use crate::server::{RUNGS, Start};
use crate::stage::Stage;
use crate::{media, playlist, tus};
use anyhow::{Context, Result};
use std::any::Any;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinSet;

/// The sizes that lectures are encoded to unless something else is configured.
const USUAL_RUNGS: &str = "240,360,540,720,1080";
const MIB: u64 = 1 << 20;
/// One owner may send eight uploads and follow six streams of events at a time.
const UPLOADERS: usize = 19;
const FOLLOWERS: usize = 100;
const STREAMS: usize = 6;

/// An attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// 22 connections of nearly complete bodies.
    Bodies,
    /// 12 slow readers of the fattest legal segments.
    Readers,
    /// Three files with hours of nothing in them.
    Gaps,
    /// Two files of 24 MiB of one-byte packets.
    Surveys,
    /// Three files of 16,000² pixels.
    Pixels,
    /// 150 uploads at the same time.
    Uploads,
    /// 600 streams of events.
    EventStreams,
    /// 90 connections of one learner's sign-ins.
    SignIns,
}

/// An attack that lasts until it is dropped.
pub type Running = Box<dyn Any + Send>;

impl Attack {
    /// All attacks.
    pub const ALL: [Self; 8] = [
        Self::Bodies,
        Self::Readers,
        Self::Gaps,
        Self::Surveys,
        Self::Pixels,
        Self::Uploads,
        Self::EventStreams,
        Self::SignIns,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Readers => "readers",
            Self::Gaps => "gaps",
            Self::Surveys => "surveys",
            Self::Pixels => "pixels",
            Self::Uploads => "uploads",
            Self::EventStreams => "event-streams",
            Self::SignIns => "sign-ins",
        }
    }

    /// A server as it is usually configured.
    #[must_use]
    pub fn target() -> Start {
        Start::default().set(RUNGS, USUAL_RUNGS)
    }

    /// Prepares what the attack needs; the returned value begins it.
    pub async fn prepare(self, stage: &mut Stage) -> Result<Ready> {
        let (api, address) = (stage.api.clone(), stage.server.address().to_owned());
        Ok(match self {
            Self::Bodies => Ready::Bodies(address),
            Self::Readers => Ready::Readers(address, fat_segments(stage).await?),
            Self::Gaps => {
                let files = vec![
                    media::clocks::gap(30).await?,
                    media::clocks::gap(11).await?,
                    media::clocks::silence().await?,
                ];
                Ready::Lectures(api, stage.account("instructor").await?, files)
            }
            Self::Surveys => {
                let files = vec![media::clocks::tiny_packets(24).await?; 2];
                Ready::Lectures(api, stage.account("instructor").await?, files)
            }
            Self::Pixels => {
                let files = vec![media::pixels::huge().await?; 3];
                Ready::Lectures(api, stage.account("instructor").await?, files)
            }
            Self::Uploads => Ready::Uploads(api, accounts(stage, UPLOADERS).await?),
            Self::EventStreams => Ready::EventStreams(api, accounts(stage, FOLLOWERS).await?),
            Self::SignIns => Ready::SignIns(api, stage.account("learner").await?),
        })
    }
}

/// An attack that is prepared.
#[derive(Debug)]
pub enum Ready {
    /// The server's address.
    Bodies(String),
    /// The server's address and the paths of the segments.
    Readers(String, Vec<String>),
    /// Who uploads which files.
    Lectures(Api, Account, Vec<PathBuf>),
    /// Who uploads.
    Uploads(Api, Vec<Account>),
    /// Who follows a lecture of their own.
    EventStreams(Api, Vec<Account>),
    /// Who signs in.
    SignIns(Api, Account),
}

impl Ready {
    /// Begins the attack.
    #[must_use]
    pub fn begin(self) -> Running {
        let mut tasks = JoinSet::new();
        match self {
            Self::Bodies(address) => {
                let size = Size {
                    connections: 22,
                    streams: 120,
                    sent: 1_000_000,
                    announced: 1_048_000,
                };
                return Box::new(Bodies::begin(&address, size));
            }
            Self::Readers(address, paths) => return Box::new(Readers::begin(&address, &paths)),
            Self::SignIns(api, learner) => {
                return Box::new(SignIns::begin(&api, &learner.email, &learner.password, 90));
            }
            Self::Lectures(api, owner, files) => {
                for file in files {
                    let (api, token) = (api.clone(), owner.token.clone());
                    tasks.spawn(async move { upload(&api, &token, &file).await.map(drop) });
                }
            }
            Self::Uploads(api, owners) => {
                tasks.spawn(async move {
                    let tokens: Vec<_> = owners.into_iter().map(|owner| owner.token).collect();
                    // Each round leaves unfinished uploads behind, of which an owner may have twenty.
                    for _ in 0..2 {
                        uploads::at_once(&api, &tokens, 150, 16 * MIB).await?;
                    }
                    Ok(())
                });
            }
            Self::EventStreams(api, owners) => {
                for owner in owners {
                    let api = api.clone();
                    tasks.spawn(async move {
                        let lecture = tus::create(&api, &owner.token, MIB).await?;
                        let flood = event_streams::open(&api, &owner.token, &lecture.id, STREAMS).await?;
                        let reading = flood.open.into_iter().map(reqwest::Response::bytes);
                        futures::future::join_all(reading).await;
                        Ok(())
                    });
                }
            }
        }
        Box::new(tasks)
    }
}

async fn accounts(stage: &mut Stage, count: usize) -> Result<Vec<Account>> {
    let mut accounts = Vec::new();
    for _ in 0..count {
        accounts.push(stage.account("instructor").await?);
    }
    Ok(accounts)
}

/// Uploads a file; returns the lecture's id.
pub async fn upload(api: &Api, token: &str, path: &Path) -> Result<String> {
    let file = tokio::fs::File::open(path).await?;
    api.upload(file, token)
        .await
        .with_context(|| path.display().to_string())
}

/// A lecture with twelve of the largest segments that are cut from a source; returns their paths.
async fn fat_segments(stage: &mut Stage) -> Result<Vec<String>> {
    let owner = stage.account("instructor").await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("fat.mp4");
    let fat = media::fat::segments(&path, 12, 31 << 20).await?;
    let id = upload(&stage.api, &owner.token, &path).await?;
    let within = Duration::from_secs(120);
    let states = ["playable", "ready"];
    stage.api.becomes_within(&id, &owner.token, &states, within).await?;
    let session = stage.api.session(&id, &owner.token).await?;
    let rendition = playlist::open(&stage.api, &session.hls_url).await?.remove(0);
    Ok(fat.iter().map(|n| rendition.segments[*n].clone()).collect())
}
