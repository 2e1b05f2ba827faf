//! How playback sessions look on the wire, and how the media plane's replies are documented.

use contracts::{PlaybackId, Timestamp, VideoId};
use entitlements::models::session::LiveSession;
use runtime::ProblemDocument;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::{Content, RefOr, Response};

/// A playback session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PlaybackSession)]
pub(crate) struct PlaybackDocument {
    /// The session's id.
    pub(super) session_id: PlaybackId,
    /// The URL of the HLS multivariant playlist; anyone who has this URL can watch until it expires.
    pub(super) hls_url: String,
    /// The URL of the DASH manifest; null if there is none.
    pub(super) dash_url: Option<String>,
    /// When the URLs expire.
    pub(super) expires_at: Timestamp,
    /// A player that loads no media sends a POST here to keep the session open.
    pub(super) heartbeat_url: String,
    /// Seconds between two such requests.
    pub(super) heartbeat_interval: u64,
    /// A player that is done, or is closed, sends a POST here, so that its place is free at once.
    pub(super) end_url: String,
}

/// A playback session of the caller that is in use elsewhere.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LivePlaybackSession)]
pub(crate) struct LiveSessionDocument {
    /// The session's id; `take_over` takes it.
    session_id: PlaybackId,
    /// The lecture that it plays.
    video_id: VideoId,
    /// The lecture's title.
    title: String,
    /// The player, such as `Firefox on Windows`.
    device: String,
    /// When its player was last seen, about half a minute ago at most.
    seen_at: Timestamp,
}

impl From<LiveSession> for LiveSessionDocument {
    fn from(live: LiveSession) -> Self {
        Self {
            session_id: live.id,
            video_id: live.video_id,
            title: live.title,
            device: live.device,
            seen_at: live.seen_at,
        }
    }
}

/// The problem `too_many_sessions`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TooManySessionsProblem)]
pub(crate) struct TooManySessions {
    #[serde(flatten)]
    problem: ProblemDocument<'static>,
    /// The sessions that are in use, the last seen first.
    sessions: Vec<LiveSessionDocument>,
}

/// The replies of a route that sends a playlist.
pub(super) struct PlaylistReplies;

/// The replies of a route that sends media.
pub(super) struct MediaReplies;

impl IntoResponses for PlaylistReplies {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        replies("application/vnd.apple.mpegurl")
    }
}

impl IntoResponses for MediaReplies {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        replies("video/mp4")
    }
}

fn replies(kind: &str) -> BTreeMap<String, RefOr<Response>> {
    let with_bytes = |description| {
        let bytes = Content::builder().build();
        Response::builder()
            .description(description)
            .content(kind, bytes)
            .build()
    };
    [
        ("200", with_bytes("All bytes")),
        ("206", with_bytes("The range that was asked for")),
        ("304", Response::new("What the client has is still right")),
        (
            "403",
            Response::new("The token does not open this, whatever the reason"),
        ),
        ("404", Response::new("The lecture has no such part")),
        ("416", Response::new("The range lies beyond the end")),
    ]
    .map(|(status, reply)| (status.to_owned(), reply.into()))
    .into()
}
