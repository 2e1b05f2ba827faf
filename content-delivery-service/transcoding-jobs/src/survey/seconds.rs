//! Where a lecture ends by its clock: damaged and forged files have packets hours or years behind the others, and a gap that
//! no one has recorded would be filled with still pictures and silence.

use super::SurveyError;

/// The longest lecture, in ticks: twelve hours.
pub(super) const LONGEST: i128 = 12 * 3_600 * 90_000;
/// The span in which packets are counted together: half a second.
const SPAN: i128 = SPAN_TICKS as i128;
const SPAN_TICKS: usize = 45_000;
/// How long a packet of unknown duration is taken to be: a twenty-fifth of a second.
const USUAL_PACKET: i128 = 3_600;
/// The longest that a packet is taken to be if it does not last: a second.
const LONGEST_PACKET: i128 = 90_000;
/// How many spans of a lecture are counted: those of the longest one, and as many again as a gap has.
const SPANS: usize = 12 * 3_600 * 2 + GAP;
/// So many spans without a packet are a gap: a minute.
const GAP: usize = 120;
/// What follows a gap is left out if it is less than this part of all packets.
const SMALL_PART: u64 = 100;

/// Counts the packets of all streams by time.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    spans: Vec<Span>,
    /// Packets behind the last span that is counted.
    beyond: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    packets: u32,
    /// How many more packets begin to last here than end.
    lasting: i32,
    /// When the last of its packets ends, in ticks from the span's beginning.
    end: u32,
}

impl Seconds {
    /// Counts a packet, of a duration in ticks; if it `lasts`, there is no gap before its end.
    pub(super) fn add(&mut self, time: i128, duration: i128, lasts: bool) {
        let time = time.max(0);
        let duration = if duration > 0 { duration } else { USUAL_PACKET };
        let duration = duration.min(if lasts { LONGEST } else { LONGEST_PACKET });
        let end = if lasts { time.saturating_add(duration) } else { time };
        let (Some(first), Some(last)) = (place(time), place(end.min(LONGEST.max(time)))) else {
            self.beyond += 1;
            return;
        };
        if self.spans.len() < last + 2 {
            self.spans.resize(last + 2, Span::default());
        }
        if let Some(span) = self.spans.get_mut(first) {
            span.packets = span.packets.saturating_add(1);
            span.lasting = span.lasting.saturating_add(1);
            span.end = span.end.max(u32::try_from(time % SPAN + duration).unwrap_or(u32::MAX));
        }
        if let Some(span) = self.spans.get_mut(last + 1) {
            span.lasting = span.lasting.saturating_sub(1);
        }
    }

    /// When the lecture ends, in ticks, if it ends before its last packets; none if it ends with them.
    ///
    /// Errors: there is a gap, and more than a small part of the lecture follows it; or the lecture is too long
    pub(super) fn end(&self) -> Result<Option<u64>, SurveyError> {
        let all = self.spans.iter().map(|span| u64::from(span.packets)).sum::<u64>() + self.beyond;
        let (mut before, mut end) = (0_u64, 0_u64);
        let (mut lasting, mut latest) = (0_i32, None);
        for ((number, span), begin) in self.spans.iter().enumerate().zip((0_u64..).step_by(SPAN_TICKS)) {
            lasting = lasting.saturating_add(span.lasting);
            if lasting <= 0 && span.packets == 0 {
                continue;
            }
            if latest.is_some_and(|latest| number - latest > GAP) {
                return cut(end, all - before, all);
            }
            before += u64::from(span.packets);
            end = end.max(begin + u64::from(span.end));
            latest = Some(number);
        }
        match latest {
            _ if self.beyond == 0 => Ok(None),
            None => Err(SurveyError::Timeline),
            Some(latest) if SPANS - latest > GAP => cut(end, self.beyond, all),
            Some(_) => Err(SurveyError::LENGTH),
        }
    }
}

/// The end of a lecture at a gap, if few of all packets follow it.
fn cut(end: u64, behind: u64, all: u64) -> Result<Option<u64>, SurveyError> {
    if behind.saturating_mul(SMALL_PART) < all {
        Ok(Some(end))
    } else {
        Err(SurveyError::Timeline)
    }
}

/// The span of a time; none if it is not counted.
fn place(time: i128) -> Option<usize> {
    usize::try_from(time / SPAN).ok().filter(|&place| place < SPANS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i128 = 90_000;

    /// The end of a lecture with packets of 0.1 s from second to second.
    fn end(parts: &[(i128, i128)]) -> Result<Option<u64>, &'static str> {
        let mut seconds = Seconds::default();
        for &(from, to) in parts {
            for tenth in from * 10..to * 10 {
                seconds.add(tenth * SECOND / 10, SECOND / 10, false);
            }
        }
        seconds.end().map_err(|error| error.code())
    }

    #[test]
    fn a_lecture_without_a_gap_ends_with_its_packets() {
        assert_eq!(end(&[]), Ok(None));
        assert_eq!(end(&[(0, 300)]), Ok(None));
        assert_eq!(end(&[(0, 10), (69, 100)]), Ok(None), "a pause of less than a minute");
        assert_eq!(end(&[(600, 900)]), Ok(None), "it may begin late");
    }

    #[test]
    fn what_follows_a_gap_is_left_out_if_it_is_next_to_nothing() {
        let hundred_days = 100 * 86_400;
        for late in [71, 3_600, 43_100, 43_259, hundred_days] {
            assert_eq!(end(&[(0, 10), (late, late + 10)]), Err("media_timeline"), "{late}");
            let cut = end(&[(0, 1_010), (1_010 + late, 1_020 + late)]);
            assert_eq!(cut, Ok(Some(1_010 * 90_000)), "{late}");
        }
        assert_eq!(end(&[(hundred_days, hundred_days + 9)]), Err("media_timeline"));
    }

    #[test]
    fn a_lecture_lasts_for_twelve_hours_at_most() {
        let mut seconds = Seconds::default();
        for minute in 0..2_000 {
            seconds.add(minute * 30 * SECOND, SECOND, false);
        }
        assert!(matches!(seconds.end(), Err(SurveyError::Limits(_))));
    }

    #[test]
    fn a_picture_that_is_shown_for_minutes_is_no_gap() {
        let mut slides = Seconds::default();
        for slide in 0..20 {
            slides.add(slide * 300 * SECOND, 300 * SECOND, true);
        }
        assert!(matches!(slides.end(), Ok(None)));
        let mut bare = Seconds::default();
        for slide in 0..20 {
            bare.add(slide * 300 * SECOND, 300 * SECOND, false);
        }
        assert!(matches!(bare.end(), Err(SurveyError::Timeline)));
    }

    #[test]
    fn times_beyond_belief_are_counted_without_a_panic() {
        let mut seconds = Seconds::default();
        for time in [i128::from(i64::MIN) << 40, i128::from(i64::MAX) << 40, -1, 0, LONGEST] {
            seconds.add(time, i128::from(i64::MAX) << 40, true);
        }
        assert!(seconds.end().is_err());
    }
}
