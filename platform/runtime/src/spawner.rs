//! Work that continues after its starter is gone, such as a request whose client disconnected.

pub(crate) mod gather;

use std::future::Future;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::task::TaskTracker;

/// Starts work that must come to its end although its request is dropped, such as keeping the bytes that
/// arrived before a client vanished; clones share the list of what is running.
#[derive(Debug, Clone, Default)]
pub struct Spawner(TaskTracker);

/// The work panicked, or the process is going down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the work did not come to its end")]
pub struct WorkLost;

impl Spawner {
    /// A spawner that runs nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts the work at once; the answer may be waited for or dropped.
    pub fn run<F>(&self, work: F) -> impl Future<Output = Result<F::Output, WorkLost>> + Send + use<F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let running = self.0.spawn(work);
        async move { running.await.map_err(|_| WorkLost) }
    }

    /// Waits until nothing is running.
    pub async fn finished(&self) {
        self.0.close();
        self.0.wait().await;
        self.0.reopen();
    }
}

/// Tasks that belong to whoever started them, such as the connections of a listener: they are stopped when this is dropped.
#[derive(Debug, Default)]
pub struct TaskSet(JoinSet<()>);

impl TaskSet {
    /// A set that runs nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts the work at once.
    pub fn run(&mut self, work: impl Future<Output = ()> + Send + 'static) -> Id {
        self.0.spawn(work).id()
    }

    /// How many tasks have not been seen to end.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Waits for the next task to end; none if nothing runs.
    ///
    /// Errors: the task panicked
    pub async fn ended(&mut self) -> Option<Result<Id, JoinError>> {
        let ended = self.0.join_next_with_id().await?;
        Some(ended.map(|(id, ())| id))
    }

    /// Waits until nothing runs.
    pub async fn finished(&mut self) {
        while self.0.join_next().await.is_some() {}
    }
}
