//! What the role `live` and the content service ask each other about a live lecture: who may publish and watch it, and the
//! media of those that a node holds.

use super::Unanswered;
use crate::timestamp::micros;
use crate::{PlaybackId, RenditionName, Roles, SessionId, Timestamp, UserId, VideoId};
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A person with a valid access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearer {
    /// The account.
    pub user: UserId,
    /// The sign-in that the token belongs to.
    pub session: SessionId,
    /// The platform-wide roles.
    pub roles: Roles,
    /// The account's version when the token was made.
    pub version: i64,
}

/// Somebody who wants to publish a lecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Publisher {
    /// A person by an access token.
    Person(Bearer),
    /// Whoever has the lecture's stream key, which also names the lecture.
    Key(String),
}

/// A request to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishAsked {
    /// The lecture; none for RTMP, where the key names it.
    pub video: Option<VideoId>,
    /// Who asks.
    pub publisher: Publisher,
}

/// The right to publish a lecture, as long as it is not withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishGrant {
    /// The lecture.
    pub video: VideoId,
    /// Who publishes.
    pub publisher: Publisher,
    /// The number of the stream key; a grant by an older key is withdrawn.
    pub key_version: i64,
}

/// A request to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchAsked {
    /// The lecture.
    pub video: VideoId,
    /// Who asks; none without a sign-in.
    pub viewer: Option<Bearer>,
    /// The key of the lecture's link (`?s=`), if the viewer came by it.
    pub link: Option<String>,
    /// The request's `User-Agent`.
    pub user_agent: String,
    /// The network that the request comes from.
    pub network: IpAddr,
    /// The request's id, for the audit.
    pub request: String,
    /// Whether the node has no place for another viewer: then only the right is looked at, and nothing is opened, since a new
    /// session may end the one by which the viewer watches playlists.
    #[serde(default)]
    pub is_full: bool,
}

/// A playback session that was opened just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchGrant {
    /// The session.
    pub session: PlaybackId,
    /// The token for its paths.
    pub token: String,
    /// When it runs out.
    #[serde(with = "micros")]
    pub expires_at: Timestamp,
}

/// Why somebody may not publish or watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Neither a valid sign-in nor a valid key.
    #[error("there is no valid sign-in")]
    Unauthenticated,
    /// There is no such lecture, or the asker has no right to know of it.
    #[error("there is no such lecture")]
    NotFound,
    /// The lecture is listed to the asker, who may not do this now.
    #[error("you can't do this with this lecture")]
    NotEntitled,
    /// The lecture was deleted.
    #[error("the lecture was deleted")]
    Deleted,
    /// The lecture is over, or it never was a live one.
    #[error("the lecture is not live")]
    Ended,
    /// The lecture has not begun.
    #[error("the lecture can't be watched yet")]
    NotLive,
    /// The viewer watches in as many places as they may.
    #[error("you watch in as many places as you may at the same time")]
    TooManySessions,
    /// Too many people without a sign-in watch this lecture.
    #[error("as many people watch this lecture as may without signing in")]
    Crowded,
    /// The lectures of the owner take as much space as they may.
    #[error("your lectures take as much space as they may; delete some, or ask an administrator for more")]
    QuotaExceeded,
    /// There is no space for a recording.
    #[error("there is no space left")]
    StorageFull,
    /// The node has no place for a viewer who may watch.
    #[error("as many people watch by WebRTC as this server serves; the lecture can be watched by HLS")]
    Full,
}

/// A playback token with the lecture of its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The lecture.
    pub video: VideoId,
    /// The token.
    pub token: String,
}

/// Answers who may publish and watch live lectures; the content service does.
#[async_trait]
pub trait LiveDoor: Send + Sync {
    /// Whether somebody may publish.
    async fn publish(&self, asked: PublishAsked) -> Result<Result<PublishGrant, Refused>, Unanswered>;

    /// Those of these grants that were withdrawn, by their places in the list: the key was rotated, the sign-in has ended, the
    /// lecture is over or deleted.
    async fn withdrawn(&self, grants: Vec<PublishGrant>) -> Result<Vec<usize>, Unanswered>;

    /// Opens a playback session for somebody who may watch, where the node has a place.
    async fn watch(&self, asked: WatchAsked) -> Result<Result<WatchGrant, Refused>, Unanswered>;

    /// Those of these sessions that live, by their places in the list; this is a sign of life of each. The role `live` asks
    /// for all sessions of WHEP at once, several times a second.
    async fn living(&self, watches: Vec<Watch>) -> Result<Vec<usize>, Unanswered>;

    /// Ends a session whose viewer has left.
    async fn leave(&self, watch: Watch) -> Result<(), Unanswered>;
}

/// A file of a live lecture's stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveFile {
    /// The multivariant playlist.
    Index,
    /// A rendition's playlist.
    Playlist(RenditionName),
    /// One of a rendition's init segments, by its number.
    Init(RenditionName, u32),
    /// A rendition's segment, by its media sequence number.
    Segment(RenditionName, u32),
    /// A part of a segment.
    Part(RenditionName, u32, u32),
}

impl LiveFile {
    /// Its kind, as metrics name it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Playlist(_) => "playlist",
            Self::Init(..) => "init",
            Self::Segment(..) => "segment",
            Self::Part(..) => "part",
        }
    }
}

/// What a player adds to a playlist's address.
///
/// Source: draft-pantos-hls-rfc8216bis, 6.2.5
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Reload {
    /// `_HLS_msn`: wait until the playlist has this segment.
    pub sequence: Option<u32>,
    /// `_HLS_part`: wait until it has this part of it.
    pub part: Option<u32>,
    /// `_HLS_skip`: leave out what the player knows.
    pub skip: bool,
}

/// The answer to a request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveReply {
    /// This node doesn't hold the lecture, or no longer has the file in memory.
    Elsewhere,
    /// The file.
    File {
        /// Its bytes.
        bytes: Bytes,
        /// The same, compressed with gzip.
        packed: Option<Bytes>,
    },
    /// There is no such file.
    Missing,
    /// The segment that the player waits for is too far ahead.
    TooFar,
    /// What the player waits for has not come in time.
    Late,
}

/// The live lectures that a node holds; the role `live` answers.
#[async_trait]
pub trait LiveMedia: Send + Sync {
    /// A file of a lecture; waits for one that is about to come.
    async fn read(&self, video: VideoId, file: &LiveFile, reload: Reload) -> LiveReply;

    /// A part, a segment or an init segment that the node has in memory.
    fn in_memory(&self, video: VideoId, file: &LiveFile) -> Option<Bytes>;

    /// Whether somebody publishes a lecture; none if the node doesn't hold it.
    fn is_published(&self, video: VideoId) -> Option<bool>;

    /// Ends a lecture that the node holds, and waits a moment until its recording is complete.
    async fn end(&self, video: VideoId);
}
