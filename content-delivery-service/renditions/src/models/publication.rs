//! Pieces as workers publish them, and the state of renditions that grow.

use super::description::Description;
use super::lecture::{Reason, Rendition, RenditionState};
use super::plan::Plan;
use contracts::{RenditionName, VideoId};
use fmp4::TICKS;

/// Stored segments of a rendition, not yet published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPiece {
    /// The rendition's name.
    pub rendition: RenditionName,
    /// The number of the piece, counted from 0.
    pub piece: u32,
    /// The number of its first segment.
    pub first: u32,
    /// Whether it is the last one.
    pub last: bool,
    /// Its init segment.
    pub init: Vec<u8>,
    /// RFC 6381.
    pub codecs: String,
    /// Ticks a second in `segments`.
    pub timescale: u32,
    /// Duration in ticks and bytes of each segment.
    pub segments: Vec<(u32, u32)>,
    /// Frames, or packets of sound.
    pub frames: u32,
}

/// Pieces that a worker publishes in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The video.
    pub video: VideoId,
    /// The plan's generation.
    pub generation: u32,
    /// The pieces; their objects carry the task's fence.
    pub pieces: Vec<NewPiece>,
    /// Renditions of which the same part can't be made.
    pub failed: Vec<(RenditionName, Reason)>,
    /// Whether the task is done with it.
    pub finish: bool,
}

/// The result of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The pieces can be watched.
    Done,
    /// Another worker has the task, or the video is gone; nothing was written.
    Overtaken,
    /// A piece has another init segment than those before it; nothing was written.
    OtherParameters {
        /// The rendition.
        rendition: RenditionName,
    },
}

/// The state of one rendition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// The number of published pieces.
    pub pieces: i64,
    /// The lowest number of them: pieces are encoded side by side, and only what begins with the first can be watched.
    pub first: Option<i64>,
    /// The number of the last piece, once it is published.
    pub last: Option<i64>,
    /// Units: 90 kHz
    pub ticks: i64,
    /// The bytes of all pieces.
    pub bytes: i64,
    /// Units: 90 kHz of the lecture, in running encoders
    pub running: i64,
    /// RFC 6381, once a piece is published.
    pub codecs: Option<String>,
    /// Why a part of it was given up.
    pub failure: Option<Reason>,
}

impl NewPiece {
    /// How long it is.
    ///
    /// Units: 90 kHz
    pub fn ticks(&self) -> i64 {
        let own: u64 = self.segments.iter().map(|&(duration, _)| u64::from(duration)).sum();
        let ticks = u128::from(own) * u128::from(TICKS) / u128::from(self.timescale.max(1));
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    /// How large it is.
    pub fn bytes(&self) -> i64 {
        let bytes: u64 = self.segments.iter().map(|&(_, bytes)| u64::from(bytes)).sum();
        i64::try_from(bytes).unwrap_or(i64::MAX)
    }

    /// The rate of its largest segment, in bits a second.
    pub fn peak_bit_rate(&self) -> i64 {
        let rates = self
            .segments
            .iter()
            .map(|&(duration, bytes)| u64::from(bytes) * 8 * u64::from(self.timescale) / u64::from(duration.max(1)));
        i64::try_from(rates.max().unwrap_or(0)).unwrap_or(i64::MAX)
    }
}

impl Tally {
    /// Whether every piece is published.
    pub fn is_complete(&self) -> bool {
        self.last.is_some_and(|last| last + 1 == self.pieces)
    }

    /// Whether nothing more will be published.
    pub fn is_settled(&self) -> bool {
        self.is_complete() || self.failure.is_some()
    }

    fn state(&self) -> RenditionState {
        if self.is_complete() {
            RenditionState::Ready
        } else if self.failure.is_some() {
            RenditionState::Failed
        } else if self.pieces > 0 || self.running > 0 {
            RenditionState::Encoding
        } else {
            RenditionState::Waiting
        }
    }

    /// Why it failed, if it did.
    fn reason(&self) -> Option<Reason> {
        self.failure.clone().filter(|_| self.state() == RenditionState::Failed)
    }

    /// The share that is encoded, 0 to 1; 1 only if it is complete.
    fn progress(&self, of: u64) -> f64 {
        if self.is_complete() {
            return 1.0;
        }
        let done = self.ticks.saturating_add(self.running).unsigned_abs();
        (ratio(done, of.max(1)) * 1000.0).floor().min(999.0) / 1000.0
    }

    fn bit_rate(&self) -> Option<i64> {
        let bits = i128::from(self.bytes) * 8 * i128::from(TICKS);
        i64::try_from(bits / i128::from(self.ticks.max(1)))
            .ok()
            .filter(|_| self.ticks > 0)
    }
}

/// The quotient of two numbers that may be large.
#[expect(
    clippy::cast_precision_loss,
    reason = "ticks of lectures are far below what a double holds exactly"
)]
pub fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// The renditions of a lecture as a person sees them: its own picture, the rungs from the top, the sounds.
///
/// `own` are cut from the source, `made` are encoded by a plan.
pub fn shown(own: &[Description], made: &[Description], tally: impl Fn(&RenditionName) -> Tally) -> Vec<Rendition> {
    let so_far = |one: &Description| shown_so_far(one, &tally(&one.name));
    let mut all = Vec::with_capacity(own.len() + made.len());
    for pictures in [true, false] {
        let wanted = |one: &&Description| one.size().is_some() == pictures;
        all.extend(own.iter().filter(wanted).map(Description::shown_whole));
        all.extend(made.iter().filter(wanted).map(so_far));
    }
    all
}

fn shown_so_far(one: &Description, tally: &Tally) -> Rendition {
    let size = one.size();
    let usual = if size.is_some() { "avc1" } else { "mp4a.40.2" };
    Rendition {
        name: one.name.clone(),
        codecs: tally.codecs.clone().unwrap_or_else(|| usual.to_owned()),
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        bit_rate: tally.bit_rate().unwrap_or(one.bit_rate),
        state: tally.state(),
        progress: tally.progress(one.ticks.unsigned_abs()),
        reason: tally.reason(),
    }
}

/// The share of a plan's work, including decoding, that is done.
pub fn done_share(made: &[Description], tally: impl Fn(&RenditionName) -> Tally) -> f64 {
    let (mut done, mut all) = (0.0, 0.0);
    for one in made {
        let cost = ratio(one.cost.unsigned_abs(), 1);
        all += cost;
        let tally = tally(&one.name);
        // Nothing is left to do of what failed.
        done += cost
            * if tally.is_settled() {
                1.0
            } else {
                tally.progress(one.ticks.unsigned_abs())
            };
    }
    if all > 0.0 { done / all } else { 1.0 }
}

/// Whether a lecture can be watched: at least one of its rungs, if it has any, and each of its sounds have begun.
pub fn is_playable(plan: &Plan, of: impl Fn(&RenditionName) -> Tally) -> bool {
    let begun = |name: &RenditionName| of(name).first == Some(0);
    let picture = plan.rungs.iter().any(|rung| begun(&rung.name));
    let mut sounds = plan.sounds.iter();
    if plan.rungs.is_empty() {
        sounds.any(|sound| begun(&sound.name))
    } else {
        picture && sounds.all(|sound| begun(&sound.name) || of(&sound.name).failure.is_some())
    }
}

/// Whether nothing of a plan is left to do, and what is complete of it makes a lecture: its own picture or one rung, or a
/// sound if there is no picture.
pub fn is_settled(plan: &Plan, of: impl Fn(&RenditionName) -> Tally) -> bool {
    let complete = |name: &RenditionName| of(name).is_complete();
    let shows = if plan.rungs.is_empty() {
        plan.sounds.iter().any(|sound| complete(&sound.name))
    } else {
        plan.source.is_some() || plan.rungs.iter().any(|rung| complete(&rung.name))
    };
    shows && plan.names().all(|name| of(name).is_settled())
}

/// Whether the rest of a plan can still make its lecture playable.
pub fn has_hope(plan: &Plan, of: impl Fn(&RenditionName) -> Tally) -> bool {
    if plan.rungs.is_empty() {
        plan.sounds.iter().any(|sound| of(&sound.name).failure.is_none())
    } else {
        plan.rungs.iter().any(|rung| of(&rung.name).failure.is_none())
    }
}
