//! Where a stream's packets are in the file, by half seconds; the position of every packet would take too much memory.

use std::ops::Range;

/// The most stretches of a stream: the last one takes all packets that follow.
const MOST: usize = 500_000;

/// The stretches of a stream so far.
#[derive(Debug)]
pub(super) struct Stretches {
    /// Half a second in the stream's units.
    half_second: i64,
    /// Whether the container stores a packet in one run of bytes. Elsewhere, bytes of other streams may lie between those of
    /// a packet, which end before the next packet of its own stream begins.
    contiguous: bool,
    list: Vec<Found>,
    /// The first stretch whose end is not known yet.
    open: usize,
    /// The last known position of a packet.
    last: u64,
    /// Whether the position of any packet is known.
    placed: bool,
}

/// A stretch in the stream's own units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) from: i64,
    pub(super) bytes: Range<u64>,
}

impl Stretches {
    pub(super) fn new(half_second: i64, contiguous: bool) -> Self {
        Self {
            half_second,
            contiguous,
            list: Vec::new(),
            open: 0,
            last: 0,
            placed: false,
        }
    }

    /// Adds the next packet, with its time of decoding, position and size; returns the number of its stretch.
    ///
    /// A packet without a position shares a page or pack with its neighbours. If packets have headers outside of their
    /// bytes, the first stretch begins with the file.
    pub(super) fn add(&mut self, time: Option<i64>, place: Option<u64>, size: u64) -> u32 {
        let begins = match (self.list.last(), time) {
            (None, _) => true,
            (Some(last), Some(time)) => self.list.len() < MOST && time.saturating_sub(last.from) >= self.half_second,
            (Some(_), None) => false,
        };
        if let Some(place) = place {
            self.end_at(place);
            self.last = place;
            self.placed = true;
        }
        if begins {
            let is_first = self.list.is_empty() && !self.contiguous;
            let start = if is_first { 0 } else { self.last };
            self.list.push(Found {
                from: time.unwrap_or(0),
                bytes: start..start,
            });
        }
        let number = self.list.len().saturating_sub(1);
        if let (Some(stretch), Some(place)) = (self.list.last_mut(), place) {
            stretch.bytes.start = stretch.bytes.start.min(place);
            stretch.bytes.end = stretch.bytes.end.max(place.saturating_add(size));
            self.open = number;
        }
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// The stretches in a file of this length; none if the positions of packets are unknown.
    pub(super) fn in_file(&mut self, length: Option<u64>) -> Vec<Found> {
        let Some(length) = length.filter(|_| self.placed) else {
            return Vec::new();
        };
        self.end_at(length);
        for stretch in &mut self.list {
            stretch.bytes.end = stretch.bytes.end.min(length);
        }
        std::mem::take(&mut self.list)
    }

    /// Ends open stretches where the next packet begins.
    fn end_at(&mut self, place: u64) {
        if self.contiguous {
            return;
        }
        for stretch in self.list.iter_mut().skip(self.open) {
            stretch.bytes.end = stretch.bytes.end.max(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of a quarter of a second each, by place and size.
    fn bytes(contiguous: bool, packets: &[(Option<u64>, u64)]) -> Vec<Range<u64>> {
        let mut stretches = Stretches::new(2, contiguous);
        for (time, &(place, size)) in (0..).zip(packets) {
            assert_eq!(i64::from(stretches.add(Some(time), place, size)), time / 2);
        }
        let found = stretches.in_file(Some(1_000));
        assert!(found.iter().map(|it| it.from).eq((0..).step_by(2).take(found.len())));
        found.into_iter().map(|it| it.bytes).collect()
    }

    #[test]
    fn a_stretch_ends_with_its_last_packet_or_where_the_next_one_begins() {
        let packets = [(Some(10), 20), (Some(40), 20), (Some(90), 20), (Some(200), 20)];
        assert_eq!(bytes(true, &packets), [10..60, 90..220]);
        assert_eq!(bytes(false, &packets), [0..90, 90..1_000]);
        // in another order in the file
        assert_eq!(
            bytes(true, &[(Some(90), 20), (Some(10), 20), (Some(500), 1)]),
            [10..110, 500..501]
        );
    }

    #[test]
    fn a_packet_without_a_place_lies_between_its_neighbours() {
        let packets = [
            (None, 9),
            (Some(188), 9),
            (None, 9),
            (None, 9),
            (Some(376), 9),
            (None, 9),
        ];
        assert_eq!(bytes(false, &packets), [0..376, 188..376, 376..1_000]);
    }

    #[test]
    fn packets_without_any_place_make_no_stretch() {
        assert!(bytes(false, &[(None, 9), (None, 9)]).is_empty());
        let mut unknown = Stretches::new(2, true);
        unknown.add(Some(0), Some(0), 9);
        assert!(unknown.in_file(None).is_empty(), "the length is not known");
    }
}
