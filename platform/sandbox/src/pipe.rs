//! Named pipes into tools: for input that is made while the tool runs.

use bytes::Buf;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

/// The writing end of a named pipe that a tool reads. An order lists its path under `reads`.
///
/// It never reports that the tool is gone; the [`crate::Running`] does.
#[derive(Debug)]
pub struct Inlet {
    path: PathBuf,
    sender: Sender,
    /// Without an end for reading, nothing could be written before the tool has opened the pipe, or while a guard opens and
    /// closes it.
    _receiver: Receiver,
}

impl Inlet {
    /// Makes a pipe at a path in a task's folder.
    ///
    /// Errors: it can't be made or opened, or something is there
    pub fn make(path: &Path) -> io::Result<Self> {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // The tool may have a user of its own; only that user reaches the folder.
        std::fs::set_permissions(path, Permissions::from_mode(0o644))?;
        let receiver = OpenOptions::new().open_receiver(path)?;
        Ok(Self {
            path: path.to_owned(),
            sender: OpenOptions::new().open_sender(path)?,
            _receiver: receiver,
        })
    }

    /// Where the tool finds it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what the pipe has room for, and waits until it has some. Dropping the future loses nothing.
    ///
    /// Errors: the system refuses
    pub async fn write(&mut self, bytes: &mut impl Buf) -> io::Result<usize> {
        self.sender.write_buf(bytes).await
    }
}
