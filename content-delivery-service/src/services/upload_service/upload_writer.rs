//! The write path: gathers bytes without copying them, stores and syncs them in large batches, and notes them in the
//! database at checkpoints. A client learns the offset that the database has, so that it never goes back.

use super::active_uploads::{Seat, Slot};
use super::upload_store::{UploadStore, sink_state};
use crate::metric;
use crate::models::uploads::checksum::Checksum;
use crate::models::uploads::upload::{HEAD_BYTES, SNIFF_AT};
use crate::repositories::uploads::upload_repository::{Claim, DurableProgress};
use crate::services::error::{Failure, UploadError};
use aws_lc_rs::digest;
use backing::objects::SinkState;
use backing::objects::upload_memory::{Batch, Granted, UploadMemory};
use bytes::Bytes;
use contracts::{UserId, VideoId};
use futures::{Stream, StreamExt};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long bytes may wait for their batch to fill up, and the longest way between two checkpoints.
const CHECKPOINT_TIME: Duration = Duration::from_secs(1);

/// Some bytes of a request, or why no more will come.
type Frame = Result<Bytes, Box<dyn Error + Send + Sync>>;

/// The bytes of one request, as they come.
pub(crate) type ByteSource<'a> = dyn Stream<Item = Frame> + Send + Unpin + 'a;

/// Holds an upload and writes it.
pub(crate) struct UploadWriter {
    store: UploadStore,
    video: VideoId,
    owner: UserId,
    fence: i64,
    length: Option<u64>,
    resumable: bool,
    seat: Seat,
    stored: Stored,
    /// What the database knows of it.
    noted: Stored,
    noted_at: Instant,
}

/// What is durable in the store, whether the database knows it yet or not.
#[derive(Clone)]
struct Stored {
    offset: u64,
    sink: Option<SinkState>,
    head: Vec<u8>,
}

/// How many bytes a batch may have.
#[derive(Clone, Copy)]
struct Limit {
    /// Bytes that may still come of the upload.
    room: u64,
    /// Bytes that are stored at once.
    batch: u64,
}

/// What comes after a batch.
enum Then {
    More,
    End,
    Broken(UploadError),
}

impl UploadWriter {
    /// Takes the upload, if this is its offset and nobody else is writing it.
    pub(crate) async fn open(
        store: &UploadStore,
        seat: Seat,
        video: VideoId,
        offset: u64,
    ) -> Result<Self, UploadError> {
        let Claim { upload, fence } = store.claim(video, offset).await?;
        // The sink refuses writes of an older fence that are still on their way to the disk.
        let sink = sink_state(&upload)?.map(|state| SinkState {
            writer: fence.unsigned_abs(),
            ..state
        });
        let stored = Stored {
            offset: upload.offset,
            sink,
            head: upload.head,
        };
        Ok(Self {
            store: store.clone(),
            video,
            owner: upload.owner_id,
            fence,
            length: upload.length,
            resumable: upload.resumable,
            seat,
            noted: stored.clone(),
            stored,
            noted_at: Instant::now(),
        })
    }

    /// How many bytes the store has.
    pub(crate) fn offset(&self) -> u64 {
        self.stored.offset
    }

    /// Whether every byte that was declared is here.
    pub(crate) fn is_complete(&self) -> bool {
        self.length == Some(self.stored.offset)
    }

    /// Stores a body to its end. With a checksum, nothing of it counts unless all of it is right.
    ///
    /// Errors: the bytes before the error are stored; `release` or `complete` notes them
    pub(crate) async fn take(
        &mut self,
        body: &mut ByteSource<'_>,
        checksum: Option<&Checksum>,
    ) -> Result<(), UploadError> {
        let mut check = checksum.map(Check::new);
        let mut result = self.pump(body, check.as_mut()).await;
        if let Some(check) = check {
            result = result.and_then(|()| check.verify());
        }
        match result {
            // A body with a checksum is trusted, and sniffed, when all of it is here.
            Ok(()) if self.noted.offset < SNIFF_AT && self.stored.offset >= SNIFF_AT => self.sniff(),
            Ok(()) => Ok(()),
            Err(error) => {
                if checksum.is_some() || matches!(error, UploadError::LongerThanDeclared) {
                    self.stored = self.noted.clone();
                }
                Err(error)
            }
        }
    }

    async fn pump(&mut self, body: &mut ByteSource<'_>, mut check: Option<&mut Check>) -> Result<(), UploadError> {
        let counts = check.is_none();
        let mut reader = BodyReader {
            body,
            slot: Arc::clone(&self.seat.slot),
            memory: self.store.memory().clone(),
            next: None,
        };
        let (mut batch, mut then) = reader.gather(self.limit(0)).await;
        loop {
            if let Some(check) = check.as_deref_mut() {
                batch.parts().iter().for_each(|bytes| check.update(bytes));
            }
            match then {
                Then::More => {
                    // two batches at most are held of one upload
                    let limit = self.limit(batch.length);
                    let (stored, next) = futures::join!(self.store(batch, counts), reader.gather(limit));
                    stored?;
                    (batch, then) = next;
                }
                Then::End => return self.store(batch, counts).await,
                Then::Broken(error) => {
                    if counts && !matches!(error, UploadError::LongerThanDeclared) {
                        self.store(batch, counts).await?;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// The limits of the batch after the bytes that are stored and `pending` ones.
    fn limit(&self, pending: u64) -> Limit {
        let offset = self.stored.offset + pending;
        let most = self.length.unwrap_or_else(|| self.store.limits().max_bytes);
        Limit {
            room: most.saturating_sub(offset),
            batch: self.store.batch(offset),
        }
    }

    /// Stores a batch; `counts` says that it may be noted before the body has ended.
    async fn store(&mut self, batch: Batch, counts: bool) -> Result<(), UploadError> {
        if batch.length == 0 {
            return Ok(());
        }
        let (head, length, waited) = (self.stored.head.len(), batch.length, batch.waited);
        let (bytes, memory) = batch.into_parts();
        self.keep_head(&bytes);
        let after = self.stored.offset + length;
        if counts && self.stored.offset < SNIFF_AT && after >= SNIFF_AT {
            self.sniff()?;
        }
        let mut state = match self.stored.sink.take() {
            Some(state) => state,
            None => self.begin().await?,
        };
        let appended = self.store.append(self.video, &mut state, bytes, length).await;
        drop(memory);
        self.stored.sink = Some(state);
        if appended.is_err() {
            self.stored.head.truncate(head);
        }
        let offset = appended?;
        if offset != after {
            let found = format!("the store says byte {offset} where {after} was expected");
            return Err(Failure::Internal(found).into());
        }
        self.stored.offset = offset;
        metrics::counter!(metric::UPLOAD_BYTES).increment(length);
        // The end is noted together with the change of state.
        if counts && !self.is_complete() && (waited || self.is_checkpoint_due()) {
            self.checkpoint(false).await?;
            self.must_be_within_quota(0).await?;
        }
        Ok(())
    }

    /// The database knows of the object before there is a byte of it, so that giving it up finds it.
    async fn begin(&mut self) -> Result<SinkState, UploadError> {
        let begun = self.store.begin(self.video).await?;
        let state = SinkState {
            writer: self.fence.unsigned_abs(),
            ..begun
        };
        let stored = std::mem::replace(&mut self.stored, self.noted.clone());
        self.stored.sink = Some(state.clone());
        let noted = self.checkpoint(false).await;
        self.stored = Stored {
            sink: Some(state.clone()),
            ..stored
        };
        noted.map(|()| state)
    }

    /// What was declared was checked when the upload began; what was not is checked as it comes.
    async fn must_be_within_quota(&self, unnoted: u64) -> Result<(), UploadError> {
        match self.length {
            Some(_) => Ok(()),
            None => self.store.must_be_within_quota(self.owner, unnoted).await,
        }
    }

    fn keep_head(&mut self, bytes: &[Bytes]) {
        for part in bytes {
            let missing = HEAD_BYTES - self.stored.head.len().min(HEAD_BYTES);
            if missing == 0 || self.stored.offset >= SNIFF_AT {
                return;
            }
            self.stored.head.extend(part.iter().take(missing));
        }
    }

    fn sniff(&self) -> Result<(), UploadError> {
        if fmp4::sniff(&self.stored.head).is_media() {
            Ok(())
        } else {
            Err(UploadError::UnsupportedMedia)
        }
    }

    fn is_checkpoint_due(&self) -> bool {
        self.stored.offset - self.noted.offset >= self.store.limits().checkpoint_bytes
            || self.noted_at.elapsed() >= CHECKPOINT_TIME
    }

    fn progress(&self) -> Result<DurableProgress, Failure> {
        let sink_state = self.stored.sink.as_ref().map(serde_json::to_string).transpose();
        let sink_state = sink_state.map_err(|error| Failure::Internal(error.to_string()))?;
        let head = if self.stored.offset >= SNIFF_AT {
            Vec::new()
        } else {
            self.stored.head.clone()
        };
        Ok(DurableProgress {
            offset: self.stored.offset,
            sink_state,
            head,
        })
    }

    async fn checkpoint(&mut self, last: bool) -> Result<(), UploadError> {
        let progress = self.progress()?;
        let noted = self
            .store
            .checkpoint(self.video, self.fence, &progress, self.resumable, last);
        noted.await?;
        if let Some(state) = &mut self.stored.sink {
            self.store.noted(self.video, state).await;
        }
        self.noted = self.stored.clone();
        self.noted_at = Instant::now();
        Ok(())
    }

    /// Notes what is stored and releases the upload.
    pub(crate) async fn release(mut self) -> Result<u64, UploadError> {
        self.checkpoint(true).await?;
        Ok(self.noted.offset)
    }

    /// Ends the upload after its last byte: from now on it will be finished, even after a crash.
    ///
    /// Errors: `EmptyFile` and `UnsupportedMedia` say that this is no lecture; the caller refuses it
    pub(crate) async fn complete(&mut self) -> Result<(), UploadError> {
        match self.stored.offset {
            0 => return Err(UploadError::EmptyFile),
            _ if self.noted.offset < SNIFF_AT => self.sniff()?,
            _ => {}
        }
        self.must_be_within_quota(self.stored.offset - self.noted.offset)
            .await?;
        let progress = self.progress()?;
        self.store.complete(self.video, self.fence, &progress).await
    }

    /// Removes the upload with everything that was stored of it.
    pub(crate) async fn refuse(self) -> Result<(), Failure> {
        self.store.forget(self.video, self.stored.sink.as_ref()).await
    }
}

/// A request's bytes, taken as fast as there is memory for them.
struct BodyReader<'a, 'b> {
    body: &'a mut ByteSource<'b>,
    slot: Arc<Slot>,
    memory: UploadMemory,
    /// A frame that there was no memory for yet.
    next: Option<Bytes>,
}

impl BodyReader<'_, '_> {
    /// Collects bytes until there are enough, they have waited long enough, the body ends, or memory is short.
    async fn gather(&mut self, limit: Limit) -> (Batch, Then) {
        let mut batch = Batch::default();
        let mut first_at: Option<Instant> = None;
        while batch.length < limit.batch {
            let frame = match self.next.take() {
                Some(frame) => Some(Ok(frame)),
                None => match self.frame(first_at).await {
                    Some(frame) => frame,
                    None => {
                        batch.waited = true;
                        break;
                    }
                },
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(error)) if error.is::<Stopped>() => return (batch, Then::Broken(UploadError::Locked)),
                Some(Err(error)) => return (batch, Then::Broken(UploadError::BodyLost(error))),
                None => return (batch, Then::End),
            };
            let length = u64::try_from(frame.len()).unwrap_or(u64::MAX);
            if length > limit.room.saturating_sub(batch.length) {
                return (batch, Then::Broken(UploadError::LongerThanDeclared));
            }
            // A batch has exactly its number of bytes, as the store wants it.
            let fits = usize::try_from(limit.batch - batch.length).map_or(frame.len(), |most| most.min(frame.len()));
            let part = frame.slice(..fits);
            let granted = match self.memory.try_take(&part) {
                Some(granted) => granted,
                // Others wait, too: what this request has is stored first, so that its memory is free.
                None if batch.length > 0 => {
                    self.next = Some(frame);
                    break;
                }
                None => match self.wait(&part).await {
                    Ok(granted) => granted,
                    Err(error) => return (batch, Then::Broken(error)),
                },
            };
            batch.push(part, granted);
            self.next = (fits < frame.len()).then(|| frame.slice(fits..));
            first_at.get_or_insert_with(Instant::now);
        }
        (batch, Then::More)
    }

    /// The body's next frame; none of them if those before have waited long enough.
    async fn frame(&mut self, first_at: Option<Instant>) -> Option<Option<Frame>> {
        self.slot.set_waiting(true);
        let waited_enough = async {
            match first_at {
                Some(at) => tokio::time::sleep_until(at + CHECKPOINT_TIME).await,
                None => std::future::pending().await,
            }
        };
        let frame = tokio::select! {
            biased;
            frame = self.body.next() => frame,
            () = self.slot.stopped() => Some(Err(Stopped.into())),
            () = waited_enough => return None,
        };
        self.slot.set_waiting(false);
        Some(frame)
    }

    /// Waits for memory; the sender is held up meanwhile.
    async fn wait(&mut self, frame: &Bytes) -> Result<Granted, UploadError> {
        tokio::select! {
            granted = self.memory.take(frame) => granted.ok_or_else(|| {
                metrics::counter!(metric::UPLOADS_REFUSED, "excess" => "memory").increment(1);
                UploadError::Busy
            }),
            () = self.slot.stopped() => Err(UploadError::Locked),
        }
    }
}

/// Another request took the upload over, deleted it, or revoked its key.
#[derive(Debug, thiserror::Error)]
#[error("the writer must stop")]
struct Stopped;

/// The checksum of a request's bytes as they come.
struct Check {
    context: digest::Context,
    expected: Vec<u8>,
}

impl Check {
    fn new(checksum: &Checksum) -> Self {
        let (algorithm, expected) = match checksum {
            Checksum::Sha1(sum) => (&digest::SHA1_FOR_LEGACY_USE_ONLY, sum),
            Checksum::Sha256(sum) => (&digest::SHA256, sum),
        };
        Self {
            context: digest::Context::new(algorithm),
            expected: expected.clone(),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    fn verify(self) -> Result<(), UploadError> {
        if self.context.finish().as_ref() == self.expected {
            Ok(())
        } else {
            Err(UploadError::ChecksumMismatch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::upload_service::active_uploads::SILENCE;
    use futures::stream;

    const LIMIT: Limit = Limit {
        room: u64::MAX,
        batch: 1 << 20,
    };

    #[tokio::test]
    async fn a_batch_has_exactly_as_many_bytes_as_the_store_wants() {
        let frames = (0..100_u8).map(|n| Ok(Bytes::from(vec![n; 10_000])));
        let expected: Vec<u8> = (0..100_u8).flat_map(|n| vec![n; 10_000]).collect();
        let mut body = stream::iter(frames);
        let mut reader = body_reader(&mut body, UploadMemory::default());
        let (mut gathered, mut lengths) = (Vec::new(), Vec::new());
        for batch in [25_000, 3, 70_000] {
            let (mut batch, _) = reader.gather(Limit { batch, ..LIMIT }).await;
            lengths.push(batch.length);
            gathered.extend(batch.parts().concat());
        }
        let (mut rest, then) = reader.gather(LIMIT).await;
        gathered.extend(rest.parts().concat());
        assert!(matches!(then, Then::End));
        assert_eq!(lengths, [25_000, 3, 70_000]);
        assert!(gathered == expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_is_silent_since_its_last_byte_whenever_that_was_stored() {
        let mut body = stream::iter([Ok(Bytes::from_static(b"a"))]).chain(stream::pending());
        let mut reader = body_reader(&mut body, UploadMemory::default());
        let (batch, _) = reader.gather(LIMIT).await;
        assert_eq!(batch.length, 1, "what has come is stored after a while");
        let rest = SILENCE - CHECKPOINT_TIME;
        let more = tokio::time::timeout(rest, reader.gather(LIMIT)).await;
        assert!(more.is_err(), "nothing more comes");
        assert!(reader.slot.is_silent());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_still_sends_is_not_silent() {
        let mut body = stream::unfold((), |()| async {
            tokio::time::sleep(SILENCE * 3 / 4).await;
            Some((Ok(Bytes::from_static(b"a")), ()))
        })
        .boxed();
        let mut reader = body_reader(&mut body, UploadMemory::default());
        for _ in 0..4 {
            reader.gather(LIMIT).await;
            assert!(!reader.slot.is_silent());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_memory_is_short_small_batches_are_stored_and_nothing_is_lost() {
        let memory = UploadMemory::new(10);
        let mut body = stream::iter((0..5_u8).map(|n| Ok(Bytes::from(vec![n; 4]))));
        let mut reader = body_reader(&mut body, memory.clone());
        let (mut first, then) = reader.gather(LIMIT).await;
        assert!(matches!(then, Then::More) && first.length == 8, "{}", first.length);
        let (mut second, ()) = tokio::join!(reader.gather(LIMIT), async {
            assert_eq!(first.parts().concat(), [0, 0, 0, 0, 1, 1, 1, 1]);
            drop(first);
        });
        assert_eq!(second.0.parts().concat(), [2, 2, 2, 2, 3, 3, 3, 3]);
        let held = memory.try_take(&Bytes::from_static(b"12"));
        assert!(held.is_some());
        let (batch, then) = reader.gather(LIMIT).await;
        assert!(
            matches!(then, Then::Broken(UploadError::Busy)),
            "memory never comes back"
        );
        assert_eq!(batch.length, 0);
    }

    fn body_reader<'a, 'b>(body: &'a mut ByteSource<'b>, memory: UploadMemory) -> BodyReader<'a, 'b> {
        BodyReader {
            body,
            slot: Arc::new(Slot::new()),
            memory,
            next: None,
        }
    }
}
