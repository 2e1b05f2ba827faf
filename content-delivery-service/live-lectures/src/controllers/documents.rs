//! How live lectures look on the wire.

use crate::services::live_service::{Attendee, LiveView};
use axum::response::{IntoResponse, Response};
use contracts::{CourseId, Timestamp, UserId, VideoId};
use http::header::{CACHE_CONTROL, ETAG, HOST};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::Json;
use runtime::conditional::edits_tag;
use serde::{Deserialize, Deserializer, Serialize};

/// A live lecture.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = LiveLecture)]
pub(crate) struct LiveDocument {
    /// The id of the lecture, which is a video from the start.
    id: VideoId,
    /// The owner's id.
    owner_id: UserId,
    /// One line, 1 to 200 characters.
    title: String,
    /// May have several lines, may be empty.
    description: String,
    /// `scheduled` until it is first published, then `live` until it ends, also while nobody publishes it.
    status: LiveStatus,
    /// The course that it was announced for.
    course_id: Option<CourseId>,
    /// When it is to begin.
    starts_at: Option<Timestamp>,
    /// When it was first published.
    started_at: Option<Timestamp>,
    /// When it ended.
    ended_at: Option<Timestamp>,
    /// Whether somebody publishes it now; while it is live and nobody does, its publisher is reconnecting.
    publishing: bool,
    /// How many watch it now.
    viewers: i64,
    /// Where it is published; null for those who may not, and once it has ended.
    ingest: Option<IngestDocument>,
}

/// The status of a live lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LiveStatus {
    /// It has not begun.
    Scheduled,
    /// It is published, or waits for its publisher to come back.
    Live,
    /// It is over.
    Ended,
}

/// Where and with what a lecture is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LiveIngest)]
pub(crate) struct IngestDocument {
    /// The path for WHIP; the bearer is an access token or the stream key.
    whip_url: String,
    /// The address for RTMP, where the stream's name is the key; null if RTMP is off.
    rtmp_url: Option<String>,
    /// The stream key: whoever has it may publish this lecture.
    stream_key: String,
}

/// Somebody's time in a lecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LiveAttendee)]
pub(crate) struct AttendeeDocument {
    /// The account.
    pub(super) user_id: UserId,
    /// Their name; null if the account is gone.
    pub(super) name: Option<String>,
    /// When they came.
    pub(super) from: Timestamp,
    /// When they left or were last seen.
    pub(super) until: Timestamp,
}

impl From<Attendee> for AttendeeDocument {
    fn from(it: Attendee) -> Self {
        Self {
            user_id: it.user,
            name: it.name,
            from: it.from,
            until: it.until,
        }
    }
}

impl LiveDocument {
    /// A lecture, for a request with these headers.
    pub(super) fn new(view: LiveView, headers: &HeaderMap) -> Self {
        use broadcasts::models::broadcast::Phase;
        let broadcast = view.broadcast;
        let ingest = view.key.map(|stream_key| IngestDocument {
            whip_url: format!("/api/v1/content/live/{}/whip", broadcast.id),
            rtmp_url: view.rtmp_port.and_then(|port| rtmp_url(headers, port)),
            stream_key,
        });
        Self {
            status: match broadcast.phase() {
                Phase::Scheduled => LiveStatus::Scheduled,
                Phase::Live => LiveStatus::Live,
                Phase::Ended => LiveStatus::Ended,
            },
            id: broadcast.id,
            owner_id: broadcast.owner_id,
            title: broadcast.title,
            description: broadcast.description,
            course_id: broadcast.course_id,
            starts_at: broadcast.starts_at,
            started_at: broadcast.started_at,
            ended_at: broadcast.ended_at,
            publishing: view.is_published,
            viewers: view.viewers,
            ingest,
        }
    }
}

/// The address for RTMP on the host that the client has asked.
fn rtmp_url(headers: &HeaderMap, port: u16) -> Option<String> {
    let asked = headers.get(HOST)?.to_str().ok()?;
    let host = match asked.rsplit_once(':') {
        // the colons of an IPv6 address stand in brackets
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() => host,
        _ => asked,
    };
    Some(format!("rtmp://{host}:{port}/live"))
}

/// A reply with one lecture and its tag; it has a key, so nobody stores it.
pub(super) fn live(status: StatusCode, view: LiveView, headers: &HeaderMap) -> Response {
    let etag = edits_tag(view.broadcast.version, view.broadcast.changes);
    let mut response = (status, Json(LiveDocument::new(view, headers))).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ETAG, etag);
    response
}

/// Reads a field that may be absent, `null` or a value, and keeps the three apart.
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_by_rtmp_come_to_the_host_that_was_asked() {
        for (asked, host) in [
            ("127.0.0.1:8080", "127.0.0.1"),
            ("school.example", "school.example"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(asked))]);
            assert_eq!(
                rtmp_url(&headers, 1935),
                Some(format!("rtmp://{host}:1935/live")),
                "{asked}"
            );
        }
    }
}
