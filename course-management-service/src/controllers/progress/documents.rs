//! How progress looks on the wire.

use crate::models::progress::summary::{CourseProgress, ItemProgress};
use crate::services::progress_service::MemberProgress;
use contracts::{ItemId, Timestamp, UserId, VideoId};
use serde::Serialize;
use utoipa::ToSchema;

/// How far the caller is with an item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseItemProgress)]
pub(crate) struct ItemProgressDocument {
    item_id: ItemId,
    /// Null as long as the caller may not watch it by this course.
    content_id: Option<VideoId>,
    /// Where they stopped last, in seconds.
    position: f64,
    /// How much they have seen, in seconds; what they saw twice counts once.
    seconds: f64,
    /// How long the lecture lasts, in seconds; null if that is not known or not shown.
    duration: Option<f64>,
    completed: bool,
}

impl From<ItemProgress> for ItemProgressDocument {
    fn from(progress: ItemProgress) -> Self {
        Self {
            item_id: progress.item,
            content_id: progress.video,
            position: progress.position.as_secs_f64(),
            seconds: progress.seen.as_secs_f64(),
            duration: progress.duration.map(|it| it.as_secs_f64()),
            completed: progress.is_completed,
        }
    }
}

/// How far the caller is with a course.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseProgress)]
pub(crate) struct ProgressDocument {
    /// The items in their order.
    items: Vec<ItemProgressDocument>,
    /// How many items are completed.
    completed: usize,
    /// How many items there are to complete; those of deleted lectures are not counted.
    of: usize,
}

impl From<CourseProgress> for ProgressDocument {
    fn from(progress: CourseProgress) -> Self {
        Self {
            items: progress.items.into_iter().map(ItemProgressDocument::from).collect(),
            completed: progress.completed,
            of: progress.of,
        }
    }
}

/// How far a member of a course is, as its teachers see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CourseMemberProgress)]
pub(crate) struct MemberProgressDocument {
    pub(super) user_id: UserId,
    /// Null if the account no longer exists.
    pub(super) name: Option<String>,
    /// How many items they have completed.
    pub(super) completed: usize,
    /// How many items there are to complete.
    pub(super) of: usize,
    /// How much of the lectures they have seen, in seconds.
    pub(super) seconds: f64,
    /// Null if never.
    pub(super) last_watched_at: Option<Timestamp>,
}

impl From<MemberProgress> for MemberProgressDocument {
    fn from(MemberProgress { member, totals }: MemberProgress) -> Self {
        Self {
            user_id: member.enrolment.user_id,
            name: member.name,
            completed: totals.completed,
            of: totals.of,
            seconds: totals.seen.as_secs_f64(),
            last_watched_at: totals.last_watched_at,
        }
    }
}
