//! Uploads that never start over: creates, continues and ends them, checks rights to them, lets them expire, and
//! finishes those that a crash left complete.

pub(crate) mod active_uploads;
pub(crate) mod upload_keys;
pub(crate) mod upload_store;
pub(crate) mod upload_writer;

use self::active_uploads::ActiveUploads;
use self::upload_keys::UploadKeys;
use self::upload_store::UploadStore;
use self::upload_writer::{ByteSource, UploadWriter};
use super::error::{Denied, Failure, UploadError};
use crate::metric;
use crate::models::uploads::checksum::Checksum;
use crate::models::uploads::creation::NewUpload;
use crate::models::uploads::upload::Upload;
use crate::models::uploads::usage::{Excess, Usage};
use crate::models::videos::video::Video;
use crate::models::videos::video_edit::VideoEdit;
use crate::repositories::uploads::upload_repository::{UploadRepository, revoke_keys};
use crate::repositories::videos::video_repository::VideoRepository;
use backing::bus::After;
use backing::once::{Once, Request};
use backing::{Clock, DbError, Tx};
use contracts::{Timestamp, UserId, VideoId};
use entitlements::models::grounds::Viewing;
use entitlements::models::rights::{Asker, Right};
use entitlements::services::user_places::{UserPlace, UserPlaces};
use renditions::models::lecture::{Reason, Status};
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// The least room for something of unknown length: a minute of a live lecture at 8 Mb/s.
const ROOM_TO_BEGIN: u64 = 60_000_000;

/// How many uploads a job takes in one go.
const PAGE: i64 = 100;

/// An upload that a request asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It began with this request.
    Now(VideoId),
    /// The same request came before.
    Before(VideoId),
}

/// Takes lectures in.
#[derive(Clone)]
pub(crate) struct UploadService {
    inner: Arc<Inner>,
}

struct Inner {
    videos: VideoRepository,
    uploads: UploadRepository,
    store: UploadStore,
    keys: UploadKeys,
    active: ActiveUploads,
    /// Those who send bytes right now.
    senders: UserPlaces,
    clock: Clock,
}

impl UploadService {
    pub(crate) fn new(
        videos: VideoRepository,
        uploads: UploadRepository,
        store: UploadStore,
        keys: UploadKeys,
        clock: Clock,
    ) -> Self {
        let active = ActiveUploads::default();
        let senders = UserPlaces::new(store.quota().requests);
        Self {
            inner: Arc::new(Inner {
                videos,
                uploads,
                store,
                keys,
                active,
                senders,
                clock,
            }),
        }
    }

    /// The longest upload that is accepted.
    ///
    /// Units: bytes
    pub(crate) fn max_bytes(&self) -> u64 {
        self.inner.store.limits().max_bytes
    }

    /// When a resumable upload that takes its last byte now is given up.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.inner.store.expires_at(self.now(), true)
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The key that lets its holder continue an upload.
    pub(crate) fn key(&self, upload: &Upload) -> String {
        self.inner.keys.make(upload.video_id, upload.key_version)
    }

    /// An upload, also a finished one.
    pub(crate) async fn upload(&self, id: VideoId) -> Result<Option<Upload>, Failure> {
        self.inner.store.find(id).await
    }

    /// Uploads, also finished ones; a page of them takes as many statements as one.
    pub(crate) async fn uploads(&self, ids: &[VideoId]) -> Result<HashMap<VideoId, Upload>, Failure> {
        let found = self.inner.uploads.find_all(ids).await?;
        Ok(found.into_iter().map(|upload| (upload.video_id, upload)).collect())
    }

    /// Takes the upload for one request.
    async fn writer(&self, id: VideoId, offset: u64) -> Result<UploadWriter, UploadError> {
        let seat = self.inner.active.enter(id).await.ok_or(UploadError::Locked)?;
        UploadWriter::open(&self.inner.store, seat, id, offset).await
    }

    /// A place for one more request of an owner that sends bytes.
    fn sender(&self, owner: UserId) -> Result<UserPlace, UploadError> {
        let most = self.inner.store.quota().requests;
        let place = self.inner.senders.take(owner);
        place.ok_or_else(|| refused("requests", UploadError::TooManyRequests(most)))
    }

    /// What an owner's lectures and uploads take.
    pub(crate) async fn usage(&self, owner: UserId) -> Result<Usage, Failure> {
        Ok(self.inner.videos.usage(owner).await?)
    }

    /// What an owner may have: bytes, and unfinished uploads.
    pub(crate) fn allowed(&self) -> (Option<u64>, Option<u64>) {
        let allowance = self.inner.store.allowance();
        (allowance.bytes, allowance.uploads)
    }

    /// Demands room for something of an owner whose length nobody knows yet.
    ///
    /// Errors: `QuotaExceeded`, or `StorageFull` where the disk has next to nothing beyond its reserve
    pub(crate) async fn must_have_room(&self, owner: UserId) -> Result<(), UploadError> {
        let store = &self.inner.store;
        if store.allowance().room < ROOM_TO_BEGIN {
            return Err(Failure::StorageFull.into());
        }
        store.must_be_within_quota(owner, 1).await
    }

    /// Begins an upload; a repeated request gets the upload that it began before.
    pub(crate) async fn create(&self, new: &NewUpload, request: Option<&Request>) -> Result<Begun, UploadError> {
        match new.length {
            Some(0) => return Err(UploadError::EmptyFile),
            Some(length) if length > self.max_bytes() => return Err(UploadError::TooLarge(self.max_bytes())),
            _ => {}
        }
        let id = VideoId::generate();
        let now = self.now();
        let expires_at = self.inner.store.expires_at(now, new.resumable);
        let (allowance, quota) = (self.inner.store.allowance(), self.inner.store.quota());
        let times = (now, expires_at);
        match self.inner.videos.create(id, new, request, times, &allowance).await? {
            Ok(Once::First) => Ok(Begun::Now(id)),
            Ok(Once::Again(before)) => Ok(Begun::Before(before.into())),
            Ok(Once::Other) => Err(UploadError::KeyReused),
            Err(Excess::Bytes(free)) => {
                let allowed = quota.bytes;
                Err(refused("bytes", UploadError::QuotaExceeded { allowed, free }))
            }
            Err(Excess::Uploads) => Err(refused("uploads", UploadError::TooManyOpen(quota.uploads))),
            Err(Excess::Room) => Err(refused("room", Failure::StorageFull.into())),
        }
    }

    /// An upload, for its owner or a request with its key.
    ///
    /// Errors: to all others it does not exist
    pub(crate) async fn find(
        &self,
        id: VideoId,
        key: Option<&str>,
        asker: Option<Asker>,
    ) -> Result<(Video, Upload), UploadError> {
        let now = self.now();
        let found = self.upload(id).await?.zip(self.inner.videos.find(id).await?);
        let Some((upload, video)) = found else {
            // Without a key or a sign-in, the reply does not reveal whether the upload exists.
            return Err(asker.map_or(Denied::NoKey, |_| Denied::NotFound).into());
        };
        let is_good = |key| self.inner.keys.is_good(key, id, upload.key_version);
        match asker {
            _ if upload.key_opens(now) && key.is_some_and(is_good) => {}
            None => return Err(Denied::NoKey.into()),
            Some(asker) if asker.right(upload.owner_id) < Right::Own => return Err(Denied::NotFound.into()),
            Some(asker) if !asker.may_teach() => return Err(Denied::InstructorRequired.into()),
            Some(_) => {}
        }
        let expired = video.reason.as_ref().is_some_and(|reason| reason.code == EXPIRED);
        match video.status {
            Status::Deleted if expired => Err(UploadError::Expired),
            Status::Deleted => Err(Denied::Deleted.into()),
            _ if upload.is_expired(now) => Err(UploadError::Expired),
            _ => Ok((video, upload)),
        }
    }

    /// Writes a request's bytes behind `offset` and returns the new one.
    ///
    /// Errors: the bytes before a break in the body stay and count; a body that is no media removes the upload
    pub(crate) async fn write(
        &self,
        (id, owner): (VideoId, UserId),
        offset: u64,
        body: &mut ByteSource<'_>,
        checksum: Option<&Checksum>,
    ) -> Result<u64, UploadError> {
        let _place = self.sender(owner)?;
        let mut writer = self.writer(id, offset).await?;
        let taken = writer.take(body, checksum).await;
        let ended = match taken {
            Ok(()) | Err(UploadError::BodyLost(_) | UploadError::Locked) if writer.is_complete() => {
                let end = writer.offset();
                writer.complete().await.map(|()| end)
            }
            Ok(()) => return writer.release().await,
            Err(error) => Err(error),
        };
        match ended {
            Err(error @ (UploadError::UnsupportedMedia | UploadError::EmptyFile)) => {
                self.refuse(writer).await;
                Err(error)
            }
            Err(error) => match writer.release().await {
                // The writer was stopped because there is nothing left to write.
                Err(gone @ UploadError::Denied(Denied::Deleted)) => Err(gone),
                Err(then) => {
                    tracing::warn!(video = %id, error = %then, "what came of an upload could not be noted");
                    Err(error)
                }
                Ok(_) => Err(error),
            },
            Ok(end) => Ok(end),
        }
    }

    /// Stores a body that ends the upload; `then` reads what the request says behind its bytes. A fault leaves nothing
    /// behind.
    pub(crate) async fn write_whole<F>(
        &self,
        (id, owner): (VideoId, UserId),
        body: &mut ByteSource<'_>,
        then: F,
    ) -> Result<(), UploadError>
    where
        F: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send,
    {
        let place = self.sender(owner);
        let mut writer = self.writer(id, 0).await?;
        if let Err(error) = place {
            self.refuse(writer).await;
            return Err(error);
        }
        let mut taken = writer.take(body, None).await;
        if taken.is_ok() {
            taken = then.await.map_err(UploadError::BodyLost);
        }
        if taken.is_ok() {
            taken = writer.complete().await;
        }
        if taken.is_err() {
            self.refuse(writer).await;
        }
        taken
    }

    /// Removes an upload that is no lecture; what can't be removed now expires.
    async fn refuse(&self, writer: UploadWriter) {
        metrics::counter!(metric::UPLOADS, "result" => "refused").increment(1);
        if let Err(error) = writer.refuse().await {
            tracing::warn!(%error, "a refused upload could not be taken away yet");
        }
    }

    /// Gives a lecture the texts that came after its bytes.
    pub(crate) async fn retitle(&self, id: VideoId, new: &NewUpload) -> Result<(), Failure> {
        let edit = VideoEdit {
            title: Some(new.title.clone()),
            description: Some(new.description.clone()),
            visibility: Some(new.sharing.clone()),
        };
        // Nobody watches what is still coming.
        let goes_on = |_: &Viewing| true;
        let when = (self.now(), None);
        self.inner.videos.update(id, &edit, &goes_on, None, when).await?;
        Ok(())
    }

    /// Finishes what a crash or a fault of the store left complete but unfinished.
    pub(crate) async fn recover(&self, idle: Duration) -> Result<(), Failure> {
        for id in self.inner.uploads.unfinished_business(self.now() - idle, PAGE).await? {
            if let Err(error) = self.inner.store.finish(id).await {
                tracing::error!(video = %id, %error, "an upload could not be finished yet");
            }
        }
        Ok(())
    }

    /// Deletes uploads that nobody continued in time.
    pub(crate) async fn expire(&self) -> Result<(), Failure> {
        let now = self.now();
        let reason = Reason {
            code: EXPIRED.to_owned(),
            message: "nobody went on with the upload in time".to_owned(),
        };
        for id in self.inner.uploads.expired(now, PAGE).await? {
            if self.inner.store.expire(id, &reason).await? {
                tracing::info!(video = %id, "an upload expired");
            }
        }
        Ok(())
    }

    /// Revokes the keys of a user's uploads that began until `at`, then stops this process's uploads that use one; the
    /// owner's details show new keys.
    pub(crate) async fn revoke_keys(&self, tx: &mut Tx, owner: UserId, at: Timestamp) -> Result<After, DbError> {
        let (open, active) = (revoke_keys(tx, owner, at).await?, self.inner.active.clone());
        Ok(After::then(move || open.into_iter().for_each(|id| active.stop(id))))
    }

    /// Stops an upload and removes the bytes that are not in their place yet.
    pub(crate) async fn abandon(&self, id: VideoId) -> Result<(), Failure> {
        self.inner.active.stop_and_wait(id).await;
        self.inner.store.abort(id).await
    }

    /// Removes an upload whose client never learned its address; what can't be removed now expires.
    pub(crate) async fn give_up(&self, id: VideoId) {
        let given_up = match self.abandon(id).await {
            Ok(()) => self.inner.store.forget(id, None).await,
            Err(error) => Err(error),
        };
        if let Err(error) = given_up {
            tracing::warn!(video = %id, %error, "an upload could not be given up yet");
        }
    }
}

/// Counts an upload that is refused because of what its owner or the machine has already.
fn refused(excess: &'static str, error: UploadError) -> UploadError {
    metrics::counter!(metric::UPLOADS_REFUSED, "excess" => excess).increment(1);
    error
}

/// The reason of a deletion record whose upload ran out of time.
const EXPIRED: &str = "upload_expired";
