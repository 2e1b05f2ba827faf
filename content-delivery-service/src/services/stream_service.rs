//! Opens playback sessions for those who may watch, checks their tokens, and ends them.
//!
//! `stream_video` opens a session and hands out its token; every request of the media plane comes
//! through [`StreamService::check`] before any cache is looked at. From its first media request a session holds one of its
//! user's places, and keeps it while its player asks for media or sends heartbeats. A session ends with its sign-in,
//! its user's account, its video or its viewer's right: at once in the process that learns of it, in the
//! others within two seconds, when they find the end in the database.

pub(crate) mod leases;
pub(crate) mod open_playbacks;
pub(crate) mod playback_keys;
pub(crate) mod playback_token;

use crate::metric::{self, MediaCounters};
use crate::models::playback::session::{NewPlayback, Places, RENEWAL, lifetime};
use crate::models::videos::video::Video;
use crate::repositories::playback::lease_repository::Begun;
use crate::repositories::playback::playback_repository::{Ending, PlaybackRepository, Standing, end_all, end_by};
use crate::repositories::videos::video_repository::VideoRepository;
use crate::services::access_service::{AccessService, Asker, Basis, Entitlement, Right, Visit, entitlement};
use crate::services::error::{Denied, PlaybackError};
use crate::services::stream_service::leases::Leases;
use crate::services::stream_service::open_playbacks::{OpenPlayback, OpenPlaybacks, TokenHash};
use crate::services::stream_service::playback_keys::PlaybackKeys;
use crate::services::stream_service::playback_token::{Claims, Reading, TOKEN_LENGTH, USE_MEDIA};
use backing::bus::After;
use backing::space::Space;
use backing::{Clock, Db, DbError, Tx};
use contracts::events::VideoStreamedByAdmin;
use contracts::{NewEvent, PlaybackId, SessionId, Timestamp, UserId, VideoId};
use entitlements::models::change::Affected;
use entitlements::models::grounds::{Grounds, Viewing};
use entitlements::models::sharing::Visibility;
use entitlements::repositories::grounds_repository::viewings;
use media_store::media_bytes::MediaBytes;
use media_store::media_path::MediaResource;
use media_store::store::{MediaError, MediaStore};
use renditions::models::lecture::Status;
use runtime::{Authenticator, Caller, RequestId, Shutdown};
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// How much later than its time an end may become visible in the database.
const OVERLAP: Duration = Duration::from_secs(10);
const KEY_REFRESH: Duration = Duration::from_secs(2);
const SEEN_EVERY: Duration = Duration::from_secs(30);
/// How long a session is remembered after it ran out.
const KEEP: Duration = Duration::from_secs(24 * 3_600);

/// Opens, checks and ends playback sessions.
#[derive(Clone)]
pub(crate) struct StreamService(Arc<Inner>);

struct Inner {
    access: AccessService,
    videos: VideoRepository,
    playbacks: PlaybackRepository,
    keys: PlaybackKeys,
    open: OpenPlaybacks,
    leases: Leases,
    media: MediaStore,
    counters: MediaCounters,
    authenticator: Authenticator,
    space: Space,
    clock: Clock,
    keys_read_at: AtomicI64,
}

/// What somebody wants to watch.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The video.
    pub(crate) video: VideoId,
    /// The name of the player.
    pub(crate) device: String,
    /// The network that the request comes from.
    pub(crate) network: IpAddr,
    /// The own session that ends in favour of this one.
    pub(crate) take_over: Option<PlaybackId>,
    /// The key of the lecture's link, if the viewer came by it.
    pub(crate) key: Option<String>,
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
    /// Puts the service together.
    pub(crate) fn new(
        db: &Db,
        keys: PlaybackKeys,
        media: MediaStore,
        (access, authenticator, places): (AccessService, Authenticator, Places),
        (space, clock): (Space, Clock),
    ) -> Self {
        Self(Arc::new(Inner {
            access,
            videos: VideoRepository::new(db.clone()),
            playbacks: PlaybackRepository::new(db.clone()),
            keys,
            open: OpenPlaybacks::default(),
            leases: Leases::new(db, places, space.clone()),
            media,
            counters: MediaCounters::new(),
            authenticator,
            space,
            keys_read_at: AtomicI64::new(clock.now().0),
            clock,
        }))
    }

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
        if let (Some(caller), Some(other)) = (caller, opening.take_over)
            && inner.leases.take_over(other, caller.user_id, now).await?
        {
            inner.open.end(&[other], now);
        }
        inner.leases.demand_place(&playback).await?;
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
        Ok(Opened {
            id: playback.id,
            token: inner.keys.sign(&claims),
            expires_at: playback.expires_at,
        })
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
            (NewEvent::of_video(video.id, data.into()), entry)
        });
        inner.playbacks.open(playback, audit.as_ref()).await
    }

    /// The session that a token opens for a video; `None` whatever is wrong with either.
    ///
    /// Errors: only the database's, on the first sight of a token whose signature is good
    pub(crate) async fn check(
        &self,
        token: &str,
        video: Option<VideoId>,
    ) -> Result<Option<Arc<OpenPlayback>>, DbError> {
        let Some(video) = video.filter(|_| token.len() == TOKEN_LENGTH) else {
            return Ok(None);
        };
        let inner = &*self.0;
        let (hash, now) = (TokenHash::of(token), inner.clock.now());
        let open = match inner.open.find(hash).filter(|open| !open.is_due(now)) {
            Some(open) => Some(open),
            None => Box::pin(self.first_sight(token, hash, video)).await?,
        };
        Ok(open.filter(|open| open.is_for(video, now)))
    }

    /// The same session, if this process knows it already and nobody has to be asked.
    pub(crate) fn check_at_once(&self, token: &str, video: VideoId) -> Option<Arc<OpenPlayback>> {
        if token.len() != TOKEN_LENGTH {
            return None;
        }
        let now = self.0.clock.now();
        let open = self.0.open.find(TokenHash::of(token))?;
        (!open.is_due(now) && open.is_for(video, now)).then_some(open)
    }

    /// Looks up a token that this process has not seen, or not for a while.
    async fn first_sight(
        &self,
        token: &str,
        hash: TokenHash,
        video: VideoId,
    ) -> Result<Option<Arc<OpenPlayback>>, DbError> {
        let inner = &*self.0;
        let claims = match inner.keys.read(token) {
            Reading::Good(claims) => claims,
            Reading::UnknownKey if self.may_refresh_keys() => {
                inner.keys.refresh().await?;
                let Reading::Good(claims) = inner.keys.read(token) else {
                    return Ok(None);
                };
                claims
            }
            Reading::UnknownKey | Reading::Bad => return Ok(None),
        };
        let now = inner.clock.now();
        if claims.video != video || claims.uses & USE_MEDIA == 0 || now >= claims.expires_at {
            return Ok(None);
        }
        let _alone = inner.open.admission(hash).await;
        if let Some(open) = inner.open.find(hash).filter(|open| !open.is_due(now)) {
            return Ok(Some(open));
        }
        let seen_at = self.place(&claims, now).await?;
        Ok(Some(inner.open.admit(hash, claims, seen_at, now)))
    }

    /// The last sign of life, as the database has it, of a session that holds a place; `None` if it has ended or gets none.
    async fn place(&self, claims: &Claims, now: Timestamp) -> Result<Option<Timestamp>, DbError> {
        let inner = &*self.0;
        let good = |standing: &Standing| {
            standing.ended_at.is_none()
                && standing.deleted_at.is_none()
                && standing.video_id == claims.video
                && version(standing.policy_version) == claims.policy_version
        };
        let Some(standing) = inner.playbacks.standing(claims.playback).await?.filter(good) else {
            return Ok(None);
        };
        if standing.started_at.is_some() && now.since(standing.last_seen_at) < RENEWAL {
            return Ok(Some(standing.last_seen_at));
        }
        match inner.leases.begin(claims.playback, now).await? {
            Begun::Live(replaced) => {
                inner.open.end(&replaced, now);
                Ok(Some(now))
            }
            Begun::NoPlace | Begun::Ended => Ok(None),
        }
    }

    /// Looks for another node's new key at most every two seconds, so that forged tokens cause few reads.
    fn may_refresh_keys(&self) -> bool {
        let now = self.0.clock.now();
        let last = self.0.keys_read_at.load(Ordering::Acquire);
        let due = now.since(Timestamp(last)) >= KEY_REFRESH;
        due && self
            .0
            .keys_read_at
            .compare_exchange(last, now.0, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Ends a session whose player is done, also on a full disk.
    pub(crate) async fn leave(&self, open: &OpenPlayback) -> Result<(), DbError> {
        let inner = &*self.0;
        let (playback, now) = (open.claims.playback, inner.clock.now());
        let mut ended = inner.playbacks.end(playback, now).await;
        if matches!(ended, Err(DbError::Full)) && inner.space.release_ballast().await {
            ended = inner.playbacks.end(playback, now).await;
        }
        metrics::counter!(metric::PLAYBACKS_ENDED).increment(u64::from(ended?));
        inner.open.end(&[playback], now);
        Ok(())
    }

    /// Counts what is asked for and sent.
    pub(crate) fn counters(&self) -> &MediaCounters {
        &self.0.counters
    }

    /// Media of the video of a session that was checked.
    pub(crate) async fn media(&self, open: &OpenPlayback, resource: &MediaResource) -> Result<MediaBytes, MediaError> {
        let busy = || {
            metrics::counter!(media_store::metric::MEDIA_REFUSED, "reason" => "viewer").increment(1);
            MediaError::Busy
        };
        if open.unread.is_full() {
            return Err(busy());
        }
        let media = self.0.media.media(open.claims.video, resource).await?;
        let bytes = open.unread.count(media.bytes).ok_or_else(busy)?;
        Ok(MediaBytes { bytes, ..media })
    }

    /// The same media, if it is in memory and nothing speaks against sending it.
    pub(crate) fn media_at_once(&self, open: &OpenPlayback, resource: MediaResource) -> Option<MediaBytes> {
        let media = self.0.media.media_at_once(open.claims.video, resource)?;
        let bytes = open.unread.count(media.bytes)?;
        Some(MediaBytes { bytes, ..media })
    }

    /// Ends the sessions that an event of their user ends, then stops serving them.
    pub(crate) async fn end_by(&self, tx: &mut Tx, ending: Ending) -> Result<After, DbError> {
        let (inner, now) = (Arc::clone(&self.0), self.0.clock.now());
        let ended = end_by(tx, ending, now).await?;
        Ok(After::then(move || {
            metrics::counter!(metric::PLAYBACKS_ENDED).increment(u64::try_from(ended.len()).unwrap_or(0));
            inner.open.end(&ended, now);
        }))
    }

    /// After a change of a course or a membership, ends the sessions whose viewers may no longer watch, or not as long as
    /// they were told; those may open another one.
    pub(crate) async fn end_unentitled(&self, tx: &mut Tx, affected: &Affected) -> Result<After, DbError> {
        let (inner, now) = (Arc::clone(&self.0), self.0.clock.now());
        let viewings = viewings(tx, affected, now).await?;
        let over = viewings.iter().filter(|viewing| !goes_on(viewing, now));
        let over: Vec<PlaybackId> = over.map(|viewing| viewing.playback).collect();
        end_all(tx, &over, now).await?;
        Ok(After::then(move || inner.open.end(&over, now)))
    }

    /// Stops serving sessions whose end is written.
    pub(crate) fn stop(&self, ended: &[PlaybackId]) {
        self.0.open.end(ended, self.0.clock.now());
    }

    /// Stops serving a video to everybody who opened it under an older policy, and forgets its bytes.
    pub(crate) async fn video_gone(&self, video: VideoId, policy_version: i64) {
        self.0
            .open
            .end_below(&[(video, version(policy_version))], self.0.clock.now());
        self.0.media.forget(video).await;
    }

    /// Looks once for ends that other nodes have written since `since`, and returns where to go on next time.
    pub(crate) async fn catch_up(&self, since: Timestamp) -> Result<Timestamp, DbError> {
        let inner = &*self.0;
        let now = inner.clock.now();
        if inner.open.len() > 0 {
            inner.open.end(&inner.playbacks.ended_since(since).await?, now);
            let policies = inner.playbacks.policies_since(since).await?;
            let policies: Vec<_> = policies
                .iter()
                .map(|policy| (policy.id, version(policy.policy_version)))
                .collect();
            inner.open.end_below(&policies, now);
        }
        Ok(now - OVERLAP)
    }

    /// Writes down when sessions were last seen and forgets those that ran out long ago.
    pub(crate) async fn tidy(&self) -> Result<(), DbError> {
        let inner = &*self.0;
        inner.playbacks.saw(&inner.open.take_seen()).await?;
        inner.playbacks.forget_before(inner.clock.now() - KEEP).await?;
        Ok(())
    }

    /// Keeps up with other nodes until the process ends.
    pub(crate) async fn keep_up(self, shutdown: Shutdown) -> Result<(), String> {
        let mut since = self.0.clock.now() - OVERLAP;
        let mut ticks = tokio::time::interval(KEY_REFRESH);
        let tidy_every = SEEN_EVERY.as_secs() / KEY_REFRESH.as_secs();
        for tick in 1_u64.. {
            tokio::select! {
                () = shutdown.requested() => break,
                _ = ticks.tick() => {}
            }
            match self.catch_up(since).await {
                Ok(next) => since = next,
                Err(error) => tracing::warn!(%error, "ended playbacks could not be looked up"),
            }
            if tick.is_multiple_of(tidy_every)
                && let Err(error) = self.tidy().await
            {
                tracing::warn!(%error, "playbacks could not be tidied");
            }
        }
        Ok(())
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
    let longest = now + lifetime(duration);
    let ends = entitlement.until.map_or(longest, |until| until.min(longest));
    NewPlayback {
        id: PlaybackId::generate(),
        video_id: video.id,
        user_id: caller.map_or(UserId::from(Uuid::nil()), |caller| caller.user_id),
        session_id: caller.map_or(SessionId::from(Uuid::nil()), |caller| caller.session_id),
        user_version: caller.map_or(0, |caller| caller.version),
        policy_version: video.policy_version,
        device: device.to_owned(),
        as_admin: entitlement.right == Right::Administer,
        share_key: None,
        network: None,
        created_at: now,
        expires_at: Timestamp::from_seconds(ends.seconds()),
    }
}

/// Whether a session's viewer may watch until it runs out.
pub(crate) fn goes_on(viewing: &Viewing, now: Timestamp) -> bool {
    let asker = Some(viewing.user).filter(|user| !user.0.is_nil());
    let asker = asker.map(|user| Asker::of_question(user, false));
    let key = viewing.key.as_deref();
    lasts(
        &entitlement(&viewing.grounds, Visit { asker, key }, now),
        viewing.expires_at,
    )
}

/// Whether a right to watch lasts until then.
fn lasts(entitlement: &Entitlement, then: Timestamp) -> bool {
    entitlement.right >= Right::Watch && entitlement.until.is_none_or(|until| until >= then)
}

/// The video, if it can be watched now.
fn watchable(video: Video) -> Result<Video, PlaybackError> {
    match video.status {
        Status::Playable | Status::Ready => Ok(video),
        Status::Deleted => Err(Denied::Deleted.into()),
        Status::Failed => Err(PlaybackError::VideoFailed(
            video
                .reason
                .map_or_else(|| "the lecture can't be played".to_owned(), |r| r.message),
        )),
        // Its first piece may come any moment; a source that must be encoded first takes a little longer.
        Status::Processing if video.reason.is_none() => Err(PlaybackError::NotPlayable { retry_after: 1 }),
        Status::Processing => Err(PlaybackError::NotPlayable { retry_after: 2 }),
        Status::Uploading => Err(PlaybackError::NotPlayable { retry_after: 30 }),
    }
}

/// A policy version as tokens carry it.
fn version(policy: i64) -> u32 {
    u32::try_from(policy).unwrap_or(u32::MAX)
}
