//! Starts services and watches over them: a task that ends early takes the process down.

use crate::server::{self, ServerLimits};
use crate::{Background, Handlers, Routes, Service, Shutdown};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};

/// How long background work may take to its end after the last request.
const TASKS_END: Duration = Duration::from_secs(5);

/// Everything of a process that runs; dropped, all of it stops at once.
#[derive(Default)]
pub struct Running {
    servers: Work,
    tasks: Work,
}

#[derive(Default)]
struct Work {
    set: JoinSet<(&'static str, Result<(), String>)>,
    shutdown: Shutdown,
}

impl Running {
    /// Nothing runs yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The wish that all of it ends: servers first, then the background.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.servers.shutdown.clone()
    }

    /// Starts a service's background work and gives its routes.
    pub fn add(&mut self, service: Service) -> Routes {
        for task in service.tasks {
            self.start(task);
        }
        service.routes
    }

    /// Starts a piece of background work.
    pub fn start(&mut self, work: Background) {
        self.tasks.start(work);
    }

    /// Serves routes or a router on a socket.
    pub fn serve(&mut self, listener: TcpListener, handlers: impl Into<Handlers>, limits: ServerLimits) {
        let handlers = handlers.into();
        self.servers
            .start(Background::new("server", move |shutdown| async move {
                server::serve(listener, handlers, limits, shutdown)
                    .await
                    .map_err(|error| error.to_string())
            }));
    }

    /// Waits until the shutdown is asked for or something ends early; then lets all of it end.
    ///
    /// Errors: what ended early, and why; the rest has ended by then, too
    pub async fn wait(mut self) -> Result<(), String> {
        let shutdown = self.shutdown();
        let mut result = tokio::select! {
            biased;
            () = shutdown.requested() => Ok(()),
            Some(ended) = self.servers.set.join_next() => outcome(ended, &self.servers.shutdown),
            Some(ended) = self.tasks.set.join_next() => outcome(ended, &self.tasks.shutdown),
        };
        if let Err(why) = &result {
            tracing::error!(%why, "the process goes down");
        }
        result = result.and(self.servers.end().await);
        match tokio::time::timeout(TASKS_END, self.tasks.end()).await {
            Ok(ended) => result.and(ended),
            Err(_) => {
                tracing::warn!(
                    tasks = self.tasks.set.len(),
                    "background work did not end in time: it is cut"
                );
                result
            }
        }
    }
}

impl Work {
    fn start(&mut self, work: Background) {
        let name = work.name;
        let running = (work.run)(self.shutdown.clone());
        self.set.spawn(async move { (name, running.await) });
    }

    async fn end(&mut self) -> Result<(), String> {
        self.shutdown.request();
        let mut result = Ok(());
        while let Some(ended) = self.set.join_next().await {
            result = result.and(outcome(ended, &self.shutdown));
        }
        result
    }
}

type Ended = Result<(&'static str, Result<(), String>), JoinError>;

fn outcome(ended: Ended, shutdown: &Shutdown) -> Result<(), String> {
    match ended {
        Ok((_, Ok(()))) if shutdown.is_requested() => Ok(()),
        Ok((name, Ok(()))) => Err(format!("`{name}` ended although nobody asked it to")),
        Ok((name, Err(why))) => Err(format!("`{name}` failed: {why}")),
        Err(error) => Err(format!("background work panicked: {error}")),
    }
}
