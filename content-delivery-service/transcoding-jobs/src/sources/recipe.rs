//! What a file or a pipe for a tool is made of.

use super::fetch::{Fetcher, SourceError};
use bytes::Bytes;
use std::io::SeekFrom;
use std::ops::Range;
use std::path::Path;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWrite, AsyncWriteExt as _};

/// How many bytes of a source are fetched at once.
const STEP: u64 = 4 << 20;
/// How many zeros are written at once.
static ZEROS: [u8; 16 << 10] = [0; 16 << 10];

/// A part of a file for a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes in memory.
    Known(Bytes),
    /// So many bytes that nothing reads.
    Gap(u64),
    /// A range of the source.
    Stored(Range<u64>),
}

/// The parts of a file for a tool, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    parts: Vec<Part>,
}

impl Part {
    fn size(&self) -> u64 {
        match self {
            Self::Known(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Gap(count) => *count,
            Self::Stored(range) => range.end.saturating_sub(range.start),
        }
    }
}

impl Recipe {
    pub(super) fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let parts = parts.into_iter().filter(|part| part.size() > 0).collect();
        Self { parts }
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.parts.iter().map(Part::size).sum()
    }

    /// Bytes that the file takes on the disk: gaps take none.
    pub(super) fn weight(&self) -> u64 {
        let parts = self.parts.iter().filter(|part| !matches!(part, Part::Gap(_)));
        parts.map(Part::size).sum()
    }

    /// Writes the file.
    pub(super) async fn write(&self, fetcher: &Fetcher, path: &Path) -> Result<(), SourceError> {
        let mut file = File::create(path).await?;
        for part in &self.parts {
            match part {
                Part::Known(bytes) => file.write_all(bytes).await?,
                Part::Gap(count) => {
                    let count = i64::try_from(*count).map_err(std::io::Error::other)?;
                    file.flush().await?;
                    file.seek(SeekFrom::Current(count)).await?;
                }
                Part::Stored(range) => copy(fetcher, range.clone(), &mut file).await?,
            }
        }
        file.flush().await?;
        file.set_len(self.length()).await?;
        Ok(())
    }

    /// Writes everything in order.
    pub(super) async fn pour(
        &self,
        fetcher: &Fetcher,
        out: &mut (impl AsyncWrite + Unpin + Send),
    ) -> Result<(), SourceError> {
        for part in &self.parts {
            match part {
                Part::Known(bytes) => out.write_all(bytes).await?,
                Part::Gap(count) => {
                    let mut left = *count;
                    while left > 0 {
                        let now = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
                        let zeros = ZEROS.get(..now).unwrap_or_default();
                        out.write_all(zeros).await?;
                        left -= u64::try_from(now).unwrap_or(left);
                    }
                }
                Part::Stored(range) => copy(fetcher, range.clone(), out).await?,
            }
        }
        out.flush().await?;
        Ok(())
    }
}

/// Copies a range of the source, a step at a time.
async fn copy(
    fetcher: &Fetcher,
    range: Range<u64>,
    out: &mut (impl AsyncWrite + Unpin + Send),
) -> Result<(), SourceError> {
    let mut at = range.start;
    while at < range.end {
        let next = at.saturating_add(STEP).min(range.end);
        let bytes = fetcher.range(at..next).await?;
        out.write_all(&bytes).await?;
        at = next;
    }
    Ok(())
}
