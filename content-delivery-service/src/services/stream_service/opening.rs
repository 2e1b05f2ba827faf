//! Opens playback sessions: for people who may watch, for nobody where nobody has to sign in, and for whom a client names.

use super::{StreamService, lasts, version};
use crate::metric;
use crate::models::playback::session::{LONGEST, NewPlayback, lifetime};
use crate::models::videos::video::Video;
use crate::services::error::{Denied, PlaybackError};
use backing::DbError;
use backing::audit::NewEntry;
use contracts::events::VideoStreamedByAdmin;
use contracts::{ClientId, NewEvent, PlaybackId, SessionId, Timestamp, UserId, VideoId};
use entitlements::models::grounds::Grounds;
use entitlements::models::playback_token::{Claims, USE_MEDIA};
use entitlements::models::rights::{Asker, Basis, Entitlement, Right, Visit, entitlement};
use entitlements::models::sharing::Visibility;
use renditions::models::lecture::Status;
use runtime::{Caller, RequestId};
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;
use uuid::Uuid;

/// What somebody wants to watch.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The video.
    pub(crate) video: VideoId,
    /// The name of the player.
    pub(crate) device: String,
    /// The network that the request comes from.
    pub(crate) network: IpAddr,
    /// The session of the same user that ends in favour of this one.
    pub(crate) take_over: Option<PlaybackId>,
    /// The key of the lecture's link, if the viewer came by it.
    pub(crate) key: Option<String>,
}

/// A client that opens a session for a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnBehalf {
    /// The client.
    pub(crate) client: ClientId,
    /// The id of its token.
    pub(crate) token: Uuid,
    /// Whom it names.
    pub(crate) user: UserId,
}

/// A session that was opened just now.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The session's id.
    pub(crate) id: PlaybackId,
    /// The token for its paths.
    pub(crate) token: String,
    /// When it runs out.
    pub(crate) expires_at: Timestamp,
}

impl StreamService {
    /// Opens a session for the caller, or for somebody who is not signed in.
    pub(crate) async fn open(
        &self,
        caller: Option<&Caller>,
        request: &RequestId,
        opening: &Opening,
    ) -> Result<Opened, PlaybackError> {
        let inner = &*self.0;
        let asker = caller.map(|caller| Asker::by(caller, request));
        let key = opening.key.as_deref();
        let found = inner.videos.find(opening.video).await?;
        let visit = Visit { asker, key };
        let (video, entitlement) = inner.access.watched::<PlaybackError>(found, visit).await?;
        let video = watchable(video)?;
        let now = inner.clock.now();
        // Only a key that was compared is kept.
        let by_link = entitlement.basis == Basis::Sharing && video.visibility == Visibility::Link;
        // Viewers from a network who are not signed in count as one.
        let viewer = match caller {
            Some(caller) => inner.keys.viewer(caller.user_id),
            None => inner.keys.viewer_from(opening.network),
        };
        let playback = NewPlayback {
            share_key: key.filter(|_| by_link).map(str::to_owned),
            network: caller.is_none().then(|| i64::from_be_bytes(viewer)),
            ..new_playback((&video, &opening.device), caller, &entitlement, now)
        };
        self.find_place(opening, &playback).await?;
        let mut opened = self.write(&playback, &video, asker).await;
        if matches!(opened, Err(DbError::Full)) && inner.space.release_ballast().await {
            opened = self.write(&playback, &video, asker).await;
        }
        let Some(too_many) = opened? else {
            return Err(asker.map_or(Denied::Unauthenticated, |_| Denied::NotFound).into());
        };
        inner.open.end(&too_many, now);
        // A sign-in that ended meanwhile may have ended its sessions just before this one was written.
        if caller.is_some_and(|caller| inner.authenticator.refuses(caller)) {
            inner.playbacks.end(playback.id, now).await?;
            return Err(Denied::Unauthenticated.into());
        }
        Ok(self.handed_out(&playback, viewer))
    }

    /// Opens a session for the user whom a client names. The client's word suffices, whatever the rights of that user here;
    /// only a deactivated account watches nothing. The audit records each.
    pub(crate) async fn open_on_behalf(
        &self,
        of: OnBehalf,
        request: &RequestId,
        opening: &Opening,
    ) -> Result<Opened, PlaybackError> {
        let inner = &*self.0;
        let video = inner.videos.find(opening.video).await?.ok_or(Denied::NotFound)?;
        let video = watchable(video)?;
        if inner.access.is_deactivated(of.user).await? {
            return Err(Denied::NotEntitled.into());
        }
        let now = inner.clock.now();
        let word = Entitlement {
            right: Right::Watch,
            until: None,
            basis: Basis::Nothing,
        };
        let playback = NewPlayback {
            user_id: of.user,
            session_id: SessionId::generate(),
            client_id: Some(of.client),
            regardless: true,
            ..new_playback((&video, &opening.device), None, &word, now)
        };
        self.find_place(opening, &playback).await?;
        let entry = NewEntry {
            actor: None,
            act: "stream_video_for_user",
            subject_kind: "video",
            subject: video.id.into(),
            owner: Some(video.owner_id),
            details: json!({"client_id": of.client, "user_id": of.user, "playback_id": playback.id}),
            request: Some(request.as_str().to_owned()),
        };
        let audit = (None, entry);
        let mut opened = inner.playbacks.open(&playback, Some(&audit)).await;
        if matches!(opened, Err(DbError::Full)) && inner.space.release_ballast().await {
            opened = inner.playbacks.open(&playback, Some(&audit)).await;
        }
        inner.open.end(&opened?.ok_or(Denied::NotFound)?, now);
        // A client that was deleted meanwhile, or an account that was deactivated, may have lost its sessions just before this
        // one was written.
        let denied = if inner.authenticator.refuses_client(of.client, of.token) {
            Some(Denied::Unauthenticated)
        } else {
            inner
                .access
                .is_deactivated(of.user)
                .await?
                .then_some(Denied::NotEntitled)
        };
        if let Some(denied) = denied {
            inner.playbacks.end(playback.id, now).await?;
            return Err(denied.into());
        }
        Ok(self.handed_out(&playback, inner.keys.viewer(of.user)))
    }

    /// Ends the session that is taken over, and fails if there is no place for the new one.
    async fn find_place(&self, opening: &Opening, playback: &NewPlayback) -> Result<(), PlaybackError> {
        let (inner, now) = (&*self.0, playback.created_at);
        if let Some(other) = opening.take_over
            && inner.leases.take_over(other, playback).await?
        {
            inner.open.end(&[other], now);
        }
        inner.leases.demand_place(playback).await
    }

    /// Writes a session; `None` if its viewer's right has ended meanwhile.
    async fn write(
        &self,
        playback: &NewPlayback,
        video: &Video,
        asker: Option<Asker>,
    ) -> Result<Option<Vec<PlaybackId>>, DbError> {
        let inner = &*self.0;
        let Some(handler) = asker.filter(|asker| asker.right(video.owner_id) >= Right::Administer) else {
            let key = playback.share_key.as_deref();
            let visit = Visit { asker, key };
            let (now, until) = (playback.created_at, playback.expires_at);
            let suffice = |grounds: &Grounds| lasts(&entitlement(grounds, visit, now), until);
            let viewer = asker.map(|asker| asker.user);
            return inner.playbacks.open_if(playback, viewer, &suffice).await;
        };
        let details = json!({ "playback_id": playback.id });
        let audit = handler.audited("stream_video", (video.id, video.owner_id), details);
        let audit = audit.map(|entry| {
            let (owner_id, admin_id) = (video.owner_id, handler.user);
            tracing::info!(video = %video.id, owner = %owner_id, admin = %admin_id, "an admin opens a stream");
            let data = VideoStreamedByAdmin { owner_id, admin_id };
            (Some(NewEvent::of_video(video.id, data.into())), entry)
        });
        inner.playbacks.open(playback, audit.as_ref()).await
    }

    /// The session with its token.
    fn handed_out(&self, playback: &NewPlayback, viewer: [u8; 8]) -> Opened {
        metrics::counter!(metric::PLAYBACKS_OPENED).increment(1);
        let claims = Claims {
            video: playback.video_id,
            policy_version: version(playback.policy_version),
            viewer,
            playback: playback.id,
            session: playback.session_id,
            uses: USE_MEDIA,
            max_height: 0,
            expires_at: playback.expires_at,
        };
        Opened {
            id: playback.id,
            token: self.0.keys.sign(&claims),
            expires_at: playback.expires_at,
        }
    }
}

/// A session that begins now and does not outlive its viewer's right.
fn new_playback(
    (video, device): (&Video, &str),
    caller: Option<&Caller>,
    entitlement: &Entitlement,
    now: Timestamp,
) -> NewPlayback {
    let duration = Duration::from_micros(video.duration_us.unwrap_or(0).unsigned_abs());
    let longest = match video.status {
        Status::Live => now + LONGEST,
        _ => now + lifetime(duration),
    };
    let ends = entitlement.until.map_or(longest, |until| until.min(longest));
    NewPlayback {
        id: PlaybackId::generate(),
        video_id: video.id,
        user_id: caller.map_or(UserId::from(Uuid::nil()), |caller| caller.user_id),
        session_id: caller.map_or(SessionId::from(Uuid::nil()), |caller| caller.session_id),
        client_id: None,
        user_version: caller.map_or(0, |caller| caller.version),
        policy_version: video.policy_version,
        device: device.to_owned(),
        regardless: entitlement.right == Right::Administer,
        share_key: None,
        network: None,
        created_at: now,
        expires_at: Timestamp::from_seconds(ends.seconds()),
    }
}

/// The video, if it can be watched now.
fn watchable(video: Video) -> Result<Video, PlaybackError> {
    match video.status {
        Status::Live | Status::Playable | Status::Ready => Ok(video),
        Status::Deleted => Err(Denied::Deleted.into()),
        Status::Failed => Err(PlaybackError::VideoFailed(
            video
                .reason
                .map_or_else(|| "the lecture can't be played".to_owned(), |r| r.message),
        )),
        // Its first piece may come any moment; a source that must be encoded first takes a little longer.
        Status::Processing if video.reason.is_none() => Err(PlaybackError::NotPlayable { retry_after: 1 }),
        Status::Processing | Status::Scheduled => Err(PlaybackError::NotPlayable { retry_after: 2 }),
        Status::Uploading => Err(PlaybackError::NotPlayable { retry_after: 30 }),
    }
}
