//! The rows and the bytes of one upload, under its fence; the writer of a request and the service both use them.

use super::active_uploads::SILENCE;
use crate::config::{QuotaConfig, UploadConfig};
use crate::metric;
use crate::models::uploads::upload::{Upload, UploadState};
use crate::models::uploads::usage::Allowance;
use crate::repositories::uploads::upload_repository::{Claim, DurableProgress, UploadRepository};
use crate::repositories::videos::deletion_repository::DeletionRepository;
use crate::repositories::videos::video_repository::VideoRepository;
use crate::services::error::{Denied, Failure, UploadError};
use backing::Clock;
use backing::objects::upload_memory::UploadMemory;
use backing::objects::{Objects, SinkState, UploadSink};
use backing::space::Space;
use bytes::Bytes;
use contracts::{ObjectKey, ObjectPrefix, Timestamp, UserId, VideoId};
use renditions::models::lecture::{Reason, Status};
use std::sync::Arc;
use std::time::Duration;

/// How long an upload that cannot be resumed is kept after its last byte if its request dies.
const UNRESUMABLE_LIFE: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// How often a claim is tried while another process may still be writing, across its silence.
const CLAIM_TRIES: u32 = 9;

/// Keeps uploads: their rows in the database, their bytes in the object store.
#[derive(Clone)]
pub(crate) struct UploadStore {
    videos: VideoRepository,
    uploads: UploadRepository,
    deletions: DeletionRepository,
    objects: Objects,
    space: Space,
    memory: UploadMemory,
    clock: Clock,
    config: UploadConfig,
    quota: QuotaConfig,
}

impl UploadStore {
    pub(crate) fn new(
        videos: VideoRepository,
        uploads: UploadRepository,
        deletions: DeletionRepository,
        (objects, space): (Objects, Space),
        clock: Clock,
        (config, quota): (UploadConfig, QuotaConfig),
    ) -> Self {
        Self {
            videos,
            uploads,
            deletions,
            objects,
            space,
            memory: UploadMemory::default(),
            clock,
            config,
            quota,
        }
    }

    /// The memory for bytes that are not stored yet.
    pub(crate) fn memory(&self) -> &UploadMemory {
        &self.memory
    }

    /// What one owner may have.
    pub(crate) fn quota(&self) -> &QuotaConfig {
        &self.quota
    }

    /// What a new upload must fit into.
    pub(crate) fn allowance(&self) -> Allowance {
        Allowance {
            bytes: Some(self.quota.bytes).filter(|most| *most > 0),
            uploads: Some(self.quota.uploads.into()).filter(|most| *most > 0),
            room: self.space.room(),
        }
    }

    /// Whether an owner is within the quota with `unnoted` bytes beyond those that the database knows.
    ///
    /// Errors: `QuotaExceeded`
    pub(crate) async fn must_be_within_quota(&self, owner: UserId, unnoted: u64) -> Result<(), UploadError> {
        if self.quota.bytes == 0 {
            return Ok(());
        }
        let usage = self.videos.usage(owner).await?;
        let allowance = self.allowance();
        if allowance.is_exceeded(usage, unnoted) {
            return Err(UploadError::QuotaExceeded {
                allowed: self.quota.bytes,
                free: allowance.free(usage),
            });
        }
        Ok(())
    }

    /// The longest upload, and how many bytes may come between two checkpoints.
    pub(crate) fn limits(&self) -> &UploadConfig {
        &self.config
    }

    /// When an upload that takes its last byte now is given up.
    pub(crate) fn expires_at(&self, now: Timestamp, resumable: bool) -> Timestamp {
        now + if resumable {
            DAY * u32::from(self.config.expires_days)
        } else {
            UNRESUMABLE_LIFE
        }
    }

    /// An upload, also a finished one.
    pub(crate) async fn find(&self, id: VideoId) -> Result<Option<Upload>, Failure> {
        Ok(self.uploads.find(id).await?)
    }

    /// Makes the caller the writer of an upload at this offset; another process's writer gets the time to be found silent.
    ///
    /// Errors: the offset is another, the upload is gone, or its writer is busy
    pub(crate) async fn claim(&self, id: VideoId, offset: u64) -> Result<Claim, UploadError> {
        for attempt in 0..CLAIM_TRIES {
            let now = self.clock.now();
            if let Some(claim) = self.uploads.claim(id, offset, now, now - SILENCE).await? {
                return Ok(claim);
            }
            self.must_be_open_at(id, offset).await?;
            if attempt + 1 < CLAIM_TRIES {
                tokio::time::sleep(SILENCE / (CLAIM_TRIES - 2)).await;
            }
        }
        Err(UploadError::Locked)
    }

    /// Makes an object for an upload's bytes.
    pub(crate) async fn begin(&self, id: VideoId) -> Result<SinkState, Failure> {
        Ok(self.sink().begin(&ObjectKey::VideoSource(id)).await?)
    }

    /// How many bytes should be stored at once behind this offset.
    pub(crate) fn batch(&self, offset: u64) -> u64 {
        self.sink().batch(offset)
    }

    /// Stores bytes behind those that are there, and returns the new durable offset.
    ///
    /// Errors: `StorageFull` if they would touch the reserve
    pub(crate) async fn append(
        &self,
        id: VideoId,
        state: &mut SinkState,
        bytes: Vec<Bytes>,
        length: u64,
    ) -> Result<u64, Failure> {
        if !self.space.take(length) {
            return Err(Failure::StorageFull);
        }
        Ok(self.sink().append(&ObjectKey::VideoSource(id), state, bytes).await?)
    }

    /// Notes what a writer has stored; `last` releases the upload.
    ///
    /// Errors: the fence is old, or the upload is gone
    pub(crate) async fn checkpoint(
        &self,
        id: VideoId,
        fence: i64,
        progress: &DurableProgress,
        resumable: bool,
        last: bool,
    ) -> Result<(), UploadError> {
        let now = self.clock.now();
        let expires_at = self.expires_at(now, resumable);
        let noted = self.uploads.checkpoint(id, fence, progress, now, expires_at, last);
        if noted.await? {
            Ok(())
        } else {
            Err(self.why_fenced(id).await)
        }
    }

    /// Deletes what a writer stored for states before this one, which the row has now.
    pub(crate) async fn noted(&self, id: VideoId, state: &mut SinkState) {
        self.sink().noted(&ObjectKey::VideoSource(id), state).await;
    }

    /// Notes that every byte is stored: from now on the upload will be finished, even after a crash.
    ///
    /// Errors: the fence is old, or the upload is gone
    pub(crate) async fn complete(
        &self,
        id: VideoId,
        fence: i64,
        progress: &DurableProgress,
    ) -> Result<(), UploadError> {
        if !self.uploads.complete(id, fence, progress, self.clock.now()).await? {
            return Err(self.why_fenced(id).await);
        }
        // The bytes are safe and noted as complete; the recovery job repairs a fault in what follows.
        if let Err(error) = self.finish(id).await {
            tracing::error!(video = %id, %error, "an upload could not be finished yet");
        }
        Ok(())
    }

    /// Puts a complete upload's object in its place and hands the lecture to the scan; repeating it does no harm.
    pub(crate) async fn finish(&self, id: VideoId) -> Result<(), Failure> {
        let Some(upload) = self.uploads.find(id).await? else {
            return Ok(());
        };
        if upload.state != UploadState::Finishing {
            return Ok(());
        }
        if let Some(state) = sink_state(&upload)? {
            self.sink().finish(&ObjectKey::VideoSource(id), &state).await?;
        }
        if self.uploads.finish(id, self.clock.now()).await? {
            metrics::counter!(metric::UPLOADS, "result" => "finished").increment(1);
        } else if self.is_deleted(id).await? {
            // The sweep may have looked before the object got its name.
            self.objects.delete_prefix(&ObjectPrefix::Video(id)).await?;
        }
        Ok(())
    }

    /// Removes the bytes of an upload that is not in its place yet.
    pub(crate) async fn abort(&self, id: VideoId) -> Result<(), Failure> {
        if let Some(upload) = self.uploads.find(id).await? {
            let state = sink_state(&upload)?.unwrap_or_default();
            self.sink().abort(&ObjectKey::VideoSource(id), &state).await?;
        }
        Ok(())
    }

    /// Removes an upload that never became a lecture, with the bytes of this state.
    pub(crate) async fn forget(&self, id: VideoId, state: Option<&SinkState>) -> Result<(), Failure> {
        if let Some(state) = state {
            self.sink().abort(&ObjectKey::VideoSource(id), state).await?;
        }
        Ok(self.deletions.discard(id, self.clock.now()).await?)
    }

    /// Deletes an upload whose time is over, unless somebody has continued it since.
    pub(crate) async fn expire(&self, id: VideoId, reason: &Reason) -> Result<bool, Failure> {
        Ok(self.deletions.expire(id, reason, self.clock.now()).await?)
    }

    fn sink(&self) -> &Arc<dyn UploadSink> {
        self.objects.uploads()
    }

    /// Why a writer lost its upload.
    async fn why_fenced(&self, id: VideoId) -> UploadError {
        match self.is_deleted(id).await {
            Ok(true) => Denied::Deleted.into(),
            Ok(false) => UploadError::Locked,
            Err(failure) => failure.into(),
        }
    }

    async fn must_be_open_at(&self, id: VideoId, offset: u64) -> Result<(), UploadError> {
        if self.is_deleted(id).await? {
            return Err(Denied::Deleted.into());
        }
        let upload = self.uploads.find(id).await?.ok_or(Denied::NotFound)?;
        if upload.offset != offset || upload.state != UploadState::Open {
            return Err(UploadError::OffsetMismatch(upload.offset));
        }
        Ok(())
    }

    async fn is_deleted(&self, id: VideoId) -> Result<bool, Failure> {
        let video = self.videos.find(id).await?;
        Ok(video.is_none_or(|video| video.status == Status::Deleted))
    }
}

/// What the sink noted about an upload, if it has begun.
pub(crate) fn sink_state(upload: &Upload) -> Result<Option<SinkState>, Failure> {
    let state = upload.sink_state.as_deref().map(serde_json::from_str).transpose();
    state.map_err(|error| Failure::Internal(format!("an upload's state can't be read: {error}")))
}
