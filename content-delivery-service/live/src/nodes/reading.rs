//! Lectures as this node serves them by HLS: from its own rooms, or else from the node that holds them.
//!
//! However many viewers ask for a playlist or a part here, the other node is asked once: all of them wait for the same answer,
//! which is kept for a moment. If the node does not answer, the viewers get what is stored.

use crate::metric;
use crate::rooms::{Rooms, Whereabouts};
use async_trait::async_trait;
use bytes::Bytes;
use contracts::VideoId;
use contracts::asked::LiveFileAsked;
use contracts::questions::live::{LiveFile, LiveMedia, LiveReply, Reload};
use flate2::write::GzDecoder;
use moka::Expiry;
use moka::future::Cache;
use runtime::remote::{Arrived, LiveNodes};
use std::io::Write as _;
use std::time::{Duration, Instant};
use url::Url;

/// How much of other nodes' lectures is kept in memory.
const BYTES: u64 = 32 << 20;
/// About how much an entry takes besides its bytes.
const OVERHEAD: usize = 256;
/// How many lectures' places are known.
const PLACES: u64 = 10_000;
/// How long the place of a lecture is believed. A node that does not answer is left alone for as long.
const PLACE: Duration = Duration::from_secs(1);
/// How long a video that is not live, and can't become it, is not looked up again.
const NEVER: Duration = Duration::from_secs(600);
/// How long media is kept: it never changes.
const MEDIA: Duration = Duration::from_secs(30);
/// How long the playlist is kept that has a certain part: it keeps what it promised.
const RELOADED: Duration = Duration::from_secs(5);
/// How long a playlist is the newest one: about as long as the next part takes.
const NEWEST: Duration = Duration::from_millis(300);

/// The lectures of all nodes.
pub struct Reading {
    rooms: Rooms,
    nodes: LiveNodes,
    places: Cache<VideoId, Whereabouts>,
    files: Cache<Key, LiveReply>,
}

/// A file of a lecture under the lease by which it was made.
type Key = (VideoId, i64, LiveFile, Reload);

/// Why there is no file to keep.
#[derive(Debug)]
enum NoFile {
    /// The node has answered without one.
    Refused(LiveReply),
    /// The node does not answer.
    Unanswered,
}

struct OfPlaces;

impl Expiry<VideoId, Whereabouts> for OfPlaces {
    fn expire_after_create(&self, _: &VideoId, place: &Whereabouts, _: Instant) -> Option<Duration> {
        Some(if *place == Whereabouts::Never { NEVER } else { PLACE })
    }

    fn expire_after_update(
        &self,
        video: &VideoId,
        place: &Whereabouts,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(video, place, now)
    }
}

struct OfFiles;

impl Expiry<Key, LiveReply> for OfFiles {
    fn expire_after_create(&self, (_, _, file, reload): &Key, reply: &LiveReply, _: Instant) -> Option<Duration> {
        Some(match (file, reply) {
            (_, LiveReply::Elsewhere) => PLACE,
            (LiveFile::Index, _) => NEWEST,
            (LiveFile::Playlist(_), _) if reload.sequence.is_none() => NEWEST,
            (LiveFile::Playlist(_), _) => RELOADED,
            (LiveFile::Init(..) | LiveFile::Segment(..) | LiveFile::Part(..), _) => MEDIA,
        })
    }
}

impl Reading {
    /// Reads this node's rooms, and those of other nodes.
    #[must_use]
    pub fn new(rooms: Rooms, nodes: LiveNodes) -> Self {
        let places = Cache::builder().max_capacity(PLACES).expire_after(OfPlaces);
        let files = Cache::builder()
            .max_capacity(BYTES)
            .weigher(weight)
            .expire_after(OfFiles);
        Self {
            rooms,
            nodes,
            places: places.build(),
            files: files.build(),
        }
    }

    /// The node that holds a lecture, and its lease.
    async fn holder(&self, video: VideoId) -> Option<(Url, i64)> {
        let found = self.places.try_get_with(video, self.rooms.whereabouts(video)).await;
        match found {
            Ok(Whereabouts::Elsewhere { node, lease }) => Some((node, lease)),
            Ok(Whereabouts::Nowhere | Whereabouts::Never) => None,
            Err(error) => {
                tracing::warn!(%error, "the node of a lecture could not be looked up");
                None
            }
        }
    }

    async fn ask(&self, node: &Url, asked: LiveFileAsked) -> Result<LiveReply, NoFile> {
        let kind = asked.file.kind();
        let arrived = self.nodes.read(node, &asked).await;
        let outcome = if arrived.is_ok() { "ok" } else { "failed" };
        metrics::counter!(metric::READ_ELSEWHERE, "kind" => kind, "outcome" => outcome).increment(1);
        match arrived {
            Ok(Arrived::Plain(bytes)) => Ok(LiveReply::File { bytes, packed: None }),
            Ok(Arrived::Packed(packed)) => match unpacked(&packed) {
                Ok(bytes) => Ok(LiveReply::File {
                    bytes,
                    packed: Some(packed),
                }),
                Err(error) => {
                    tracing::warn!(%node, %error, "a playlist of another node can't be unpacked");
                    Err(NoFile::Unanswered)
                }
            },
            Ok(Arrived::Elsewhere) => Ok(LiveReply::Elsewhere),
            Ok(Arrived::Missing) => Err(NoFile::Refused(LiveReply::Missing)),
            Ok(Arrived::TooFar) => Err(NoFile::Refused(LiveReply::TooFar)),
            Ok(Arrived::Late) => Err(NoFile::Refused(LiveReply::Late)),
            Err(error) => {
                tracing::warn!(%error, "a live lecture is served as it is stored");
                Err(NoFile::Unanswered)
            }
        }
    }

    async fn elsewhere(&self, video: VideoId, file: &LiveFile, reload: Reload) -> LiveReply {
        let Some((node, lease)) = self.holder(video).await else {
            return LiveReply::Elsewhere;
        };
        let reload = match file {
            LiveFile::Playlist(_) => reload,
            _ => Reload::default(),
        };
        let asked = LiveFileAsked {
            video,
            file: file.clone(),
            reload,
        };
        let key = (video, lease, file.clone(), reload);
        match self.files.try_get_with(key, self.ask(&node, asked)).await {
            Ok(reply) => reply,
            Err(none) => match &*none {
                NoFile::Refused(reply) => reply.clone(),
                NoFile::Unanswered => {
                    self.places.insert(video, Whereabouts::Nowhere).await;
                    LiveReply::Elsewhere
                }
            },
        }
    }
}

#[async_trait]
impl LiveMedia for Reading {
    async fn read(&self, video: VideoId, file: &LiveFile, reload: Reload) -> LiveReply {
        let reply = self.rooms.read(video, file, reload).await;
        let is_here = !matches!(reply, LiveReply::Elsewhere) || self.rooms.is_published(video).is_some();
        if is_here {
            return reply;
        }
        self.elsewhere(video, file, reload).await
    }

    fn in_memory(&self, video: VideoId, file: &LiveFile) -> Option<Bytes> {
        self.rooms.in_memory(video, file)
    }

    fn is_published(&self, video: VideoId) -> Option<bool> {
        self.rooms.is_published(video)
    }

    async fn end(&self, video: VideoId) {
        self.rooms.end(video).await;
    }
}

fn weight(_: &Key, reply: &LiveReply) -> u32 {
    let bytes = match reply {
        LiveReply::File { bytes, packed } => bytes.len() + packed.as_ref().map_or(0, Bytes::len),
        _ => 0,
    };
    u32::try_from(bytes + OVERHEAD).unwrap_or(u32::MAX)
}

fn unpacked(packed: &[u8]) -> std::io::Result<Bytes> {
    let mut decoder = GzDecoder::new(Vec::with_capacity(packed.len() * 8));
    decoder.write_all(packed)?;
    decoder.finish().map(Bytes::from)
}
