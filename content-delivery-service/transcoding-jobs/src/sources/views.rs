//! What a survey reads of a source.

use super::fetch::{Fetcher, SourceError};
use super::head::{Head, Shape};
use super::recipe::{Part, Recipe};
use super::{Held, NAME, SourceFile};
use backing::objects::Objects;
use bytes::Bytes;
use contracts::ObjectKey;
use fmp4::{Sniff, sniff};
use std::path::{Path, PathBuf};
use std::slice::from_ref;

/// How much of a stream a reader examines at most before it describes it.
const DESCRIBED: u64 = 5 << 20;
/// How much of the end of a source shows whether the rest of it is missing.
const END: u64 = 128 << 10;
/// How many bytes are enough to recognise the kind of a file.
const SNIFFED: u64 = 64 << 10;

/// A source as a survey reads it.
pub(crate) struct Views {
    /// Describes the streams.
    pub(crate) streams: SourceFile,
    /// Has all packets.
    pub(crate) packets: SourceFile,
    /// Whether the packets have their bytes, which a parser may look into; otherwise only their table is there.
    pub(crate) has_bytes: bool,
    /// Bytes of the source.
    pub(crate) length: u64,
    /// The kind of the file.
    pub(crate) kind: Sniff,
    /// The first and the last bytes of the source, if it is not on this machine.
    pub(crate) edges: Option<(Bytes, Bytes)>,
}

impl Views {
    /// A file on this machine.
    pub(crate) fn of_file(path: PathBuf, kind: Sniff, length: u64) -> Self {
        Self {
            streams: SourceFile::stored(path.clone()),
            packets: SourceFile::stored(path),
            has_bytes: true,
            length,
            kind,
            edges: None,
        }
    }

    /// A stored source on this machine.
    pub(super) async fn stored(objects: &Objects, key: &ObjectKey, path: PathBuf) -> Result<Self, SourceError> {
        let length = objects.size(key).await?;
        let first = objects.get_ranges(key, from_ref(&(0..length.min(SNIFFED)))).await?;
        Ok(Self::of_file(path, sniff(&first.concat()), length))
    }

    /// A source in a remote store: its table of samples, or its beginning and a pipe with all of it.
    pub(super) async fn fetched(head: &Head, fetcher: Fetcher, folder: &Path) -> Result<Self, SourceError> {
        let path = folder.join(NAME);
        let (length, kind) = (head.length, head.kind);
        if let Shape::Movie(movie) = &head.shape {
            movie.table(&head.begin).write(&fetcher, &path).await?;
            let table = Self::of_file(path, kind, length);
            return Ok(Self {
                has_bytes: false,
                ..table
            });
        }
        let known = u64::try_from(head.begin.len()).unwrap_or(0);
        let described = length.min(DESCRIBED).max(known);
        let end = length.saturating_sub(END).max(described);
        let begin = [head.begin.clone(), fetcher.range(known..described).await?].concat();
        let (begin, last) = (Bytes::from(begin), fetcher.range(end..length).await?);
        let streams = folder.join("begin");
        Recipe::of([Part::Known(begin.clone())])
            .write(&fetcher, &streams)
            .await?;
        let parts = [
            Part::Known(begin.clone()),
            Part::Stored(described..end),
            Part::Known(last.clone()),
        ];
        let packets = SourceFile {
            path,
            held: Held::Pipe {
                recipe: Recipe::of(parts),
                fetcher,
                jumps: false,
            },
        };
        // A short source has its end in the beginning that is known.
        let last = if last.is_empty() { begin.clone() } else { last };
        Ok(Self {
            streams: SourceFile::stored(streams),
            packets,
            has_bytes: true,
            length,
            kind,
            edges: Some((begin, last)),
        })
    }
}
