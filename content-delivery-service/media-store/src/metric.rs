//! The names of this crate's metrics; the service describes them.

/// Media requests that were refused because too much media is in memory or unread.
pub const MEDIA_REFUSED: &str = "moocflix_media_refused_total";
