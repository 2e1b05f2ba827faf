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
            Self::Known(bytes) => size(bytes),
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

    /// A file of this length with bytes, and a range of the source, where the source has them; there is nothing between.
    pub(super) fn sparse(mut known: Vec<(u64, Bytes)>, stored: &Range<u64>, length: u64) -> Self {
        let fill = |from: u64, to: u64| {
            let start = stored.start.clamp(from, to);
            let end = stored.end.clamp(start, to);
            [Part::Gap(start - from), Part::Stored(start..end), Part::Gap(to - end)]
        };
        known.sort_by_key(|(at, _)| *at);
        let mut parts = Vec::new();
        let mut end = 0;
        for (at, bytes) in known {
            let (from, to) = (at.max(end), at.saturating_add(size(&bytes)));
            if from < to {
                parts.extend(fill(end, from));
                let behind = usize::try_from(from - at).unwrap_or(0);
                parts.push(Part::Known(bytes.slice(behind..)));
                end = to;
            }
        }
        parts.extend(fill(end, length.max(end)));
        Self::of(parts)
    }

    /// The same file, with what is known of the source's beginning from memory.
    pub(super) fn begun(self, begin: &Bytes) -> Self {
        let known = size(begin);
        let split = |part: Part| match part {
            Part::Stored(range) if range.start < range.end.min(known) => {
                let end = range.end.min(known);
                let place = |at: u64| usize::try_from(at).unwrap_or(0);
                let first = begin.slice(place(range.start)..place(end));
                vec![Part::Known(first), Part::Stored(end..range.end)]
            }
            other => vec![other],
        };
        Self::of(self.parts.into_iter().flat_map(split))
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

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_file_has_everything_where_the_source_has_it() {
        let known = |text: &'static str| Part::Known(Bytes::from_static(text.as_bytes()));
        let parts = |known: &[(u64, &'static str)], stored: Range<u64>| {
            let known = known
                .iter()
                .map(|&(at, text)| (at, Bytes::from_static(text.as_bytes())));
            let recipe = Recipe::sparse(known.collect(), &stored, 100);
            assert_eq!(recipe.length(), 100);
            recipe.parts
        };
        let rest = [Part::Stored(30..50), known("end"), Part::Stored(53..60), Part::Gap(40)];
        let all = [&[known("begin"), Part::Gap(25)][..], &rest[..]].concat();
        assert_eq!(parts(&[(50, "end"), (0, "begin")], 30..60), all);
        // What is known twice, or stored as well, is there once.
        assert_eq!(
            parts(&[(0, "begin"), (3, "in"), (3, "inside")], 0..8),
            [known("begin"), known("side"), Part::Gap(91)]
        );
    }

    #[test]
    fn what_is_known_of_the_beginning_is_not_fetched() {
        let stored = |range| Recipe::of([Part::Stored(range)]);
        let begin = Bytes::from_static(b"0123456789");
        let parts = |range| stored(range).begun(&begin).parts;
        assert_eq!(parts(4..8), [Part::Known(begin.slice(4..8))]);
        assert_eq!(parts(4..18), [Part::Known(begin.slice(4..)), Part::Stored(10..18)]);
        assert_eq!(parts(10..18), [Part::Stored(10..18)]);
    }
}
