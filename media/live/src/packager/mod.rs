//! Low-latency HLS without I/O: frames in, init segments, parts, segments and playlists out.
//!
//! Paths, relative to the generation: `{rendition}/media.m3u8`, `{rendition}/init-{number}.mp4`,
//! `{rendition}/{sequence}-{part}.m4s` (a part), `{rendition}/{sequence}.m4s` (a segment). The multivariant playlist stands
//! above the generation and names `{generation}/{rendition}/media.m3u8`.
//!
//! Each rendition counts its own segments, which begin at key frames and therefore at the same times where the publisher
//! sends its layers' key frames together; sound follows the picture. A discontinuity is the lecture's: whatever causes it,
//! all renditions count it, because players find matching places by its number. A rendition that has nothing for a while,
//! as a layer that the publisher's line has no room for, gets segments that are marked as gaps, so that its players change
//! to another and its timeline stays true. When nothing comes at all, the time is not in the lecture: it goes on at a
//! discontinuity, and `EXT-X-PROGRAM-DATE-TIME` says what time it is.

mod clock;
mod history;
mod hold;
mod lecture;
mod made;
mod parts;
mod playlist;
mod rendition;
mod sound;
mod stream;

pub use made::{InitState, Made, MadePart, PackagerState, Ready, RenditionState, SegmentState, Settings, Targets};
pub use rendition::{Rendition, UnknownRendition};

use crate::frame::Frame;
use bytes::Bytes;
use hls::GroupedMultivariant;
use lecture::Lecture;
use playlist::Progress;
use std::collections::BTreeMap;
use stream::Stream;

/// How long a rendition may be absent before the multivariant playlist leaves it out.
/// Units: microseconds
const FORGOTTEN: u64 = 10_000_000;

/// Packs the frames of one lecture.
#[derive(Debug)]
pub struct Packager {
    lecture: Lecture,
    playlists: BTreeMap<(Rendition, bool), Bytes>,
}

impl Packager {
    /// The packager of a lecture that begins.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            lecture: Lecture::new(settings),
            playlists: BTreeMap::new(),
        }
    }

    /// The packager of a lecture that goes on after a crash: its next frame starts a discontinuity, behind a short gap in
    /// the place of the segment that was lost.
    ///
    /// Shape: segments in order; what isn't known any more may be missing at the end of each rendition
    #[must_use]
    pub fn restore(settings: Settings, state: PackagerState) -> Self {
        Self {
            lecture: Lecture::restore(settings, state),
            playlists: BTreeMap::new(),
        }
    }

    /// Says until when the process before a crash made segments. Where it had made more than those that are known, the gap is as
    /// long as what was lost, and uses up the numbers under which players may have loaded it.
    ///
    /// Units: `until` in microseconds of UTC
    pub fn note_lost(&mut self, until: i64) {
        if let Some(lost_until) = &mut self.lecture.lost_until {
            *lost_until = until;
        }
    }

    /// Says that the file of a finished segment will not be there: it becomes a gap in the playlist.
    pub fn lose(&mut self, rendition: Rendition, sequence: u32) {
        if let Some(stream) = self.lecture.streams.get_mut(&rendition) {
            stream.lose(sequence);
            self.playlists.retain(|(of, _), _| *of != rendition);
        }
    }

    /// Says whether the publisher sends key frames when it is asked: another one may have taken over.
    pub fn set_answers_requests(&mut self, answers: bool) {
        self.lecture.settings.answers_requests = answers;
    }

    /// Takes a frame. Frames of one track come in the order of their decoding; tracks may be interleaved in any way.
    ///
    /// Units: `now` in microseconds of UTC
    pub fn push(&mut self, frame: &Frame, now: i64) -> Vec<Made> {
        let made = self.lecture.push(frame, now);
        self.forget(&made);
        made
    }

    /// Notices what did not come: call it about four times a second.
    ///
    /// Units: `now` in microseconds of UTC
    pub fn tick(&mut self, now: i64) -> Vec<Made> {
        let made = self.lecture.tick(now);
        self.forget(&made);
        made
    }

    /// The publisher has gone, or another took over: segments end here, and the next frame starts a discontinuity. The
    /// time without a publisher is not in the lecture.
    pub fn interrupt(&mut self) -> Vec<Made> {
        let made = self.lecture.interrupt();
        self.forget(&made);
        made
    }

    /// The lecture is over: the last segments end, and playlists become VOD with the same segments. Nothing is taken any
    /// more.
    pub fn end(&mut self) -> Vec<Made> {
        let made = self.lecture.end();
        self.playlists.clear();
        made
    }

    /// Forgets the playlists that are to be made again.
    fn forget(&mut self, made: &[Made]) {
        if !made.is_empty() {
            self.playlists.retain(|(rendition, _), _| !changed(made, *rendition));
        }
    }

    /// Whether [`Packager::end`] was called.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.lecture.ended
    }

    /// The renditions that have a playlist now, the picture's layers first.
    #[must_use]
    pub fn renditions(&self) -> Vec<Rendition> {
        let listed = self.lecture.streams.values().filter(|stream| stream.is_listed());
        listed.map(|stream| stream.rendition).collect()
    }

    /// The playlist of the renditions; `None` before anything can be played.
    #[must_use]
    pub fn multivariant(&self) -> Option<Bytes> {
        Some(self.ladder()?.to_string().into())
    }

    /// The renditions that the multivariant playlist lists; `None` before anything can be played.
    #[must_use]
    pub fn ladder(&self) -> Option<GroupedMultivariant> {
        let listed: Vec<&Stream> = self
            .lecture
            .streams
            .values()
            .filter(|stream| stream.is_listed())
            .collect();
        let present: Vec<&Stream> = listed
            .iter()
            .copied()
            .filter(|stream| self.lecture.ended || self.lecture.absence(stream) < FORGOTTEN)
            .collect();
        let streams = if present.is_empty() { listed } else { present };
        (!streams.is_empty()).then(|| playlist::multivariant(&streams, self.lecture.settings))
    }

    /// The playlist of a rendition, with older segments left out if `skip` and the settings allow; `None` if there is no
    /// such rendition. The same bytes again until something changed.
    #[must_use]
    pub fn playlist(&mut self, rendition: Rendition, skip: bool) -> Option<Bytes> {
        let skip = skip && self.lecture.settings.delta_updates && !self.lecture.ended;
        if let Some(made) = self.playlists.get(&(rendition, skip)) {
            return Some(made.clone());
        }
        let targets = self.lecture.targets?;
        let stream = self
            .lecture
            .streams
            .get(&rendition)
            .filter(|stream| stream.is_listed())?;
        let others: Vec<Progress> = self.lecture.streams.values().filter_map(Progress::of).collect();
        let text = playlist::media(
            stream,
            targets,
            self.lecture.settings.delta_updates,
            skip,
            self.lecture.ended,
            &others,
        );
        let made = Bytes::from(text);
        self.playlists.insert((rendition, skip), made.clone());
        Some(made)
    }

    /// Whether the playlist has a segment, or a part of it (`_HLS_msn`, `_HLS_part`).
    #[must_use]
    pub fn ready(&self, rendition: Rendition, sequence: u32, part: Option<u32>) -> Ready {
        let stream = self.lecture.streams.get(&rendition).filter(|stream| stream.is_listed());
        let (Some(stream), Some(targets)) = (stream, self.lecture.targets) else {
            return Ready::Unknown;
        };
        if self.lecture.ended {
            return Ready::Now;
        }
        let (open, parts) = playlist::next_part(stream);
        // A part behind a segment's last is the next segment's first.
        let last_parts = u32::try_from(stream.history().last_parts()).unwrap_or(u32::MAX);
        let (sequence, part) = match part {
            Some(part) if sequence.checked_add(1) == Some(open) && (1..=part).contains(&last_parts) => (open, Some(0)),
            part => (sequence, part),
        };
        let advance = u32::try_from(3_000_000_u64.div_ceil(targets.part.max(1)))
            .unwrap_or(u32::MAX)
            .max(3);
        match part {
            _ if sequence < open => Ready::Now,
            // The last complete segment is the one before the open one.
            _ if sequence > open.saturating_add(1) => Ready::TooFar,
            Some(part) if sequence == open && part < parts => Ready::Now,
            Some(part) if sequence == open && part >= parts.saturating_add(advance) => Ready::TooFar,
            _ => Ready::Wait,
        }
    }

    /// The part that comes next (which the playlist hints at, and a request for it may wait for).
    #[must_use]
    pub fn next_part(&self, rendition: Rendition) -> Option<(u32, u32)> {
        if self.lecture.ended {
            return None;
        }
        self.lecture.streams.get(&rendition).map(playlist::next_part)
    }

    /// What the playlists promise, once it is known.
    #[must_use]
    pub fn targets(&self) -> Option<Targets> {
        self.lecture.targets
    }

    /// Where the newest frame is on the lecture's timeline: how long the lecture is so far.
    /// Units: microseconds
    #[must_use]
    pub fn length(&self) -> u64 {
        self.lecture.newest
    }

    /// What [`Packager::restore`] needs.
    #[must_use]
    pub fn state(&self) -> Option<PackagerState> {
        let renditions = self.lecture.streams.values().map(|stream| RenditionState {
            rendition: stream.rendition,
            inits: stream.history().inits().to_vec(),
            segments: stream.history().segments().to_vec(),
        });
        Some(PackagerState {
            targets: self.lecture.targets?,
            renditions: renditions.collect(),
        })
    }
}

/// Whether the playlist of a rendition changed.
fn changed(made: &[Made], rendition: Rendition) -> bool {
    made.iter().any(|made| match made {
        Made::Part(part) => part.rendition == rendition,
        Made::Segment { rendition: own, .. } => *own == rendition,
        Made::Init { .. } | Made::KeyFrame(_) | Made::Unplayable { .. } => false,
    })
}
