//! Encoders of live lectures: children that turn what a publisher sends into what one kind of viewers needs.
//!
//! A browser publishes Opus, and players of playlists want AAC. RTMP brings AAC and pictures in an order that WebRTC doesn't
//! know. For each of these three there is a child of ffmpeg in `platform/sandbox`, fed and read by pipes.
//!
//! A [`Feed`] takes frames and never waits. Its [`Encoding`] runs as long as the feed exists, starts its child with the first
//! frame, and starts it anew when it ends or when the format changes. What the child makes has the times of what went in.

mod arguments;
mod child;
mod feed;
mod pictures;
mod sound;

pub use feed::Feed;

use child::Encoding;
use live::Frame;
use pictures::Pictures;
use sandbox::Sandbox;
use sandbox::staging::Staging;
use sound::{AacToOpus, OpusToAac};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an encoder may make nothing. One that gets nothing makes nothing, and is started again when there is something.
const STALL: Duration = Duration::from_secs(20);

/// Takes the frames that an encoder makes.
pub type Sink = Box<dyn Fn(Frame) + Send + Sync>;

/// Starts encoders.
#[derive(Debug, Clone)]
pub struct Encoders {
    sandbox: Sandbox,
    staging: Staging,
}

impl Encoders {
    /// Encoders whose guards run `program`, with their folders in the data directory; `required` refuses to run one whose files
    /// and system calls can't be restricted.
    ///
    /// Errors: there can be no folders
    pub fn open(program: impl Into<PathBuf>, data_dir: &Path, required: bool) -> io::Result<Self> {
        Ok(Self {
            sandbox: Sandbox::new(program, STALL).required(required),
            staging: Staging::open(data_dir)?,
        })
    }

    /// Makes AAC of Opus. The future is the work; it ends when the feed is dropped.
    pub fn opus_to_aac(&self, sink: Sink) -> (Feed, impl Future<Output = ()> + Send + use<>) {
        let (feed, frames) = Feed::new();
        (feed, Encoding::<OpusToAac>::new(self, sink).run(frames))
    }

    /// Makes Opus of AAC. The future is the work; it ends when the feed is dropped.
    pub fn aac_to_opus(&self, sink: Sink) -> (Feed, impl Future<Output = ()> + Send + use<>) {
        let (feed, frames) = Feed::new();
        (feed, Encoding::<AacToOpus>::new(self, sink).run(frames))
    }

    /// Makes pictures that are decoded in the order in which they are shown, at most 1,280 × 720 or 720 × 1,280, with a key frame
    /// every two seconds. The future is the work; it ends when the feed is dropped.
    pub fn pictures(&self, sink: Sink) -> (Feed, impl Future<Output = ()> + Send + use<>) {
        let (feed, frames) = Feed::new();
        (feed, Encoding::<Pictures>::new(self, sink).run(frames))
    }
}
