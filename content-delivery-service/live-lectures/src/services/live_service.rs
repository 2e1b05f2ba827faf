//! Live lectures as their owners handle them.

use super::error::LiveError;
use super::gate::Gate;
use backing::once::{Once, Request};
use backing::{Clock, Db};
use broadcasts::models::broadcast::{Broadcast, BroadcastEdit, NEVER_HELD, NewBroadcast, Phase, Presence, attendance};
use broadcasts::models::stream_key::StreamKeys;
use broadcasts::repositories::broadcast_repository::{BroadcastRepository, Edited};
use broadcasts::repositories::recording_repository::{RecordingRepository, Summary};
use contracts::questions::Directory;
use contracts::questions::live::{Bearer, LiveMedia, Refused};
use contracts::{Role, Timestamp, UserId, VideoId};
use runtime::page::{Page, PageRequest};
use runtime::{Authenticator, Caller, secrets};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Somebody publishes a lecture that another node holds if it has said so this lately.
const PUBLISHED: Duration = Duration::from_secs(6);

/// Handles live lectures.
#[derive(Clone)]
pub struct LiveService(pub(super) Arc<Inner>);

/// What live lectures are made with.
pub(super) struct Inner {
    pub(super) broadcasts: BroadcastRepository,
    recordings: RecordingRepository,
    pub(super) keys: StreamKeys,
    pub(super) gate: Arc<dyn Gate>,
    media: Arc<dyn LiveMedia>,
    directory: Arc<dyn Directory>,
    pub(super) authenticator: Authenticator,
    clock: Clock,
    rtmp_port: Option<u16>,
}

/// A live lecture as somebody sees it.
pub(crate) struct LiveView {
    pub(crate) broadcast: Broadcast,
    /// How many watch it.
    pub(crate) viewers: i64,
    /// Whether somebody publishes it.
    pub(crate) is_published: bool,
    /// Its stream key, for those who may publish it.
    pub(crate) key: Option<String>,
    /// The port of RTMP.
    pub(crate) rtmp_port: Option<u16>,
}

/// Somebody's time in a lecture.
pub(crate) struct Attendee {
    pub(crate) user: UserId,
    /// None if the account is gone.
    pub(crate) name: Option<String>,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl LiveService {
    /// Puts the service together; `rtmp_port` is where publishers come by RTMP.
    #[must_use]
    pub fn new(
        db: &Db,
        secret: &[u8],
        (gate, media, directory): (Arc<dyn Gate>, Arc<dyn LiveMedia>, Arc<dyn Directory>),
        (authenticator, clock): (Authenticator, Clock),
        rtmp_port: Option<u16>,
    ) -> Self {
        let key = secrets::derive_by_hmac(secret, "moocflix content stream key");
        Self(Arc::new(Inner {
            broadcasts: BroadcastRepository::new(db.clone()),
            recordings: RecordingRepository::new(db.clone()),
            keys: StreamKeys::new(&key),
            gate,
            media,
            directory,
            authenticator,
            clock,
            rtmp_port,
        }))
    }

    /// Announces a lecture; a repeated request gets the one that it announced before.
    pub(crate) async fn create(&self, new: &NewBroadcast, request: Option<&Request>) -> Result<LiveView, LiveError> {
        let (inner, id) = (&*self.0, VideoId::generate());
        let id = match inner.broadcasts.create(id, new, request, inner.clock.now()).await? {
            Once::First => id,
            Once::Again(before) => before.into(),
            Once::Other => return Err(LiveError::KeyReused),
        };
        let broadcast = inner.broadcasts.find(id).await?.ok_or(Refused::NotFound)?;
        if broadcast.is_deleted {
            return Err(Refused::Deleted.into());
        }
        self.view(broadcast, true).await
    }

    /// A lecture for those who may watch it.
    pub(crate) async fn seen(&self, id: VideoId, caller: &Caller) -> Result<LiveView, LiveError> {
        let broadcast = self.0.broadcasts.find(id).await?.ok_or(Refused::NotFound)?;
        let handles = handles(&broadcast, &Bearer::from(caller));
        if !handles {
            self.0.gate.sees(id, &Bearer::from(caller)).await??;
        }
        if broadcast.is_deleted {
            return Err(Refused::Deleted.into());
        }
        self.view(broadcast, handles).await
    }

    /// A lecture for its owner or an admin; to all others it does not exist.
    pub(crate) async fn find(&self, id: VideoId, caller: &Caller) -> Result<Broadcast, LiveError> {
        let found = self.0.broadcasts.find(id).await?;
        let broadcast = found
            .filter(|it| handles(it, &Bearer::from(caller)))
            .ok_or(Refused::NotFound)?;
        if broadcast.is_deleted {
            return Err(Refused::Deleted.into());
        }
        Ok(broadcast)
    }

    /// Somebody's own lectures, the latest first.
    pub(crate) async fn list(&self, owner: UserId, page: PageRequest<VideoId>) -> Result<Page<LiveView>, LiveError> {
        let found = self.0.broadcasts.list(owner, page.after, page.one_more()).await?;
        let Page { items, next_cursor } = page.cut(found, |it| it.id);
        let mut views = Vec::with_capacity(items.len());
        for broadcast in items {
            views.push(self.view(broadcast, true).await?);
        }
        Ok(Page {
            items: views,
            next_cursor,
        })
    }

    /// Changes what people say of a lecture.
    pub(crate) async fn edit(
        &self,
        (id, caller): (VideoId, &Caller),
        edit: &BroadcastEdit,
        version: Option<i64>,
    ) -> Result<LiveView, LiveError> {
        self.find(id, caller).await?;
        match self.0.broadcasts.edit(id, edit, version, self.0.clock.now()).await? {
            Edited::Done => {}
            Edited::Stale => return Err(LiveError::Stale),
            Edited::Gone => return Err(Refused::Deleted.into()),
            Edited::Begun => return Err(LiveError::Begun),
        }
        self.view(self.find(id, caller).await?, true).await
    }

    /// Replaces the stream key.
    pub(crate) async fn rotate_key(&self, id: VideoId, caller: &Caller) -> Result<LiveView, LiveError> {
        self.find(id, caller).await?;
        if !self.0.broadcasts.rotate_key(id).await? {
            return Err(Refused::Ended.into());
        }
        self.view(self.find(id, caller).await?, true).await
    }

    /// Ends a lecture; repeating it is no error.
    pub(crate) async fn end(&self, id: VideoId, caller: &Caller) -> Result<LiveView, LiveError> {
        let broadcast = self.find(id, caller).await?;
        let (inner, now) = (&*self.0, self.0.clock.now());
        // it may begin at this moment
        let is_nothing = broadcast.phase() == Phase::Scheduled && self.cancel(id).await?;
        if !is_nothing {
            inner.broadcasts.end(id, now).await?;
            if broadcast.recorded_at.is_none() {
                // a lecture that another node holds, or none, ends there in a moment
                inner.media.end(id).await;
            }
        }
        self.view(self.find(id, caller).await?, true).await
    }

    /// Ends a lecture that has not begun; `false` if it has.
    async fn cancel(&self, id: VideoId) -> Result<bool, LiveError> {
        let nothing = Summary {
            duration: 0,
            bytes: 0,
            media: None,
        };
        let (recordings, now) = (&self.0.recordings, self.0.clock.now());
        Ok(recordings.complete((id, NEVER_HELD), &nothing, now).await?)
    }

    /// Who has watched a lecture while it was live.
    pub(crate) async fn attendance(&self, id: VideoId, caller: &Caller) -> Result<Vec<Attendee>, LiveError> {
        self.find(id, caller).await?;
        self.0.gate.note_seen().await?;
        let presences = attendance(self.0.broadcasts.presences(id).await?);
        let users: BTreeSet<UserId> = presences.iter().map(|it| it.user).collect();
        let users: Vec<UserId> = users.into_iter().collect();
        let people = self.0.directory.people(&users).await?;
        let names: HashMap<UserId, String> = people.into_iter().map(|it| (it.id, it.name)).collect();
        let attendee = |it: Presence| Attendee {
            user: it.user,
            name: names.get(&it.user).cloned(),
            from: it.from,
            until: it.until,
        };
        Ok(presences.into_iter().map(attendee).collect())
    }

    async fn view(&self, broadcast: Broadcast, handles: bool) -> Result<LiveView, LiveError> {
        let (inner, now) = (&*self.0, self.0.clock.now());
        let is_live = broadcast.phase() == Phase::Live;
        let viewers = if is_live {
            inner.broadcasts.viewers(broadcast.id, now).await?
        } else {
            0
        };
        let lately = || broadcast.published_at.is_some_and(|at| now.since(at) < PUBLISHED);
        let may_publish = handles && broadcast.phase() != Phase::Ended;
        Ok(LiveView {
            viewers,
            is_published: is_live && inner.media.is_published(broadcast.id).unwrap_or_else(lately),
            key: may_publish.then(|| inner.keys.make(broadcast.id, broadcast.key_version)),
            rtmp_port: inner.rtmp_port,
            broadcast,
        })
    }
}

/// Whether somebody owns a lecture or is an admin.
pub(super) fn handles(broadcast: &Broadcast, bearer: &Bearer) -> bool {
    broadcast.owner_id == bearer.user || bearer.roles.has(Role::Admin)
}
