//! One track on its way to a viewer.

use super::super::packetiser::Packets;
use super::REPAIRABLE;
use super::sender::{Media, Report, Sender};
use crate::frame::Track;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::Rtc;
use str0m::format::Codec;
use str0m::media::{Mid, Pt};
use str0m::rtp::RtpWrite;

/// A packet is not sent again sooner: more than one request for it was on the way.
const AGAIN: Duration = Duration::from_millis(10);
/// Bytes that can be sent again at once. Later it is a quarter of what was sent meanwhile: a line that is too narrow would only
/// lose more by more, and who asks for everything again and again gets no more than that.
const MOST_AGAIN: usize = 300_000;

/// A track with sequence numbers of its own.
pub(super) struct Line {
    mid: Mid,
    /// What can be sent.
    types: Vec<Type>,
    chosen: Option<Type>,
    source: u32,
    sequence: u64,
    /// Ticks a second.
    rate: u32,
    /// Added to each time, so that a viewer's first time is no telling number.
    offset: u32,
    /// The last time, in the track's ticks.
    last: Option<i64>,
    sent: Sent,
    repairs: Repairs,
}

/// A payload type that was agreed on.
#[derive(Debug, Clone, Copy)]
struct Type {
    number: Pt,
    /// That of packets that are sent again.
    repair: Option<Pt>,
    profile: Option<u32>,
}

/// What we have sent of it by ourselves.
#[derive(Debug, Default)]
struct Sent {
    packets: u32,
    bytes: u32,
}

/// Packets that can be sent again.
#[derive(Debug, Default)]
struct Repairs {
    /// The stream that they are sent in.
    source: Option<u32>,
    sequence: u64,
    kept: VecDeque<Kept>,
    allowance: usize,
}

/// A packet that was sent.
#[derive(Debug)]
struct Kept {
    number: u64,
    time: u32,
    marker: bool,
    payload: Arc<[u8]>,
    again: Option<Instant>,
}

/// How a line's packets leave.
pub(super) enum Way<'a> {
    /// Measured, and paced by that.
    Measured(&'a mut Rtc),
    /// At once.
    Direct(&'a mut Sender),
}

impl Line {
    /// None if nothing was agreed on that could be sent.
    pub(super) fn new(rtc: &mut Rtc, mid: Mid) -> Option<Self> {
        let media = rtc.media(mid).filter(|media| media.direction().is_sending())?;
        let known = rtc.codec_config().params().iter();
        let agreed = known.filter(|params| media.remote_pts().contains(&params.pt()));
        let sendable = agreed.filter(|params| matches!(params.spec().codec, Codec::H264 | Codec::Opus));
        let types: Vec<Type> = sendable
            .map(|params| Type {
                number: params.pt(),
                repair: params.resend(),
                profile: params.spec().format.profile_level_id,
            })
            .collect();
        let is_video = media.kind().is_video();
        let mut api = rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None)?;
        if is_video {
            // A picture leaves as a whole: it is made for the layer that fits, and a group of pictures has a pace of its own.
            stream.set_unpaced(true);
        }
        let seed = *stream.ssrc();
        let repairs = Repairs {
            source: stream.rtx().map(|source| *source),
            sequence: u64::from(seed >> 16 & 0x3fff),
            kept: VecDeque::new(),
            allowance: MOST_AGAIN,
        };
        (!types.is_empty()).then_some(Self {
            mid,
            types,
            chosen: None,
            source: seed,
            // A stream has to begin in the lower half of the sequence numbers.
            sequence: u64::from(seed & 0x3fff),
            rate: if is_video { 90_000 } else { 48_000 },
            offset: seed,
            last: None,
            sent: Sent::default(),
            repairs,
        })
    }

    /// What its packets name as their source.
    pub(super) fn source(&self) -> u32 {
        self.source
    }

    /// Writes the packets of a frame that is shown at this time, which is later than all before it.
    pub(super) fn write(&mut self, way: Way<'_>, packets: &Packets, time: i64, origin: Option<Instant>) {
        let Some(chosen) = self.payload_type(packets.profile) else {
            return;
        };
        let ticks = self.ticks(time);
        let ticks = self.last.map_or(ticks, |last| ticks.max(last + 1));
        self.last = Some(ticks);
        let counter = low(ticks).wrapping_add(self.offset);
        match way {
            Way::Measured(rtc) => {
                self.write_measured(rtc, packets, (chosen, counter), origin.and_then(|it| moment(it, time)));
            }
            Way::Direct(sender) => self.write_directly(sender, packets, (chosen, counter)),
        }
    }

    fn write_measured(
        &mut self,
        rtc: &mut Rtc,
        packets: &Packets,
        (chosen, counter): (Type, u32),
        wall: Option<Instant>,
    ) {
        let mut api = rtc.direct_api();
        let Some((stream, wall)) = api.stream_tx_by_mid(self.mid, None).zip(wall) else {
            return;
        };
        let repairable = matches!(packets.track, Track::Picture(_));
        let last = packets.payloads.len().saturating_sub(1);
        for (place, payload) in packets.payloads.iter().enumerate() {
            let number = self.sequence.into();
            self.sequence += 1;
            let packet = RtpWrite::new(chosen.number, number, counter, wall, Arc::clone(payload))
                .marker(repairable && place == last)
                .nackable(repairable);
            stream.write_rtp(packet);
        }
    }

    fn write_directly(&mut self, sender: &mut Sender, packets: &Packets, (chosen, time): (Type, u32)) {
        let repairable = matches!(packets.track, Track::Picture(_));
        let last = packets.payloads.len().saturating_sub(1);
        for (place, payload) in packets.payloads.iter().enumerate() {
            let (number, marker) = (self.sequence, repairable && place == last);
            self.sequence += 1;
            sender.send(&Media {
                source: self.source,
                payload_type: *chosen.number,
                marker,
                number,
                time,
                payload: &[payload],
            });
            self.sent.packets = self.sent.packets.wrapping_add(1);
            self.sent.bytes = self.sent.bytes.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
            if repairable {
                self.repairs.keep(number, time, marker, payload);
            }
        }
    }

    /// Sends the packet of this number once more, if it is still there.
    pub(super) fn repair(&mut self, now: Instant, number: u16, sender: &mut Sender) {
        if let Some(chosen) = self.chosen {
            self.repairs.send(now, number, (self.source, chosen), sender);
        }
    }

    /// What is to be reported of the packets that were sent directly; nothing before the first one.
    pub(super) fn report(&self, now: Instant, origin: Option<Instant>) -> Option<Report> {
        let since = now.saturating_duration_since(origin?).as_micros();
        let time = low(self.ticks(i64::try_from(since).ok()?)).wrapping_add(self.offset);
        (self.sent.packets > 0).then_some(Report {
            source: self.source,
            time,
            packets: self.sent.packets,
            bytes: self.sent.bytes,
        })
    }

    fn ticks(&self, time: i64) -> i64 {
        i64::try_from(i128::from(time) * i128::from(self.rate) / 1_000_000).unwrap_or(0)
    }

    /// The payload type whose profile is the nearest one to that of the pictures; it stays.
    fn payload_type(&mut self, profile: Option<(u8, u8)>) -> Option<Type> {
        if self.chosen.is_none() {
            let nearness = |agreed: Option<u32>| match (agreed, profile) {
                (Some(agreed), Some((profile, constraints))) => {
                    let same = agreed >> 16 == u32::from(profile);
                    let constrained = |bits: u32| bits & 0x40 != 0;
                    let alike = constrained(agreed >> 8) == constrained(u32::from(constraints));
                    u8::from(same) * 2 + u8::from(same && alike)
                }
                _ => 0,
            };
            let best = self.types.iter().rev().max_by_key(|it| nearness(it.profile));
            self.chosen = best.copied();
        }
        self.chosen
    }
}

impl Repairs {
    fn keep(&mut self, number: u64, time: u32, marker: bool, payload: &Arc<[u8]>) {
        if self.kept.len() == REPAIRABLE {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept {
            number,
            time,
            marker,
            payload: Arc::clone(payload),
            again: None,
        });
        self.allowance = (self.allowance + payload.len() / 4).min(MOST_AGAIN);
    }

    /// Source: RFC 4588 §4; without a stream for repairs the same packet goes out again.
    fn send(&mut self, now: Instant, number: u16, (source, chosen): (u32, Type), sender: &mut Sender) {
        let Some(first) = self.kept.front().map(|kept| kept.number) else {
            return;
        };
        let [.., high, low] = first.to_be_bytes();
        let place = number.wrapping_sub(u16::from_be_bytes([high, low]));
        let Some(kept) = self.kept.get_mut(usize::from(place)) else {
            return;
        };
        let is_again = kept.again.is_some_and(|at| now.saturating_duration_since(at) < AGAIN);
        if is_again || kept.payload.len() > self.allowance {
            return;
        }
        kept.again = Some(now);
        self.allowance -= kept.payload.len();
        let original = Media {
            source,
            payload_type: *chosen.number,
            marker: kept.marker,
            number: kept.number,
            time: kept.time,
            payload: &[&kept.payload],
        };
        match self.source.zip(chosen.repair) {
            None => sender.send(&original),
            Some((source, payload_type)) => {
                sender.send(&Media {
                    source,
                    payload_type: *payload_type,
                    number: self.sequence,
                    payload: &[&number.to_be_bytes(), &kept.payload],
                    ..original
                });
                self.sequence += 1;
            }
        }
    }
}

/// The lower 32 bits.
fn low(ticks: i64) -> u32 {
    u32::try_from(ticks & 0xffff_ffff).unwrap_or(0)
}

fn moment(origin: Instant, time: i64) -> Option<Instant> {
    let span = Duration::from_micros(time.unsigned_abs());
    if time < 0 {
        origin.checked_sub(span)
    } else {
        origin.checked_add(span)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::link::Transport;
    use super::super::super::srtp::Srtp;
    use super::*;
    use str0m::crypto::dtls::SrtpProfile;

    /// How many packets are sent again, of ten that are asked for in each of some rounds.
    fn sent_again(allowance: usize, rounds: u32, apart: Duration) -> usize {
        let (begun, keys) = (Instant::now(), [0; 56]);
        let srtp = Srtp::new(SrtpProfile::AEAD_AES_128_GCM, &keys, true).unwrap();
        let mut sender = Sender::new(srtp, "a viewer".to_owned(), begun);
        sender.lead(Some((Transport::Udp, "192.0.2.1:9".parse().unwrap())));
        let chosen = Type {
            number: 96.into(),
            repair: Some(97.into()),
            profile: None,
        };
        let mut repairs = Repairs {
            source: Some(2),
            allowance,
            ..Repairs::default()
        };
        for number in 65_530..65_540 {
            repairs.keep(number, 0, false, &Arc::from([0; 1_000]));
        }
        for round in 0..rounds {
            for number in (65_530..=u16::MAX).chain(0..4) {
                repairs.send(begun + apart * round, number, (1, chosen), &mut sender);
            }
        }
        std::iter::from_fn(|| sender.next()).map(|it| it.packets().len()).sum()
    }

    #[test]
    fn who_asks_for_everything_again_and_again_gets_a_quarter_of_what_was_sent_besides() {
        assert_eq!(sent_again(0, 100, AGAIN), 2);
        assert_eq!(sent_again(20_500, 100, AGAIN), 23);
    }

    #[test]
    fn what_several_requests_ask_for_is_sent_again_once() {
        assert_eq!(sent_again(MOST_AGAIN, 2, AGAIN), 20);
        assert_eq!(sent_again(MOST_AGAIN, 2, AGAIN / 2), 10);
    }
}
