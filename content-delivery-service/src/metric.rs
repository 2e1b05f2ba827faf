//! The names of this service's metrics, each written once.

use backing::Metric;
pub(crate) use entitlements::metric::PLAYBACKS_ENDED;
use metrics::{Counter, counter};

pub(crate) const UPLOAD_BYTES: &str = "moocflix_upload_bytes_total";
pub(crate) const UPLOADS: &str = "moocflix_uploads_total";
pub(crate) const UPLOADS_REFUSED: &str = "moocflix_uploads_refused_total";
pub(crate) const EVENT_STREAMS: &str = "moocflix_event_streams";
pub(crate) const EVENT_STREAMS_REFUSED: &str = "moocflix_event_streams_refused_total";
pub(crate) const VIDEOS_DELETED: &str = "moocflix_videos_deleted_total";
pub(crate) const PLAYBACKS_OPENED: &str = "moocflix_playbacks_opened_total";
pub(crate) const PLAYBACKS_REFUSED: &str = "moocflix_playbacks_refused_total";
pub(crate) const SESSIONS_REFUSED: &str = "moocflix_playback_sessions_refused_total";
pub(crate) const MEDIA_REQUESTS: &str = "moocflix_media_requests_total";
pub(crate) const MEDIA_BYTES: &str = "moocflix_media_bytes_total";
pub(crate) const COURSE_CHANGES_REPAIRED: &str = "moocflix_course_changes_repaired_total";
pub(crate) const SWEEPS: &str = "moocflix_sweeps_total";

/// Every metric of this service.
pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: UPLOAD_BYTES,
        help: "bytes of uploads that were stored",
    },
    Metric {
        name: UPLOADS,
        help: "uploads that ended: finished, refused",
    },
    Metric {
        name: UPLOADS_REFUSED,
        help: "uploads that were refused for an excess: bytes, uploads, requests, room, memory",
    },
    Metric {
        name: EVENT_STREAMS,
        help: "streams of lectures' events that are open",
    },
    Metric {
        name: EVENT_STREAMS_REFUSED,
        help: "streams of events that were refused because their user had too many",
    },
    Metric {
        name: VIDEOS_DELETED,
        help: "lectures that were deleted",
    },
    Metric {
        name: COURSE_CHANGES_REPAIRED,
        help: "courses whose changes asking has brought before their events did",
    },
    Metric {
        name: SWEEPS,
        help: "deleted lectures whose objects are all gone",
    },
    Metric {
        name: PLAYBACKS_OPENED,
        help: "playback sessions that were opened",
    },
    Metric {
        name: PLAYBACKS_ENDED,
        help: "playback sessions that were ended by their player, a sign-out, a deactivation, other roles, a deletion, the \
               end of a right by a course or by sharing, the end of the client that opened them, another session in their \
               place, or by opening too many",
    },
    Metric {
        name: PLAYBACKS_REFUSED,
        help: "media requests whose token opened nothing",
    },
    Metric {
        name: SESSIONS_REFUSED,
        help: "playback sessions that got no place because their user, or their lecture without a sign-in, had too many: \
               when they were opened (opening) or at their first media request (media)",
    },
    Metric {
        name: MEDIA_REQUESTS,
        help: "media requests with a good token: index, playlist, init, segment",
    },
    Metric {
        name: MEDIA_BYTES,
        help: "bytes of media and playlists that were sent",
    },
    Metric {
        name: media_store::metric::MEDIA_REFUSED,
        help: "media requests refused because too much media is in memory (memory) or unread by the viewer (viewer)",
    },
];

/// The counters of the media plane: looking them up by name for each request would cost more than finding its bytes.
pub(crate) struct MediaCounters {
    requests: [(&'static str, Counter); 4],
    bytes: Counter,
}

impl MediaCounters {
    pub(crate) fn new() -> Self {
        let kinds = ["segment", "playlist", "init", "index"];
        Self {
            requests: kinds.map(|kind| (kind, counter!(MEDIA_REQUESTS, "kind" => kind))),
            bytes: counter!(MEDIA_BYTES),
        }
    }

    /// A request of this kind has a good token.
    pub(crate) fn request(&self, kind: &str) {
        if let Some((_, requests)) = self.requests.iter().find(|(one, _)| *one == kind) {
            requests.increment(1);
        }
    }

    /// So many bytes are sent.
    pub(crate) fn sent(&self, bytes: u64) {
        self.bytes.increment(bytes);
    }
}
