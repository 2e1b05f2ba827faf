//! Feeds a tool through a named pipe, for tools that read a source once from its beginning to its end.

use super::fetch::{Fetcher, SourceError};
use super::recipe::Recipe;
use bytes::Bytes;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::ioctl_fionread;
use sandbox::{RunError, Running};
use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::unix::pipe::{OpenOptions, Receiver};

/// How often to look whether the tool has read the rest.
const LOOK: Duration = Duration::from_millis(5);

/// A running tool, and what feeds it. Dropping it ends both.
pub(crate) struct FedRun {
    running: Running,
    /// Gone once everything is written, which closes the pipe.
    feed: Option<Feed>,
}

/// Writes a recipe into a pipe.
pub(super) struct Feed(Pin<Box<dyn Future<Output = Result<(), SourceError>> + Send>>);

impl FedRun {
    pub(super) fn new(running: Running, feed: Option<Feed>) -> Self {
        Self { running, feed }
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
            written.map_err(|error| RunError::Io(io::Error::other(error)))?;
        }
        self.running.next().await
    }
}

impl Feed {
    /// Makes the pipe at `path`, into which it writes when it is polled.
    pub(super) fn open(recipe: Recipe, fetcher: Fetcher, path: &Path) -> io::Result<Self> {
        make_pipe(path)?;
        // With an end of its own for reading, the pipe can be written to before the tool has opened it, and while a guard
        // opens and closes it.
        let receiver = OpenOptions::new().open_receiver(path)?;
        let mut sender = OpenOptions::new().open_sender(path)?;
        Ok(Self(Box::pin(async move {
            recipe.pour(&fetcher, &mut sender).await?;
            // A pipe that closes before the tool has opened it would never let the tool in.
            drained(&receiver).await;
            Ok(())
        })))
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
