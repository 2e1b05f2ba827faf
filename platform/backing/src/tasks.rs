//! The task queue: work that must be done once, by any live process.
//!
//! The row is the truth. A task is enqueued in the transaction of the change that requires it,
//! claimed under a lease with a fence that grows with each claim, and completed in a transaction
//! that checks the fence, so that a worker presumed dead can't publish afterwards.
//! Order: priority first (higher is sooner), then a fair share per owner within kind and priority.

mod queue;
mod settle;
mod share;
mod worker;

pub use queue::Queue;
pub use worker::Worker;

use crate::db::{DbError, Sql, Tx};
use crate::objects::ObjectError;
use crate::{Clock, args};
use async_trait::async_trait;
use contracts::{Timestamp, UserId};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use uuid::Uuid;

/// A task to enqueue.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// The kind of job that runs it.
    pub kind: &'static str,
    /// Identifies the work, such as `scan:{video}`; a key has only one task until that is done or dead.
    pub key: String,
    /// The job's input.
    pub payload: serde_json::Value,
    /// The earliest time to run it.
    pub run_after: Timestamp,
    /// Higher priorities always run first; 0 is usual.
    pub priority: i64,
    /// The owner whose fair share it counts against; a task without an owner waits behind no backlog.
    pub owner: Option<UserId>,
    /// Its subject; all tasks of a subject can be cancelled or enqueued again together.
    pub subject: Option<Uuid>,
}

/// The keys of living tasks among many. The list is JSON, so that one statement serves lists of any length.
const LIVING: Sql = Sql::both(
    "SELECT live_key FROM tasks WHERE live_key IN (SELECT value FROM json_each($1))",
    "SELECT live_key FROM tasks WHERE live_key = ANY (ARRAY(SELECT json_array_elements_text($1::json)))",
);
const INSERT: &str = "INSERT INTO tasks (id, kind, key, live_key, payload, state, priority, owner, start_tag, run_after, \
    subject, fence) VALUES ($1, $2, $3, $3, $4, 'scheduled', $5, $6, $7, $8, $9, $10) ON CONFLICT (live_key) DO NOTHING";

/// Enqueues a task in the caller's transaction; false if a task of its key is not done yet.
pub async fn enqueue(tx: &mut Tx, task: &NewTask) -> Result<bool, DbError> {
    Ok(enqueue_all(tx, std::slice::from_ref(task)).await? == 1)
}

/// Enqueues tasks in the caller's transaction, without those whose key has a task that is not done yet; returns the number
/// of new ones. Many tasks of one owner, kind and priority take as many statements as one.
pub async fn enqueue_all(tx: &mut Tx, new: &[NewTask]) -> Result<u64, DbError> {
    if new.is_empty() {
        return Ok(0);
    }
    let keys: serde_json::Value = new.iter().map(|task| task.key.as_str()).collect();
    let living: Vec<(String,)> = tx.all(LIVING, args![keys]).await?;
    let mut known: HashSet<&str> = living.iter().map(|(key,)| key.as_str()).collect();
    let mut shares: BTreeMap<_, Vec<&NewTask>> = BTreeMap::new();
    for task in new.iter().filter(|task| known.insert(&task.key)) {
        let share = (task.kind, task.priority, task.owner.map(Uuid::from));
        shares.entry(share).or_default().push(task);
    }
    let mut rows = Vec::new();
    for tasks in shares.into_values() {
        let mut tag = share::next_tag(tx, tasks[0], tasks.len()).await?;
        for task in tasks {
            rows.push(args![
                Uuid::now_v7(),
                task.kind,
                &task.key,
                &task.payload,
                task.priority,
                task.owner,
                tag,
                task.run_after,
                task.subject,
                first_fence(task)
            ]);
            tag += i64::from(task.owner.is_some());
        }
    }
    let added = tx.run_all(INSERT, rows).await?;
    if added > 0 {
        tx.mark_enqueued();
    }
    Ok(added)
}

/// Fences start at the time in milliseconds, so that a later task of the same key exceeds every earlier one.
fn first_fence(task: &NewTask) -> i64 {
    task.run_after.0 / 1_000
}

/// Whether a task of a key waits or runs, according to the caller's transaction.
pub async fn is_enqueued(tx: &mut Tx, key: &str) -> Result<bool, DbError> {
    let known = "SELECT 1 FROM tasks WHERE live_key = $1";
    Ok(tx.one::<(i64,)>(known, args![key]).await?.is_some())
}

/// Cancels a task in the caller's transaction; a running one can no longer complete.
pub async fn cancel(tx: &mut Tx, key: &str, now: Timestamp) -> Result<bool, DbError> {
    let cancel = "UPDATE tasks SET state = 'done', live_key = NULL, lease_until = NULL, fence = fence + 1, \
        finished_at = $2 WHERE live_key = $1";
    Ok(tx.run(cancel, args![key, now]).await? == 1)
}

/// Cancels all tasks of a subject in the caller's transaction; returns their number.
///
/// This includes dead letters (tasks that failed permanently), which nobody will look at any more.
pub async fn cancel_subject(tx: &mut Tx, subject: Uuid, now: Timestamp) -> Result<u64, DbError> {
    let cancel = "UPDATE tasks SET state = 'done', live_key = NULL, lease_until = NULL, fence = fence + 1, \
        finished_at = $2 WHERE subject = $1 AND state <> 'done'";
    tx.run(cancel, args![subject, now]).await
}

/// Cancels the tasks of a subject except its dead letters, which can still be enqueued again.
pub async fn cancel_living(tx: &mut Tx, subject: Uuid, now: Timestamp) -> Result<u64, DbError> {
    let cancel = "UPDATE tasks SET state = 'done', live_key = NULL, lease_until = NULL, fence = fence + 1, \
        finished_at = $2 WHERE subject = $1 AND state <> 'done' AND state <> 'dead'";
    tx.run(cancel, args![subject, now]).await
}

/// Enqueues the dead letters of a subject again in the caller's transaction; returns their number.
pub async fn revive_subject(tx: &mut Tx, subject: Uuid, now: Timestamp) -> Result<u64, DbError> {
    let revive = "UPDATE tasks SET state = 'scheduled', live_key = key, attempt = 0, losses = 0, run_after = $2, \
        finished_at = NULL, error_code = NULL, error = NULL WHERE subject = $1 AND state = 'dead' \
        AND NOT EXISTS (SELECT 1 FROM tasks living WHERE living.live_key = tasks.key)";
    let revived = tx.run(revive, args![subject, now]).await?;
    if revived > 0 {
        tx.mark_enqueued();
    }
    Ok(revived)
}

/// A claimed task.
#[derive(Debug, Clone)]
pub struct Task {
    /// The task's own id.
    pub id: Uuid,
    /// The kind of job that runs it.
    pub kind: String,
    /// Identifies the work.
    pub key: String,
    /// The job's input.
    pub payload: serde_json::Value,
    /// The owner whose share it counts against.
    pub owner: Option<UserId>,
    /// The number of claims since it was enqueued or last succeeded, including this one.
    pub attempt: i64,
    /// How many workers died while they ran it.
    pub losses: i64,
    /// Grows with each claim; part of the keys of the objects that the job writes.
    pub fence: i64,
    clock: Clock,
}

impl Task {
    /// Completes the task in the caller's transaction; false if another worker has it now.
    ///
    /// On false the caller must roll its transaction back, because the work now belongs to another worker.
    pub async fn finish_in(&self, tx: &mut Tx) -> Result<bool, DbError> {
        settle::done(tx, self, self.clock.now()).await
    }

    /// Whether the claim is still valid in the caller's transaction.
    pub async fn is_held_in(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let held = "SELECT 1 FROM tasks WHERE id = $1 AND fence = $2 AND state = 'running'";
        Ok(tx.one::<(i64,)>(held, args![self.id, self.fence]).await?.is_some())
    }

    /// Confirms the claim in the caller's transaction, to publish something before the task's end.
    ///
    /// This counts as success: earlier losses and attempts are forgotten. On false the caller must roll back.
    pub async fn holds_in(&self, tx: &mut Tx) -> Result<bool, DbError> {
        settle::progressed(tx, self).await
    }
}

/// How a job succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The worker completes the task.
    Complete,
    /// The job completed it with [`Task::finish_in`], together with its results.
    AlreadyComplete,
    /// The task runs again after this span.
    Again(Duration),
}

/// How a job failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// A retry would fail the same way; a stable code and a message.
    #[error("{0}: {1}")]
    Permanent(String, String),
    /// A retry may help; the task is retried with growing pauses.
    #[error("{0}")]
    Retry(String),
    /// Something that the work needs, such as a store or room on a disk, is not there now; the task runs again after a pause,
    /// and the attempt doesn't count.
    #[error("{0}")]
    Wait(String),
}

impl JobError {
    /// What an error of the object store means for a job that was `doing` something with it: a store that is away or full is
    /// waited for.
    #[must_use]
    pub fn store(doing: &str, error: &ObjectError) -> Self {
        let message = format!("{doing}: {error}");
        match error {
            ObjectError::Unavailable(_) | ObjectError::Full => Self::Wait(message),
            _ => Self::Retry(message),
        }
    }
}

impl From<DbError> for JobError {
    fn from(error: DbError) -> Self {
        Self::Retry(error.to_string())
    }
}

/// Runs the tasks of one kind.
#[async_trait]
pub trait Job: Send + Sync {
    /// The kind of its tasks.
    fn kind(&self) -> &'static str;

    /// Does the work. The future may be dropped at any await, if the lease is lost or the process stops.
    async fn run(&self, task: &Task) -> Result<Done, JobError>;

    /// Locks what [`Job::abandoned`] changes, before the task itself; does nothing by default.
    ///
    /// Whoever cancels the tasks of a subject has locked the subject first. In the other order, the two would wait for each
    /// other.
    async fn lock(&self, tx: &mut Tx, task: &Task) -> Result<(), DbError> {
        let _ = (tx, task);
        Ok(())
    }

    /// Called in the transaction that makes the task a dead letter; does nothing by default.
    async fn abandoned(&self, tx: &mut Tx, task: &Task, code: &str, message: &str) -> Result<(), DbError> {
        let _ = (tx, task, code, message);
        Ok(())
    }
}
