//! What a viewer gets, encrypted and sent by ourselves: nothing is measured, so that a packet needs no more than its header.
//!
//! str0m connects the viewer and keeps the connection; the reports that it would send are replaced by those of what was
//! really sent.

use super::super::link::{Departure, Transport};
use super::super::srtp::Srtp;
use core::net::SocketAddr;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The seconds from 1900, where the time of reports begins, to a moment that is no special one.
const BASE: u64 = 2_208_988_800;
const SENDER_REPORT: u8 = 200;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;

/// How packets leave.
pub(super) struct Sender {
    srtp: Srtp,
    to: Option<(Transport, SocketAddr)>,
    out: VecDeque<Departure>,
    /// What both tracks of a viewer have in common, by which a player knows that they belong together.
    name: String,
    /// When the time of reports began.
    begun: Instant,
}

/// A packet of media.
pub(super) struct Media<'a> {
    pub(super) source: u32,
    pub(super) payload_type: u8,
    pub(super) marker: bool,
    /// In the stream; the packet has the lower 16 bits.
    pub(super) number: u64,
    pub(super) time: u32,
    pub(super) payload: &'a [&'a [u8]],
}

/// What a sender report says of a stream.
pub(super) struct Report {
    pub(super) source: u32,
    /// The time in the stream at the moment of the report.
    pub(super) time: u32,
    pub(super) packets: u32,
    pub(super) bytes: u32,
}

impl Sender {
    pub(super) fn new(srtp: Srtp, name: String, begun: Instant) -> Self {
        Self {
            srtp,
            to: None,
            out: VecDeque::new(),
            name,
            begun,
        }
    }

    /// Where the connection leads; nothing leaves before that is known.
    pub(super) fn lead(&mut self, to: Option<(Transport, SocketAddr)>) {
        self.to = to;
    }

    /// Whether the way loses nothing: what is missing there was dropped because there was too much of it.
    pub(super) fn is_lossless(&self) -> bool {
        self.to.is_some_and(|(transport, _)| transport == Transport::Tcp)
    }

    /// The next packets to send.
    pub(super) fn next(&mut self) -> Option<Departure> {
        self.out.pop_front()
    }

    /// Sends a packet of media, together with those before it if it is not longer than they are.
    pub(super) fn send(&mut self, media: &Media<'_>) {
        let Some((transport, destination)) = self.to else {
            return;
        };
        let [high, low] = u16::try_from(media.number & 0xffff).unwrap_or(0).to_be_bytes();
        let mut header = [
            0x80,
            media.payload_type & 0x7f | u8::from(media.marker) << 7,
            high,
            low,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        for (place, byte) in header.iter_mut().skip(4).zip(media.time.to_be_bytes()) {
            *place = byte;
        }
        for (place, byte) in header.iter_mut().skip(8).zip(media.source.to_be_bytes()) {
            *place = byte;
        }
        let length = header.len() + media.payload.iter().map(|it| it.len()).sum::<usize>() + self.srtp.overhead();
        let joins = |last: &Departure| {
            (last.transport, last.destination) == (transport, destination)
                && length <= last.length
                && last.contents.len().is_multiple_of(last.length)
        };
        if !self.out.back().is_some_and(joins) {
            self.out.push_back(Departure {
                transport,
                destination,
                contents: Vec::with_capacity(length),
                length,
            });
        }
        if let Some(last) = self.out.back_mut() {
            self.srtp
                .protect(media.source, media.number, &header, media.payload, &mut last.contents);
        }
    }

    /// Decrypts what the viewer reports.
    pub(super) fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        self.srtp.unprotect_report(packet)
    }

    /// Sends a report of a stream, which may be its last one.
    pub(super) fn report(&mut self, now: Instant, report: &Report, is_last: bool) {
        let Some((transport, destination)) = self.to else {
            return;
        };
        let mut out = Vec::with_capacity(64 + self.name.len());
        let source = report.source.to_be_bytes();
        let since = now.saturating_duration_since(self.begun);
        begin(&mut out, 0, SENDER_REPORT, 6);
        out.extend_from_slice(&source);
        out.extend_from_slice(&timestamp(since).to_be_bytes());
        for value in [report.time, report.packets, report.bytes] {
            out.extend_from_slice(&value.to_be_bytes());
        }
        // The item ends with at least one zero, and the description at a multiple of four bytes.
        let name = self.name.as_bytes().get(..200).unwrap_or(self.name.as_bytes());
        let words = (2 + name.len()) / 4 + 1;
        begin(&mut out, 1, DESCRIPTION, 1 + words);
        out.extend_from_slice(&source);
        out.extend_from_slice(&[CNAME, u8::try_from(name.len()).unwrap_or(0)]);
        out.extend_from_slice(name);
        out.resize(out.len() + words * 4 - 2 - name.len(), 0);
        if is_last {
            begin(&mut out, 1, GOODBYE, 1);
            out.extend_from_slice(&source);
        }
        if let Some(contents) = self.srtp.protect_report(&out) {
            self.out.push_back(Departure::one(transport, destination, contents));
        }
    }
}

/// The head of one report in a compound, with a count and the number of 32-bit words that follow.
fn begin(out: &mut Vec<u8>, count: u8, kind: u8, words: usize) {
    out.extend_from_slice(&[0x80 | count, kind]);
    out.extend_from_slice(&u16::try_from(words).unwrap_or(0).to_be_bytes());
}

/// Seconds in 32 bits before the point, and 32 behind it.
fn timestamp(since: Duration) -> u64 {
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (BASE + since.as_secs()) << 32 | fraction
}
