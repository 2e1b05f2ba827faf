//! The session of a viewer: packets of frames in, WebRTC out.

mod burst;
mod feedback;
mod line;
mod sender;

use super::connector::{Connector, OfferError};
use super::keys::Keys;
use super::layers::Layers;
use super::link::{Arrival, Departure, Link, Step};
use super::packetiser::Packets;
use crate::frame::Track;
use burst::Burst;
use feedback::Asked;
use line::{Line, Way};
use sender::Sender;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::Event;
use str0m::bwe::{Bitrate, BweKind};
use str0m::media::{MediaAdded, MediaKind};

/// What a connection is taken to bear before it has been measured.
const FIRST_ESTIMATE: u64 = 2_000_000;
/// A viewer whose connection is behind by this much goes on at the next key frame.
const MOST_BEHIND: Duration = Duration::from_millis(1_500);
/// Packets of pictures that can be sent again: more than a second of the largest layer.
const REPAIRABLE: usize = 512;
/// A connection bears so much more than its estimate, which also falls when packets are lost or late for other reasons than a
/// narrow line: a viewer for whom there is no smaller layer would miss pictures that get through.
const CAUTION: f64 = 2.5;
/// How often a viewer who gets only sound is sent a report; str0m sends one as often to viewers of pictures.
const REPORTS: Duration = Duration::from_secs(1);
/// How often the layer is chosen anew.
const CHOOSES: Duration = Duration::from_millis(250);

/// What a viewer's session has to say.
#[derive(Debug)]
pub enum Shown {
    /// A packet to send.
    Send(Departure),
    /// The viewer is connected: it is time to begin.
    Connected,
    /// The viewer needs a key frame of this layer.
    AskKeyFrame(u8),
    /// Nothing happens before this moment unless something arrives.
    Wait(Instant),
    /// The viewer has gone.
    Ended,
}

/// A viewer's session.
pub struct Viewer {
    link: Link,
    /// The keys of the connection, until it is there.
    keys: Keys,
    /// Sends packets directly where the connection is not measured.
    sender: Option<Sender>,
    /// The name that the answer gives to both tracks together.
    name: String,
    is_closing: bool,
    picture: Option<Line>,
    sound: Option<Line>,
    layers: Layers,
    /// The layer that the viewer gets.
    current: Option<u8>,
    /// The layer that it should get from the next key frame on.
    target: Option<u8>,
    chosen: Option<Instant>,
    /// What was sent last can't be followed by anything but a key frame.
    broken: bool,
    burst: Burst,
    /// When a packet of time 0 is shown.
    origin: Option<Instant>,
    asks: Option<u8>,
    /// The connection is there, and what is told about it first is not read yet.
    connected: bool,
    /// The receiver says of each packet when it came, and the connection is estimated by that.
    is_measured: bool,
    /// What was told to the bandwidth estimation.
    desired: u64,
    /// Bytes of pictures that the connection has not borne yet by its estimate.
    debt: (f64, Option<Instant>),
}

impl Viewer {
    /// Answers the offer of a viewer. Its connection is measured if there are several layers of pictures to choose from, which
    /// takes an answer to each packet.
    ///
    /// Errors: it can't be read, or has nothing to send to
    pub fn accept(
        connector: &Connector,
        offer: &str,
        has_layers: bool,
        now: Instant,
    ) -> Result<(Self, String, String), OfferError> {
        let config = Connector::config().set_rtp_mode(true).set_send_buffer_video(REPAIRABLE);
        let config = if has_layers {
            config.enable_bwe(Some(Bitrate::bps(FIRST_ESTIMATE)))
        } else {
            // Packets need no extensions then: the answer names their streams. With each report it shows where the connection
            // leads now.
            config.clear_extension_map().set_rtcp_report_interval_audio(REPORTS)
        };
        let accepted = connector.accept(config, offer, now)?;
        let viewer = Self {
            link: Link::new(accepted.rtc, now),
            keys: accepted.keys,
            sender: None,
            name: name_of(&accepted.answer),
            is_closing: false,
            picture: None,
            sound: None,
            layers: Layers::default(),
            current: None,
            target: None,
            chosen: None,
            broken: true,
            burst: Burst::default(),
            origin: None,
            asks: None,
            connected: false,
            is_measured: has_layers,
            desired: 0,
            debt: (0.0, None),
        };
        Ok((viewer, accepted.answer, accepted.ufrag))
    }

    /// Takes a packet from the viewer.
    pub fn receive(&mut self, now: Instant, arrival: Arrival<'_>) {
        let Some(sender) = self.sender.as_mut().filter(|_| feedback::is_report(arrival.contents)) else {
            return self.link.receive(now, arrival);
        };
        let Some(reports) = sender.open(arrival.contents) else {
            return;
        };
        self.link.hear(now);
        let Some(picture) = &mut self.picture else { return };
        feedback::read(&reports, |asked| match asked {
            Asked::Packet(source, number) if source == picture.source() && !sender.is_lossless() => {
                picture.repair(now, number, sender);
            }
            Asked::KeyFrame(source) if source == picture.source() => self.asks = self.current,
            Asked::Packet(..) | Asked::KeyFrame(_) => {}
        });
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Instant) {
        while let Some((packets, time)) = self.burst.due(now) {
            self.send_picture(&packets, time);
        }
        self.link.tick(now);
    }

    /// Begins with what a [`Packetiser`](super::Packetiser) has kept.
    pub fn begin(&mut self, now: Instant, kept: &[Arc<Packets>]) {
        let Some(newest) = kept.iter().map(|packets| packets.time).max() else {
            return;
        };
        for packets in kept {
            if let Track::Picture(layer) = packets.track {
                self.layers.note(now, layer, packets.bit_rate);
            }
        }
        self.choose(now);
        let of_target =
            |packets: &&Arc<Packets>| matches!(packets.track, Track::Picture(it) if Some(it) == self.target);
        let group: Vec<Arc<Packets>> = kept.iter().filter(of_target).map(Arc::clone).collect();
        self.set_origin(now, newest);
        if self.picture.is_some()
            && group.first().is_some_and(|first| first.key)
            && self.burst.begin(now, group, newest)
        {
            self.current = self.target;
            self.broken = false;
        } else {
            self.asks = self.target;
        }
        self.tick(now);
    }

    /// Takes the packets of a new frame. Returns whether time has to pass for them to leave, those of several frames together.
    pub fn show(&mut self, now: Instant, packets: &Arc<Packets>) -> bool {
        self.set_origin(now, packets.time);
        let Track::Picture(layer) = packets.track else {
            let Some(line) = &mut self.sound else {
                return false;
            };
            line.write(
                way(&mut self.sender, &mut self.link),
                packets,
                packets.time,
                self.origin,
            );
            return self.sender.is_none();
        };
        self.layers.note(now, layer, packets.bit_rate);
        if self.chosen.is_none_or(|chosen| now.duration_since(chosen) >= CHOOSES) {
            self.choose(now);
        }
        if !self.is_wanted(layer, packets) || self.burst.queue(packets) {
            return false;
        }
        self.send_picture(packets, packets.time);
        self.owe(now, packets.bytes);
        self.sender.is_none()
    }

    /// Frames were lost on their way here, or the connection is full: pictures go on at a key frame.
    pub fn lose(&mut self) {
        self.burst.clear();
        self.broken = true;
        self.asks = self.target.or(self.current);
    }

    /// Says good-bye; what [`Viewer::next_step`] returns until it has ended is to be sent.
    pub fn close(&mut self) {
        self.is_closing = true;
        self.link.close();
    }

    /// What to do next; to be asked after everything else until the answer is to wait, or that it has ended.
    pub fn next_step(&mut self) -> Shown {
        loop {
            if let Some(layer) = self.asks.take() {
                return Shown::AskKeyFrame(layer);
            }
            if let Some(departure) = self.sender.as_mut().and_then(Sender::next) {
                return Shown::Send(departure);
            }
            match self.link.step() {
                Step::Send(departure) if self.sender.is_some() && feedback::is_report(&departure.contents) => {
                    self.report();
                }
                Step::Send(departure) => return Shown::Send(departure),
                Step::Event(event) => self.note(&event),
                Step::Wait(_) if !self.link.is_alive() => return Shown::Ended,
                Step::Wait(_) if std::mem::take(&mut self.connected) => return Shown::Connected,
                Step::Wait(at) => return Shown::Wait(self.burst.next().map_or(at, |burst| burst.min(at))),
            }
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Connected => {
                self.connected = true;
                self.send_directly();
            }
            Event::MediaAdded(added) => self.add(added),
            Event::KeyframeRequest(_) => self.asks = self.current,
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) if estimate.as_u64() != FIRST_ESTIMATE => {
                self.layers.estimated(estimate.as_u64());
            }
            Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. }) => self.layers.estimated(estimate.as_u64()),
            _ => {}
        }
    }

    /// From now on packets leave directly, unless the connection is to be measured.
    fn send_directly(&mut self) {
        let srtp = if self.is_measured { None } else { self.keys.take() };
        self.sender = srtp.map(|srtp| Sender::new(srtp, std::mem::take(&mut self.name), self.link.begun()));
        if let Some(sender) = &mut self.sender {
            sender.lead(self.link.leads());
        }
    }

    /// Tells the viewer what was sent, when str0m would.
    fn report(&mut self) {
        let (now, leads) = (self.link.now(), self.link.leads());
        let Some(sender) = &mut self.sender else { return };
        sender.lead(leads);
        for line in [&self.picture, &self.sound].into_iter().flatten() {
            if let Some(report) = line.report(now, self.origin) {
                sender.report(now, &report, self.is_closing);
            }
        }
    }

    fn add(&mut self, added: &MediaAdded) {
        let line = Line::new(&mut self.link.rtc, added.mid);
        match added.kind {
            MediaKind::Video => self.picture = line,
            MediaKind::Audio => self.sound = line,
        }
    }

    fn set_origin(&mut self, now: Instant, time: i64) {
        if self.origin.is_none() {
            let since = Duration::from_micros(u64::try_from(time).unwrap_or(0));
            // Frames that come early must not be shown in the future.
            let margin = Duration::from_secs(1);
            self.origin = now.checked_sub(since + margin).or(Some(now));
        }
    }

    /// Chooses the layer that the viewer should get.
    fn choose(&mut self, now: Instant) {
        self.chosen = Some(now);
        let target = self.layers.choose(now, self.current);
        if target.is_some() && target != self.current && self.current.is_some() {
            self.asks = target;
        }
        self.target = target.or(self.target);
        if let Some(desired) = self.layers.desired()
            && desired.abs_diff(self.desired) > self.desired / 4
        {
            self.desired = desired;
            let wish = Bitrate::bps(desired + desired / 4);
            self.link.rtc.bwe().set_bitrate(Bitrate::ZERO, wish);
        }
    }

    /// Whether a picture is to be sent; a key frame may be where another layer begins.
    fn is_wanted(&mut self, layer: u8, packets: &Packets) -> bool {
        if packets.key && Some(layer) == self.target && self.picture.is_some() {
            if self.current != self.target {
                self.burst.clear();
            }
            self.current = self.target;
            self.broken = false;
        }
        if Some(layer) != self.current || self.broken {
            return false;
        }
        if !packets.key && self.is_behind() {
            self.lose();
            return false;
        }
        true
    }

    fn is_behind(&self) -> bool {
        // What receivers estimate by themselves (REMB) is hardly more than what they get.
        let Some(estimate) = self.layers.estimate().filter(|_| self.is_measured) else {
            return false;
        };
        self.debt.0 * 8.0 > estimate as f64 * MOST_BEHIND.as_secs_f64()
    }

    fn send_picture(&mut self, packets: &Packets, time: i64) {
        if let Some(line) = &mut self.picture {
            line.write(way(&mut self.sender, &mut self.link), packets, time, self.origin);
        }
    }

    fn owe(&mut self, now: Instant, bytes: usize) {
        let (debt, since) = self.debt;
        let passed = since.map_or(0.0, |since| now.saturating_duration_since(since).as_secs_f64());
        let borne = self
            .layers
            .estimate()
            .map_or(f64::MAX, |estimate| estimate as f64 / 8.0 * CAUTION * passed);
        self.debt = ((debt - borne).max(0.0) + bytes as f64, Some(now));
    }
}

fn way<'a>(sender: &'a mut Option<Sender>, link: &'a mut Link) -> Way<'a> {
    match sender {
        Some(sender) => Way::Direct(sender),
        None => Way::Measured(&mut link.rtc),
    }
}

/// The name that an answer gives to a viewer's tracks, so that a player keeps them in time with each other.
fn name_of(answer: &str) -> String {
    let named = answer.lines().find_map(|line| line.split_once(" cname:"));
    named.map_or("moocflix", |(_, name)| name.trim()).to_owned()
}
