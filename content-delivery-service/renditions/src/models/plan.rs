//! What is to be made of a source: rungs, sounds, and the pieces in which they are encoded.
//!
//! A plan is data: it is written once, in the transaction that enqueues its tasks. It has the facts of the source that
//! encoding needs; how an encoder is called is the workers' knowledge.

use contracts::RenditionName;
use serde::{Deserialize, Serialize};
use std::ops::Range;

mod stored;

/// The rate at which sounds are encoded.
///
/// Units: bits a second
pub const SOUND_BIT_RATE: u32 = 128_000;

/// How a source is turned into renditions.
///
/// Units: times in ticks of 90 kHz from the lecture's zero
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How the encoder reads the source.
    pub input: Input,
    /// The picture's segments and pieces; empty where there is none, or none is encoded.
    pub video: Track,
    /// The sound's segments and pieces; empty where none is encoded.
    pub audio: Track,
    /// What is encoded of the picture, the lowest first.
    pub rungs: Vec<Rung>,
    /// What is encoded of the sound.
    pub sounds: Vec<Sound>,
    /// The picture as it was uploaded, where it can be played as it is.
    pub source: Option<SourceRung>,
}

/// What an encoder has to know of the source to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::StoredInput")]
pub struct Input {
    /// The container's plain name, such as `matroska`.
    pub container: String,
    /// Where the container's clock stands at the lecture's zero.
    ///
    /// Units: microseconds
    pub zero: i64,
    /// Which stream is the picture.
    pub video: Option<Stream>,
    /// Pixels of a frame, from which the cost of decoding is estimated.
    pub pixels: u64,
}

/// A stream of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// By its place among the streams, counted from 0.
    Number(u32),
    /// By the id that the container gives it.
    Id(u32),
}

/// The timeline of the picture or of the sound.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Track {
    /// Where segments begin, and where the last one ends; never fewer than two, or none.
    pub bounds: Vec<u64>,
    /// The pieces, one after the other.
    pub pieces: Vec<PlannedPiece>,
}

/// A run of segments that is encoded and stored together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::StoredPiece")]
pub struct PlannedPiece {
    /// Its first segment.
    pub first: u32,
    /// How many segments it has.
    pub segments: u32,
    /// The last key frame at or before its start, where decoding can begin.
    pub key_frame: Option<KeyFrame>,
    /// How many frames the source has in it, as far as that is known.
    pub frames: Option<u32>,
    /// The bytes of the source that hold every packet of the piece: for a picture from the key frame on, for sounds from
    /// shortly before its start. None where the source does not place its packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Range<u64>>,
}

/// A frame with which decoding can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFrame {
    /// When it is shown.
    pub at: u64,
    /// When the next key frame is shown, or where none follows, the end; none where it is not known.
    pub next: Option<u64>,
}

/// A rendition of the picture that is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// The short side: `720p`.
    pub name: RenditionName,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames a second, as the source has them.
    pub frame_rate: f64,
    /// The ceiling.
    ///
    /// Units: bits a second
    pub bit_rate: u32,
    /// The constant quality below the ceiling.
    pub crf: u8,
}

/// A rendition of the sound that is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    /// `audio`, `audio-2` and so on.
    pub name: RenditionName,
    /// The number of its stream in the file.
    pub stream: u32,
    /// Channels of the rendition: one or two.
    pub channels: u16,
    /// ISO 639-2; null if the file does not state it.
    pub language: Option<String>,
}

/// The picture as it was uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceRung {
    /// Its short side in pixels.
    pub short_side: u32,
    /// Whether it stays the top of the ladder once the rungs are there.
    pub stays: bool,
}

/// What one task encodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A sound, by its place in the plan: all of it, published as it goes.
    Audio(u32),
    /// One piece of some rungs.
    Piece {
        /// Which piece.
        number: u32,
        /// The rungs, by name.
        rungs: Vec<RenditionName>,
    },
}

/// A task that a plan asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTask {
    /// What it encodes.
    pub work: Work,
    /// Higher is sooner, whatever waits below.
    pub priority: i64,
}

/// What makes a lecture playable comes before everything else.
const FIRST: i64 = 30;
/// What keeps its viewers playing, and the first look at better rungs.
const AHEAD: i64 = 20;
/// The rest.
const REST: i64 = 10;

impl PlannedTask {
    /// Whether nobody can watch before it is done.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.priority == FIRST
    }
}

impl Work {
    /// Names the work within its plan, for the task's key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Audio(n) => format!("audio-{n}"),
            Self::Piece { number, rungs } => {
                format!("{}-{number}", rungs.first().map_or("none", RenditionName::as_str))
            }
        }
    }
}

impl Track {
    /// The bounds of one piece: one more than it has segments.
    #[must_use]
    pub fn bounds_of(&self, piece: &PlannedPiece) -> Option<&[u64]> {
        let first = usize::try_from(piece.first).ok()?;
        let last = first.checked_add(usize::try_from(piece.segments).ok()?)?;
        self.bounds.get(first..=last)
    }

    /// When it ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.bounds.last().copied().unwrap_or(0)
    }
}

impl Plan {
    /// Whether there is anything to encode.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rungs.is_empty() && self.sounds.is_empty()
    }

    /// When the lecture ends, as far as the plan encodes it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.video.end().max(self.audio.end())
    }

    /// Whether the lowest rung runs ahead of the others: nobody can watch before it is there.
    #[must_use]
    pub fn runs_ahead(&self) -> bool {
        self.source.is_none() && self.rungs.len() > 1
    }

    /// The sets of rungs that are encoded together, from one decoding.
    #[must_use]
    pub fn sets(&self) -> Vec<Vec<RenditionName>> {
        let names: Vec<RenditionName> = self.rungs.iter().map(|rung| rung.name.clone()).collect();
        match names.split_first() {
            None => Vec::new(),
            Some((lowest, rest)) if self.runs_ahead() => vec![vec![lowest.clone()], rest.to_vec()],
            Some(_) => vec![names],
        }
    }

    /// Every task that the plan asks for, in the order in which they matter.
    #[must_use]
    pub fn tasks(&self) -> Vec<PlannedTask> {
        let sounds = (0..).zip(&self.sounds).map(|(n, _)| PlannedTask {
            work: Work::Audio(n),
            priority: FIRST,
        });
        let mut tasks: Vec<PlannedTask> = sounds.collect();
        for (set, rungs) in self.sets().into_iter().enumerate() {
            let ahead = self.source.is_none() && set == 0;
            tasks.extend((0..).zip(&self.video.pieces).map(|(number, _)| PlannedTask {
                work: Work::Piece {
                    number,
                    rungs: rungs.clone(),
                },
                priority: match (ahead, number) {
                    (true, 0) => FIRST,
                    (true, _) | (false, 0) => AHEAD,
                    (false, _) => REST,
                },
            }));
        }
        tasks
    }

    /// The rung of a name.
    #[must_use]
    pub fn rung(&self, name: &str) -> Option<&Rung> {
        self.rungs.iter().find(|rung| rung.name == name)
    }

    /// What a task encodes, by its place or names; none where the plan has no such work.
    #[must_use]
    pub fn sound(&self, n: u32) -> Option<&Sound> {
        self.sounds.get(usize::try_from(n).ok()?)
    }

    /// The names of all renditions that the plan makes, the picture's best first.
    pub fn names(&self) -> impl Iterator<Item = &RenditionName> {
        let rungs = self.rungs.iter().rev().map(|rung| &rung.name);
        rungs.chain(self.sounds.iter().map(|sound| &sound.name))
    }
}
