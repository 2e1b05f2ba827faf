//! AAC beside the Opus of a publisher, for players of playlists.

use crate::encoders::{Encoders, Feed, Sink};
use live::{Format, Frame};
use runtime::TaskSet;

/// Encodes a publisher's sound a second time. Dropping it ends the encoder.
pub(crate) struct SecondSound {
    feed: Feed,
    _work: TaskSet,
}

impl SecondSound {
    /// Begins for a publisher. A child of ffmpeg starts with the first frame of Opus, so other publishers have none.
    pub(crate) fn begin(encoders: &Encoders, sink: Sink) -> Self {
        let (feed, encoding) = encoders.opus_to_aac(sink);
        let mut work = TaskSet::new();
        work.run(encoding);
        Self { feed, _work: work }
    }

    /// Takes a frame of the publisher; only those of Opus matter.
    pub(crate) fn push(&mut self, frame: &Frame) {
        if matches!(*frame.format, Format::Opus { .. }) {
            self.feed.push(frame);
        }
    }
}
