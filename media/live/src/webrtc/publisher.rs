//! The session of a publisher: WebRTC in, frames out.

use super::access_unit::AccessUnit;
use super::clock::{Report, SharedClock, TrackClock};
use super::connector::{Connector, OfferError};
use super::key_frames::KeyFrames;
use super::link::{Arrival, Departure, Link, Step};
use crate::frame::{Format, Frame, H264, Track};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use str0m::Event;
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, MediaAdded, MediaData, MediaKind, Mid, Rid};

/// The most layers of pictures that a publisher may send.
const MOST_LAYERS: usize = 4;
/// How clients name their layers, from the smallest to the largest.
const LADDERS: [[&str; 3]; 3] = [["q", "h", "f"], ["l", "m", "h"], ["0", "1", "2"]];

/// What a publisher's session has to say.
#[derive(Debug)]
pub enum Published {
    /// A packet to send.
    Send(Departure),
    /// The publisher is connected; frames will come.
    Connected,
    /// A frame.
    Frame(Frame),
    /// Nothing happens before this moment unless something arrives.
    Wait(Instant),
    /// The publisher has gone.
    Ended,
}

/// A publisher's session.
pub struct Publisher {
    link: Link,
    has_layers: bool,
    clock: SharedClock,
    /// Where pictures come from.
    pictures: Option<Mid>,
    layers: Vec<Layer>,
    sound: TrackClock,
    opus: Arc<Format>,
    ready: VecDeque<Frame>,
}

/// One encoding of the pictures.
struct Layer {
    rid: Option<Rid>,
    clock: TrackClock,
    sets: Option<H264>,
    format: Option<Arc<Format>>,
    /// Something is missing: what comes can't be decoded before the next key frame.
    broken: bool,
    requests: KeyFrames,
}

impl Layer {
    fn new(rid: Option<Rid>) -> Self {
        Self {
            rid,
            clock: TrackClock::pictures(),
            sets: None,
            format: None,
            broken: true,
            requests: KeyFrames::default(),
        }
    }

    /// Makes a frame of a picture, unless it can't be decoded.
    fn frame(&mut self, clock: &mut SharedClock, layer: u8, data: &MediaData) -> Option<Frame> {
        let unit = AccessUnit::read(&data.data);
        if let Some(sets) = unit.format(self.sets.as_ref()) {
            self.format = Some(Arc::new(Format::H264(sets.clone())));
            self.sets = Some(sets);
        }
        if unit.data.is_empty() {
            return None;
        }
        if !data.contiguous && !unit.key {
            self.broken = true;
        }
        let format = match &self.format {
            Some(format) if unit.key || !self.broken => Arc::clone(format),
            _ => {
                self.requests.want();
                return None;
            }
        };
        if unit.key {
            self.broken = false;
            self.requests.came();
        }
        Some(Frame {
            track: Track::Picture(layer),
            format,
            decoded_at: self
                .clock
                .time(clock, data.time.numer(), data.network_time, report(data)),
            shown_after: 0,
            key: unit.key,
            data: unit.data,
        })
    }
}

impl Publisher {
    /// Answers the offer of a publisher.
    ///
    /// Errors: it can't be read, or has nothing to receive
    pub fn accept(connector: &Connector, offer: &str, now: Instant) -> Result<(Self, String, String), OfferError> {
        let accepted = connector.accept(Connector::config(), offer, now)?;
        let publisher = Self {
            link: Link::new(accepted.rtc, now),
            has_layers: accepted.answer.lines().any(|line| line.starts_with("a=simulcast:")),
            clock: SharedClock::default(),
            pictures: None,
            layers: Vec::new(),
            sound: TrackClock::sound(),
            opus: Arc::new(Format::Opus { channels: 2 }),
            ready: VecDeque::new(),
        };
        Ok((publisher, accepted.answer, accepted.ufrag))
    }

    /// Whether it may send several layers of pictures.
    #[must_use]
    pub fn has_layers(&self) -> bool {
        self.has_layers
    }

    /// Takes a packet.
    pub fn receive(&mut self, now: Instant, arrival: Arrival<'_>) {
        self.link.receive(now, arrival);
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Instant) {
        self.ask(now);
        self.link.tick(now);
    }

    /// Asks for a key frame of a layer, at most twice a second and until it comes.
    pub fn ask_key_frame(&mut self, now: Instant, layer: u8) {
        if let Some(layer) = self.layers.get_mut(usize::from(layer)) {
            layer.requests.want();
        }
        self.tick(now);
    }

    /// Says good-bye; what [`Publisher::next`] returns until it has ended is to be sent.
    pub fn close(&mut self) {
        self.link.close();
    }

    /// What to do next; to be asked after everything else until the answer is to wait, or that it has ended.
    pub fn next(&mut self, now: Instant) -> Published {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Published::Frame(frame);
            }
            match self.link.step() {
                Step::Send(departure) => return Published::Send(departure),
                Step::Event(event) if matches!(*event, Event::Connected) => return Published::Connected,
                Step::Event(event) => self.note(&event),
                Step::Wait(_) if !self.link.is_alive() => return Published::Ended,
                // Requests become packets when time passes.
                Step::Wait(_) if self.ask(now) => self.link.tick(now),
                Step::Wait(at) => {
                    let requests = self.layers.iter().filter_map(|layer| layer.requests.due());
                    return Published::Wait(requests.fold(at, Instant::min));
                }
            }
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::MediaAdded(added) => self.begin(added),
            Event::MediaData(data) => self.take(data),
            Event::StreamPaused(paused) if paused.paused && Some(paused.mid) == self.pictures => {
                // What is missing meanwhile is missing for good.
                for layer in self.layers.iter_mut().filter(|layer| layer.rid == paused.rid) {
                    layer.broken = true;
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, added: &MediaAdded) {
        if added.kind != MediaKind::Video {
            return;
        }
        self.pictures = Some(added.mid);
        let simulcast = added.simulcast.as_ref();
        let rids = simulcast.map(|it| if it.recv.is_empty() { &it.send } else { &it.recv });
        let rids: Vec<Rid> = rids.into_iter().flatten().map(|layer| layer.rid).collect();
        self.layers = match rids.as_slice() {
            [] => vec![Layer::new(None)],
            _ => {
                let ordered = ascending(&rids).into_iter().take(MOST_LAYERS);
                ordered.map(|rid| Layer::new(Some(rid))).collect()
            }
        };
    }

    fn take(&mut self, data: &MediaData) {
        match data.params.spec().codec {
            Codec::H264 => {
                let place = self.layers.iter().position(|layer| layer.rid == data.rid);
                let number = place.and_then(|place| u8::try_from(place).ok());
                if let Some((layer, number)) = place.and_then(|it| self.layers.get_mut(it)).zip(number) {
                    self.ready.extend(layer.frame(&mut self.clock, number, data));
                }
            }
            Codec::Opus if !data.data.is_empty() => {
                let decoded_at = self
                    .sound
                    .time(&mut self.clock, data.time.numer(), data.network_time, report(data));
                self.ready.push_back(Frame {
                    track: Track::Sound,
                    format: Arc::clone(&self.opus),
                    decoded_at,
                    shown_after: 0,
                    key: true,
                    data: Bytes::copy_from_slice(&data.data),
                });
            }
            _ => {}
        }
    }

    /// Asks for the key frames that are due; whether there were any.
    fn ask(&mut self, now: Instant) -> bool {
        let Some(mid) = self.pictures else { return false };
        let mut asked = false;
        for layer in &mut self.layers {
            if layer.requests.ask(now)
                && let Some(mut writer) = self.link.rtc.writer(mid)
            {
                // A layer that has not begun can't be asked.
                asked |= writer.request_keyframe(layer.rid, KeyframeRequestKind::Pli).is_ok();
            }
        }
        asked
    }
}

/// What the sender's last report says of a frame's track.
fn report(data: &MediaData) -> Option<Report> {
    data.last_sender_info.map(|info| Report {
        at: info.ntp_time,
        rtp: info.rtp_time.numer(),
    })
}

/// Names of layers from the smallest to the largest: as clients usually name them, else as they were offered.
fn ascending(offered: &[Rid]) -> Vec<Rid> {
    let known = LADDERS.iter().find_map(|names| {
        let place = |rid: &Rid| names.iter().position(|name| Rid::from(*name) == *rid);
        let places = offered.iter().map(|rid| Some((place(rid)?, *rid)));
        places.collect::<Option<BTreeMap<usize, Rid>>>()
    });
    known.map_or_else(|| offered.to_vec(), |places| places.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_ordered_by_their_usual_names() {
        let rids = |names: &[&str]| -> Vec<Rid> { names.iter().map(|name| Rid::from(*name)).collect() };
        assert_eq!(ascending(&rids(&["f", "h", "q"])), rids(&["q", "h", "f"]));
        assert_eq!(ascending(&rids(&["h", "l"])), rids(&["l", "h"]));
        assert_eq!(ascending(&rids(&["2", "0", "1"])), rids(&["0", "1", "2"]));
        assert_eq!(ascending(&rids(&["low", "high"])), rids(&["low", "high"]));
    }
}
