//! One peer's connection: what arrives, what departs, and whether it is still there.

use core::net::SocketAddr;
use std::time::{Duration, Instant};
use str0m::ice::StunMessage;
use str0m::net::{Protocol, Receive};
use str0m::{Event, Input, Output, Rtc};

/// A peer that has not connected for so long has given up.
const CONNECTS_WITHIN: Duration = Duration::from_secs(30);
/// A peer that has sent nothing for so long has gone. Browsers send something at least every five seconds.
const SILENT_FOR: Duration = Duration::from_secs(30);

/// The largest first byte of a packet of STUN.
///
/// Source: RFC 7983 §7
const LAST_OF_STUN: u8 = 3;

/// How packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Each packet is a datagram.
    Udp,
    /// Each packet is a frame of a stream.
    ///
    /// Source: RFC 4571
    Tcp,
}

impl From<Transport> for Protocol {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp,
            Transport::Tcp => Self::Tcp,
        }
    }
}

/// A packet that has arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// How it came.
    pub transport: Transport,
    /// Who sent it.
    pub source: SocketAddr,
    /// The address of this server that the session offered for it.
    pub destination: SocketAddr,
    /// The packet.
    pub contents: &'a [u8],
}

/// Packets to send to one place, one or several.
#[derive(Debug)]
pub struct Departure {
    /// How they go.
    pub transport: Transport,
    /// Where they go.
    pub destination: SocketAddr,
    /// The packets, one behind the other.
    pub contents: Vec<u8>,
    /// The length of each packet but the last one, which may be shorter.
    pub length: usize,
}

impl Departure {
    /// One packet.
    #[must_use]
    pub fn one(transport: Transport, destination: SocketAddr, contents: Vec<u8>) -> Self {
        Self {
            transport,
            destination,
            length: contents.len(),
            contents,
        }
    }

    /// Each packet.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.contents.chunks(self.length.max(1))
    }
}

/// The server's part of the user name in a STUN request, by which a new address finds its session.
///
/// Source: RFC 8445 §7.2.2
#[must_use]
pub fn local_ufrag(packet: &[u8]) -> Option<String> {
    if packet.first().is_none_or(|first| *first > 1) {
        return None;
    }
    let message = StunMessage::parse(packet).ok()?;
    message.split_username().map(|(local, _)| local.to_owned())
}

/// What a connection does next.
pub(super) enum Step {
    Send(Departure),
    Event(Box<Event>),
    /// Nothing before this moment.
    Wait(Instant),
}

pub(super) struct Link {
    pub(super) rtc: Box<Rtc>,
    begun: Instant,
    /// The last time-out.
    ticked: Instant,
    heard: Option<Instant>,
    connected: bool,
    /// Where the connection leads, by what was last sent on it.
    leads: Option<(Transport, SocketAddr)>,
}

impl Link {
    pub(super) fn new(rtc: Rtc, now: Instant) -> Self {
        Self {
            rtc: Box::new(rtc),
            begun: now,
            ticked: now,
            heard: None,
            connected: false,
            leads: None,
        }
    }

    /// Where the connection leads.
    pub(super) fn leads(&self) -> Option<(Transport, SocketAddr)> {
        self.leads
    }

    /// When it was offered.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// The moment that was last told.
    pub(super) fn now(&self) -> Instant {
        self.ticked
    }

    /// The peer has sent something, which is read elsewhere.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    pub(super) fn receive(&mut self, now: Instant, arrival: Arrival<'_>) {
        let Arrival {
            transport,
            source,
            destination,
            contents,
        } = arrival;
        let Ok(received) = Receive::new(transport.into(), source, destination, contents) else {
            return;
        };
        let input = Input::Receive(now, received);
        if self.rtc.accepts(&input) {
            self.heard = Some(now);
            self.put(input);
            // str0m looks at what a packet asks for, such as lost ones, when time passes. It does not pass with a packet that is
            // older than the last time-out.
            if now < self.ticked {
                self.put(Input::Timeout(self.ticked));
            }
        }
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, now: Instant) {
        let silent = self.heard.map_or(Duration::ZERO, |heard| now.duration_since(heard)) > SILENT_FOR;
        let late = !self.connected && now.duration_since(self.begun) > CONNECTS_WITHIN;
        if silent || late {
            self.rtc.disconnect();
        }
        self.ticked = self.ticked.max(now);
        self.put(Input::Timeout(now));
    }

    /// Says good-bye to the peer.
    pub(super) fn close(&mut self) {
        if self.rtc.close().is_err() {
            self.rtc.disconnect();
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.rtc.is_alive()
    }

    pub(super) fn step(&mut self) -> Step {
        match self.rtc.poll_output() {
            Ok(Output::Transmit(packet)) => {
                let transport = match packet.proto {
                    Protocol::Udp => Transport::Udp,
                    Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => Transport::Tcp,
                };
                // Answers to STUN go back to where the question came from.
                if packet.contents.first().is_some_and(|first| *first > LAST_OF_STUN) {
                    self.leads = Some((transport, packet.destination));
                }
                Step::Send(Departure::one(transport, packet.destination, packet.contents.into()))
            }
            Ok(Output::Event(event)) => {
                if matches!(event, Event::Connected) {
                    self.connected = true;
                }
                Step::Event(Box::new(event))
            }
            Ok(Output::Timeout(at)) => Step::Wait(at),
            Err(_) => {
                self.rtc.disconnect();
                Step::Wait(self.begun)
            }
        }
    }

    /// What the peer sends wrong ends its own connection.
    fn put(&mut self, input: Input<'_>) {
        if self.rtc.handle_input(input).is_err() {
            self.rtc.disconnect();
        }
    }
}
