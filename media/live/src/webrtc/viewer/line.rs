//! One track on its way to a viewer.

use super::super::packetiser::Packets;
use crate::frame::Track;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::Rtc;
use str0m::format::Codec;
use str0m::media::{Mid, Pt};
use str0m::rtp::RtpWrite;

/// A track with sequence numbers of its own.
pub(super) struct Line {
    mid: Mid,
    /// What can be sent, by the profile that was agreed on.
    types: Vec<(Pt, Option<u32>)>,
    chosen: Option<Pt>,
    sequence: u64,
    /// Added to each time, so that a viewer's first time is no telling number.
    offset: u32,
    /// The last time, in the track's ticks.
    last: Option<i64>,
}

impl Line {
    /// None if nothing was agreed on that could be sent.
    pub(super) fn new(rtc: &mut Rtc, mid: Mid) -> Option<Self> {
        let media = rtc.media(mid).filter(|media| media.direction().is_sending())?;
        let known = rtc.codec_config().params().iter();
        let agreed = known.filter(|params| media.remote_pts().contains(&params.pt()));
        let sendable = agreed.filter(|params| matches!(params.spec().codec, Codec::H264 | Codec::Opus));
        let types: Vec<(Pt, Option<u32>)> = sendable
            .map(|params| (params.pt(), params.spec().format.profile_level_id))
            .collect();
        let is_video = media.kind().is_video();
        let mut api = rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None)?;
        if is_video {
            // A picture leaves as a whole: it is made for the layer that fits, and a group of pictures has a pace of its own.
            stream.set_unpaced(true);
        }
        let seed = *stream.ssrc();
        (!types.is_empty()).then_some(Self {
            mid,
            types,
            chosen: None,
            // A stream has to begin in the lower half of the sequence numbers.
            sequence: u64::from(seed & 0x3fff),
            offset: seed,
            last: None,
        })
    }

    /// Writes the packets of a frame that is shown at this time, which is later than all before it.
    pub(super) fn write(&mut self, rtc: &mut Rtc, packets: &Packets, time: i64, origin: Option<Instant>) {
        let Some(payload_type) = self.payload_type(packets.profile) else {
            return;
        };
        let rate = match packets.track {
            Track::Picture(_) => 90_000,
            Track::Sound => 48_000,
        };
        let ticks = i64::try_from(i128::from(time) * rate / 1_000_000).unwrap_or(0);
        let ticks = self.last.map_or(ticks, |last| ticks.max(last + 1));
        self.last = Some(ticks);
        let counter = low(ticks).wrapping_add(self.offset);
        let Some(wall) = origin.and_then(|origin| moment(origin, time)) else {
            return;
        };
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(self.mid, None) else {
            return;
        };
        let repairable = matches!(packets.track, Track::Picture(_));
        let last = packets.payloads.len().saturating_sub(1);
        for (place, payload) in packets.payloads.iter().enumerate() {
            let number = self.sequence.into();
            self.sequence += 1;
            let packet = RtpWrite::new(payload_type, number, counter, wall, Arc::clone(payload))
                .marker(repairable && place == last)
                .nackable(repairable);
            stream.write_rtp(packet);
        }
    }

    /// The payload type whose profile is the nearest one to that of the pictures; it stays.
    fn payload_type(&mut self, profile: Option<(u8, u8)>) -> Option<Pt> {
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
            let best = self.types.iter().rev().max_by_key(|(_, agreed)| nearness(*agreed));
            self.chosen = best.map(|(payload_type, _)| *payload_type);
        }
        self.chosen
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
