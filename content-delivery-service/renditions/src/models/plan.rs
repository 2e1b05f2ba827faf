//! Plans: the rungs and sounds to encode of a source, and the pieces in which they are encoded.
//!
//! A plan is data: it is written once, in the transaction that enqueues its tasks. It contains the facts about the source
//! that encoding needs; workers know how to call an encoder.

use contracts::RenditionName;
use fmp4::TICKS;
use serde::{Deserialize, Serialize};
use std::ops::Range;

mod stored;

/// The rate at which sounds are encoded.
///
/// Units: bits a second
pub const SOUND_BIT_RATE: u32 = 128_000;

/// The renditions of a source, and how to encode them.
///
/// Units: times in ticks of 90 kHz from the lecture's zero
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How to read the source.
    pub input: Input,
    /// The picture's segments and pieces; empty if no picture is encoded.
    pub video: Track,
    /// The sounds' segments and pieces; empty if no sound is encoded.
    pub audio: Track,
    /// The encoded renditions of the picture, the lowest first.
    pub rungs: Vec<Rung>,
    /// The encoded renditions of the sound.
    pub sounds: Vec<Sound>,
    /// The picture as it was uploaded, if it can be played without encoding.
    pub source: Option<SourceRung>,
    /// Whether workers fetch the source from elsewhere, so that one task encodes all rungs of a piece from the bytes that it
    /// has fetched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_fetched: bool,
}

/// What an encoder has to know about the source to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "stored::StoredInput")]
pub struct Input {
    /// The container's plain name, such as `matroska`.
    pub container: String,
    /// The time of the container's clock at the lecture's zero.
    ///
    /// Units: microseconds
    pub zero: i64,
    /// The stream of the picture.
    pub video: Option<Stream>,
    /// Pixels of a frame, from which the cost of decoding is estimated.
    pub pixels: u64,
    /// When the last picture begins, if there are segments after it: they show it, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_picture: Option<u64>,
    /// Where the source is the recording of a live lecture: which part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordedLayer>,
}

/// A layer of a recorded picture. Its segments, one after the other, are the bytes that pieces refer to; before them, an
/// encoder needs their init segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedLayer {
    /// Its name.
    pub name: RenditionName,
    /// Whether its pictures change their shape, so that some need borders.
    pub is_boxed: bool,
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
    /// The number of its segments.
    pub segments: u32,
    /// The last key frame at or before its start, where decoding can begin.
    pub key_frame: Option<KeyFrame>,
    /// The number of the source's frames in it, if it is known.
    pub frames: Option<u32>,
    /// The bytes of the source that contain every packet of the piece: for a picture from the key frame on, for sounds from
    /// shortly before its start. None if the positions of packets are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Range<u64>>,
}

/// A frame with which decoding can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFrame {
    /// When it is shown.
    pub at: u64,
    /// When the next key frame is shown, or the end if none follows; none if it is not known.
    pub next: Option<u64>,
}

/// A rendition of the picture that is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Its short side, such as `720p`.
    pub name: RenditionName,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames a second.
    pub frame_rate: f64,
    /// Whether the source has more frames a second, so that some are dropped.
    ///
    /// None in plans of the version before, whose encoders guess the rate from the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinned: Option<bool>,
    /// The highest rate.
    ///
    /// Units: bits a second
    pub bit_rate: u32,
    /// The constant quality, as far as the highest rate allows it.
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
    /// ISO 639-2, if the file states it.
    pub language: Option<String>,
    /// Long spans without a sound, each followed by some; silence is put there without an encoder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<Range<u64>>,
}

/// The picture as it was uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceRung {
    /// Its short side in pixels.
    pub short_side: u32,
    /// Whether it stays the top of the ladder when the rungs are complete.
    pub stays: bool,
}

/// The work of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A whole sound, by its place in the plan; its pieces are published one by one.
    Audio(u32),
    /// One piece of some rungs.
    Piece {
        /// The number of the piece.
        number: u32,
        /// The names of the rungs.
        rungs: Vec<RenditionName>,
    },
}

/// A task of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTask {
    /// Its work.
    pub work: Work,
    /// Tasks of higher priority always come first.
    pub priority: i64,
}

/// Work that makes a lecture playable comes first.
const FIRST: i64 = 30;
/// The rest of the lowest rung, which viewers are watching, and the beginnings of better rungs.
const AHEAD: i64 = 20;
/// Everything else.
const REST: i64 = 10;

impl PlannedTask {
    /// Whether the lecture is not playable before it is done.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.priority == FIRST
    }
}

impl Work {
    /// The name of the work within its plan, for the task's key.
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

impl Rung {
    /// How far a slot begins before its nominal time, in parts of a slot. Frames of a constant rate never fall on the edges
    /// of slots then, where rounding would decide.
    pub const LEAD: f64 = 0.06;

    /// The slot of a frame. A thinned rung has the source's first frame of each slot.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "ticks of lectures are far below what a double holds exactly"
    )]
    #[must_use]
    pub fn slot(&self, time: u64) -> u64 {
        (time as f64 / f64::from(TICKS) * self.frame_rate + Self::LEAD) as u64
    }
}

impl Track {
    /// The bounds of a piece's segments: one more than segments.
    #[must_use]
    pub fn bounds_of(&self, piece: &PlannedPiece) -> Option<&[u64]> {
        let first = usize::try_from(piece.first).ok()?;
        let last = first.checked_add(usize::try_from(piece.segments).ok()?)?;
        self.bounds.get(first..=last)
    }

    /// The end of the last segment.
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

    /// The end of the encoded part of the lecture.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.video.end().max(self.audio.end())
    }

    /// Whether the lowest rung is encoded ahead of the others, because the lecture is not playable without it.
    #[must_use]
    pub fn runs_ahead(&self) -> bool {
        self.source.is_none() && self.rungs.len() > 1
    }

    /// The sets of rungs that are encoded together from one decoding.
    #[must_use]
    pub fn sets(&self) -> Vec<Vec<RenditionName>> {
        let names: Vec<RenditionName> = self.rungs.iter().map(|rung| rung.name.clone()).collect();
        match names.split_first() {
            None => Vec::new(),
            Some((lowest, rest)) if self.runs_ahead() => vec![vec![lowest.clone()], rest.to_vec()],
            Some(_) => vec![names],
        }
    }

    /// All tasks of the plan, the most urgent first.
    ///
    /// If the source is fetched, the lowest rung runs ahead in the first piece alone, with which the lecture becomes playable.
    #[must_use]
    pub fn tasks(&self) -> Vec<PlannedTask> {
        let sounds = (0..).zip(&self.sounds).map(|(n, _)| PlannedTask {
            work: Work::Audio(n),
            priority: FIRST,
        });
        let mut tasks: Vec<PlannedTask> = sounds.collect();
        let sets = self.sets();
        for (set, rungs) in sets.iter().enumerate() {
            let ahead = self.source.is_none() && set == 0;
            for (number, _) in (0..).zip(&self.video.pieces) {
                let together = self.is_fetched && number > 0;
                if together && set > 0 {
                    continue;
                }
                let rungs = if together { sets.concat() } else { rungs.clone() };
                tasks.push(PlannedTask {
                    work: Work::Piece { number, rungs },
                    priority: match (ahead, number) {
                        (true, 0) => FIRST,
                        (true, _) | (false, 0) => AHEAD,
                        (false, _) => REST,
                    },
                });
            }
        }
        tasks
    }

    /// A rung by its name.
    #[must_use]
    pub fn rung(&self, name: &str) -> Option<&Rung> {
        self.rungs.iter().find(|rung| rung.name == name)
    }

    /// A sound by its place; none if the plan has no such sound.
    #[must_use]
    pub fn sound(&self, n: u32) -> Option<&Sound> {
        self.sounds.get(usize::try_from(n).ok()?)
    }

    /// The names of all renditions of the plan, the best picture first.
    pub fn names(&self) -> impl Iterator<Item = &RenditionName> {
        let rungs = self.rungs.iter().rev().map(|rung| &rung.name);
        rungs.chain(self.sounds.iter().map(|sound| &sound.name))
    }
}
