//! Feeds a tool through a named pipe, for tools that read a source once from its beginning to its end.

use super::fetch::Fetcher;
use super::recipe::Recipe;
use bytes::Bytes;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::ioctl_fionread;
use sandbox::{Order, RunError, Running, Sandbox};
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

/// How often to look whether the tool has read the rest.
const LOOK: Duration = Duration::from_millis(5);

/// A running tool, and what feeds it. Dropping it ends both.
pub(crate) struct FedRun {
    running: Running,
    /// Gone once everything is written, which closes the pipe.
    feed: Option<Feed>,
}

/// Writes into a pipe what a tool reads.
pub(super) struct Feed(Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>);

impl FedRun {
    pub(super) fn new(running: Running, feed: Option<Feed>) -> Self {
        Self { running, feed }
    }

    /// Starts a tool that reads, in a pipe which is made at `path`, what this one writes.
    ///
    /// Errors: the pipe can't be made, the guard cannot be started, or the order names paths that it does not list
    pub(crate) fn into_pipe(self, path: &Path, sandbox: &Sandbox, order: &Order) -> Result<Self, RunError> {
        let feed = Feed::of_run(self, path)?;
        Ok(Self::new(sandbox.start(order)?, Some(feed)))
    }

    /// Returns the next bytes of the tool's output; `None` when the tool has ended well. The tool is fed meanwhile.
    ///
    /// Errors: the tool did not finish its work, or the source could not be read to its end; it has ended, or has to
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, RunError> {
        while let Some(Feed(feed)) = &mut self.feed {
            let written = tokio::select! {
                biased;
                next = self.running.next() => return next,
                written = feed.as_mut() => written,
            };
            self.feed = None;
            // The tool takes a closed pipe for the end of the source, so its further output counts for nothing.
            written?;
        }
        self.running.next().await
    }
}

impl Feed {
    /// Makes the pipe at `path`, into which it writes when it is polled.
    pub(super) fn open(recipe: Recipe, fetcher: Fetcher, path: &Path) -> io::Result<Self> {
        let (mut sender, receiver) = ends(path)?;
        Ok(Self(Box::pin(async move {
            let poured = recipe.pour(&fetcher, &mut sender).await;
            poured.map_err(|error| RunError::Io(io::Error::other(error)))?;
            drained(&receiver).await;
            Ok(())
        })))
    }

    /// Makes the pipe at `path`, into which it writes a run's output when it is polled.
    fn of_run(mut run: FedRun, path: &Path) -> io::Result<Self> {
        let (mut sender, receiver) = ends(path)?;
        Ok(Self(Box::pin(async move {
            while let Some(chunk) = run.next().await? {
                sender.write_all(&chunk).await?;
            }
            drained(&receiver).await;
            Ok(())
        })))
    }
}

/// Makes a pipe and opens both its ends: with an end of its own for reading, it can be written to before the tool has opened
/// it, and while a guard opens and closes it.
fn ends(path: &Path) -> io::Result<(Sender, Receiver)> {
    make_pipe(path)?;
    let receiver = OpenOptions::new().open_receiver(path)?;
    Ok((OpenOptions::new().open_sender(path)?, receiver))
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

/// Waits until the tool has read everything: a pipe that closes before the tool has opened it would never let the tool in.
async fn drained(pipe: &Receiver) {
    while ioctl_fionread(pipe).is_ok_and(|left| left > 0) {
        tokio::time::sleep(LOOK).await;
    }
}
