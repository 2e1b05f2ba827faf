//! Packets of a frame, made once for all viewers.
//!
//! Source: RFC 6184 §5.6 to §5.8, RFC 7587 §4

use crate::frame::{Format, Frame, H264, Track};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The longest payload: with the headers of RTP, SRTP, UDP and IPv6 it passes every usual network.
const LONGEST: usize = 1_140;
const FRAGMENT: u8 = 28;
const AGGREGATE: u8 = 24;
/// A gap in the times that is larger than this is closed: another publisher counts from elsewhere.
///
/// Units: microseconds
const GAP: i64 = 3_000_000;
/// What such a gap becomes.
///
/// Units: microseconds
const STEP: i64 = 40_000;
/// The time over which rates are measured.
///
/// Units: microseconds
const MEASURED: i64 = 2_000_000;

/// A larger group of pictures would take too long to send: a late viewer waits for the next key frame.
///
/// Units: bytes
const LARGEST_GROUP: usize = 1_500_000;

/// The packets of one frame.
#[derive(Debug)]
pub struct Packets {
    /// The encoding that it belongs to.
    pub track: Track,
    /// A decoder can begin here.
    pub key: bool,
    /// When it is shown, on a clock without gaps.
    ///
    /// Units: microseconds
    pub(super) time: i64,
    pub(super) payloads: Vec<Arc<[u8]>>,
    /// All payloads.
    ///
    /// Units: bytes
    pub(super) bytes: usize,
    /// What the track has lately used.
    ///
    /// Units: bits a second
    pub(super) bit_rate: u64,
    /// The H.264 profile and the constraints beside it.
    pub(super) profile: Option<(u8, u8)>,
}

/// Makes packets of a lecture's frames, and keeps those that a late viewer begins with.
#[derive(Debug, Default)]
pub struct Packetiser {
    rates: BTreeMap<Track, Rate>,
    /// The newest group of pictures of each layer.
    kept: BTreeMap<Track, Group>,
    /// What the clock of the frames is behind the one of the packets, and its last time.
    clock: Option<(i64, i64)>,
}

impl Packetiser {
    /// The packets of a frame; none for formats that browsers don't take over WebRTC.
    pub fn packetise(&mut self, frame: &Frame) -> Option<Arc<Packets>> {
        let (payloads, profile) = match frame.format.as_ref() {
            Format::H264(sets) => {
                let profile = sets.sps.get(1).copied().zip(sets.sps.get(2).copied());
                (pictures(frame, sets), profile)
            }
            Format::Opus { .. } => (vec![Arc::from(frame.data.as_ref())], None),
            Format::Aac { .. } => return None,
        };
        let bytes = payloads.iter().map(|payload| payload.len()).sum();
        let time = self.time(frame);
        let bit_rate = self.rates.entry(frame.track).or_default().add(time, bytes);
        let packets = Arc::new(Packets {
            track: frame.track,
            key: frame.key,
            time,
            payloads,
            bytes,
            bit_rate,
            profile,
        });
        if matches!(frame.track, Track::Picture(_)) {
            self.kept.entry(frame.track).or_default().push(&packets);
        }
        Some(packets)
    }

    /// What a late viewer begins with: the newest group of pictures of each layer, as far as it is short enough.
    #[must_use]
    pub fn kept(&self) -> Vec<Arc<Packets>> {
        self.kept
            .values()
            .flat_map(|group| &group.packets)
            .map(Arc::clone)
            .collect()
    }

    /// Forgets what is kept: frames were lost.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    fn time(&mut self, frame: &Frame) -> i64 {
        let ticks = i128::from(frame.decoded_at) + i128::from(frame.shown_after);
        let shown = ticks * 1_000_000 / i128::from(frame.format.timescale().max(1));
        let shown = i64::try_from(shown).unwrap_or(0);
        let (mut behind, last) = self.clock.unwrap_or((-shown, 0));
        if (shown.saturating_add(behind)).abs_diff(last) > GAP.unsigned_abs() {
            behind = last.saturating_add(STEP).saturating_sub(shown);
            self.rates.clear();
            self.kept.clear();
        }
        let time = shown.saturating_add(behind);
        self.clock = Some((behind, time.max(last)));
        time
    }
}

/// A group of pictures from its key frame on.
#[derive(Debug, Default)]
struct Group {
    packets: Vec<Arc<Packets>>,
    bytes: usize,
}

impl Group {
    fn push(&mut self, packets: &Arc<Packets>) {
        if packets.key {
            self.packets.clear();
            self.bytes = 0;
        } else if self.packets.is_empty() {
            return;
        }
        self.bytes += packets.bytes;
        if self.bytes > LARGEST_GROUP {
            self.packets = Vec::new();
        } else {
            self.packets.push(Arc::clone(packets));
        }
    }
}

/// What a track uses.
#[derive(Debug, Default)]
struct Rate {
    frames: VecDeque<(i64, usize)>,
    bytes: usize,
}

impl Rate {
    /// Counts a frame and returns the rate with it.
    ///
    /// Units: bits a second
    fn add(&mut self, time: i64, bytes: usize) -> u64 {
        self.frames.push_back((time, bytes));
        self.bytes += bytes;
        while let Some((first, bytes)) = self.frames.front().copied()
            && time - first > MEASURED
        {
            self.frames.pop_front();
            self.bytes -= bytes;
        }
        let span = self.frames.front().map_or(0, |(first, _)| time - first);
        // One group of pictures may be all there is: a short time says little.
        let span = span.max(MEASURED / 2).unsigned_abs();
        u64::try_from(self.bytes).unwrap_or(u64::MAX).saturating_mul(8_000_000) / span
    }
}

/// The packets of a picture: its parameter sets before a key frame, then each slice in as few packets as possible, all but
/// the last of equal length.
fn pictures(frame: &Frame, sets: &H264) -> Vec<Arc<[u8]>> {
    let mut payloads = Vec::with_capacity(frame.data.len() / LONGEST + 2);
    if frame.key {
        parameter_sets(sets, &mut payloads);
    }
    let mut rest = frame.data.as_ref();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((nal, after)) = after.split_at_checked(length) else {
            break;
        };
        nal_unit(nal, &mut payloads);
        rest = after;
    }
    payloads
}

/// In one packet if they fit.
fn parameter_sets(sets: &H264, payloads: &mut Vec<Arc<[u8]>>) {
    let all: Vec<&[u8]> = std::iter::once(&sets.sps).chain(&sets.pps).map(AsRef::as_ref).collect();
    let together: usize = 1 + all.iter().map(|nal| nal.len() + 2).sum::<usize>();
    if together > LONGEST {
        for nal in all {
            nal_unit(nal, payloads);
        }
        return;
    }
    let importance = all
        .iter()
        .filter_map(|nal| nal.first())
        .fold(0, |most, it| most.max(it & 0x60));
    let mut payload = Vec::with_capacity(together);
    payload.push(importance | AGGREGATE);
    for nal in all {
        payload.extend_from_slice(&u16::try_from(nal.len()).unwrap_or(0).to_be_bytes());
        payload.extend_from_slice(nal);
    }
    payloads.push(payload.into());
}

fn nal_unit(nal: &[u8], payloads: &mut Vec<Arc<[u8]>>) {
    let Some((header, body)) = nal.split_first() else {
        return;
    };
    if nal.len() <= LONGEST {
        payloads.push(nal.into());
        return;
    }
    let pieces = body.chunks(LONGEST - 2);
    let last = pieces.len() - 1;
    for (place, piece) in pieces.enumerate() {
        let begins = if place == 0 { 0x80 } else { 0 };
        let ends = if place == last { 0x40 } else { 0 };
        let mut payload = Vec::with_capacity(piece.len() + 2);
        payload.push(header & 0xe0 | FRAGMENT);
        payload.push(header & 0x1f | begins | ends);
        payload.extend_from_slice(piece);
        payloads.push(payload.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn frame(at: i64, key: bool, nals: &[Vec<u8>]) -> Frame {
        let mut data = Vec::new();
        for nal in nals {
            data.extend_from_slice(&u32::try_from(nal.len()).unwrap().to_be_bytes());
            data.extend_from_slice(nal);
        }
        Frame {
            track: Track::Picture(0),
            format: Arc::new(Format::H264(H264 {
                sps: Bytes::from_static(&[0x67, 0x42, 0xc0, 0x1f]),
                pps: vec![Bytes::from_static(&[0x68, 1, 2])],
            })),
            decoded_at: at,
            shown_after: 0,
            key,
            data: data.into(),
        }
    }

    #[test]
    fn a_key_frame_comes_after_its_parameter_sets_in_packets_of_equal_length() {
        let mut slice = vec![7_u8; 3_000];
        slice[0] = 0x65;
        let packets = Packetiser::default()
            .packetise(&frame(0, true, &[slice.clone()]))
            .unwrap();
        let lengths: Vec<usize> = packets.payloads.iter().map(|it| it.len()).collect();
        assert_eq!(lengths, [12, LONGEST, LONGEST, 3_000 - 1 - 2 * (LONGEST - 2) + 2]);
        assert_eq!(
            packets.payloads[0][..3],
            [0x78, 0, 4],
            "an aggregate of the most important kind"
        );
        let mut whole = vec![packets.payloads[1][0] & 0xe0 | packets.payloads[1][1] & 0x1f];
        for (place, payload) in packets.payloads[1..].iter().enumerate() {
            assert_eq!(payload[0], 0x60 | FRAGMENT);
            assert_eq!(payload[1] & 0xc0, [0x80, 0, 0x40][place]);
            whole.extend_from_slice(&payload[2..]);
        }
        assert_eq!(whole, slice);
        assert_eq!(packets.profile, Some((0x42, 0xc0)));
    }

    #[test]
    fn small_slices_have_a_packet_each() {
        let packets = Packetiser::default()
            .packetise(&frame(0, false, &[vec![0x41, 1], vec![0x41, 2]]))
            .unwrap();
        let payloads: Vec<&[u8]> = packets.payloads.iter().map(AsRef::as_ref).collect();
        assert_eq!(payloads, [[0x41, 1], [0x41, 2]]);
    }

    #[test]
    fn lengths_that_lie_make_no_packets() {
        let mut wrong = frame(0, false, &[vec![0x41; 20]]);
        wrong.data = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
        assert!(Packetiser::default().packetise(&wrong).unwrap().payloads.is_empty());
    }

    #[test]
    fn another_publisher_goes_on_where_the_last_one_was() {
        let mut packetiser = Packetiser::default();
        let mut time = |at| packetiser.packetise(&frame(at, true, &[vec![0x65; 9]])).unwrap().time;
        assert_eq!(time(900_000), 0);
        assert_eq!(time(990_000), 1_000_000);
        assert_eq!(time(0), 1_040_000);
        assert_eq!(time(90_000), 2_040_000);
    }

    #[test]
    fn the_rate_is_what_the_track_uses() {
        let mut packetiser = Packetiser::default();
        let mut rate = 0;
        for number in 0..300_i64 {
            let picture = frame(number * 3_000, number % 60 == 0, &[vec![0x41; 1_000]]);
            rate = packetiser.packetise(&picture).unwrap().bit_rate;
        }
        assert!((230_000..260_000).contains(&rate), "{rate}");
    }
}
