//! What a service hands to the process: its routes and the work that goes on behind them.

use crate::{Questions, Routes};
use backing::bus::Consumer;
use futures::future::BoxFuture;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A service, ready to be served.
pub struct Service {
    /// The role that it plays, as in `--roles`.
    pub name: &'static str,
    /// Its URL table.
    pub routes: Routes,
    /// What it answers to roles in other processes.
    pub questions: Questions,
    /// Its work in the background.
    pub tasks: Vec<Background>,
}

/// Work that runs as long as the process; when it ends early, the process goes down.
pub struct Background {
    /// The name that logs give it.
    pub name: &'static str,
    /// The work itself; it returns soon after the shutdown was requested.
    pub run: Box<dyn FnOnce(Shutdown) -> BoxFuture<'static, Result<(), String>> + Send>,
}

impl Background {
    /// Names a piece of work.
    pub fn new<F, W>(name: &'static str, work: W) -> Self
    where
        W: FnOnce(Shutdown) -> F + Send + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            name,
            run: Box::new(move |shutdown| Box::pin(work(shutdown))),
        }
    }
}

impl From<Consumer> for Background {
    /// Runs a subscription of the bus.
    fn from(consumer: Consumer) -> Self {
        Self::new(consumer.name(), move |shutdown| {
            consumer.run(async move { shutdown.requested().await })
        })
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Background").field(&self.name).finish()
    }
}

/// The wish that the process ends; its clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A shutdown that nobody has asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for it; asking again changes nothing.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Waits until it is asked for.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Waits for this long; returns `false`, and at once, when the shutdown is asked for.
    pub async fn pause(&self, span: Duration) -> bool {
        tokio::select! {
            () = self.requested() => false,
            () = tokio::time::sleep(span) => true,
        }
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}
