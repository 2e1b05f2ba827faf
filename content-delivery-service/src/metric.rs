//! Names of what is counted here, each written once.

use runtime::metrics::Metric;

pub(crate) const UPLOAD_BYTES: &str = "moocflix_upload_bytes_total";
pub(crate) const UPLOADS: &str = "moocflix_uploads_total";
pub(crate) const VIDEOS_DELETED: &str = "moocflix_videos_deleted_total";
pub(crate) const PLAYBACKS_OPENED: &str = "moocflix_playbacks_opened_total";
pub(crate) const PLAYBACKS_ENDED: &str = "moocflix_playbacks_ended_total";
pub(crate) const PLAYBACKS_REFUSED: &str = "moocflix_playbacks_refused_total";
pub(crate) const MEDIA_REQUESTS: &str = "moocflix_media_requests_total";
pub(crate) const MEDIA_BYTES: &str = "moocflix_media_bytes_total";
pub(crate) const SWEEPS: &str = "moocflix_sweeps_total";

/// What this service counts.
pub const METRICS: &[Metric] = &[
    Metric {
        name: UPLOAD_BYTES,
        kind: "counter",
        labels: &[],
        help: "bytes of uploads that were stored",
    },
    Metric {
        name: UPLOADS,
        kind: "counter",
        labels: &["result"],
        help: "uploads that ended: finished, refused",
    },
    Metric {
        name: VIDEOS_DELETED,
        kind: "counter",
        labels: &[],
        help: "lectures that were deleted",
    },
    Metric {
        name: SWEEPS,
        kind: "counter",
        labels: &[],
        help: "deleted lectures whose objects are all gone",
    },
    Metric {
        name: PLAYBACKS_OPENED,
        kind: "counter",
        labels: &[],
        help: "playback sessions that were opened",
    },
    Metric {
        name: PLAYBACKS_ENDED,
        kind: "counter",
        labels: &[],
        help: "playback sessions that were ended by a sign-out, a deactivation, other roles or a deletion",
    },
    Metric {
        name: PLAYBACKS_REFUSED,
        kind: "counter",
        labels: &[],
        help: "media requests whose token opened nothing",
    },
    Metric {
        name: MEDIA_REQUESTS,
        kind: "counter",
        labels: &["kind"],
        help: "media requests with a good token: index, playlist, init, segment",
    },
    Metric {
        name: MEDIA_BYTES,
        kind: "counter",
        labels: &[],
        help: "bytes of media and playlists that were sent",
    },
];
