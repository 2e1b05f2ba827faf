//! What is known of a live lecture's recording: the layer of its picture from which smaller ones are encoded.

use contracts::RenditionName;

/// The layer of a recorded picture from which the missing renditions are encoded.
///
/// Units: times in ticks of 90 kHz from the lecture's zero
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedPicture {
    /// The name of the layer.
    pub layer: RenditionName,
    /// Pixels across, of its largest pictures.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Whether its pictures change their shape.
    pub is_boxed: bool,
    /// Frames a second on average.
    pub frame_rate: f64,
    /// The time of the container's clock at the lecture's zero.
    ///
    /// Units: microseconds
    pub zero: i64,
    /// The short sides of all layers that were published.
    pub published: Vec<u32>,
    /// Its segments in order.
    pub segments: Vec<RecordedSegment>,
}

/// A segment of a recorded layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedSegment {
    /// When its first frame is shown.
    pub start: u64,
    /// When its last frame ends.
    pub end: u64,
    /// The number of its init segment.
    pub init: u32,
    /// Its length in bytes; 0 for a gap.
    pub bytes: u64,
    /// Whether decoding can begin with it.
    pub independent: bool,
}
