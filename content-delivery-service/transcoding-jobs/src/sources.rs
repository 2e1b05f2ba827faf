//! Sources as tools read them: a file on this machine, or bounded parts of an object in a remote store.
//!
//! A piece of the picture gets a slice, a file in the task's staging folder with the bytes that the piece needs behind what
//! describes the streams. Sounds and surveys read the source once, through a named pipe; the survey of an MP4 reads its
//! sample table alone. Nothing of this outlives its task.
//!
//! The exception are sources of which no part can be read alone, such as AVI files without an index: a worker keeps a copy of
//! the last one for as long as its pieces are encoded. Sources beyond a size are refused instead.

mod avi;
mod clusters;
mod copies;
mod feed;
mod fetch;
mod fragments;
mod head;
mod movie;
mod recipe;
mod streams;
mod units;
mod views;

pub(crate) use feed::FedRun;
pub(crate) use fetch::{Purpose, SourceError};
pub(crate) use views::Views;

use backing::objects::Objects;
use backing::space::Space;
use contracts::ObjectKey;
use copies::{Copies, WholeCopy};
use feed::Feed;
use fetch::Fetcher;
use head::{Head, Heads, Shape, Slice};
use recipe::Recipe;
use renditions::models::plan::{Plan, PlannedPiece, Track};
use sandbox::staging::Staging;
use sandbox::{Order, RunError, Sandbox};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of a slice, or of a pipe, in a task's staging folder.
const NAME: &str = "source";
/// The largest slice; a minute of the largest pictures is smaller.
const MOST_SLICE: u64 = 8 << 30;
/// The largest source of which a whole copy is made.
const MOST_COPY: u64 = 8 << 30;

/// The sources of lectures.
#[derive(Clone)]
pub(crate) struct Sources {
    objects: Objects,
    space: Space,
    staging: Staging,
    heads: Arc<Heads>,
    copies: Arc<Copies>,
}

/// A source as a tool reads it, until this is dropped.
pub(crate) struct SourceFile {
    path: PathBuf,
    held: Held,
}

/// What a path leads to.
enum Held {
    /// The stored source itself.
    Stored,
    /// A part of it, in which a reader jumps or not.
    Slice { jumps: bool },
    /// A pipe that is fed while a tool runs.
    Pipe {
        recipe: Recipe,
        fetcher: Fetcher,
        jumps: bool,
    },
    /// A copy of all of it, which is there as long as this.
    Copy { _kept: Arc<WholeCopy> },
}

impl SourceFile {
    /// The stored source at a path.
    pub(crate) fn stored(path: PathBuf) -> Self {
        Self {
            path,
            held: Held::Stored,
        }
    }

    /// A part of a source at a path, which is read from its beginning.
    pub(crate) fn part(path: PathBuf) -> Self {
        Self {
            path,
            held: Held::Slice { jumps: false },
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a reader jumps to what it needs; otherwise it reads from the beginning.
    pub(crate) fn jumps(&self) -> bool {
        match &self.held {
            Held::Slice { jumps } | Held::Pipe { jumps, .. } => *jumps,
            Held::Stored | Held::Copy { .. } => true,
        }
    }

    /// Whether more of the source may help a reader that does not find what it needs.
    pub(crate) fn is_slice(&self) -> bool {
        matches!(self.held, Held::Slice { .. })
    }

    /// Starts a tool that reads the source, and feeds it if need be.
    ///
    /// Errors: the guard cannot be started, or the order names paths that it does not list
    pub(crate) fn start(&self, sandbox: &Sandbox, order: &Order) -> Result<FedRun, RunError> {
        let feed = match &self.held {
            Held::Pipe { recipe, fetcher, .. } => Some(Feed::open(recipe.clone(), fetcher.clone(), &self.path)?),
            Held::Stored | Held::Slice { .. } | Held::Copy { .. } => None,
        };
        Ok(FedRun::new(sandbox.start(order)?, feed))
    }
}

impl Sources {
    /// The sources in a store; copies of whole ones are kept in the worker's staging folder.
    pub(crate) fn new(objects: Objects, space: Space, staging: Staging) -> Self {
        Self {
            objects,
            space,
            staging,
            heads: Arc::default(),
            copies: Arc::default(),
        }
    }

    /// Gives up a copy that is no longer needed.
    pub(crate) fn tidy(&self) {
        self.copies.tidy();
    }

    /// The source of a survey.
    pub(crate) async fn survey(&self, key: &ObjectKey, folder: &Path) -> Result<Views, SourceError> {
        if let Some(path) = self.objects.local_path(key) {
            return Views::stored(&self.objects, key, path).await;
        }
        let fetcher = Fetcher::new(&self.objects, key, Purpose::Survey);
        let head = self.heads.of(&fetcher).await?;
        Views::fetched(&head, fetcher, folder).await
    }

    /// The source of a piece of the picture: the bytes that the plan states for it, if they can be read alone.
    pub(crate) async fn picture(
        &self,
        key: &ObjectKey,
        bytes: Option<&Range<u64>>,
        folder: &Path,
    ) -> Result<SourceFile, SourceError> {
        if let Some(path) = self.objects.local_path(key) {
            return Ok(SourceFile::stored(path));
        }
        let fetcher = Fetcher::new(&self.objects, key, Purpose::Picture);
        let head = self.heads.of(&fetcher).await?;
        let slice = match bytes {
            Some(range) => head.slice(&fetcher, range).await?,
            None => None,
        };
        let Some(Slice { recipe, jumps }) = slice.filter(|slice| slice.recipe.weight() <= MOST_SLICE) else {
            return self.copy(&fetcher, &head).await;
        };
        self.take(recipe.weight())?;
        let path = folder.join(NAME);
        recipe.write(&fetcher, &path).await?;
        Ok(SourceFile {
            path,
            held: Held::Slice { jumps },
        })
    }

    /// The whole source, for a piece whose slice does not contain all its frames.
    pub(crate) async fn whole(&self, key: &ObjectKey) -> Result<SourceFile, SourceError> {
        let fetcher = Fetcher::new(&self.objects, key, Purpose::Picture);
        let head = self.heads.of(&fetcher).await?;
        self.copy(&fetcher, &head).await
    }

    /// The source of a sound from a time on, in ticks.
    pub(crate) async fn sound(
        &self,
        key: &ObjectKey,
        plan: &Plan,
        from: u64,
        folder: &Path,
    ) -> Result<SourceFile, SourceError> {
        if let Some(path) = self.objects.local_path(key) {
            return Ok(SourceFile::stored(path));
        }
        let fetcher = Fetcher::new(&self.objects, key, Purpose::Sound);
        let head = self.heads.of(&fetcher).await?;
        let range = rest(&plan.audio, from);
        let slice = match (&head.shape, range) {
            // A pipe can't be read backwards.
            (Shape::Movie(movie), _) if !movie.in_order => return self.copy(&fetcher, &head).await,
            (Shape::Movie(movie), range) => {
                let range = range.unwrap_or(movie.media());
                head.slice(&fetcher, &range).await?
            }
            // The slices of AVI have no sound.
            (Shape::Avi(_), _) => None,
            (_, Some(range)) if range.start > 0 => head.slice(&fetcher, &range).await?,
            _ => None,
        };
        let (recipe, jumps) = slice.map_or_else(|| (head.whole(), false), |slice| (slice.recipe, slice.jumps));
        Ok(SourceFile {
            path: folder.join(NAME),
            held: Held::Pipe { recipe, fetcher, jumps },
        })
    }

    async fn copy(&self, fetcher: &Fetcher, head: &Head) -> Result<SourceFile, SourceError> {
        let whole = head.whole();
        if whole.length() > MOST_COPY {
            return Err(SourceError::Indivisible(whole.length()));
        }
        self.take(whole.weight())?;
        let copy = self.copies.of(fetcher, &whole, self.staging.path()).await?;
        Ok(SourceFile {
            path: copy.path().to_owned(),
            held: Held::Copy { _kept: copy },
        })
    }

    /// Refuses what would touch the disk's reserve.
    fn take(&self, bytes: u64) -> Result<(), SourceError> {
        if self.space.has_room_for_data(bytes) {
            Ok(())
        } else {
            Err(SourceError::NoRoom(bytes))
        }
    }
}

/// The bytes of all sounds from a time on; none if their positions are unknown.
fn rest(sounds: &Track, from: u64) -> Option<Range<u64>> {
    let begun = |piece: &PlannedPiece| {
        let start = sounds.bounds_of(piece).and_then(<[u64]>::first);
        start.is_some_and(|&start| start <= from)
    };
    let after = sounds.pieces.partition_point(begun);
    let mut all: Option<Range<u64>> = None;
    for piece in sounds.pieces.get(after.saturating_sub(1)..)? {
        let own = piece.bytes.clone()?;
        all = Some(all.map_or(own.clone(), |all| all.start.min(own.start)..all.end.max(own.end)));
    }
    all
}
