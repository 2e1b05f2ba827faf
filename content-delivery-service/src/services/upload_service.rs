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
use super::access_service::{Asker, Right};
use super::error::{Denied, Failure, UploadError};
use crate::metric;
use crate::models::uploads::checksum::Checksum;
use crate::models::uploads::creation::NewUpload;
use crate::models::uploads::upload::Upload;
use crate::models::videos::video::Video;
use crate::repositories::uploads::upload_repository::{UploadRepository, revoke_keys};
use crate::repositories::videos::video_repository::VideoRepository;
use backing::bus::After;
use backing::once::{Once, Request};
use backing::{Clock, DbError, Tx};
use contracts::{Timestamp, UserId, VideoId};
use renditions::models::lecture::{Reason, Status};
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

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
        Self {
            inner: Arc::new(Inner {
                videos,
                uploads,
                store,
                keys,
                active,
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

    /// Stops the writer of an upload; it notes what it has.
    pub(crate) fn stop(&self, id: VideoId) {
        self.inner.active.stop(id);
    }

    /// Takes the upload for one request.
    async fn writer(&self, id: VideoId, offset: u64) -> Result<UploadWriter, UploadError> {
        let seat = self.inner.active.enter(id).await.ok_or(UploadError::Locked)?;
        UploadWriter::open(&self.inner.store, seat, id, offset).await
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
        match self.inner.videos.create(id, new, request, (now, expires_at)).await? {
            Once::First => Ok(Begun::Now(id)),
            Once::Again(before) => Ok(Begun::Before(before.into())),
            Once::Other => Err(UploadError::KeyReused),
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
        let found = self.upload(id).await?.zip(self.inner.videos.find(id).await?);
        let Some((upload, video)) = found else {
            // Without a key or a sign-in, the reply does not reveal whether the upload exists.
            return Err(asker.map_or(Denied::NoKey, |_| Denied::NotFound).into());
        };
        let holds_key = key.is_some_and(|key| self.inner.keys.is_good(key, id, upload.key_version));
        match asker {
            _ if holds_key => {}
            None => return Err(Denied::NoKey.into()),
            Some(asker) if asker.right(upload.owner_id) < Right::Own => return Err(Denied::NotFound.into()),
            Some(_) => {}
        }
        let expired = video.reason.as_ref().is_some_and(|reason| reason.code == EXPIRED);
        match video.status {
            Status::Deleted if expired => Err(UploadError::Expired),
            Status::Deleted => Err(Denied::Deleted.into()),
            _ if upload.is_expired(self.now()) => Err(UploadError::Expired),
            _ => Ok((video, upload)),
        }
    }

    /// Writes a request's bytes behind `offset` and returns the new one.
    ///
    /// Errors: the bytes before a break in the body stay and count; a body that is no media removes the upload
    pub(crate) async fn write(
        &self,
        id: VideoId,
        offset: u64,
        body: &mut ByteSource<'_>,
        checksum: Option<&Checksum>,
    ) -> Result<u64, UploadError> {
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
        id: VideoId,
        body: &mut ByteSource<'_>,
        then: F,
    ) -> Result<(), UploadError>
    where
        F: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send,
    {
        let mut writer = self.writer(id, 0).await?;
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
        let (title, description) = (Some(new.title.as_str()), Some(new.description.as_str()));
        self.inner
            .videos
            .update_texts(id, title, description, None, (self.now(), None))
            .await?;
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

/// The reason of a deletion record whose upload ran out of time.
const EXPIRED: &str = "upload_expired";
