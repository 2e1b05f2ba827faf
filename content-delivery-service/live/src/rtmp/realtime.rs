//! A publisher's frames for viewers by WebRTC: its pictures and sound, encoded anew while somebody watches.

use crate::encoders::{Encoders, Feed, Sink};
use crate::rooms::{Audience, Publication};
use live::{Frame, Track};
use runtime::TaskSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often to look whether somebody watches.
const LOOK: Duration = Duration::from_millis(200);
/// How long the encoders run on when the last viewer has gone: a page that is loaded again comes back soon.
const RUN_ON: Duration = Duration::from_secs(30);
/// Frames that are kept of the group of pictures that goes on now. Encoders begin with it, so that the first viewer need not
/// wait for the next one.
const KEPT: usize = 1_000;
/// Bytes of these frames.
const KEPT_BYTES: usize = 8 << 20;

/// Encodes a publisher's frames while somebody watches.
pub(super) struct Realtime {
    publication: Arc<Publication>,
    encoders: Encoders,
    /// The group of pictures that goes on now.
    group: Vec<Frame>,
    group_bytes: usize,
    feeds: Option<Feeds>,
    looked: Option<Instant>,
    watched: Option<Instant>,
}

/// Running encoders; dropping them ends them.
struct Feeds {
    pictures: Feed,
    sound: Feed,
    _work: TaskSet,
}

impl Realtime {
    pub(super) fn new(publication: &Arc<Publication>, encoders: &Encoders) -> Self {
        Self {
            publication: Arc::clone(publication),
            encoders: encoders.clone(),
            group: Vec::new(),
            group_bytes: 0,
            feeds: None,
            looked: None,
            watched: None,
        }
    }

    /// Takes a frame of the publisher.
    pub(super) fn push(&mut self, frame: &Frame) {
        self.keep(frame);
        let is_running = self.feeds.is_some();
        self.look();
        let Some(feeds) = &mut self.feeds else {
            return;
        };
        if is_running {
            feeds.push(frame);
        } else {
            // The frame is one of them.
            self.group.iter().for_each(|frame| feeds.push(frame));
        }
    }

    /// Starts the encoders when somebody watches, and ends them when nobody has for a while.
    fn look(&mut self) {
        let now = Instant::now();
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return;
        }
        self.looked = Some(now);
        if self.publication.room().listeners() > 0 {
            self.watched = Some(now);
        }
        let is_watched = self.watched.is_some_and(|watched| now.duration_since(watched) < RUN_ON);
        if !is_watched {
            self.feeds = None;
        } else if self.feeds.is_none() {
            self.feeds = Some(self.start());
        }
    }

    fn start(&self) -> Feeds {
        let sink = || -> Sink {
            // An encoder that still ends must not hold the publisher's place.
            let publication = Arc::downgrade(&self.publication);
            Box::new(move |frame| {
                if let Some(publication) = publication.upgrade() {
                    publication.send(frame, Audience::Realtime);
                }
            })
        };
        let mut work = TaskSet::new();
        let (pictures, encoding) = self.encoders.pictures(sink());
        work.run(encoding);
        let (sound, encoding) = self.encoders.aac_to_opus(sink());
        work.run(encoding);
        Feeds {
            pictures,
            sound,
            _work: work,
        }
    }

    /// Keeps what has come since the last key frame.
    fn keep(&mut self, frame: &Frame) {
        let begins = frame.key && frame.track != Track::Sound;
        if begins || self.group.len() == KEPT || self.group_bytes > KEPT_BYTES {
            self.group.clear();
            self.group_bytes = 0;
        }
        let has_begun = begins || !self.group.is_empty();
        if has_begun || frame.track == Track::Sound {
            self.group_bytes += frame.data.len();
            self.group.push(frame.clone());
        }
    }
}

impl Feeds {
    fn push(&mut self, frame: &Frame) {
        match frame.track {
            Track::Sound => self.sound.push(frame),
            Track::Picture(_) => self.pictures.push(frame),
        }
    }
}
