//! The stream of one lecture: its packager, what of it is in memory, and those who wait for the next part.

use super::backlog::Jobs;
use super::listing::{Listed, Listing};
use super::shelf::Shelf;
use broadcasts::models::recording::{GENERATION, Recording};
use broadcasts::repositories::recording_repository::Fact;
use bytes::Bytes;
use contracts::questions::live::{LiveFile, LiveReply, Reload};
use contracts::{RenditionName, Timestamp};
use live::Frame;
use live::packager::{Made, Packager, Ready, Rendition, SegmentState, Settings, Targets};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long a player may wait for a lecture's first part.
const FIRST: Duration = Duration::from_secs(6);
/// How many newer segments are finished when one that found no room to wait for the store becomes a gap.
///
/// Until then, players that follow the lecture load it from memory. A delta update leaves out only what is at least six target
/// durations old, so that all players learn of the gap.
const GAP_AFTER: u32 = 5;

/// One lecture's stream.
pub(super) struct Stream {
    state: Mutex<State>,
    /// Changes with every playlist.
    news: watch::Sender<u64>,
}

struct State {
    packager: Option<Packager>,
    shelves: HashMap<Rendition, Shelf>,
    listed: HashMap<(Rendition, bool), Listed>,
    news: HashMap<Rendition, watch::Sender<u64>>,
    noted: Option<Targets>,
    is_over: bool,
    /// None once nothing more is to be stored.
    jobs: Option<Jobs>,
    /// Segments that are not stored, and not gaps yet.
    lost: BTreeSet<(Rendition, u32)>,
}

/// What a reader gets now, or what it has to wait for.
enum Found {
    Reply(LiveReply),
    Listing(Arc<Listing>),
    /// It may come with the next change of this.
    Wait(watch::Receiver<u64>, Duration),
}

impl Stream {
    /// A stream that goes on where its recording ends; `seen_at` is when another process was last seen making it.
    pub(super) fn new(recording: &Recording, seen_at: Option<Timestamp>, jobs: Jobs) -> Self {
        let mut shelves: HashMap<Rendition, Shelf> = HashMap::new();
        for (rendition, stored) in &recording.renditions {
            let shelf = shelves.entry(*rendition).or_default();
            for (number, (_, bytes)) in &stored.inits {
                shelf.add_init(*number, bytes.clone());
            }
        }
        let packager = recording.state().map(|before| {
            let mut packager = Packager::restore(settings(true), before);
            if let Some(seen_at) = seen_at {
                packager.note_lost(seen_at.0);
            }
            packager
        });
        let state = State {
            packager,
            shelves,
            listed: HashMap::new(),
            news: HashMap::new(),
            noted: recording.targets,
            is_over: false,
            jobs: Some(jobs),
            lost: BTreeSet::new(),
        };
        Self {
            state: Mutex::new(state),
            news: watch::Sender::new(0),
        }
    }

    /// Takes a frame; `answers` is whether its publisher sends key frames when it is asked. Returns the layers that need one.
    pub(super) fn push(&self, frame: &Frame, answers: bool, now: i64) -> Vec<u8> {
        self.change(|state| {
            if state.is_over {
                return Vec::new();
            }
            let packager = state.packager.get_or_insert_with(|| Packager::new(settings(answers)));
            packager.set_answers_requests(answers);
            packager.push(frame, now)
        })
    }

    /// Lets time pass. Returns the layers that need a key frame.
    pub(super) fn tick(&self, now: i64) -> Vec<u8> {
        self.change(|state| state.packager.as_mut().map(|it| it.tick(now)).unwrap_or_default())
    }

    /// Notes that the publisher has gone, or that another one comes.
    pub(super) fn interrupt(&self) {
        self.change(|state| state.packager.as_mut().map(Packager::interrupt).unwrap_or_default());
    }

    /// Ends the lecture; its playlists become those of the recording.
    pub(super) fn end(&self) {
        self.change(|state| {
            state.is_over = true;
            state.packager.as_mut().map(Packager::end).unwrap_or_default()
        });
        let mut state = self.state();
        state.make_gaps(|_, _| true);
        if let Some(jobs) = state.jobs.take() {
            jobs.complete();
        }
    }

    /// Gives the lecture up, as far as this node is concerned; what is complete is still stored.
    pub(super) fn abandon(&self) {
        self.interrupt();
        let mut state = self.state();
        state.is_over = true;
        state.jobs = None;
    }

    /// Applies what the packager makes, and wakes those who wait for it.
    fn change(&self, make: impl FnOnce(&mut State) -> Vec<Made>) -> Vec<u8> {
        let mut state = self.state();
        let made = make(&mut state);
        if made.is_empty() {
            return Vec::new();
        }
        let (changed, asked) = state.take(made);
        let news: Vec<_> = changed.into_iter().map(|it| state.news(it).clone()).collect();
        // Whoever wakes looks at the state first.
        drop(state);
        for news in news.iter().chain([&self.news]) {
            news.send_modify(|count| *count += 1);
        }
        asked
    }

    /// A file of the stream; waits for one that is about to come.
    pub(super) async fn read(&self, file: &LiveFile, reload: Reload) -> LiveReply {
        let begun = Instant::now();
        let mut reload = reload;
        // Players that know no parts fail at a playlist without a segment; ffmpeg 5 even crashes where another one has some.
        let is_plain = matches!(file, LiveFile::Playlist(_)) && reload.sequence.is_none();
        reload.sequence = reload.sequence.or(is_plain.then_some(0));
        loop {
            match self.find(file, reload) {
                Found::Reply(reply) => return reply,
                // compressed without the lock
                Found::Listing(listing) => return listing.reply(),
                Found::Wait(mut news, at_most) => {
                    let changed = timeout_at(begun + at_most, news.changed()).await;
                    match changed {
                        Ok(Ok(())) => {}
                        _ if is_plain && reload.sequence.is_some() => reload.sequence = None,
                        _ => return LiveReply::Late,
                    }
                }
            }
        }
    }

    /// Media of the stream, if it is there.
    pub(super) fn in_memory(&self, file: &LiveFile) -> Option<Bytes> {
        self.state().media(file)
    }

    fn find(&self, file: &LiveFile, reload: Reload) -> Found {
        let mut state = self.state();
        let missing = || Found::Reply(LiveReply::Missing);
        match file {
            LiveFile::Index => match state.packager.as_ref().and_then(Packager::multivariant) {
                Some(bytes) => Found::Reply(LiveReply::File { bytes, packed: None }),
                None if state.is_over => missing(),
                None => Found::Wait(self.news.subscribe(), FIRST),
            },
            LiveFile::Playlist(name) => parse(name).map_or_else(missing, |it| state.playlist(it, reload)),
            LiveFile::Init(..) | LiveFile::Segment(..) => found(state.media(file)),
            LiveFile::Part(name, sequence, part) => match state.media(file) {
                Some(bytes) => found(Some(bytes)),
                None => parse(name).map_or_else(missing, |it| state.part_to_come(it, *sequence, *part)),
            },
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Keeps and records what was made. Returns the renditions whose playlists have changed, and the layers that need a key
    /// frame.
    fn take(&mut self, made: Vec<Made>) -> (BTreeSet<Rendition>, Vec<u8>) {
        let (mut changed, mut asked) = (BTreeSet::new(), Vec::new());
        let targets = self.packager.as_ref().and_then(Packager::targets);
        if let Some(targets) = targets.filter(|_| self.noted != targets) {
            self.noted = Some(targets);
            self.note(Fact::Targets(targets));
        }
        for made in made {
            match made {
                Made::Init { rendition, init, bytes } => {
                    self.shelves
                        .entry(rendition)
                        .or_default()
                        .add_init(init.number, bytes.clone());
                    self.note(Fact::Init(rendition, init, bytes));
                }
                Made::Part(part) => {
                    let shelf = self.shelves.entry(part.rendition).or_default();
                    shelf.add_part(part.sequence, part.bytes);
                    changed.insert(part.rendition);
                }
                Made::Segment { rendition, segment } => {
                    self.record(rendition, segment);
                    let newest = segment.sequence;
                    self.make_gaps(|of, sequence| of == rendition && sequence.saturating_add(GAP_AFTER) <= newest);
                    changed.insert(rendition);
                }
                Made::KeyFrame(layer) => asked.push(layer),
                Made::Unplayable { rendition, reason } => {
                    tracing::warn!(%rendition, %reason, "a part of a live lecture is left out of its playlists");
                }
            }
        }
        (changed, asked)
    }

    fn note(&self, fact: Fact) {
        if let Some(jobs) = &self.jobs {
            jobs.note(fact);
        }
    }

    fn record(&mut self, rendition: Rendition, segment: SegmentState) {
        let shelf = self.shelves.entry(rendition).or_default();
        let whole = shelf.complete(segment.sequence).filter(|_| !segment.is_gap());
        let Some(jobs) = &mut self.jobs else { return };
        match whole {
            Some(bytes) => {
                if let Some(waiting) = jobs.segment(rendition, segment, bytes) {
                    shelf.keep(segment.sequence, &waiting);
                } else {
                    self.lost.insert((rendition, segment.sequence));
                }
            }
            None => jobs.note(Fact::Segment(rendition, segment)),
        }
    }

    /// Makes gaps of lost segments: memory will not have them for long.
    fn make_gaps(&mut self, is_due: impl Fn(Rendition, u32) -> bool) {
        let Some(packager) = &mut self.packager else { return };
        self.lost.retain(|&(rendition, sequence)| {
            let is_due = is_due(rendition, sequence);
            if is_due {
                packager.lose(rendition, sequence);
            }
            !is_due
        });
    }

    fn shelf(&self, name: &RenditionName) -> Option<&Shelf> {
        self.shelves.get(&parse(name)?)
    }

    /// Everything but playlists, if it is there.
    fn media(&self, file: &LiveFile) -> Option<Bytes> {
        match file {
            LiveFile::Index | LiveFile::Playlist(_) => None,
            LiveFile::Init(name, number) => self.shelf(name)?.init(*number),
            LiveFile::Segment(name, sequence) => self.shelf(name)?.segment(*sequence),
            LiveFile::Part(name, sequence, part) => self.shelf(name)?.part(*sequence, *part),
        }
    }

    fn news(&mut self, rendition: Rendition) -> &watch::Sender<u64> {
        self.news.entry(rendition).or_insert_with(|| watch::Sender::new(0))
    }

    fn patience(&self) -> Duration {
        let targets = self.packager.as_ref().and_then(Packager::targets);
        targets.map_or(FIRST, |targets| Duration::from_secs(3 * u64::from(targets.segment)))
    }

    fn playlist(&mut self, rendition: Rendition, reload: Reload) -> Found {
        let Some(packager) = &mut self.packager else {
            return Found::Reply(LiveReply::Elsewhere);
        };
        let ready = match reload.sequence {
            Some(sequence) => packager.ready(rendition, sequence, reload.part),
            None => Ready::Now,
        };
        match ready {
            Ready::Now => match packager.playlist(rendition, reload.skip) {
                Some(plain) => Found::Listing(self.listed.entry((rendition, reload.skip)).or_default().of(plain)),
                None => Found::Reply(LiveReply::Missing),
            },
            Ready::Wait => self.wait(rendition),
            Ready::TooFar => Found::Reply(LiveReply::TooFar),
            Ready::Unknown => Found::Reply(LiveReply::Missing),
        }
    }

    /// The part that a playlist hints at is worth waiting for.
    fn part_to_come(&mut self, rendition: Rendition, sequence: u32, part: u32) -> Found {
        let next = self.packager.as_ref().and_then(|it| it.next_part(rendition));
        let is_next = |(segment, next)| (segment, next) == (sequence, part) || (segment + 1, 0) == (sequence, part);
        if self.is_over || !next.is_some_and(is_next) {
            return Found::Reply(LiveReply::Missing);
        }
        self.wait(rendition)
    }

    fn wait(&mut self, rendition: Rendition) -> Found {
        let at_most = self.patience();
        Found::Wait(self.news(rendition).subscribe(), at_most)
    }
}

fn settings(answers_requests: bool) -> Settings {
    Settings {
        generation: GENERATION,
        delta_updates: true,
        answers_requests,
    }
}

fn parse(name: &RenditionName) -> Option<Rendition> {
    Rendition::parse(name.as_str())
}

/// What is not in memory may be in the store.
fn found(bytes: Option<Bytes>) -> Found {
    Found::Reply(bytes.map_or(LiveReply::Elsewhere, |bytes| LiveReply::File { bytes, packed: None }))
}

#[cfg(test)]
mod tests {
    use super::super::backlog::Backlog;
    use super::*;
    use broadcasts::models::recording::name_of;
    use contracts::VideoId;
    use live::{Format, H264, Track};

    const PICTURE: Rendition = Rendition::Picture(0);
    /// 2025-12-01T12:00:00Z
    const NOON: i64 = 1_764_590_400_000_000;

    fn format() -> Arc<Format> {
        // x264, High, 1920x1080
        let sps = [
            0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0x9a, 0x80, 0x80, 0x80, 0xa0, 0x00, 0x00,
            0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x81, 0xe3, 0x06, 0x32, 0xc0,
        ];
        let pps = vec![Bytes::from_static(&[0x68, 0xeb, 0xec, 0xb2, 0x2c])];
        Arc::new(Format::H264(H264 {
            sps: sps.to_vec().into(),
            pps,
        }))
    }

    /// Publishes pictures, 30 in a second, with a key frame every two.
    fn publish(stream: &Stream, seconds: i64) {
        let format = format();
        for n in 0..30 * seconds {
            let key = n % 60 == 0;
            let mut data = vec![0; 1_000];
            data[..4].copy_from_slice(&996_u32.to_be_bytes());
            data[4] = if key { 0x65 } else { 0x41 };
            let frame = Frame {
                track: Track::Picture(0),
                format: Arc::clone(&format),
                decoded_at: n * 3_000,
                shown_after: 0,
                key,
                data: data.into(),
            };
            let now = NOON + n * 100_000 / 3;
            stream.push(&frame, true, now);
            stream.tick(now);
        }
    }

    /// The numbers of the segments that the playlist has, and whether they are gaps.
    async fn listed(stream: &Stream) -> Vec<(u32, bool)> {
        let file = LiveFile::Playlist(name_of(PICTURE).unwrap());
        let LiveReply::File { bytes, .. } = stream.read(&file, Reload::default()).await else {
            panic!("no playlist");
        };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (mut segments, mut is_gap) = (Vec::new(), false);
        for line in text.lines() {
            is_gap |= line == "#EXT-X-GAP";
            if let Some(number) = line.strip_suffix(".m4s") {
                segments.push((number.parse().unwrap(), std::mem::take(&mut is_gap)));
            }
        }
        segments
    }

    #[tokio::test]
    async fn a_segment_that_finds_no_room_is_a_gap_before_memory_loses_it() {
        // A segment is of some 60,000 bytes, and the last one of half of that: only the first finds room, and it is never stored.
        let (jobs, _recorder) = Backlog::of(80_000).of_lecture(VideoId::generate());
        let stream = Stream::new(&Recording::default(), None, jobs);
        publish(&stream, 41);
        let segments = listed(&stream).await;
        let newest = segments.last().unwrap().0;
        assert!(newest >= 15, "{segments:?}");
        for (sequence, is_gap) in segments {
            assert_eq!(is_gap, (1..=newest - GAP_AFTER).contains(&sequence), "{sequence}");
            let file = LiveFile::Segment(name_of(PICTURE).unwrap(), sequence);
            assert!(is_gap || stream.in_memory(&file).is_some(), "{sequence}");
        }
        stream.end();
        for (sequence, is_gap) in listed(&stream).await {
            assert_eq!(is_gap, sequence > 0, "{sequence}");
        }
    }
}
