//! Opens playback sessions: for people who may watch, for nobody where nobody has to sign in, and for whom a client names.

use super::leases::refused;
use super::{StreamService, version};
use crate::metric;
use crate::models::videos::video::Video;
use crate::repositories::playback::playback_repository::openings::{Order, Outcome};
use crate::services::error::{Denied, PlaybackError};
use backing::audit::NewEntry;
use contracts::events::VideoStreamedByAdmin;
use contracts::{ClientId, NewEvent, PlaybackId, SessionId, Timestamp, UserId, VideoId};
use entitlements::models::playback_token::{Claims, USE_MEDIA};
use entitlements::models::rights::{Asker, Basis, Entitlement, Right, Visit};
use entitlements::models::session::{LONGEST, NewPlayback, lifetime};
use entitlements::models::sharing::Visibility;
use entitlements::services::kept_lectures::Shown;
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

/// What a session has to know of a lecture.
#[derive(Debug, Clone, Copy)]
struct Film {
    /// The version of its policy.
    policy: i64,
    /// How long a session lasts.
    lasts: Duration,
}

impl From<&Video> for Film {
    fn from(video: &Video) -> Self {
        let lasts = match video.status {
            Status::Live => LONGEST,
            _ => lifetime(video.duration()),
        };
        Self {
            policy: video.policy_version,
            lasts,
        }
    }
}

impl From<&Shown> for Film {
    fn from(shown: &Shown) -> Self {
        Self {
            policy: shown.policy,
            lasts: lifetime(shown.duration),
        }
    }
}

/// By what right a session is opened.
struct By<'a> {
    film: Film,
    entitlement: Entitlement,
    /// The key of the link that gives the right.
    share_key: Option<&'a str>,
    /// Whoever owns or administers the lecture, and its owner.
    handler: Option<(Asker, UserId)>,
}

impl StreamService {
    /// Opens a session for the caller, or for somebody who is not signed in.
    ///
    /// Whether they may watch is known from a moment ago or read, and in either case checked again where the session is written.
    pub(crate) async fn open(
        &self,
        caller: Option<&Caller>,
        request: &RequestId,
        opening: &Opening,
    ) -> Result<Opened, PlaybackError> {
        let inner = &*self.0;
        let asker = caller.map(|caller| Asker::by(caller, request));
        let key = opening.key.as_deref();
        // Whoever takes a session over must not lose it for a right that they have no more.
        let asks_anew = key.is_some() || opening.take_over.is_some();
        let kept = (!asks_anew).then(|| inner.kept.find(opening.video, asker)).flatten();
        if let Some((entitlement, shown)) = kept {
            let by = By {
                film: Film::from(&shown),
                entitlement,
                share_key: None,
                handler: None,
            };
            if let Some(opened) = self.open_by(caller, opening, by).await? {
                return Ok(opened);
            }
            // Something has changed within the last second.
        }
        let reading = inner.kept.begin();
        let visit = Visit { asker, key };
        let (situation, entitlement) = inner.access.may_watch::<PlaybackError>(opening.video, visit).await?;
        let video = inner.videos.at(opening.video, &situation, inner.cache.as_ref());
        let video = watchable(video.await?.ok_or(Denied::NotFound)?)?;
        if let Some(reading) = reading
            && entitlement.right == Right::Watch
            && video.status == Status::Ready
        {
            let shown = Shown {
                document: None,
                version: (video.version, video.changes),
                policy: video.policy_version,
                duration: video.duration(),
            };
            inner.kept.keep(reading, (video.id, asker), situation.grounds, shown);
        }
        // Only a key that was compared is kept.
        let by_link = entitlement.basis == Basis::Sharing && video.visibility == Visibility::Link;
        let handler = asker.filter(|asker| asker.right(video.owner_id) >= Right::Administer);
        let by = By {
            film: Film::from(&video),
            entitlement,
            share_key: key.filter(|_| by_link),
            handler: handler.map(|handler| (handler, video.owner_id)),
        };
        let opened = self.open_by(caller, opening, by).await?;
        opened.ok_or_else(|| asker.map_or(Denied::Unauthenticated, |_| Denied::NotFound).into())
    }

    /// Opens a session for somebody who had the right a moment ago; `None` if they have it no more.
    async fn open_by(
        &self,
        caller: Option<&Caller>,
        opening: &Opening,
        by: By<'_>,
    ) -> Result<Option<Opened>, PlaybackError> {
        let (inner, video) = (&*self.0, opening.video);
        let now = inner.clock.now();
        // Viewers from a network who are not signed in count as one.
        let viewer = match caller {
            Some(caller) => inner.keys.viewer(caller.user_id),
            None => inner.keys.viewer_from(opening.network),
        };
        let playback = NewPlayback {
            share_key: by.share_key.map(str::to_owned),
            network: caller.is_none().then(|| i64::from_be_bytes(viewer)),
            ..new_playback((video, by.film, &opening.device), caller, &by.entitlement, now)
        };
        self.find_place(opening, &playback).await?;
        let audit = by
            .handler
            .and_then(|(handler, owner)| audited(handler, playback.id, (video, owner)));
        let order = Order {
            playback: playback.clone(),
            audit,
        };
        let is_audited = order.audit.is_some();
        if !self.written(order).await? {
            return Ok(None);
        }
        if let Some((handler, owner)) = by.handler.filter(|_| is_audited) {
            tracing::info!(%video, %owner, admin = %handler.user, "an admin has opened a stream");
        }
        // A sign-in that ended meanwhile may have ended its sessions just before this one was written.
        if caller.is_some_and(|caller| inner.authenticator.refuses(caller)) {
            inner.playbacks.end(playback.id, now).await?;
            return Err(Denied::Unauthenticated.into());
        }
        Ok(Some(self.handed_out(&playback, viewer)))
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
            ..new_playback((video.id, Film::from(&video), &opening.device), None, &word, now)
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
        let order = Order {
            playback: playback.clone(),
            audit: Some((None, entry)),
        };
        if !self.written(order).await? {
            return Err(Denied::NotFound.into());
        }
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

    /// Ends the session that is taken over; fails if there is no place for one without a sign-in.
    async fn find_place(&self, opening: &Opening, playback: &NewPlayback) -> Result<(), PlaybackError> {
        let (inner, now) = (&*self.0, playback.created_at);
        if let Some(other) = opening.take_over
            && inner.leases.take_over(other, playback).await?
        {
            inner.open.end(&[other], now);
        }
        match playback.network {
            Some(network) => inner.leases.demand_place(network, playback).await,
            None => Ok(()),
        }
    }

    /// Writes a session; whether its viewer still has the right.
    ///
    /// Errors: `TooManySessions` with those of the same user that hold the places, to a client its own
    async fn written(&self, order: Order) -> Result<bool, PlaybackError> {
        let (inner, now, client) = (&*self.0, order.playback.created_at, order.playback.client_id);
        match inner.openings.open(order).await? {
            Outcome::Open(too_many) => {
                inner.open.end(&too_many, now);
                Ok(true)
            }
            Outcome::NoRight => Ok(false),
            Outcome::NoPlace(mut live) => {
                live.retain(|it| client.is_none() || it.client == client);
                Err(refused(PlaybackError::TooManySessions(live)))
            }
        }
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

/// What is told of a session that is opened by somebody who administers another's lecture.
fn audited(
    handler: Asker,
    playback: PlaybackId,
    (video, owner): (VideoId, UserId),
) -> Option<(Option<NewEvent>, NewEntry)> {
    let details = json!({ "playback_id": playback });
    let entry = handler.audited("stream_video", (video, owner), details)?;
    let (owner_id, admin_id) = (owner, handler.user);
    let data = VideoStreamedByAdmin { owner_id, admin_id };
    Some((Some(NewEvent::of_video(video, data.into())), entry))
}

/// A session that begins now and does not outlive its viewer's right.
fn new_playback(
    (video, film, device): (VideoId, Film, &str),
    caller: Option<&Caller>,
    entitlement: &Entitlement,
    now: Timestamp,
) -> NewPlayback {
    let longest = now + film.lasts;
    let ends = entitlement.until.map_or(longest, |until| until.min(longest));
    NewPlayback {
        id: PlaybackId::generate(),
        video_id: video,
        user_id: caller.map_or(UserId::from(Uuid::nil()), |caller| caller.user_id),
        session_id: caller.map_or(SessionId::from(Uuid::nil()), |caller| caller.session_id),
        client_id: None,
        user_version: caller.map_or(0, |caller| caller.version),
        policy_version: film.policy,
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
