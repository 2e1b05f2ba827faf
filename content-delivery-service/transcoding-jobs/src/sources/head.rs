//! What is known of a source in a remote store before a part of it is fetched: its kind, and what every slice begins with.

use super::avi::Avi;
use super::fetch::{Begun, Fetcher, SourceError};
use super::movie::Movie;
use super::recipe::{Part, Recipe};
use super::streams::Stream;
use super::units::Units;
use super::{clusters, fragments};
use bytes::Bytes;
use contracts::ObjectKey;
use fmp4::{Sniff, sniff};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::{Mutex, OnceCell};

/// How much of the beginning of a source is kept.
const BEGIN: u64 = 1 << 20;
/// The most heads that are kept, and the most bytes of them.
const KEPT: usize = 8;
const KEPT_BYTES: usize = 128 << 20;

/// What is known of a source.
#[derive(Debug)]
pub(super) struct Head {
    /// Bytes of the source.
    pub(super) length: u64,
    /// The kind of the file.
    pub(super) kind: Sniff,
    /// The beginning of the source.
    pub(super) begin: Bytes,
    pub(super) shape: Shape,
}

/// How a container is sliced.
#[derive(Debug)]
pub(super) enum Shape {
    /// MP4 and MOV with a table of all samples.
    Movie(Box<Movie>),
    /// MP4 and MOV in fragments, Matroska and WebM.
    Units(Units),
    /// AVI; none within if it has no index, which is looked for when the first slice is needed.
    Avi(OnceCell<Option<Avi>>),
    /// A stream that can be read from anywhere, after this opening.
    Stream(Stream),
    /// It can be read from its beginning only.
    Whole,
}

/// A slice of a source.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) recipe: Recipe,
    /// Whether the reader has to jump to the part that it needs.
    pub(super) jumps: bool,
}

/// The heads of the last sources.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<Vec<(ObjectKey, Arc<Head>)>>);

impl Heads {
    /// The head of a source, which is fetched once.
    pub(super) async fn of(&self, fetcher: &Fetcher) -> Result<Arc<Head>, SourceError> {
        let known = |heads: &[(ObjectKey, Arc<Head>)]| {
            let found = heads.iter().find(|(key, _)| key == fetcher.key());
            found.map(|(_, head)| Arc::clone(head))
        };
        if let Some(head) = known(&self.0.lock().await) {
            return Ok(head);
        }
        let head = Arc::new(Head::read(fetcher).await?);
        let mut heads = self.0.lock().await;
        if known(&heads).is_none() {
            heads.insert(0, (fetcher.key().clone(), Arc::clone(&head)));
            heads.truncate(KEPT);
            let mut room = KEPT_BYTES;
            heads.retain(|(_, head)| {
                let fits = room >= head.weight();
                room = room.saturating_sub(head.weight());
                fits
            });
        }
        Ok(head)
    }
}

impl Head {
    async fn read(fetcher: &Fetcher) -> Result<Self, SourceError> {
        let length = fetcher.length().await?;
        let begin = fetcher.range(0..length.min(BEGIN)).await?;
        let kind = sniff(&begin);
        let source = Begun {
            fetcher,
            begin: &begin,
            length,
        };
        let shape = match kind {
            Sniff::Mp4 | Sniff::Mov => match Movie::read(&source).await? {
                Some(movie) => Shape::Movie(Box::new(movie)),
                None => fragments::read(&source).await?.map_or(Shape::Whole, Shape::Units),
            },
            Sniff::Matroska | Sniff::WebM => clusters::read(&source).await?.map_or(Shape::Whole, Shape::Units),
            Sniff::Avi => Shape::Avi(OnceCell::new()),
            kind => Stream::of(kind, &begin).map_or(Shape::Whole, Shape::Stream),
        };
        Ok(Self {
            length,
            kind,
            begin,
            shape,
        })
    }

    fn weight(&self) -> usize {
        let more = match &self.shape {
            Shape::Movie(movie) => movie.weight(),
            Shape::Units(units) => units.weight(),
            Shape::Avi(avi) => avi.get().and_then(Option::as_ref).map_or(0, Avi::weight),
            Shape::Stream(_) | Shape::Whole => 0,
        };
        self.begin.len() + more
    }

    /// A file that contains a range of the source, and which a reader reads as it would the source; none if there is none.
    pub(super) async fn slice(&self, fetcher: &Fetcher, range: &Range<u64>) -> Result<Option<Slice>, SourceError> {
        let range = range.start..range.end.min(self.length);
        if range.is_empty() {
            return Ok(None);
        }
        let source = Begun {
            fetcher,
            begin: &self.begin,
            length: self.length,
        };
        let (recipe, jumps) = match &self.shape {
            Shape::Movie(movie) => (movie.slice(&range), true),
            Shape::Units(units) => (units.slice(&source, &range).await?, false),
            Shape::Avi(avi) => {
                let avi = avi.get_or_try_init(|| Avi::read(&source)).await?;
                (avi.as_ref().map(|avi| avi.slice(&range)), true)
            }
            Shape::Stream(stream) => (Some(stream.slice(&range)), false),
            Shape::Whole => (None, false),
        };
        Ok(recipe.map(|recipe| Slice {
            recipe: recipe.begun(&self.begin),
            jumps,
        }))
    }

    /// The whole source, for a reader that reads it once.
    pub(super) fn whole(&self) -> Recipe {
        let known = u64::try_from(self.begin.len()).unwrap_or(0);
        Recipe::of([Part::Known(self.begin.clone()), Part::Stored(known..self.length)])
    }
}
