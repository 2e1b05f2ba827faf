//! What live lectures need of the rest of the content service.

use async_trait::async_trait;
use contracts::questions::Unanswered;
use contracts::questions::live::{Bearer, Refused, Watch, WatchAsked, WatchGrant};
use contracts::{UserId, VideoId};

/// Rights to lectures, and playback sessions.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Whether somebody may watch a lecture.
    async fn sees(&self, video: VideoId, viewer: &Bearer) -> Result<Result<(), Refused>, Unanswered>;

    /// Whether there is room for one more recording of an owner.
    async fn has_room(&self, owner: UserId) -> Result<Result<(), Refused>, Unanswered>;

    /// Opens a playback session for somebody who may watch a lecture that is live, where the node has a place.
    async fn watch(&self, asked: WatchAsked) -> Result<Result<WatchGrant, Refused>, Unanswered>;

    /// Those of these sessions that live, by their places in the list; a sign of life of each.
    async fn living(&self, watches: Vec<Watch>) -> Result<Vec<usize>, Unanswered>;

    /// Ends a session whose viewer has left.
    async fn leave(&self, watch: Watch) -> Result<(), Unanswered>;

    /// Writes down when sessions were last seen here.
    async fn note_seen(&self) -> Result<(), Unanswered>;
}
