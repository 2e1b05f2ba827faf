//! The file to upload.

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use futures::Stream;
use std::io::{Error, ErrorKind, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// The size of one read.
const BLOCK: usize = 256 * 1_024;

/// A file as it was when the command started.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) length: u64,
    /// When it was last changed, in nanoseconds since 1970; 0 if unknown.
    pub(super) changed: u128,
}

impl Source {
    pub(super) async fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let path = tokio::fs::canonicalize(path)
            .await
            .with_context(|| format!("{shown} can't be read"))?;
        let facts = tokio::fs::metadata(&path)
            .await
            .with_context(|| format!("{shown} can't be read"))?;
        ensure!(facts.is_file(), "{shown} is not a file");
        ensure!(facts.len() > 0, "{shown} is empty");
        File::open(&path)
            .await
            .with_context(|| format!("{shown} can't be read"))?;
        let changed = facts.modified().ok().and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        let name = path
            .file_name()
            .map_or_else(String::new, |it| it.to_string_lossy().into_owned());
        Ok(Self {
            name,
            length: facts.len(),
            changed: changed.map_or(0, |it| it.as_nanos()),
            path,
        })
    }

    /// The media type by the file name's extension.
    pub(super) fn media_type(&self) -> &'static str {
        match self
            .path
            .extension()
            .and_then(|it| it.to_str())
            .map(str::to_lowercase)
            .as_deref()
        {
            Some("mp4" | "m4v") => "video/mp4",
            Some("mov") => "video/quicktime",
            Some("webm") => "video/webm",
            Some("mkv") => "video/x-matroska",
            Some("m4a") => "audio/mp4",
            _ => "application/octet-stream",
        }
    }

    /// The bytes from an offset to the end; `sent` receives the offset of each block.
    pub(super) async fn from(
        &self,
        offset: u64,
        sent: Box<dyn Fn(u64) + Send>,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>> {
        let mut file = File::open(&self.path).await?;
        let length = file.metadata().await?.len();
        ensure!(length == self.length, "{} has changed during the upload", self.name);
        file.seek(SeekFrom::Start(offset)).await?;
        let rest = self.length.saturating_sub(offset);
        let start = (file.take(rest), rest, offset);
        Ok(futures::stream::try_unfold(start, move |(mut file, rest, offset)| {
            sent(offset);
            async move {
                if rest == 0 {
                    return Ok(None);
                }
                let mut block = BytesMut::with_capacity(BLOCK);
                file.read_buf(&mut block).await?;
                if block.is_empty() {
                    return Err(Error::new(ErrorKind::UnexpectedEof, "the file has become shorter"));
                }
                let read = block.len() as u64;
                Ok(Some((block.freeze(), (file, rest - read, offset + read))))
            }
        }))
    }
}
