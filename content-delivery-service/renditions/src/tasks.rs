//! The tasks about lectures, one struct each, shared by the code that enqueues a task and the job that runs it.

use crate::models::plan::{PlannedTask, Work};
use crate::models::survey::ScannedTracks;
use backing::tasks::{JobError, NewTask, Task};
use contracts::{Timestamp, UserId, VideoId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Teachers wait for the result of a scan or survey.
const LOOKS: i64 = 100;
/// Removals are urgent for no one.
const REMOVALS: i64 = 0;
/// Looking whether a removal left something is less urgent than any removal.
const SECOND_LOOKS: i64 = -10;

/// Scans an uploaded source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanTask {
    /// The video of the source.
    pub video_id: VideoId,
}

/// Plans what the recording of a live lecture lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingTask {
    /// The video.
    pub video_id: VideoId,
}

/// Joins the segments of a live lecture's recording into larger objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinTask {
    /// The video.
    pub video_id: VideoId,
}

/// Surveys a source that needs encoding, with an encoder's probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyTask {
    /// The video of the source.
    pub video_id: VideoId,
    /// The tracks that a scan has chosen; none if it could not read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracks: Option<ScannedTracks>,
}

/// Encodes a part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodeTask {
    /// The video.
    pub video_id: VideoId,
    /// The plan's generation.
    pub generation: u32,
    /// The part to encode.
    pub work: Work,
}

/// Removes the objects that no current plan refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TidyTask {
    /// The video.
    pub video_id: VideoId,
    /// The generation of the plan that is complete.
    pub generation: u32,
    /// Whether to remove the plans before it as well.
    pub older: bool,
}

/// Which sweep of a deleted video a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepPass {
    /// Deletes what is there.
    First,
    /// Deletes what came late, and ends the deletion.
    Second,
    /// Deletes what came after that.
    Late,
}

/// Deletes the objects of a deleted video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepTask {
    /// The video.
    pub video_id: VideoId,
}

/// Reads the payload of a task.
///
/// Errors: permanent, if the payload is of another kind
pub fn read<T: DeserializeOwned>(task: &Task) -> Result<T, JobError> {
    serde_json::from_value(task.payload.clone())
        .map_err(|error| JobError::Permanent("bad_payload".to_owned(), error.to_string()))
}

impl ScanTask {
    /// The kind of job that runs it.
    pub const KIND: &'static str = "scan";

    /// The key of the task in the queue.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}", Self::KIND, self.video_id)
    }

    /// The task, due at once.
    #[must_use]
    pub fn task(&self, owner: UserId, now: Timestamp) -> NewTask {
        NewTask {
            kind: Self::KIND,
            key: self.key(),
            payload: json!(self),
            run_after: now,
            priority: LOOKS,
            owner: Some(owner),
            subject: Some(self.video_id.0),
        }
    }
}

impl RecordingTask {
    /// The kind of job that runs it.
    pub const KIND: &'static str = "recording";

    /// The task, due at once.
    #[must_use]
    pub fn task(&self, owner: UserId, now: Timestamp) -> NewTask {
        NewTask {
            kind: Self::KIND,
            key: format!("{}:{}", Self::KIND, self.video_id),
            payload: json!(self),
            run_after: now,
            priority: LOOKS,
            owner: Some(owner),
            subject: Some(self.video_id.0),
        }
    }
}

impl JoinTask {
    /// The kind of job that runs it.
    pub const KIND: &'static str = "join";

    /// The task, due at once.
    #[must_use]
    pub fn task(&self, owner: UserId, now: Timestamp) -> NewTask {
        NewTask {
            kind: Self::KIND,
            key: format!("{}:{}", Self::KIND, self.video_id),
            payload: json!(self),
            run_after: now,
            priority: REMOVALS,
            owner: Some(owner),
            subject: Some(self.video_id.0),
        }
    }
}

/// What is to be done with a recording that is complete.
#[must_use]
pub fn of_recording(video_id: VideoId, owner: UserId, now: Timestamp) -> Vec<NewTask> {
    vec![
        RecordingTask { video_id }.task(owner, now),
        JoinTask { video_id }.task(owner, now),
    ]
}

impl SurveyTask {
    /// The kind of job that runs it.
    pub const KIND: &'static str = "survey";

    /// The key of a video's task in the queue.
    #[must_use]
    pub fn key(video: VideoId) -> String {
        format!("{}:{video}", Self::KIND)
    }

    /// The task, due at once.
    #[must_use]
    pub fn task(&self, owner: UserId, now: Timestamp) -> NewTask {
        NewTask {
            kind: Self::KIND,
            key: Self::key(self.video_id),
            payload: json!(self),
            run_after: now,
            priority: LOOKS,
            owner: Some(owner),
            subject: Some(self.video_id.0),
        }
    }
}

impl EncodeTask {
    /// The kind of job that runs it.
    pub const KIND: &'static str = "encode";
    /// The kind of job for work that a lecture needs to become playable.
    pub const FIRST_KIND: &'static str = "encode-first";

    /// The key of the task in the queue.
    #[must_use]
    pub fn key(&self) -> String {
        let Self {
            video_id,
            generation,
            work,
        } = self;
        format!("{}:{video_id}:{generation}:{}", Self::KIND, work.key())
    }

    /// The task for a part of a plan, due at once.
    #[must_use]
    pub fn task(
        (video_id, generation): (VideoId, u32),
        planned: PlannedTask,
        owner: UserId,
        now: Timestamp,
    ) -> NewTask {
        let kind = if planned.is_first() {
            Self::FIRST_KIND
        } else {
            Self::KIND
        };
        let encode = Self {
            video_id,
            generation,
            work: planned.work,
        };
        NewTask {
            kind,
            key: encode.key(),
            payload: json!(encode),
            run_after: now,
            priority: planned.priority,
            owner: Some(owner),
            subject: Some(video_id.0),
        }
    }
}

impl TidyTask {
    /// The kind of job that runs it.
    pub const KIND: &'static str = "tidy";

    /// The key of the task in the queue.
    #[must_use]
    pub fn key(&self) -> String {
        let when = if self.older { "later" } else { "now" };
        format!("{}:{}:{}:{when}", Self::KIND, self.video_id, self.generation)
    }

    /// The task.
    #[must_use]
    pub fn task(&self, owner: UserId, run_after: Timestamp) -> NewTask {
        NewTask {
            kind: Self::KIND,
            key: self.key(),
            payload: json!(self),
            run_after,
            priority: REMOVALS,
            owner: Some(owner),
            subject: Some(self.video_id.0),
        }
    }
}

impl SweepTask {
    /// The kind of job that runs it.
    pub const KIND: &'static str = "sweep";

    /// The task. It has no subject, because deleting a video cancels all tasks with the video as their subject.
    #[must_use]
    pub fn task(&self, pass: SweepPass, owner: UserId, run_after: Timestamp) -> NewTask {
        let (name, priority) = match pass {
            SweepPass::First => ("now", REMOVALS),
            SweepPass::Second => ("second", SECOND_LOOKS),
            SweepPass::Late => ("late", SECOND_LOOKS),
        };
        NewTask {
            kind: Self::KIND,
            key: format!("{}:{}:{name}", Self::KIND, self.video_id),
            payload: json!(self),
            run_after,
            priority,
            owner: Some(owner),
            subject: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn tasks_that_the_version_before_stored_are_read() {
        let video_id = VideoId::generate();
        let owner = UserId::generate();
        let work = Work::Piece {
            number: 3,
            rungs: vec!["240p".parse().unwrap(), "360p".parse().unwrap()],
        };
        let planned = PlannedTask { work, priority: 10 };
        for (task, key, payload) in [
            (
                ScanTask { video_id }.task(owner, NOW),
                format!("scan:{video_id}"),
                json!({ "video_id": video_id }),
            ),
            (
                SurveyTask { video_id, tracks: None }.task(owner, NOW),
                format!("survey:{video_id}"),
                json!({ "video_id": video_id }),
            ),
            (
                EncodeTask::task((video_id, 2), planned, owner, NOW),
                format!("encode:{video_id}:2:240p-3"),
                json!({ "video_id": video_id, "generation": 2, "work": { "piece": { "number": 3, "rungs": ["240p", "360p"] } } }),
            ),
            (
                TidyTask {
                    video_id,
                    generation: 2,
                    older: true,
                }
                .task(owner, NOW),
                format!("tidy:{video_id}:2:later"),
                json!({ "video_id": video_id, "generation": 2, "older": true }),
            ),
            (
                SweepTask { video_id }.task(SweepPass::Late, owner, NOW),
                format!("sweep:{video_id}:late"),
                json!({ "video_id": video_id }),
            ),
        ] {
            assert_eq!((task.key, task.payload), (key, payload), "{}", task.kind);
        }
        assert_eq!(
            serde_json::from_value::<Work>(json!({ "audio": 1 })).unwrap(),
            Work::Audio(1)
        );
    }

    #[test]
    fn what_makes_a_lecture_playable_has_a_kind_of_its_own_and_a_key_like_the_rest() {
        let (video, owner) = (VideoId::generate(), UserId::generate());
        let first = PlannedTask {
            work: Work::Audio(0),
            priority: 30,
        };
        let task = EncodeTask::task((video, 1), first, owner, NOW);
        assert_eq!(
            (task.kind, task.key),
            (EncodeTask::FIRST_KIND, format!("encode:{video}:1:audio-0"))
        );
    }
}
