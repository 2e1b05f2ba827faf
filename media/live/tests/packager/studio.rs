//! A publisher on a virtual clock, and everything that the packager made of it.

use crate::boxes::{self, Found};
use crate::judge::{self, Media};
use bytes::Bytes;
use live::packager::{Made, MadePart, Packager, Rendition, SegmentState, Settings};
use live::{Format, Frame, H264, Track};
use std::collections::BTreeMap;
use std::sync::Arc;

/// 2025-12-01T12:00:00Z
pub(crate) const NOON: i64 = 1_764_590_400_000_000;
pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) const SETTINGS: Settings = Settings {
    generation: 1,
    delta_updates: true,
    answers_requests: true,
};

/// A number that looks random.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// By `MOOCFLIX_TEST_SEED`, or of now; prints it.
    pub(crate) fn new() -> Self {
        let given = std::env::var_os("MOOCFLIX_TEST_SEED").and_then(|seed| seed.to_str()?.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()) << 20 | 0x5eed);
        println!("MOOCFLIX_TEST_SEED={seed}");
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit.max(1)
    }
}

pub(crate) fn h264(level: u8) -> Arc<Format> {
    // x264, High, 1920x1080; the level makes formats differ.
    let sps = vec![
        0x67, 0x64, 0x00, level, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0x9a, 0x80, 0x80, 0x80, 0xa0, 0x00, 0x00,
        0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x81, 0xe3, 0x06, 0x32, 0xc0,
    ];
    let pps = vec![Bytes::from_static(&[0x68, 0xeb, 0xec, 0xb2, 0x2c])];
    Arc::new(Format::H264(H264 { sps: sps.into(), pps }))
}

pub(crate) fn opus() -> Arc<Format> {
    Arc::new(Format::Opus { channels: 2 })
}

pub(crate) fn aac() -> Arc<Format> {
    let config = Bytes::from_static(&[0x12, 0x10]);
    Arc::new(Format::Aac { config })
}

/// A picture of some bytes.
pub(crate) fn picture(layer: u8, format: &Arc<Format>, micros: i64, key: bool, size: usize) -> Frame {
    let mut data = vec![0; size];
    data[..4].copy_from_slice(&u32::try_from(size - 4).unwrap().to_be_bytes());
    data[4] = if key { 0x65 } else { 0x41 };
    data[5..13].copy_from_slice(&micros.to_be_bytes());
    Frame {
        track: Track::Picture(layer),
        format: Arc::clone(format),
        decoded_at: micros * 9 / 100,
        shown_after: 0,
        key,
        data: data.into(),
    }
}

/// The n-th packet of sound.
pub(crate) fn packet(format: &Arc<Format>, n: i64) -> Frame {
    let (toc, length) = match **format {
        Format::Opus { .. } => (0xfc, 960),
        _ => (0x21, 1024),
    };
    let mut data = vec![toc; 120];
    data[1..9].copy_from_slice(&n.to_be_bytes());
    Frame {
        track: Track::Sound,
        format: Arc::clone(format),
        decoded_at: n * length,
        shown_after: 0,
        key: true,
        data: data.into(),
    }
}

/// One rendition as its files.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) inits: Vec<Bytes>,
    pub(crate) parts: BTreeMap<(u32, u32), MadePart>,
    pub(crate) segments: Vec<SegmentState>,
    pub(crate) last: Option<Media>,
}

impl Files {
    /// The bytes of a segment.
    pub(crate) fn segment(&self, sequence: u32) -> Vec<u8> {
        let parts = self.parts.range((sequence, 0)..=(sequence, u32::MAX));
        parts.flat_map(|(_, part)| part.bytes.to_vec()).collect()
    }

    /// All samples of complete segments.
    pub(crate) fn samples(&self) -> Vec<Found> {
        let segments = self.segments.iter();
        segments
            .flat_map(|segment| boxes::samples(&self.segment(segment.sequence)))
            .collect()
    }
}

/// A packager and what it made.
pub(crate) struct Studio {
    pub(crate) packager: Packager,
    pub(crate) files: BTreeMap<Rendition, Files>,
    /// What was given to it.
    pub(crate) given: BTreeMap<Rendition, Vec<Frame>>,
    pub(crate) asked: Vec<u8>,
    pub(crate) now: i64,
    /// Whether every playlist is read at every change, and all bytes are kept.
    pub(crate) strict: bool,
    /// Playlists that were read, by their addresses.
    pub(crate) texts: Vec<(String, String)>,
}

impl Studio {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            packager: Packager::new(settings),
            files: BTreeMap::new(),
            given: BTreeMap::new(),
            asked: Vec::new(),
            now: NOON,
            strict: true,
            texts: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, frame: &Frame) {
        if self.strict {
            self.given.entry(Rendition::of(frame)).or_default().push(frame.clone());
        }
        let made = self.packager.push(frame, self.now);
        self.keep(made);
    }

    pub(crate) fn tick(&mut self) {
        let made = self.packager.tick(self.now);
        self.keep(made);
    }

    pub(crate) fn interrupt(&mut self) {
        let made = self.packager.interrupt();
        self.keep(made);
    }

    pub(crate) fn end(&mut self) {
        let made = self.packager.end();
        self.keep(made);
        for rendition in self.packager.renditions() {
            let media = self.read(rendition);
            assert!(media.ended && media.reports == 0);
        }
    }

    fn keep(&mut self, made: Vec<Made>) {
        let mut changed = Vec::new();
        for made in made {
            match made {
                Made::Init { rendition, init, bytes } => {
                    let files = self.files.entry(rendition).or_default();
                    assert_eq!(usize::try_from(init.number).unwrap(), files.inits.len());
                    files.inits.push(bytes);
                }
                Made::Part(part) => {
                    changed.push(part.rendition);
                    let files = self.files.get_mut(&part.rendition).unwrap();
                    if self.strict {
                        assert!(files.parts.insert((part.sequence, part.part), part).is_none());
                    }
                }
                Made::Segment { rendition, segment } => {
                    changed.push(rendition);
                    let files = self.files.get_mut(&rendition).unwrap();
                    let length = files.segment(segment.sequence).len();
                    assert!(!self.strict || length == usize::try_from(segment.bytes).unwrap());
                    files.segments.push(segment);
                }
                Made::KeyFrame(layer) => self.asked.push(layer),
                Made::Unplayable { rendition, reason } => panic!("{rendition}: {reason}"),
            }
        }
        changed.dedup();
        if self.strict {
            changed.into_iter().for_each(|rendition| drop(self.read(rendition)));
        }
    }

    /// Reads and judges a playlist, whole and as a delta update.
    pub(crate) fn read(&mut self, rendition: Rendition) -> Media {
        let text = |bytes: Option<Bytes>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        let whole = text(self.packager.playlist(rendition, false));
        let media = judge::judge(&whole);
        let delta = text(self.packager.playlist(rendition, true));
        if self.strict {
            self.texts.push((format!("{rendition}, whole"), whole));
            self.texts.push((format!("{rendition}, delta"), delta.clone()));
        }
        let delta = judge::judge(&delta);
        judge::judge_delta(&delta, &media);
        let files = self.files.get_mut(&rendition).unwrap();
        if let Some(last) = &files.last {
            judge::judge_growth(last, &media);
        }
        files.last = Some(media.clone());
        media
    }

    /// The samples of a rendition beside the frames given, from the first picture on.
    pub(crate) fn check_samples(&self, rendition: Rendition) {
        let made = self.files[&rendition].samples();
        let pictures = self.given.iter().filter(|(given, _)| given.is_picture());
        let first = pictures.filter_map(|(_, frames)| frames.first().map(time)).min();
        let given = self.given[&rendition].iter();
        let mut given: Vec<&Frame> = given
            .skip_while(|frame| first.is_some_and(|first| time(frame) < first - ROUNDING))
            .collect();
        // Sound that begins as much as a rounded tick before the picture may belong to either side of its beginning.
        let is_beside = |frame: &&Frame| first.is_some_and(|first| time(frame) < first + ROUNDING);
        if given.len() == made.len() + 1 && given.first().is_some_and(is_beside) {
            given.remove(0);
        }
        assert_eq!(made.len(), given.len(), "{rendition}");
        for (made, given) in made.iter().zip(given) {
            assert_eq!((&made.data[..], made.key), (&given.data[..], given.key), "{rendition}");
        }
    }
}

/// Two ticks of the slowest clock, in microseconds.
const ROUNDING: i64 = 2 * SECOND / 44_100;

/// A frame's time in microseconds.
pub(crate) fn time(frame: &Frame) -> i64 {
    frame.decoded_at * SECOND / i64::from(frame.format.timescale())
}

/// What a publisher sends.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) layers: u8,
    pub(crate) rate: i64,
    /// How much the times of pictures vary.
    pub(crate) jitter: i64,
    /// Seconds between key frames that nobody asked for.
    pub(crate) key_every: Option<i64>,
    pub(crate) sounds: Vec<Arc<Format>>,
    pub(crate) format: Arc<Format>,
    pub(crate) size: usize,
}

impl Plan {
    pub(crate) fn new() -> Self {
        Self {
            layers: 1,
            rate: 30,
            jitter: 0,
            key_every: None,
            sounds: vec![opus()],
            format: h264(40),
            size: 600,
        }
    }

    /// Publishes a stretch of the publisher's clock, in seconds; key frames come 40 ms after they were asked for.
    pub(crate) fn publish(&self, studio: &mut Studio, random: &mut Random, from: i64, until: i64) {
        let zero = studio.now - from * SECOND;
        let mut next = vec![0_i64; self.sounds.len()];
        for (format, next) in self.sounds.iter().zip(&mut next) {
            let (rate, length) = sound_shape(format);
            *next = (from * rate).div_euclid(length) + 1;
        }
        let mut keys: BTreeMap<u8, i64> = (0..self.layers).map(|layer| (layer, 0)).collect();
        let mut before = i64::MIN;
        let mut ticked = studio.now;
        for n in from * self.rate.max(10)..until * self.rate.max(10) {
            let jitter = i64::try_from(random.below(u64::try_from(self.jitter + 1).unwrap())).unwrap();
            let at = (n * SECOND / self.rate.max(10) + jitter).max(before + 1);
            before = at;
            studio.now = zero + at;
            for (format, next) in self.sounds.iter().zip(&mut next) {
                let (rate, length) = sound_shape(format);
                while *next * length * SECOND / rate <= at {
                    studio.push(&packet(format, *next));
                    *next += 1;
                }
            }
            for layer in std::mem::take(&mut studio.asked) {
                keys.entry(layer).and_modify(|due| *due = (*due).min(at + 40_000));
            }
            for layer in 0..if self.rate == 0 { 0 } else { self.layers } {
                let due = keys.get_mut(&layer).unwrap();
                let key = *due <= at || self.key_every.is_some_and(|every| n % (every * self.rate) == 0);
                *due = if key { i64::MAX } else { *due };
                let size = self.size * (1 + usize::from(layer)) * if key { 4 } else { 1 };
                studio.push(&picture(layer, &self.format, at, key, size));
            }
            if studio.now - ticked >= SECOND / 4 {
                ticked = studio.now;
                studio.tick();
            }
        }
    }
}

fn sound_shape(format: &Format) -> (i64, i64) {
    match format {
        Format::Opus { .. } => (48_000, 960),
        _ => (44_100, 1024),
    }
}
