//! Descriptions of renditions, whether or not any piece of them exists yet.

use super::lecture::{Media, Rendition, RenditionState};
use super::plan::{Plan, SOUND_BIT_RATE, Track};
use contracts::RenditionName;

/// The cost of encoding a sound as long as the picture, in pixels of a frame.
const SOUND_COST: u64 = 20_000;
/// Decoding a frame costs the cost of encoding one of the same size divided by this.
const DECODING_PART: u64 = 4;

/// A rendition as its row describes it: everything needed to show and to serve it, except its pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Its name, also in paths.
    pub name: RenditionName,
    /// Its place in its generation: the best picture first, then the sounds.
    pub position: u32,
    /// Picture or sound, with what only one of them has.
    pub kind: RenditionKind,
    /// RFC 6381; none until its first piece is published.
    pub codecs: Option<String>,
    /// The rate to show until it can be measured.
    ///
    /// Units: bits a second
    pub bit_rate: i64,
    /// The rate to announce to players until it can be measured: single segments may be above the average.
    ///
    /// Units: bits a second
    pub bandwidth: i64,
    /// The longest planned segment; 0 if an index of the source gives the segments.
    ///
    /// Units: 90 kHz
    pub longest_segment: i64,
    /// Its planned length; 0 if an index of the source gives the segments.
    ///
    /// Units: 90 kHz
    pub ticks: i64,
    /// The number of planned segments; 0 if an index of the source gives them.
    pub segments: u32,
    /// Its cost relative to the others of its plan, including its share of decoding.
    ///
    /// Units: pixels of a frame
    pub cost: i64,
    /// Whether it is listed only until the plan is complete.
    pub stands_in: bool,
}

/// Whether a rendition is a picture or a sound.
#[derive(Debug, Clone, PartialEq)]
pub enum RenditionKind {
    /// A picture.
    Picture {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Frames a second.
        frame_rate: f64,
    },
    /// A sound.
    Sound {
        /// The number of channels.
        channels: u32,
        /// ISO 639-2, if the file states it.
        language: Option<String>,
    },
}

impl Description {
    /// Pixels across and down; none for a sound.
    #[must_use]
    pub fn size(&self) -> Option<(u32, u32)> {
        match self.kind {
            RenditionKind::Picture { width, height, .. } => Some((width, height)),
            RenditionKind::Sound { .. } => None,
        }
    }

    /// A rendition that is cut from the source, as people see it.
    #[must_use]
    pub fn shown_whole(&self) -> Rendition {
        let size = self.size();
        Rendition {
            name: self.name.clone(),
            codecs: self.codecs.clone().unwrap_or_default(),
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            bit_rate: self.bit_rate,
            state: RenditionState::Ready,
            progress: 1.0,
            reason: None,
        }
    }
}

/// Describes the renditions of a plan.
#[must_use]
pub fn of_plan(plan: &Plan) -> Vec<Description> {
    let mut all = pictures(plan);
    let longer = plan.end().max(1);
    let first = all.len();
    all.extend((first..).zip(&plan.sounds).map(|(position, sound)| Description {
        name: sound.name.clone(),
        position: small(position),
        kind: RenditionKind::Sound {
            channels: u32::from(sound.channels),
            language: sound.language.clone(),
        },
        codecs: None,
        bit_rate: i64::from(SOUND_BIT_RATE),
        // The encoder keeps the rate on average; single segments may be a fifth above.
        bandwidth: i64::from(SOUND_BIT_RATE) * 6 / 5,
        longest_segment: longest(&plan.audio),
        ticks: large(plan.audio.end()),
        segments: segments(&plan.audio),
        cost: large(SOUND_COST.saturating_mul(plan.audio.end()) / longer),
        stands_in: false,
    }));
    all
}

fn pictures(plan: &Plan) -> Vec<Description> {
    // A set is decoded once: its first rung gets the cost.
    let decoded: Vec<RenditionName> = plan.sets().iter().filter_map(|set| set.first().cloned()).collect();
    let rungs = (0..).zip(plan.rungs.iter().rev()).map(|(position, rung)| {
        let pixels = u64::from(rung.width) * u64::from(rung.height);
        let decoding = if decoded.contains(&rung.name) {
            plan.input.pixels / DECODING_PART
        } else {
            0
        };
        Description {
            name: rung.name.clone(),
            position,
            kind: RenditionKind::Picture {
                width: rung.width,
                height: rung.height,
                frame_rate: rung.frame_rate,
            },
            codecs: None,
            bit_rate: i64::from(rung.bit_rate),
            bandwidth: i64::from(rung.bit_rate),
            longest_segment: longest(&plan.video),
            ticks: large(plan.video.end()),
            segments: segments(&plan.video),
            cost: large(pixels.saturating_add(decoding)),
            stands_in: false,
        }
    });
    rungs.collect()
}

/// Describes the renditions that are cut from a source; with `stands_in`, its picture is dropped when the rungs are
/// complete.
#[must_use]
pub fn of_source(media: &Media, own: &[Rendition], stands_in: bool) -> Vec<Description> {
    let (pictures, sounds): (Vec<_>, Vec<_>) = own.iter().partition(|one| one.width.is_some());
    let frame_rate = media.video.as_ref().map_or(0.0, |track| track.frame_rate);
    let pictures = pictures.into_iter().map(|one| {
        let kind = RenditionKind::Picture {
            width: one.width.unwrap_or(0),
            height: one.height.unwrap_or(0),
            frame_rate,
        };
        (one, kind)
    });
    let sounds = sounds.into_iter().enumerate().map(|(n, one)| {
        let track = media.audio.get(n);
        let kind = RenditionKind::Sound {
            channels: track.map_or(0, |track| u32::from(track.channels)),
            language: track.and_then(|track| track.language.clone()),
        };
        (one, kind)
    });
    let described = (0..)
        .zip(pictures.chain(sounds))
        .map(|(position, (one, kind))| Description {
            name: one.name.clone(),
            position,
            stands_in: stands_in && matches!(kind, RenditionKind::Picture { .. }),
            kind,
            codecs: Some(one.codecs.clone()),
            bit_rate: one.bit_rate,
            bandwidth: one.bit_rate,
            longest_segment: 0,
            ticks: 0,
            segments: 0,
            cost: 0,
        });
    described.collect()
}

fn longest(track: &Track) -> i64 {
    let spans = track.bounds.windows(2).map(|pair| match pair {
        [start, end] => end.saturating_sub(*start),
        _ => 0,
    });
    large(spans.max().unwrap_or(0))
}

fn segments(track: &Track) -> u32 {
    small(track.bounds.len().saturating_sub(1))
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn large(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
