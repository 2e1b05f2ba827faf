//! A fair share per owner: start-time fair queueing within a lane (kind and priority).
//!
//! Each task gets a start tag when it is enqueued: the lane's virtual time, or one after its
//! owner's last task, whichever is later. Tasks run by tag, so that an owner with a thousand
//! tasks and one with a single task take turns. The lane's virtual time is the highest tag that ran.
//!
//! Source: Goyal, Vin, Cheng: Start-time Fair Queuing, 1996

use super::NewTask;
use crate::args;
use crate::db::{DbError, Tx};

/// The first start tag of some tasks like this one. The others follow it if the task has an owner, and have the same one
/// otherwise.
pub(super) async fn next_tag(tx: &mut Tx, task: &NewTask, count: usize) -> Result<i64, DbError> {
    let lane = "SELECT virtual_time FROM task_lanes WHERE kind = $1 AND priority = $2";
    let lane: Option<(i64,)> = tx.one(lane, args![task.kind, task.priority]).await?;
    let virtual_time = lane.map_or(0, |(time,)| time);
    let Some(owner) = task.owner else {
        return Ok(virtual_time);
    };
    let take = "INSERT INTO task_shares (kind, priority, owner, next_tag) VALUES ($1, $2, $3, $4 + $5) \
        ON CONFLICT (kind, priority, owner) DO UPDATE SET next_tag = $5 + \
        CASE WHEN task_shares.next_tag > $4 THEN task_shares.next_tag ELSE $4 END RETURNING next_tag";
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let taken: Option<(i64,)> = tx
        .one(take, args![task.kind, task.priority, owner, virtual_time, count])
        .await?;
    Ok(taken.map_or(virtual_time, |(next,)| next - count))
}

pub(super) async fn advance(tx: &mut Tx, kind: &str, priority: i64, tag: i64) -> Result<(), DbError> {
    let advance = "INSERT INTO task_lanes (kind, priority, virtual_time) VALUES ($1, $2, $3) \
        ON CONFLICT (kind, priority) DO UPDATE SET virtual_time = excluded.virtual_time \
        WHERE task_lanes.virtual_time < excluded.virtual_time";
    tx.run(advance, args![kind, priority, tag]).await?;
    Ok(())
}

/// Deletes owners whose tags the lane has passed: they would start at its virtual time anyway.
pub(super) async fn forget_passed(tx: &mut Tx) -> Result<(), DbError> {
    let passed = "DELETE FROM task_shares WHERE EXISTS (SELECT 1 FROM task_lanes \
        WHERE task_lanes.kind = task_shares.kind AND task_lanes.priority = task_shares.priority \
        AND task_lanes.virtual_time >= task_shares.next_tag)";
    tx.run(passed, args![]).await?;
    Ok(())
}
