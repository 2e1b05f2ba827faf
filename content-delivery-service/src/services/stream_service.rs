//! Opens playback sessions for those who may watch, checks their tokens, and ends them.
//!
//! `stream_video` opens a session and hands out its token (in [`opening`]); every request of the media plane comes
//! through [`StreamService::check`] before any cache is looked at. From its first media request a session holds one of its
//! user's places, and keeps it while its player asks for media or sends heartbeats. A session ends with its sign-in or client,
//! its user's account, its video or its viewer's right: at once in the process that learns of it, in the
//! others within two seconds, when they find the end in the database.

pub(crate) mod leases;
pub(crate) mod live_streams;
pub(crate) mod open_playbacks;
pub(crate) mod opening;

use crate::metric::{self, MediaCounters};
use crate::repositories::playback::playback_repository::openings::Openings;
use crate::repositories::playback::playback_repository::{Ending, PlaybackRepository, Standing, end_all, end_by};
use crate::repositories::videos::video_repository::VideoRepository;
use crate::services::access_service::AccessService;
use crate::services::stream_service::leases::Leases;
use crate::services::stream_service::live_streams::Asked;
use crate::services::stream_service::open_playbacks::{OpenPlayback, OpenPlaybacks};
use backing::bus::After;
use backing::cache::Cache;
use backing::space::Space;
use backing::{Clock, Db, DbError, Tx};
use contracts::questions::RefusedTokens;
use contracts::questions::live::LiveMedia;
use contracts::{PlaybackId, Timestamp, VideoId};
use entitlements::models::change::Affected;
use entitlements::models::places::Places;
use entitlements::models::playback_token::{Claims, Reading, TOKEN_LENGTH, USE_MEDIA};
use entitlements::models::rights::goes_on;
use entitlements::models::session::RENEWAL;
use entitlements::repositories::grounds_repository::viewings;
use entitlements::repositories::lease_repository::Begun;
use entitlements::services::kept_lectures::KeptLectures;
use entitlements::services::playback_keys::PlaybackKeys;
use media_store::live_file;
use media_store::media_bytes::MediaBytes;
use media_store::media_path::MediaResource;
use media_store::store::{MediaError, MediaStore};
use runtime::{Authenticator, Shutdown, Spawner};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How much later than its time an end may become visible in the database: no slow transaction takes so long, and no other
/// node's clock is so far behind.
const OVERLAP: Duration = Duration::from_secs(60);
const KEY_REFRESH: Duration = Duration::from_secs(2);
const SEEN_EVERY: Duration = Duration::from_secs(30);
/// How long a session is remembered after it ran out.
const KEEP: Duration = Duration::from_secs(24 * 3_600);
/// How many times sessions are written down until some are forgotten again, for which all attendance of live lectures is read.
const FORGET_EVERY: u64 = 120;

/// Opens, checks and ends playback sessions.
#[derive(Clone)]
pub(crate) struct StreamService(Arc<Inner>);

struct Inner {
    access: AccessService,
    videos: VideoRepository,
    playbacks: PlaybackRepository,
    openings: Openings,
    keys: PlaybackKeys,
    kept: KeptLectures,
    open: OpenPlaybacks,
    leases: Leases,
    media: MediaStore,
    live: Arc<dyn LiveMedia>,
    counters: MediaCounters,
    authenticator: Authenticator,
    space: Space,
    cache: Arc<dyn Cache>,
    clock: Clock,
    keys_read_at: AtomicI64,
}

impl StreamService {
    /// Puts the service together.
    pub(crate) fn new(
        db: &Db,
        keys: PlaybackKeys,
        (media, live): (MediaStore, Arc<dyn LiveMedia>),
        (access, kept): (AccessService, KeptLectures),
        (authenticator, places): (Authenticator, Places),
        (space, cache, clock, spawner): (Space, Arc<dyn Cache>, Clock, Spawner),
    ) -> Self {
        Self(Arc::new(Inner {
            access,
            videos: VideoRepository::new(db.clone()),
            playbacks: PlaybackRepository::new(db.clone()),
            openings: Openings::new(db.clone(), places.of_user, (space.clone(), spawner)),
            keys,
            kept,
            open: OpenPlaybacks::default(),
            leases: Leases::new(db, places, space.clone()),
            media,
            live,
            counters: MediaCounters::new(),
            authenticator,
            space,
            cache,
            keys_read_at: AtomicI64::new(clock.now().0),
            clock,
        }))
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
        let now = inner.clock.now();
        let open = match inner.open.find(token).filter(|open| !open.is_due(now)) {
            Some(open) => Some(open),
            None => Box::pin(self.first_sight(token, video)).await?,
        };
        Ok(open.filter(|open| open.is_for(video, now)))
    }

    /// The same session, if this process knows it already and nobody has to be asked.
    pub(crate) fn check_at_once(&self, token: &str, video: VideoId) -> Option<Arc<OpenPlayback>> {
        if token.len() != TOKEN_LENGTH {
            return None;
        }
        let now = self.0.clock.now();
        let open = self.0.open.find(token)?;
        (!open.is_due(now) && open.is_for(video, now)).then_some(open)
    }

    /// Looks up a token that this process has not seen, or not for a while.
    async fn first_sight(&self, token: &str, video: VideoId) -> Result<Option<Arc<OpenPlayback>>, DbError> {
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
        let _alone = inner.open.admission(token).await;
        if let Some(open) = inner.open.find(token).filter(|open| !open.is_due(now)) {
            return Ok(Some(open));
        }
        let seen_at = self.place(&claims, now).await?;
        Ok(Some(inner.open.admit(token, claims, seen_at, now)))
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
    pub(crate) async fn media(
        &self,
        open: &OpenPlayback,
        resource: &MediaResource,
        asked: Asked,
    ) -> Result<MediaBytes, MediaError> {
        let busy = || {
            metrics::counter!(media_store::metric::MEDIA_REFUSED, "reason" => "viewer").increment(1);
            MediaError::Busy
        };
        if open.unread.is_full() {
            return Err(busy());
        }
        let media = match live_file::named_by(resource) {
            Some(file) => Box::pin(self.live(open, (resource, file), asked)).await?,
            None => self.0.media.media(open.claims.video, resource).await?,
        };
        let bytes = open.unread.count(media.bytes).ok_or_else(busy)?;
        Ok(MediaBytes { bytes, ..media })
    }

    /// The same media, if it is in memory and nothing speaks against sending it.
    pub(crate) fn media_at_once(&self, open: &OpenPlayback, resource: MediaResource) -> Option<MediaBytes> {
        let (inner, video) = (&*self.0, open.claims.video);
        let live = live_file::at_once(&*inner.live, video, &resource);
        let media = live.or_else(|| inner.media.media_at_once(video, resource))?;
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
            let policies = policies.iter().map(|it| (it.id, version(it.policy_version)));
            inner.open.end_below(&policies.collect::<Vec<_>>(), now);
        }
        Ok(now - OVERLAP)
    }

    /// Ends the sessions of those who were refused since the refusal of a number, and returns the number for the next time.
    /// Their events do the same, and come later if the bus is away.
    ///
    /// A refusal below a version does not say whether a role changed, after which owners watch their own lectures on; so these
    /// end with the event alone.
    pub(crate) async fn end_refused(&self, number: u64) -> Result<u64, DbError> {
        let inner = &*self.0;
        let (number, refused) = inner.authenticator.refused_since(number);
        let endings = refused.iter().filter_map(|refused| match refused {
            RefusedTokens::Session(session) => Some(Ending::SignIn(*session)),
            RefusedTokens::Below(user, version) => Some(Ending::OthersBelow(*user, *version)),
            RefusedTokens::Client(client) => Some(Ending::Client(*client)),
            RefusedTokens::Token(_) => None,
        });
        let endings: Vec<Ending> = endings.collect();
        let now = inner.clock.now();
        inner.open.end(&inner.playbacks.end_overdue(&endings, now).await?, now);
        Ok(number)
    }

    /// Writes down when sessions were last seen, stops serving those that have ended elsewhere, however that was missed, and,
    /// if asked, forgets those that ran out long ago.
    pub(crate) async fn tidy(&self, forgets: bool) -> Result<(), DbError> {
        let inner = &*self.0;
        let over = inner.playbacks.saw(&inner.open.take_seen()).await?;
        inner.open.end(&over, inner.clock.now());
        if forgets {
            inner.playbacks.forget_before(inner.clock.now() - KEEP).await?;
        }
        Ok(())
    }

    /// Keeps up with other nodes until the process ends.
    pub(crate) async fn keep_up(self, shutdown: Shutdown) -> Result<(), String> {
        let (mut since, mut refused) = (self.0.clock.now() - OVERLAP, 0);
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
            match self.end_refused(refused).await {
                Ok(number) => refused = number,
                Err(error) => tracing::warn!(%error, "playbacks of ended sign-ins could not be ended"),
            }
            if tick.is_multiple_of(tidy_every)
                && let Err(error) = self.tidy((tick / tidy_every) % FORGET_EVERY == 1).await
            {
                tracing::warn!(%error, "playbacks could not be tidied");
            }
        }
        Ok(())
    }
}

/// A policy version as tokens carry it.
fn version(policy: i64) -> u32 {
    u32::try_from(policy).unwrap_or(u32::MAX)
}
