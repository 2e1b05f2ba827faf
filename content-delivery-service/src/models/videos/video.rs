//! A lecture as the database keeps it.

use contracts::{Timestamp, UserId, VideoId};
use entitlements::models::sharing::{ShareKey, Visibility};
use renditions::models::lecture::{Media, Reason, Status};
use std::time::Duration;

/// A lecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    /// Its id, which is also its upload's.
    pub id: VideoId,
    /// The owner's id.
    pub owner_id: UserId,
    /// One line.
    pub title: String,
    /// May have several lines, may be empty.
    pub description: String,
    /// Who may watch it without a course.
    pub visibility: Visibility,
    /// The key of its link, while it has one.
    pub share_key: Option<ShareKey>,
    /// Its status.
    pub status: Status,
    /// Why it failed, has to wait, lacks a rendition, or could not be encoded again.
    pub reason: Option<Reason>,
    /// Counts the edits of people.
    pub version: i64,
    /// Counts every change: edits, states of the upload, publications of encoders.
    pub changes: i64,
    /// Playback tokens of another policy version are refused.
    pub policy_version: i64,
    /// The name of the file that it came from.
    pub filename: Option<String>,
    /// `mp4`, `mov` and the like, as found in the file.
    pub container: Option<String>,
    /// The source's size.
    pub bytes: Option<i64>,
    /// Units: microseconds
    pub duration_us: Option<i64>,
    /// The tracks of the source, and the renditions that are made of it.
    pub media: Media,
    /// The plan generation that its renditions' URLs carry.
    pub generation: i64,
    /// When its upload began.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it first became playable.
    pub playable_at: Option<Timestamp>,
    /// When every planned rendition was complete.
    pub ready_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Video {
    /// Whether it is a live lecture or the recording of one, which has no uploaded source.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.container.as_deref() == Some("live")
    }

    /// How long it is, as far as that is known.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.duration_us.unwrap_or(0).unsigned_abs())
    }

    /// The encoded share of all planned renditions, 0 to 1.
    #[must_use]
    pub fn progress(&self) -> f64 {
        if self.status == Status::Ready {
            return 1.0;
        }
        let count = u32::try_from(self.media.renditions.len()).unwrap_or(u32::MAX);
        if count == 0 {
            return 0.0;
        }
        self.media
            .renditions
            .iter()
            .map(|rendition| rendition.progress)
            .sum::<f64>()
            / f64::from(count)
    }
}
