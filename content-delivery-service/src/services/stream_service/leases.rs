//! How many sessions one user may have at once.

use crate::metric;
use crate::models::playback::session::LiveSession;
use crate::repositories::playback::lease_repository::{Begun, LeaseRepository};
use crate::services::error::PlaybackError;
use backing::space::Space;
use backing::{Db, DbError};
use contracts::{PlaybackId, SessionId, Timestamp, UserId, VideoId};

/// The places of users' sessions.
pub(crate) struct Leases {
    rows: LeaseRepository,
    /// How many places a user has; 0 for any number.
    places: u32,
    space: Space,
}

impl Leases {
    /// Counts sessions in the content database.
    pub(crate) fn new(db: &Db, places: u32, space: Space) -> Self {
        Self {
            rows: LeaseRepository::new(db.clone()),
            places,
            space,
        }
    }

    /// Ends the session whose place its user wants to use elsewhere; whether it was an open session of this user.
    pub(crate) async fn take_over(&self, playback: PlaybackId, user: UserId, now: Timestamp) -> Result<bool, DbError> {
        if user.0.is_nil() {
            return Ok(false);
        }
        let mut ended = self.rows.end_own(playback, user, now).await;
        if matches!(ended, Err(DbError::Full)) && self.space.release_ballast().await {
            ended = self.rows.end_own(playback, user, now).await;
        }
        ended
    }

    /// Fails if no place is left for this sign-in to watch this video.
    ///
    /// Errors: `TooManySessions` with those that hold the places
    pub(crate) async fn demand_place(
        &self,
        user: UserId,
        slot: (SessionId, VideoId),
        now: Timestamp,
    ) -> Result<(), PlaybackError> {
        if self.places == 0 || user.0.is_nil() {
            return Ok(());
        }
        let live: Vec<LiveSession> = self.rows.live(user, slot, now).await?;
        let count = u32::try_from(live.len()).unwrap_or(u32::MAX);
        if count < self.places {
            return Ok(());
        }
        metrics::counter!(metric::SESSIONS_REFUSED, "at" => "opening").increment(1);
        Err(PlaybackError::TooManySessions(live))
    }

    /// Gives a session a place at its first media request, and again after a long silence, also on a full disk.
    pub(crate) async fn begin(&self, playback: PlaybackId, now: Timestamp) -> Result<Begun, DbError> {
        let mut begun = self.rows.begin(playback, self.places, now).await;
        if matches!(begun, Err(DbError::Full)) && self.space.release_ballast().await {
            begun = self.rows.begin(playback, self.places, now).await;
        }
        if matches!(begun, Ok(Begun::NoPlace)) {
            metrics::counter!(metric::SESSIONS_REFUSED, "at" => "media").increment(1);
        }
        begun
    }
}
