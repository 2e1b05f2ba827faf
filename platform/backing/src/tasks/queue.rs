//! Claims and heartbeats of one service's tasks.

use super::{Task, share};
use crate::db::{DbError, Sql, Tx};
use crate::{Clock, Db, args, record};
use contracts::{Timestamp, UserId};
use std::time::Duration;
use uuid::Uuid;

/// Finds the best waiting task of a kind that is not an owner's, in constant time if that is nobody.
pub(super) const HEAD: &str = "SELECT priority, start_tag FROM tasks WHERE kind = $1 AND state = 'waiting' \
    AND (owner IS NULL OR owner <> $2) ORDER BY priority DESC, start_tag, id LIMIT 1";
pub(super) const CLAIM: Sql = Sql::both(
    "UPDATE tasks SET state = 'running', attempt = attempt + 1, fence = fence + 1, heartbeat = $2, lease_until = $3, \
     worker = $4 WHERE id = (SELECT id FROM tasks WHERE kind = $1 AND state = 'waiting' \
     AND (owner IS NULL OR owner <> $5) ORDER BY priority DESC, start_tag, id LIMIT 1) \
     RETURNING id, kind, key, payload, priority, owner, start_tag, attempt, losses, fence",
    "UPDATE tasks SET state = 'running', attempt = attempt + 1, fence = fence + 1, heartbeat = $2, lease_until = $3, \
     worker = $4 WHERE id = (SELECT id FROM tasks WHERE kind = $1 AND state = 'waiting' \
     AND (owner IS NULL OR owner <> $5) ORDER BY priority DESC, start_tag, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
     RETURNING id, kind, key, payload, priority, owner, start_tag, attempt, losses, fence",
);
/// Whether a task is due, a lease has expired, or a task of these kinds waits. Idle workers ask this often. The kinds are JSON,
/// so that it is one statement however many they are.
pub(super) const ANYTHING: Sql = Sql::both(
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM tasks WHERE state = 'scheduled' AND run_after <= $1) \
     OR EXISTS (SELECT 1 FROM tasks WHERE state = 'running' AND lease_until <= $1) \
     OR EXISTS (SELECT 1 FROM json_each($2) \
     WHERE EXISTS (SELECT 1 FROM tasks WHERE kind = json_each.value AND state = 'waiting'))",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM tasks WHERE state = 'scheduled' AND run_after <= $1) \
     OR EXISTS (SELECT 1 FROM tasks WHERE state = 'running' AND lease_until <= $1) \
     OR EXISTS (SELECT 1 FROM json_array_elements_text($2::json) AS wanted (value) \
     WHERE EXISTS (SELECT 1 FROM tasks WHERE kind = wanted.value AND state = 'waiting'))",
);

/// An owner who has no tasks.
const NOBODY: Uuid = Uuid::nil();
/// How long the row of a done task is kept, for diagnosis.
const DONE_KEPT: Duration = Duration::from_secs(24 * 3600);

record! {
    struct Claimed {
        id: Uuid,
        kind: String,
        key: String,
        payload: serde_json::Value,
        priority: i64,
        owner: Option<UserId>,
        start_tag: i64,
        attempt: i64,
        losses: i64,
        fence: i64,
    }
}

/// The tasks of one service; clones share them.
#[derive(Debug, Clone)]
pub struct Queue {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) lease: Duration,
    worker: Option<Uuid>,
}

impl Queue {
    /// The queue in a service's schema; a worker that is silent for `lease` is presumed dead.
    #[must_use]
    pub fn new(db: Db, clock: Clock, lease: Duration) -> Self {
        Self {
            db,
            clock,
            lease,
            worker: None,
        }
    }

    /// The same queue with claims under a worker's name, by which they can be [released](Queue::give_up).
    #[must_use]
    pub fn of_worker(mut self, worker: Uuid) -> Self {
        self.worker = Some(worker);
        self
    }

    /// The named workers that hold claims.
    pub async fn claimants(&self) -> Result<Vec<Uuid>, DbError> {
        let held = "SELECT DISTINCT worker FROM tasks WHERE state = 'running' AND worker IS NOT NULL";
        let rows = self.db.read().all::<(Uuid,)>(held, args![]).await?;
        Ok(rows.into_iter().map(|(worker,)| worker).collect())
    }

    /// Expires the claims of a worker that is known to be dead; returns their number.
    pub async fn give_up(&self, worker: Uuid) -> Result<u64, DbError> {
        let now = self.clock.now();
        let expire = "UPDATE tasks SET lease_until = $2 WHERE worker = $1 AND state = 'running' AND lease_until > $2";
        let mut tx = self.db.write().await?;
        let expired = tx.run(expire, args![worker, now]).await?;
        if expired > 0 {
            tx.mark_enqueued();
        }
        tx.commit().await?;
        Ok(expired)
    }

    /// Wakes the workers of this process, as a commit that enqueued a task does automatically.
    pub fn wake(&self) {
        self.db.signals().wake_tasks();
    }

    /// Claims the first due task of these kinds, if any.
    pub async fn claim(&self, kinds: &[&str]) -> Result<Option<Task>, DbError> {
        self.claim_of_others(kinds, None).await
    }

    /// Claims the first due task of these kinds that is not this owner's; the first of all if no other owner's waits.
    pub async fn claim_of_others(&self, kinds: &[&str], than: Option<UserId>) -> Result<Option<Task>, DbError> {
        let now = self.clock.now();
        if !self.anything(kinds, now).await? {
            return Ok(None);
        }
        let mut tx = self.db.write().await?;
        promote(&mut tx, now).await?;
        let mut claimed = None;
        for than in than.map(Uuid::from).into_iter().chain([NOBODY]) {
            claimed = self.take_first(&mut tx, kinds, than, now).await?;
            if claimed.is_some() {
                break;
            }
        }
        if let Some(task) = &claimed {
            share::advance(&mut tx, &task.kind, task.priority, task.start_tag).await?;
        }
        tx.commit().await?;
        Ok(claimed.map(|row| self.task(row)))
    }

    async fn take_first(
        &self,
        tx: &mut Tx,
        kinds: &[&str],
        not_of: Uuid,
        now: Timestamp,
    ) -> Result<Option<Claimed>, DbError> {
        let mut heads: Vec<((i64, i64), &str)> = Vec::new();
        for kind in kinds {
            if let Some((priority, tag)) = tx.one::<(i64, i64)>(HEAD, args![*kind, not_of]).await? {
                heads.push(((priority.saturating_neg(), tag), kind));
            }
        }
        heads.sort_unstable();
        for (_, kind) in heads {
            let values = args![kind, now, now + self.lease, self.worker, not_of];
            let claimed = tx.one::<Claimed>(CLAIM, values).await?;
            if claimed.is_some() {
                return Ok(claimed); // otherwise other workers hold all of this kind's rows
            }
        }
        Ok(None)
    }

    fn task(&self, row: Claimed) -> Task {
        Task {
            id: row.id,
            kind: row.kind,
            key: row.key,
            payload: row.payload,
            owner: row.owner,
            attempt: row.attempt,
            losses: row.losses,
            fence: row.fence,
            clock: self.clock.clone(),
        }
    }

    /// Checks outside a transaction first, so that idle polling never holds the writer's lock.
    async fn anything(&self, kinds: &[&str], now: Timestamp) -> Result<bool, DbError> {
        let kinds: serde_json::Value = kinds.iter().copied().collect();
        let found = self.db.read().one::<(i64,)>(ANYTHING, args![now, kinds]).await?;
        Ok(found.is_some())
    }

    /// Extends a claim's lease; false if the claim is lost.
    pub async fn heartbeat(&self, task: &Task) -> Result<bool, DbError> {
        let now = self.clock.now();
        let beat =
            "UPDATE tasks SET heartbeat = $3, lease_until = $4 WHERE id = $1 AND fence = $2 AND state = 'running'";
        let mut tx = self.db.write().await?;
        let held = tx.run(beat, args![task.id, task.fence, now, now + self.lease]).await? == 1;
        tx.commit().await?;
        Ok(held)
    }

    /// The number of tasks that wait for a worker or for their time.
    pub async fn waiting(&self) -> Result<i64, DbError> {
        let count = "SELECT (SELECT COUNT(*) FROM tasks WHERE state = 'scheduled') + \
            (SELECT COUNT(*) FROM tasks WHERE state = 'waiting')";
        let count = self.db.read().one::<(i64,)>(count, args![]).await?;
        Ok(count.map_or(0, |(count,)| count))
    }

    /// Deletes rows that are no longer needed: tasks done a day ago, and shares that the lane has passed.
    pub async fn tidy(&self) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        let old = "DELETE FROM tasks WHERE state = 'done' AND finished_at < $1";
        tx.run(old, args![self.clock.now() - DONE_KEPT]).await?;
        share::forget_passed(&mut tx).await?;
        tx.commit().await
    }
}

/// Makes due tasks, and tasks of silent workers, ready to be claimed.
async fn promote(tx: &mut Tx, now: Timestamp) -> Result<(), DbError> {
    let due = "UPDATE tasks SET state = 'waiting' WHERE state = 'scheduled' AND run_after <= $1";
    tx.run(due, args![now]).await?;
    // Workers that die one after the other may die of this task; other tasks proceed during the growing pauses.
    let lost = "UPDATE tasks SET state = CASE WHEN losses = 0 THEN 'waiting' ELSE 'scheduled' END, \
        run_after = CASE losses WHEN 0 THEN run_after WHEN 1 THEN $1 + 1000000 WHEN 2 THEN $1 + 2000000 \
        WHEN 3 THEN $1 + 4000000 WHEN 4 THEN $1 + 8000000 WHEN 5 THEN $1 + 16000000 ELSE $1 + 32000000 END, \
        losses = losses + 1, lease_until = NULL WHERE state = 'running' AND lease_until <= $1";
    tx.run(lost, args![now]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Migration, Value};
    use crate::tasks::{NewTask, enqueue};

    static NONE: &[Migration] = &[];

    async fn fill(db: &Db, queue: &Queue, from: i64, to: i64) {
        let mut tx = db.write().await.unwrap();
        for n in from..to {
            let task = NewTask {
                kind: if n % 10 == 0 { "sweep" } else { "scan" },
                key: n.to_string(),
                payload: serde_json::Value::Null,
                run_after: queue.clock.now(),
                priority: n % 3,
                owner: Some(UserId::generate()),
                subject: None,
            };
            enqueue(&mut tx, &task).await.unwrap();
        }
        promote(&mut tx, queue.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The engine's plan, line by line. Few rows are read faster without an index, so PostgreSQL is forced
    /// to show which index it would use.
    async fn plan(db: &Db, sql: Sql, args: Vec<Value>) -> String {
        let (sqlite, postgres) = sql.texts();
        let explain = Sql::both(
            format!("EXPLAIN QUERY PLAN {sqlite}").leak(),
            format!("EXPLAIN {postgres}").leak(),
        );
        let mut tx = db.write().await.unwrap();
        let lines: Vec<String> = if db.is_postgres() {
            tx.run("ANALYZE tasks", args![]).await.unwrap();
            tx.run("SET LOCAL enable_seqscan = off", args![]).await.unwrap();
            let lines = tx.all::<(String,)>(explain, args).await.unwrap();
            lines.into_iter().map(|(line,)| line).collect()
        } else {
            let lines = tx.all::<(i64, i64, i64, String)>(explain, args).await.unwrap();
            lines.into_iter().map(|(_, _, _, line)| line).collect()
        };
        tx.rollback().await.unwrap();
        lines.join("\n")
    }

    #[tokio::test]
    async fn a_claim_reads_the_first_row_of_an_index_whether_ten_tasks_wait_or_ten_thousand() {
        for test in testing::places().await.unwrap() {
            let db = &Db::open(&test.url, "content", NONE).await.unwrap();
            let queue = Queue::new(db.clone(), Clock::system(), Duration::from_secs(30));
            let now = queue.clock.now();
            for (from, to) in [(0, 10), (10, 10_000)] {
                fill(db, &queue, from, to).await;
                let head = plan(db, HEAD.into(), args!["scan", NOBODY]).await;
                let claim = plan(db, CLAIM, args!["scan", now, now, None::<Uuid>, NOBODY]).await;
                let kinds: serde_json::Value = ["scan", "sweep"].into_iter().collect();
                let anything = plan(db, ANYTHING, args![now, kinds]).await;
                for (plan, index) in [
                    (&head, "tasks_waiting"),
                    (&claim, "tasks_waiting"),
                    (&anything, "tasks_scheduled"),
                    (&anything, "tasks_running"),
                    (&anything, "tasks_waiting"),
                ] {
                    assert!(plan.contains(index), "{} at {to}: no {index} in\n{plan}", test.name);
                    let reads_all = ["Seq Scan", "Sort", "TEMP B-TREE", "SCAN tasks"]
                        .iter()
                        .find(|word| plan.contains(**word));
                    assert_eq!(reads_all, None, "{} at {to}:\n{plan}", test.name);
                }
            }
        }
    }
}
