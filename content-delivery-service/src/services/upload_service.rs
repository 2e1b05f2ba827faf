//! Uploads that never start over: creation, going on, the end, and what a crash left behind.

use super::active_uploads::ActiveUploads;
use super::error::ContentError;
use super::signatures::Signatures;
use super::upload_writer::{ByteSource, UploadWriter};
use crate::config::UploadConfig;
use crate::metric;
use crate::models::creation::NewUpload;
use crate::models::tus::Checksum;
use crate::models::upload::{Upload, UploadState};
use crate::models::video::{Reason, Status, Video};
use crate::repositories::upload_repository::UploadRepository;
use crate::repositories::video_repository::VideoRepository;
use backing::Clock;
use backing::objects::{Objects, SinkState, UploadSink};
use contracts::{ObjectKey, ObjectPrefix, Timestamp, UserId, VideoId};
use std::sync::Arc;
use std::time::Duration;

/// How long a body that can't be gone with in another request is kept after its last byte, should its request die.
const UNRESUMABLE_LIFE: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
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
    objects: Objects,
    signatures: Signatures,
    active: ActiveUploads,
    clock: Clock,
    config: UploadConfig,
}

impl UploadService {
    pub(crate) fn new(
        videos: VideoRepository,
        uploads: UploadRepository,
        objects: Objects,
        signatures: Signatures,
        clock: Clock,
        config: UploadConfig,
    ) -> Self {
        let active = ActiveUploads::default();
        Self {
            inner: Arc::new(Inner {
                videos,
                uploads,
                objects,
                signatures,
                active,
                clock,
                config,
            }),
        }
    }

    pub(crate) fn active(&self) -> &ActiveUploads {
        &self.inner.active
    }

    pub(crate) fn uploads(&self) -> &UploadRepository {
        &self.inner.uploads
    }

    pub(crate) fn sink(&self) -> &Arc<dyn UploadSink> {
        self.inner.objects.uploads()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.inner.config.max_bytes
    }

    pub(crate) fn checkpoint_bytes(&self) -> u64 {
        self.inner.config.checkpoint_bytes
    }

    pub(crate) fn expires_at(&self, now: Timestamp, resumable: bool) -> Timestamp {
        now + if resumable {
            DAY * u32::from(self.inner.config.expires_days)
        } else {
            UNRESUMABLE_LIFE
        }
    }

    /// Where an upload goes on, with its key.
    pub(crate) fn url(&self, upload: &Upload) -> String {
        let key = self.inner.signatures.upload_key(upload.video_id, upload.key_version);
        format!("/api/v1/content/upload/{}?k={key}", upload.video_id)
    }

    /// Begins an upload; the same creation key with the same request gives the same upload again.
    pub(crate) async fn create(&self, new: &NewUpload) -> Result<Begun, ContentError> {
        match new.length {
            Some(0) => return Err(ContentError::EmptyFile),
            Some(length) if length > self.max_bytes() => return Err(ContentError::TooLarge(self.max_bytes())),
            _ => {}
        }
        let id = VideoId::generate();
        let now = self.now();
        let created = self
            .inner
            .videos
            .create(id, new, now, self.expires_at(now, new.resumable))
            .await;
        match (created, &new.creation) {
            (Ok(()), _) => Ok(Begun::Now(id)),
            (Err(error), Some(creation)) if error.is_unique_on("creation_key") => {
                let found = self.inner.videos.find_creation(new.owner, &creation.key).await?;
                match found {
                    Some((id, print)) if print == creation.print => Ok(Begun::Before(id)),
                    _ => Err(ContentError::KeyReused),
                }
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// An upload, for somebody who holds its key or owns it.
    ///
    /// Errors: to all others it does not exist
    pub(crate) async fn find(
        &self,
        id: VideoId,
        key: Option<&str>,
        caller: Option<UserId>,
    ) -> Result<(Video, Upload), ContentError> {
        let found = self
            .inner
            .uploads
            .find(id)
            .await?
            .zip(self.inner.videos.find(id).await?);
        let Some((upload, video)) = found else {
            // Who shows nothing that counts learns nothing, not even whether there is such an upload.
            return Err(if caller.is_none() {
                ContentError::Unauthenticated
            } else {
                ContentError::NotFound
            });
        };
        let holds_key = key.is_some_and(|key| self.inner.signatures.is_upload_key(key, id, upload.key_version));
        if !holds_key {
            match caller {
                None => return Err(ContentError::Unauthenticated),
                Some(user) if user != upload.owner_id => return Err(ContentError::NotFound),
                Some(_) => {}
            }
        }
        let expired = video.reason.as_ref().is_some_and(|reason| reason.code == EXPIRED);
        match video.status {
            Status::Deleted if expired => Err(ContentError::Expired),
            Status::Deleted => Err(ContentError::Deleted),
            _ if upload.is_expired(self.now()) => Err(ContentError::Expired),
            _ => Ok((video, upload)),
        }
    }

    /// Writes a request's bytes behind `offset` and tells the new one.
    ///
    /// Errors: what came before a broken body stays and counts; a body of no media takes the upload away
    pub(crate) async fn write(
        &self,
        id: VideoId,
        offset: u64,
        body: &mut ByteSource<'_>,
        checksum: Option<&Checksum>,
    ) -> Result<u64, ContentError> {
        let mut writer = UploadWriter::open(self, id, offset).await?;
        let taken = writer.take(body, checksum).await;
        let ended = match taken {
            Ok(()) | Err(ContentError::BodyLost(_) | ContentError::Locked) if writer.is_complete() => {
                let end = writer.offset();
                writer.complete().await.map(|()| end)
            }
            Ok(()) => return writer.release().await,
            Err(error) => Err(error),
        };
        match ended {
            Err(error @ (ContentError::UnsupportedMedia | ContentError::EmptyFile)) => {
                self.refuse(writer).await;
                Err(error)
            }
            Err(error) => match writer.release().await {
                // Whoever told the writer to stop did so because there is nothing left to write.
                Err(gone @ (ContentError::Deleted | ContentError::Expired)) => Err(gone),
                Err(then) => {
                    tracing::warn!(video = %id, error = %then, "what came of an upload could not be noted");
                    Err(error)
                }
                Ok(_) => Err(error),
            },
            Ok(end) => Ok(end),
        }
    }

    /// Takes a body in that ends the upload; whatever goes wrong leaves nothing behind.
    pub(crate) async fn write_whole<F>(
        &self,
        id: VideoId,
        body: &mut ByteSource<'_>,
        then: F,
    ) -> Result<(), ContentError>
    where
        F: Future<Output = Result<(), ContentError>> + Send,
    {
        let mut writer = UploadWriter::open(self, id, 0).await?;
        let mut taken = writer.take(body, None).await;
        if taken.is_ok() {
            taken = then.await;
        }
        if taken.is_ok() {
            taken = writer.complete().await;
        }
        if taken.is_err() {
            self.refuse(writer).await;
        }
        taken
    }

    /// Takes away what is no lecture; what can't be taken away now expires.
    async fn refuse(&self, writer: UploadWriter) {
        metrics::counter!(metric::UPLOADS, "result" => "refused").increment(1);
        if let Err(error) = writer.refuse().await {
            tracing::warn!(%error, "a refused upload could not be taken away yet");
        }
    }

    /// Gives a lecture the texts that came behind its bytes.
    pub(crate) async fn retitle(&self, id: VideoId, new: &NewUpload) -> Result<(), ContentError> {
        let (title, description) = (Some(new.title.as_str()), Some(new.description.as_str()));
        self.inner
            .videos
            .update_texts(id, title, description, None, self.now())
            .await?;
        Ok(())
    }

    /// Puts a complete upload's object in its place and hands the lecture on to the scan; again does no harm.
    pub(crate) async fn finish(&self, id: VideoId) -> Result<(), ContentError> {
        let Some(upload) = self.inner.uploads.find(id).await? else {
            return Ok(());
        };
        if upload.state != UploadState::Finishing {
            return Ok(());
        }
        if let Some(state) = sink_state(&upload)? {
            self.sink().finish(&ObjectKey::VideoSource(id), &state).await?;
        }
        if self.inner.uploads.finish(id, self.now()).await? {
            metrics::counter!(metric::UPLOADS, "result" => "finished").increment(1);
        } else if self.is_deleted(id).await? {
            // The sweep may have looked before the object got its name.
            self.inner.objects.delete_prefix(&ObjectPrefix::Video(id)).await?;
        }
        Ok(())
    }

    /// Finishes what a crash, or a fault of the store, left complete but unfinished.
    pub(crate) async fn recover(&self, idle: Duration) -> Result<(), ContentError> {
        for id in self.inner.uploads.unfinished_business(self.now() - idle, PAGE).await? {
            if let Err(error) = self.finish(id).await {
                tracing::error!(video = %id, %error, "an upload could not be finished yet");
            }
        }
        Ok(())
    }

    /// Deletes uploads that nobody went on with in time.
    pub(crate) async fn expire(&self) -> Result<(), ContentError> {
        let now = self.now();
        let reason = Reason {
            code: EXPIRED.to_owned(),
            message: "nobody went on with the upload in time".to_owned(),
        };
        for id in self.inner.uploads.expired(now, PAGE).await? {
            if self.inner.uploads.expire(id, &reason, now).await? {
                tracing::info!(video = %id, "an upload expired");
            }
        }
        Ok(())
    }

    /// Makes a user's upload keys useless and stops who is writing by one; the owner's next look shows new ones.
    pub(crate) async fn revoke_keys(&self, owner: UserId) -> Result<(), backing::DbError> {
        for id in self.inner.uploads.revoke_keys(owner).await? {
            self.inner.active.stop(id);
        }
        Ok(())
    }

    /// Takes the bytes of an upload that is no more out of the store's waiting room.
    pub(crate) async fn abandon(&self, id: VideoId) -> Result<(), ContentError> {
        self.inner.active.stop_and_wait(id).await;
        if let Some(upload) = self.inner.uploads.find(id).await? {
            let state = sink_state(&upload)?.unwrap_or_default();
            self.sink().abort(&ObjectKey::VideoSource(id), &state).await?;
        }
        Ok(())
    }

    /// Takes an upload away of which its client never heard; what can't be taken away now expires.
    pub(crate) async fn give_up(&self, id: VideoId) {
        let given_up = match self.abandon(id).await {
            Ok(()) => self.forget(id, None).await,
            Err(error) => Err(error),
        };
        if let Err(error) = given_up {
            tracing::warn!(video = %id, %error, "an upload could not be given up yet");
        }
    }

    /// Takes an upload away that never became a lecture.
    pub(crate) async fn forget(&self, id: VideoId, state: Option<&SinkState>) -> Result<(), ContentError> {
        if let Some(state) = state {
            self.sink().abort(&ObjectKey::VideoSource(id), state).await?;
        }
        Ok(self.inner.videos.forget(id, self.now()).await?)
    }

    /// Why a writer lost its upload.
    pub(crate) async fn why_fenced(&self, id: VideoId) -> ContentError {
        match self.is_deleted(id).await {
            Ok(true) => ContentError::Deleted,
            Ok(false) => ContentError::Locked,
            Err(error) => error,
        }
    }

    /// Fails unless the upload takes bytes at this offset, saying why.
    pub(crate) async fn must_be_open_at(&self, id: VideoId, offset: u64) -> Result<(), ContentError> {
        if self.is_deleted(id).await? {
            return Err(ContentError::Deleted);
        }
        let upload = self.inner.uploads.find(id).await?.ok_or(ContentError::NotFound)?;
        if upload.offset != offset || upload.state != UploadState::Open {
            return Err(ContentError::OffsetMismatch(upload.offset));
        }
        Ok(())
    }

    async fn is_deleted(&self, id: VideoId) -> Result<bool, ContentError> {
        Ok(self
            .inner
            .videos
            .find(id)
            .await?
            .is_none_or(|video| video.status == Status::Deleted))
    }
}

/// The reason of a deletion record whose upload ran out of time.
const EXPIRED: &str = "upload_expired";

pub(crate) fn sink_state(upload: &Upload) -> Result<Option<SinkState>, ContentError> {
    upload
        .sink_state
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| ContentError::Internal(format!("an upload's state can't be read: {error}")))
}
