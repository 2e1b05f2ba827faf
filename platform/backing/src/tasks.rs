//! The task queue: work that must be done once, by whichever process is alive.
//!
//! The row is the truth. A task is enqueued in the transaction of the change that asks for it,
//! claimed under a lease with a fence that grows with each claim, and completed in a transaction
//! that checks the fence, so that a worker that was taken for dead can't publish afterwards.
//! Order: priority first (higher is sooner), then a fair share per owner within kind and priority.

mod queue;
mod settle;
mod share;
mod worker;

pub use queue::{DeadLetter, Queue};
pub use worker::Worker;

use crate::db::{DbError, Tx};
use crate::{Clock, args};
use async_trait::async_trait;
use contracts::{Timestamp, UserId};
use std::time::Duration;
use uuid::Uuid;

/// A task to be enqueued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// Which job runs it.
    pub kind: &'static str,
    /// Names the work, `scan:{video}`; there is one task of a key until it is done or dead.
    pub key: String,
    /// What the job needs to know.
    pub payload: serde_json::Value,
    /// Not before this moment.
    pub run_after: Timestamp,
    /// Higher is sooner, whatever waits below; 0 is usual.
    pub priority: i64,
    /// Whose fair share it counts against; without an owner it waits behind nobody's backlog.
    pub owner: Option<UserId>,
    /// What it is about; all tasks of a subject can be taken back or enqueued again together.
    pub subject: Option<Uuid>,
}

/// Enqueues a task with the caller's transaction; false when one of its key is not done yet.
pub async fn enqueue(tx: &mut Tx, task: &NewTask) -> Result<bool, DbError> {
    if is_enqueued(tx, &task.key).await? {
        return Ok(false);
    }
    let tag = share::next_tag(tx, task).await?;
    let insert = "INSERT INTO tasks (id, kind, key, live_key, payload, state, priority, owner, start_tag, run_after, subject, \
        fence) VALUES ($1, $2, $3, $3, $4, 'scheduled', $5, $6, $7, $8, $9, $10) ON CONFLICT (live_key) DO NOTHING";
    let values = args![
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
    ];
    let added = tx.run(insert, values).await? == 1;
    if added {
        tx.mark_enqueued();
    }
    Ok(added)
}

/// Fences count from the time in milliseconds, so that a later task of the same key stands over every earlier one.
fn first_fence(task: &NewTask) -> i64 {
    task.run_after.0 / 1_000
}

/// Whether a task of a key waits or runs, as the caller's transaction sees it.
pub async fn is_enqueued(tx: &mut Tx, key: &str) -> Result<bool, DbError> {
    let known = "SELECT 1 FROM tasks WHERE live_key = $1";
    Ok(tx.one::<(i64,)>(known, args![key]).await?.is_some())
}

/// Takes a task back with the caller's transaction; one that is running can't complete any more.
pub async fn cancel(tx: &mut Tx, key: &str, now: Timestamp) -> Result<bool, DbError> {
    let cancel = "UPDATE tasks SET state = 'done', live_key = NULL, lease_until = NULL, fence = fence + 1, \
        finished_at = $2 WHERE live_key = $1";
    Ok(tx.run(cancel, args![key, now]).await? == 1)
}

/// Takes all tasks of a subject back with the caller's transaction; tells how many that were.
///
/// Dead letters are taken back too: nobody will look at them any more.
pub async fn cancel_subject(tx: &mut Tx, subject: Uuid, now: Timestamp) -> Result<u64, DbError> {
    let cancel = "UPDATE tasks SET state = 'done', live_key = NULL, lease_until = NULL, fence = fence + 1, \
        finished_at = $2 WHERE subject = $1 AND state <> 'done'";
    tx.run(cancel, args![subject, now]).await
}

/// Takes back those tasks of a subject that are not dead letters, which can still be enqueued again.
pub async fn cancel_living(tx: &mut Tx, subject: Uuid, now: Timestamp) -> Result<u64, DbError> {
    let cancel = "UPDATE tasks SET state = 'done', live_key = NULL, lease_until = NULL, fence = fence + 1, \
        finished_at = $2 WHERE subject = $1 AND state <> 'done' AND state <> 'dead'";
    tx.run(cancel, args![subject, now]).await
}

/// Enqueues the dead letters of a subject again with the caller's transaction; tells how many that were.
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

/// A task that a worker holds.
#[derive(Debug, Clone)]
pub struct Task {
    /// The task's own id.
    pub id: Uuid,
    /// Which job runs it.
    pub kind: String,
    /// Names the work.
    pub key: String,
    /// What was enqueued.
    pub payload: serde_json::Value,
    /// Whose share it counts against.
    pub owner: Option<UserId>,
    /// Counts the claims since it was enqueued or last went well, this one included.
    pub attempt: i64,
    /// How many workers died with it.
    pub losses: i64,
    /// Grows with each claim; part of the keys of what the job writes.
    pub fence: i64,
    clock: Clock,
}

impl Task {
    /// Completes the task in the caller's transaction; false when another worker has it now.
    ///
    /// On false the caller gives its transaction up: what it did belongs to somebody else.
    pub async fn finish_in(&self, tx: &mut Tx) -> Result<bool, DbError> {
        settle::done(tx, self, self.clock.now()).await
    }

    /// Whether, in the caller's transaction, the claim still holds.
    pub async fn is_held_in(&self, tx: &mut Tx) -> Result<bool, DbError> {
        let held = "SELECT 1 FROM tasks WHERE id = $1 AND fence = $2 AND state = 'running'";
        Ok(tx.one::<(i64,)>(held, args![self.id, self.fence]).await?.is_some())
    }

    /// Makes sure, in the caller's transaction, that the claim still holds, for what is published before the end.
    ///
    /// It went well so far: earlier losses and attempts are forgotten. On false the caller gives its transaction up.
    pub async fn holds_in(&self, tx: &mut Tx) -> Result<bool, DbError> {
        settle::progressed(tx, self).await
    }
}

/// How a job ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The worker completes the task.
    Complete,
    /// The job completed it by [`Task::finish_in`], together with what it published.
    AlreadyComplete,
    /// All is well, and the task runs again after this span.
    Again(Duration),
}

/// How a job failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The same again would fail the same way: a stable code and words.
    #[error("{0}: {1}")]
    Permanent(String, String),
    /// Something that may be better later: tried again with growing pauses.
    #[error("{0}")]
    Retry(String),
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

    /// Does the work; dropped at any await when the lease is lost or the process stops for good.
    async fn run(&self, task: &Task) -> Result<Done, JobError>;

    /// Told in the transaction that makes the task a dead letter; usual is to do nothing.
    async fn abandoned(&self, tx: &mut Tx, task: &Task, code: &str, message: &str) -> Result<(), DbError> {
        let _ = (tx, task, code, message);
        Ok(())
    }
}
