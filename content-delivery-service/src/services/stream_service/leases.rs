//! How many sessions one user may have at once, and one lecture without a sign-in.

use crate::metric;
use crate::services::error::PlaybackError;
use backing::space::Space;
use backing::{Db, DbError};
use contracts::{PlaybackId, Timestamp};
use entitlements::models::places::{Admission, Places, admission};
use entitlements::models::session::NewPlayback;
use entitlements::repositories::lease_repository::{Begun, LeaseRepository};

/// The places of sessions.
pub(crate) struct Leases {
    rows: LeaseRepository,
    places: Places,
    space: Space,
}

impl Leases {
    /// Counts sessions in the content database.
    pub(crate) fn new(db: &Db, places: Places, space: Space) -> Self {
        Self {
            rows: LeaseRepository::new(db.clone()),
            places,
            space,
        }
    }

    /// Ends the session whose place its user wants to use elsewhere; whether it was an open session of this user. A client
    /// ends only those that it has opened.
    pub(crate) async fn take_over(&self, other: PlaybackId, opening: &NewPlayback) -> Result<bool, DbError> {
        let (user, client, now) = (opening.user_id, opening.client_id, opening.created_at);
        if user.0.is_nil() {
            return Ok(false);
        }
        let mut ended = self.rows.end_own(other, (user, client), now).await;
        if matches!(ended, Err(DbError::Full)) && self.space.release_ballast().await {
            ended = self.rows.end_own(other, (user, client), now).await;
        }
        ended
    }

    /// Fails if no place of a lecture is left for a viewer from a network who is not signed in.
    ///
    /// Errors: `Crowded`
    pub(crate) async fn demand_place(&self, network: i64, opening: &NewPlayback) -> Result<(), PlaybackError> {
        let crowd = self.rows.crowd(opening.video_id, opening.created_at).await?;
        if admission(&crowd, network, self.places.of_lecture) == Admission::Full {
            return Err(refused(PlaybackError::Crowded));
        }
        Ok(())
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

/// Counts that no place was left for a session that was about to be opened.
pub(crate) fn refused(error: PlaybackError) -> PlaybackError {
    metrics::counter!(metric::SESSIONS_REFUSED, "at" => "opening").increment(1);
    error
}
