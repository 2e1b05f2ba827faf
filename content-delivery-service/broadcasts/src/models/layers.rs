//! The layers of a recorded picture, and the one from which the renditions that nobody published are encoded.

use super::recording::{RecordedRendition, Recording, StoredSegment};
use live::packager::{InitState, Rendition};
use std::time::Duration;

/// A layer that shows less of the lecture than this share of the one that shows most is no source for others.
///
/// Units: percent
const SHOWN: u64 = 95;

/// A layer of a recorded picture.
#[derive(Debug)]
pub struct Layer<'a> {
    /// Which one.
    pub rendition: Rendition,
    /// Its segments in order.
    pub segments: Vec<StoredSegment>,
    /// The init segments that they use.
    inits: Vec<&'a InitState>,
}

impl<'a> Layer<'a> {
    fn of((rendition, stored): (&Rendition, &'a RecordedRendition)) -> Self {
        let segments = stored.listed();
        let used = |number: u32| segments.iter().any(|it| !it.state.is_gap() && it.state.init == number);
        let inits = stored.inits.values().map(|(init, _)| init);
        Self {
            rendition: *rendition,
            inits: inits.filter(|init| used(init.number)).collect(),
            segments,
        }
    }

    fn media(&self) -> impl Iterator<Item = &StoredSegment> {
        self.segments.iter().filter(|segment| !segment.state.is_gap())
    }

    /// How long it shows something.
    ///
    /// Units: microseconds
    fn shown(&self) -> u64 {
        self.media().map(|segment| segment.state.duration).sum()
    }

    /// The size of its largest pictures in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        let sizes = self.inits.iter().map(|init| (init.width, init.height));
        let pixels = |(width, height): &(u32, u32)| u64::from(*width) * u64::from(*height);
        sizes.max_by_key(pixels).unwrap_or_default()
    }

    /// The short side of its largest pictures in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        let (width, height) = self.size();
        width.min(height)
    }

    /// Whether its pictures change their shape.
    #[must_use]
    pub fn changes_shape(&self) -> bool {
        let (width, height) = self.size();
        let product = |one: u32, other: u32| u64::from(one) * u64::from(other);
        let other = |init: &&InitState| product(init.width, height) != product(init.height, width);
        self.inits.iter().any(other)
    }

    /// Frames a second on average.
    #[must_use]
    pub fn frame_rate(&self) -> f64 {
        let frames: u32 = self.media().fold(0, |sum, it| sum.saturating_add(it.state.frames));
        let seconds = Duration::from_micros(self.shown()).as_secs_f64();
        if seconds > 0.0 {
            (f64::from(frames) / seconds * 1_000.0).round() / 1_000.0
        } else {
            0.0
        }
    }
}

impl Recording {
    /// The layers that show most of the lecture, the largest last: that is the one from which others are encoded, and whose
    /// segments theirs have. Renditions that exist rely on the choice.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer<'_>> {
        let pictures = self.renditions.iter().filter(|(it, _)| it.is_picture());
        let mut layers: Vec<Layer<'_>> = pictures.map(Layer::of).collect();
        let most = layers.iter().map(Layer::shown).max().unwrap_or(0);
        layers.retain(|layer| most > 0 && layer.shown().saturating_mul(100) >= most.saturating_mul(SHOWN));
        layers.sort_by_key(Layer::side);
        layers
    }
}
