//! The ends of a claim, each only while the fence is valid.

use super::Task;
use crate::args;
use crate::db::{DbError, Tx};
use contracts::Timestamp;

pub(super) async fn done(tx: &mut Tx, task: &Task, now: Timestamp) -> Result<bool, DbError> {
    let done = "UPDATE tasks SET state = 'done', live_key = NULL, lease_until = NULL, finished_at = $3, \
        error_code = NULL, error = NULL WHERE id = $1 AND fence = $2 AND state = 'running'";
    Ok(tx.run(done, args![task.id, task.fence, now]).await? == 1)
}

/// Resets the counts, because a part of the task was published.
pub(super) async fn progressed(tx: &mut Tx, task: &Task) -> Result<bool, DbError> {
    let progressed = "UPDATE tasks SET attempt = 1, losses = 0 WHERE id = $1 AND fence = $2 AND state = 'running'";
    Ok(tx.run(progressed, args![task.id, task.fence]).await? == 1)
}

/// Reschedules a successful task: attempts and losses start at zero.
pub(super) async fn again(tx: &mut Tx, task: &Task, run_after: Timestamp) -> Result<bool, DbError> {
    let again = "UPDATE tasks SET state = 'scheduled', lease_until = NULL, run_after = $3, attempt = 0, losses = 0, \
        error_code = NULL, error = NULL WHERE id = $1 AND fence = $2 AND state = 'running'";
    Ok(tx.run(again, args![task.id, task.fence, run_after]).await? == 1)
}

pub(super) async fn retry(tx: &mut Tx, task: &Task, run_after: Timestamp, message: &str) -> Result<bool, DbError> {
    let retry = "UPDATE tasks SET state = 'scheduled', lease_until = NULL, run_after = $3, error_code = 'retry', \
        error = $4 WHERE id = $1 AND fence = $2 AND state = 'running'";
    Ok(tx.run(retry, args![task.id, task.fence, run_after, message]).await? == 1)
}

/// Reschedules a task that could not do its work, as if it had not been claimed.
pub(super) async fn wait(tx: &mut Tx, task: &Task, run_after: Timestamp, message: &str) -> Result<bool, DbError> {
    let wait = "UPDATE tasks SET state = 'scheduled', lease_until = NULL, run_after = $3, attempt = attempt - 1, \
        error_code = 'wait', error = $4 WHERE id = $1 AND fence = $2 AND state = 'running'";
    Ok(tx.run(wait, args![task.id, task.fence, run_after, message]).await? == 1)
}

pub(super) async fn dead(tx: &mut Tx, task: &Task, now: Timestamp, code: &str, message: &str) -> Result<bool, DbError> {
    let dead = "UPDATE tasks SET state = 'dead', live_key = NULL, lease_until = NULL, finished_at = $3, \
        error_code = $4, error = $5 WHERE id = $1 AND fence = $2 AND state = 'running'";
    Ok(tx.run(dead, args![task.id, task.fence, now, code, message]).await? == 1)
}

/// Releases the task as if it had not been claimed.
pub(super) async fn release(tx: &mut Tx, task: &Task) -> Result<bool, DbError> {
    let release = "UPDATE tasks SET state = 'waiting', lease_until = NULL, attempt = attempt - 1 \
        WHERE id = $1 AND fence = $2 AND state = 'running'";
    Ok(tx.run(release, args![task.id, task.fence]).await? == 1)
}
