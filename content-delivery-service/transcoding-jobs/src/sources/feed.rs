//! Feeds a tool through a named pipe, for tools that read a source once from its beginning to its end.

use super::fetch::{Fetcher, SourceError};
use super::recipe::Recipe;
use bytes::Bytes;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::ioctl_fionread;
use sandbox::{RunError, Running};
use std::fs::Permissions;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::net::unix::pipe::{OpenOptions, Receiver};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// How often to look whether the tool has read the rest.
const LOOK: Duration = Duration::from_millis(5);

/// A running tool, and what feeds it. Dropping it ends both.
pub(crate) struct FedRun {
    running: Running,
    feed: Option<Feed>,
}

/// Writes a recipe into a pipe.
pub(super) struct Feed {
    /// Gone once everything is written.
    failure: Option<oneshot::Receiver<SourceError>>,
    /// Aborts the task when this is dropped.
    _task: JoinSet<()>,
}

impl FedRun {
    pub(super) fn new(running: Running, feed: Option<Feed>) -> Self {
        Self { running, feed }
    }

    /// Returns the next bytes of the tool's output; `None` when the tool has ended well.
    ///
    /// Errors: the tool did not finish its work, or the source could not be read to its end
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, RunError> {
        let Some(feed) = &mut self.feed else {
            return self.running.next().await;
        };
        tokio::select! {
            biased;
            next = self.running.next() => next,
            error = feed.failed() => Err(RunError::Io(io::Error::other(error))),
        }
    }
}

impl Feed {
    /// Starts to feed the pipe at `path`, which it makes.
    pub(super) fn start(recipe: Recipe, fetcher: Fetcher, path: &Path) -> io::Result<Self> {
        make_pipe(path)?;
        // With an end of its own for reading, the pipe can be written to before the tool has opened it, and while a guard
        // opens and closes it.
        let receiver = OpenOptions::new().open_receiver(path)?;
        let mut sender = OpenOptions::new().open_sender(path)?;
        let (failed, failure) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(async move {
            match recipe.pour(&fetcher, &mut sender).await {
                // A pipe that closes before the tool has opened it would never let the tool in.
                Ok(()) => drained(&receiver).await,
                Err(error) => {
                    let _ = failed.send(error);
                    // The tool must not take a closed pipe for the end of the source.
                    pending::<()>().await;
                }
            }
        });
        Ok(Self {
            failure: Some(failure),
            _task: task,
        })
    }

    /// Returns once the source could not be read.
    async fn failed(&mut self) -> SourceError {
        if let Some(failure) = &mut self.failure
            && let Ok(error) = failure.await
        {
            return error;
        }
        self.failure = None;
        pending().await
    }
}

/// Makes a named pipe that the tool's own user can read; only that user reaches its folder.
fn make_pipe(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// Waits until the tool has read everything.
async fn drained(pipe: &Receiver) {
    while ioctl_fionread(pipe).is_ok_and(|left| left > 0) {
        tokio::time::sleep(LOOK).await;
    }
}
