//! The work of a subscription, which its owner must run.

use futures::future::BoxFuture;
use std::future::Future;
use tokio::sync::watch;

type Stop = BoxFuture<'static, ()>;
type Work = BoxFuture<'static, Result<(), String>>;

/// A subscription's work; events are handled only while it runs.
pub struct Consumer {
    name: &'static str,
    assigned: watch::Receiver<bool>,
    work: Box<dyn FnOnce(Stop) -> Work + Send>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Consumer").field(&self.name).finish()
    }
}

impl Consumer {
    /// A consumer whose work receives a sender to report its assignment, and the future that stops it.
    pub fn new<W, F>(name: &'static str, work: W) -> Self
    where
        W: FnOnce(watch::Sender<bool>, BoxFuture<'static, ()>) -> F + Send + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (assign, assigned) = watch::channel(false);
        Self {
            name,
            assigned,
            work: Box::new(move |stop| Box::pin(work(assign, stop))),
        }
    }

    /// The name of its group or topic.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Resolves once the consumer has its share of the events, or has ended.
    pub fn assigned(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut assigned = self.assigned.clone();
        async move {
            // the other side is gone when the consumer has ended
            let _ = assigned.wait_for(|assigned| *assigned).await;
        }
    }

    /// Handles events until `stop` resolves, and finishes the current event.
    ///
    /// Errors: the reason for an early end
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
        (self.work)(Box::pin(stop)).await
    }
}
