//! Runs claimed tasks until shutdown.

use super::{Done, Job, JobError, Queue, Task, settle};
use crate::db::DbError;
use crate::metric;
use contracts::UserId;
use futures::future::{FutureExt as _, Shared};
use futures::stream::{self, FuturesUnordered, Stream, StreamExt as _};
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// The number of failures after which a task becomes a dead letter; with the pauses below, about an hour and a half.
const ATTEMPTS: i64 = 24;
/// The number of workers that may die while running a task before it becomes a dead letter.
const LOSSES: i64 = 8;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(300);
/// The pause before a task that waits for something runs again.
const WAIT: Duration = Duration::from_secs(5);
/// How long running tasks usually may take to finish when the process stops.
const GRACE: Duration = Duration::from_secs(10);
const COUNTING: Duration = Duration::from_secs(5);
const TIDYING: Duration = Duration::from_secs(600);

/// Claims tasks of its jobs' kinds and runs up to `slots` of them at a time.
///
/// While tasks of several owners wait, no owner takes the last slot if the others are theirs, too: an owner's slow tasks
/// delay those of others, but don't stop them.
pub struct Worker {
    queue: Queue,
    jobs: HashMap<&'static str, Arc<dyn Job>>,
    slots: usize,
    poll: Duration,
    grace: Duration,
    held: Option<Box<dyn Fn() -> bool + Send + Sync>>,
    /// The owner of every running task, while only one more can run.
    crowd: Mutex<Option<UserId>>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("kinds", &self.jobs.keys())
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker that commits in this process wake, and that polls every `poll`.
    #[must_use]
    pub fn new(queue: Queue, jobs: Vec<Arc<dyn Job>>, slots: usize, poll: Duration) -> Self {
        let jobs = jobs.into_iter().map(|job| (job.kind(), job)).collect();
        Self {
            queue,
            jobs,
            slots: slots.max(1),
            poll,
            grace: GRACE,
            held: None,
            crowd: Mutex::new(None),
        }
    }

    /// Claims nothing while `held` returns true; it is asked before each claim.
    #[must_use]
    pub fn held_while(mut self, held: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.held = Some(Box::new(held));
        self
    }

    /// Sets how long running tasks may continue after `shutdown`, instead of the usual 10 s.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Runs tasks until `shutdown`, then lets the running ones finish, and releases those that don't.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let stop = shutdown.shared();
        let mut claims = pin!(self.claims(stop.clone()));
        let mut upkeep = pin!(self.upkeep());
        let mut drained = pin!(async {
            stop.await;
            tokio::time::sleep(self.grace).await;
        });
        let mut held: HashMap<Uuid, Task> = HashMap::new();
        let mut running = FuturesUnordered::new();
        let mut stopped = false;
        while !(stopped && running.is_empty()) {
            tokio::select! {
                claim = claims.next(), if !stopped && running.len() < self.slots => match claim {
                    Some(task) => {
                        held.insert(task.id, task.clone());
                        self.count(&held);
                        running.push(self.work(task));
                    }
                    None => stopped = true,
                },
                Some(id) = running.next(), if !running.is_empty() => {
                    held.remove(&id);
                    self.count(&held);
                }
                () = &mut upkeep => {}
                () = &mut drained => break,
            }
        }
        drop(running);
        for task in held.values() {
            if let Err(error) = self.release(task).await {
                tracing::warn!(task = %task.key, %error, "the task could not be released");
            }
        }
    }

    /// Notes who runs all tasks, if there is one slot left.
    fn count(&self, held: &HashMap<Uuid, Task>) {
        let mut owners = held.values().map(|task| task.owner);
        let first = owners.next().flatten().filter(|_| held.len() + 1 == self.slots);
        let crowd = first.filter(|first| owners.all(|owner| owner == Some(*first)));
        *self.crowd.lock().unwrap_or_else(PoisonError::into_inner) = crowd;
    }

    /// The stream of claimed tasks. A started claim always completes: the stream is polled until it
    /// yields, and it checks for the stop only between two claims.
    fn claims<'a, S>(&'a self, stop: Shared<S>) -> impl Stream<Item = Task> + 'a
    where
        S: Future<Output = ()> + 'a,
    {
        let kinds: Vec<&'static str> = self.jobs.keys().copied().collect();
        let woken = self.queue.db.signals().tasks();
        stream::unfold((kinds, woken, stop), move |(kinds, mut woken, stop)| async move {
            loop {
                woken.mark_unchanged();
                if stop.clone().now_or_never().is_some() {
                    return None;
                }
                if !self.held.as_ref().is_some_and(|held| held()) {
                    let crowd = *self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
                    match self.queue.claim_of_others(&kinds, crowd).await {
                        Ok(Some(task)) => return Some((task, (kinds, woken, stop))),
                        Ok(None) => {}
                        Err(error) => tracing::warn!(%error, "no task could be claimed"),
                    }
                }
                tokio::select! {
                    () = stop.clone() => return None,
                    _ = woken.changed() => {}
                    () = tokio::time::sleep(self.poll) => {}
                }
            }
        })
    }

    async fn work(&self, task: Task) -> Uuid {
        if let Some((kind, job)) = self.jobs.get_key_value(task.kind.as_str()) {
            let result = self.attempt(job.as_ref(), &task).await;
            let label = self.settle(job.as_ref(), &task, &result).await;
            metrics::counter!(metric::TASKS, "kind" => *kind, "result" => label).increment(1);
        }
        task.id
    }

    /// Runs the job and its heartbeat; `None` if the claim was lost meanwhile.
    async fn attempt(&self, job: &dyn Job, task: &Task) -> Option<Result<Done, JobError>> {
        if task.losses >= LOSSES {
            let message = format!("{} workers ended while they ran it", task.losses);
            return Some(Err(JobError::Permanent("worker_lost".to_owned(), message)));
        }
        let run = AssertUnwindSafe(job.run(task)).catch_unwind();
        tokio::select! {
            result = run => Some(result.unwrap_or_else(|_| Err(JobError::Retry("the job panicked".to_owned())))),
            () = self.lost(task) => None,
        }
    }

    /// Sends heartbeats until the claim is lost. While the database is unreachable, the claim counts as valid.
    async fn lost(&self, task: &Task) {
        loop {
            tokio::time::sleep(self.queue.lease / 3).await;
            match self.queue.heartbeat(task).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(task = %task.key, %error, "the heartbeat failed"),
            }
        }
    }

    /// Records the result, and returns it in one word.
    async fn settle(&self, job: &dyn Job, task: &Task, result: &Option<Result<Done, JobError>>) -> &'static str {
        const TRIES: u32 = 5;
        for _ in 0..TRIES {
            match self.settle_once(job, task, result).await {
                Ok(label) => return label,
                Err(error) => tracing::warn!(task = %task.key, %error, "the task's result was not recorded"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        "lost" // its lease expires, and it is claimed again
    }

    async fn settle_once(
        &self,
        job: &dyn Job,
        task: &Task,
        result: &Option<Result<Done, JobError>>,
    ) -> Result<&'static str, DbError> {
        let now = self.queue.clock.now();
        let (code, message) = match result {
            None => {
                tracing::warn!(task = %task.key, fence = task.fence, "another worker has the task now");
                return Ok("lost");
            }
            Some(Ok(Done::AlreadyComplete)) => return Ok("done"),
            Some(Ok(done)) => {
                let mut tx = self.queue.db.write().await?;
                let (held, label) = match done {
                    Done::Again(span) => (settle::again(&mut tx, task, now + *span).await?, "again"),
                    Done::Complete | Done::AlreadyComplete => (settle::done(&mut tx, task, now).await?, "done"),
                };
                tx.commit().await?;
                return Ok(if held { label } else { "lost" });
            }
            Some(Err(JobError::Wait(message))) => {
                tracing::warn!(task = %task.key, message, "the task waits for what it needs");
                let mut tx = self.queue.db.write().await?;
                let held = settle::wait(&mut tx, task, now + WAIT, message).await?;
                tx.commit().await?;
                return Ok(if held { "wait" } else { "lost" });
            }
            Some(Err(JobError::Retry(message))) if task.attempt < ATTEMPTS => {
                tracing::warn!(task = %task.key, attempt = task.attempt, message, "the task will be retried");
                let mut tx = self.queue.db.write().await?;
                let held = settle::retry(&mut tx, task, now + pause(task.attempt), message).await?;
                tx.commit().await?;
                return Ok(if held { "retry" } else { "lost" });
            }
            Some(Err(JobError::Retry(message))) => ("gave_up", message.as_str()),
            Some(Err(JobError::Permanent(code, message))) => (code.as_str(), message.as_str()),
        };
        tracing::warn!(task = %task.key, code, message, "the task became a dead letter");
        let mut tx = self.queue.db.write().await?;
        job.lock(&mut tx, task).await?;
        if !settle::dead(&mut tx, task, now, code, message).await? {
            return Ok("lost");
        }
        job.abandoned(&mut tx, task, code, message).await?;
        tx.commit().await?;
        Ok("dead")
    }

    async fn release(&self, task: &Task) -> Result<(), DbError> {
        let mut tx = self.queue.db.write().await?;
        settle::release(&mut tx, task).await?;
        tx.commit().await
    }

    async fn upkeep(&self) {
        let rounds = TIDYING.as_secs() / COUNTING.as_secs();
        for round in (0..rounds).cycle() {
            if let Ok(count) = self.queue.waiting().await {
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                metrics::gauge!(metric::TASKS_WAITING, "service" => self.queue.db.service()).set(f64::from(count));
            }
            if round == 0
                && let Err(error) = self.queue.tidy().await
            {
                tracing::warn!(%error, "rows of done tasks were not removed");
            }
            tokio::time::sleep(COUNTING).await;
        }
    }
}

fn pause(attempt: i64) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY)
}
