//! How many sessions one user may have at once, and one lecture without a sign-in.

use crate::metric;
use crate::models::playback::session::{LiveSession, NewPlayback};
use crate::repositories::playback::lease_repository::{Begun, LeaseRepository};
use crate::services::error::PlaybackError;
use backing::space::Space;
use backing::{Db, DbError};
use contracts::{PlaybackId, Timestamp};
use entitlements::models::places::{Admission, Places, admission};

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

    /// Fails if no place is left for a session that is about to be opened.
    ///
    /// Errors: `TooManySessions` with those of the same user that hold the places, to a client its own; `Crowded` without a
    /// sign-in
    pub(crate) async fn demand_place(&self, opening: &NewPlayback) -> Result<(), PlaybackError> {
        let (now, Places { of_user, of_lecture }) = (opening.created_at, self.places);
        let refusal = if let Some(network) = opening.network {
            let crowd = self.rows.crowd(opening.video_id, now).await?;
            (admission(&crowd, network, of_lecture) == Admission::Full).then_some(PlaybackError::Crowded)
        } else {
            let slot = (opening.session_id, opening.video_id);
            let mut live: Vec<LiveSession> = self.rows.live(opening.user_id, slot, now).await?;
            let held = u32::try_from(live.len()).unwrap_or(u32::MAX);
            live.retain(|it| opening.client_id.is_none() || it.client == opening.client_id);
            (of_user > 0 && held >= of_user).then_some(PlaybackError::TooManySessions(live))
        };
        refusal.map_or(Ok(()), |error| {
            metrics::counter!(metric::SESSIONS_REFUSED, "at" => "opening").increment(1);
            Err(error)
        })
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
