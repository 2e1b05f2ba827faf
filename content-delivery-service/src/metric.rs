//! Names of what is counted here, each written once.

use runtime::metrics::Metric;

pub(crate) const UPLOAD_BYTES: &str = "moocflix_upload_bytes_total";
pub(crate) const UPLOADS: &str = "moocflix_uploads_total";
pub(crate) const VIDEOS_DELETED: &str = "moocflix_videos_deleted_total";
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
];
