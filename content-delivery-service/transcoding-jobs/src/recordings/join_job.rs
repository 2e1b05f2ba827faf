//! Joins the segments of a live lecture's recording into objects of about the size of other lectures' pieces.
//!
//! The order keeps everything readable at any moment: the joined object is stored, then the rows of its segments name it in one
//! transaction, and what no row names any more is removed at the end. A worker that dies in between leaves objects that the
//! next one removes.

use super::source::Recordings;
use async_trait::async_trait;
use backing::objects::ObjectError;
use backing::tasks::{Done, Job, JobError, Task};
use broadcasts::models::recording::{Joined, Recording, StoredSegment, name_of};
use bytes::BytesMut;
use contracts::{ObjectKey, ObjectPrefix, RenditionName, VideoId};
use live::packager::Rendition;
use renditions::tasks::{self, JoinTask};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How long the segments of one object are together, as those of most pieces.
///
/// Units: microseconds
const LONGEST: u64 = 60_000_000;
/// How large one object is.
const LARGEST: u64 = 32 << 20;
/// How long a task works before it lets others pass.
const TURN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

/// Runs tasks of the kind `join`.
pub(crate) struct JoinJob(pub(crate) Recordings);

#[async_trait]
impl Job for JoinJob {
    fn kind(&self) -> &'static str {
        JoinTask::KIND
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let JoinTask { video_id: video } = tasks::read(task)?;
        let Some(recording) = self.0.complete(video).await? else {
            return Ok(Done::Complete);
        };
        let began = Instant::now();
        for (rendition, group) in groups(&recording) {
            if began.elapsed() > TURN {
                return Ok(Done::Again(PAUSE));
            }
            if !self.join((video, rendition), group, task).await? {
                return Ok(Done::AlreadyComplete); // the video was deleted, or another worker has the task
            }
        }
        self.remove_the_rest(video, began).await
    }
}

impl JoinJob {
    /// Joins some segments; `false` if that is not this worker's task any more.
    async fn join(
        &self,
        (video, rendition): (VideoId, Rendition),
        mut group: Vec<StoredSegment>,
        task: &Task,
    ) -> Result<bool, JobError> {
        let failed = |error: ObjectError| JobError::store("segments of a recording could not be joined", &error);
        let (Some(name), Some(first)) = (name_of(rendition), group.first().map(|it| it.state.sequence)) else {
            return Ok(true);
        };
        let length: u64 = group.iter().map(|it| it.state.bytes).sum();
        if !self.0.space.has_room_for_data(length) {
            return Err(JobError::Wait(
                "there is no room to join segments of a recording".to_owned(),
            ));
        }
        let mut bytes = BytesMut::with_capacity(usize::try_from(length).unwrap_or(0));
        for segment in &mut group {
            let own = self.0.read(&segment.place(video, &name)).await.map_err(failed)?;
            segment.joined = Some(Joined {
                first,
                fence: task.fence,
                offset: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            });
            bytes.extend_from_slice(&own);
        }
        let key = key(video, name, first, task.fence);
        self.0.objects.put(&key, bytes.freeze()).await.map_err(failed)?;
        let is_joined = self.0.repository.join((video, rendition), &group, task).await?;
        if is_joined {
            let count = u64::try_from(group.len()).unwrap_or(0);
            metrics::counter!(crate::SEGMENTS_JOINED).increment(count);
        } else if let Err(error) = self.0.objects.delete(&key).await {
            tracing::warn!(%key, %error, "segments that were joined in vain could not be removed");
        }
        Ok(is_joined)
    }

    /// Removes objects of the recording that no row names.
    async fn remove_the_rest(&self, video: VideoId, began: Instant) -> Result<Done, JobError> {
        let failed = |error: ObjectError| JobError::store("joined segments could not be removed", &error);
        let Some(recording) = self.0.complete(video).await? else {
            return Ok(Done::Complete);
        };
        let named: HashSet<String> = recording.keys(video).map(|key| key.to_string()).collect();
        let prefix = ObjectPrefix::Video(video);
        let live = format!("{prefix}/live/");
        let stored = self.0.objects.list(&prefix).await.map_err(failed)?;
        for key in stored
            .iter()
            .filter(|key| key.starts_with(&live) && !named.contains(*key))
        {
            if began.elapsed() > TURN {
                return Ok(Done::Again(PAUSE));
            }
            self.0.objects.delete_listed(key).await.map_err(failed)?;
        }
        Ok(Done::Complete)
    }
}

fn key(video: VideoId, rendition: RenditionName, first: u32, fence: i64) -> ObjectKey {
    ObjectKey::LivePiece {
        video,
        rendition,
        first,
        fence,
    }
}

/// Neighbours that have objects of their own, as many as one object takes; a segment alone stays as it is.
fn groups(recording: &Recording) -> Vec<(Rendition, Vec<StoredSegment>)> {
    let mut groups: Vec<(Rendition, Vec<StoredSegment>)> = Vec::new();
    for (rendition, stored) in &recording.renditions {
        let mut group: Vec<StoredSegment> = Vec::new();
        let (mut micros, mut bytes) = (0_u64, 0_u64);
        for segment in stored.segments.values() {
            let is_full = micros >= LONGEST || bytes.saturating_add(segment.state.bytes) > LARGEST;
            if segment.joined.is_some() || segment.state.is_gap() || is_full {
                groups.push((*rendition, std::mem::take(&mut group)));
                (micros, bytes) = (0, 0);
            }
            if segment.joined.is_none() && !segment.state.is_gap() {
                micros = micros.saturating_add(segment.state.duration);
                bytes = bytes.saturating_add(segment.state.bytes);
                group.push(*segment);
            }
        }
        groups.push((*rendition, group));
    }
    groups.retain(|(_, group)| group.len() > 1);
    groups
}
