//! Edit lists: which part of the media is shown when.

use crate::bytes::Cursor;
use crate::error::{Obstacle, ScanError};

/// The limit of edits; no camera or encoder makes more.
const MAX_EDITS: u32 = 1000;
/// The longest wait before a track starts. Players that buffer all tracks together start where all of them have started:
/// after a longer wait a viewer would miss something, so an encoder has to fill the gap.
const MAX_EMPTY_SECONDS: u64 = 1;
/// The most samples that an audio encoder puts before the first recorded one: two packets and the delay of a
/// band-replicating filter, with some margin.
const MAX_PRIMING: u64 = 4096;
/// The most samples that it adds after the last one.
const MAX_PADDING: u64 = 2112;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edit {
    duration: u64,
    media_time: i64,
    at_normal_rate: bool,
}

/// The edits of a track in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edits {
    list: Vec<Edit>,
}

/// The time span of a track's samples, in ticks of its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) timescale: u32,
    /// Samples per second of an audio track.
    pub(crate) sample_rate: Option<u32>,
    /// When the first sample is shown.
    pub(crate) first: i64,
    /// When the last sample starts to be shown.
    pub(crate) last: i64,
}

impl Edits {
    /// Reads the body of `elst`.
    ///
    /// Source: ISO/IEC 14496-12 §8.6.6
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ScanError> {
        let mut cursor = Cursor::new(body);
        let long = cursor.version_and_flags()?.0 == 1;
        let count = cursor.u32()?;
        if count > MAX_EDITS {
            return Err(ScanError::Limits("too many edits"));
        }
        let mut list = Vec::new();
        for _ in 0..count {
            let duration = cursor.versioned(long)?;
            let media_time = if long { cursor.i64()? } else { cursor.i32()?.into() };
            let at_normal_rate = cursor.u32()? == 0x1_0000;
            list.push(Edit {
                duration,
                media_time,
                at_normal_rate,
            });
        }
        Ok(Self { list })
    }

    /// The ticks between a sample's media time and its lecture time, if such a shift can express the whole list.
    ///
    /// Shape: `open_end` if fragments follow: the writer of the edit did not know the end of the media
    pub(crate) fn shift(&self, movie_timescale: u32, open_end: bool, span: Span) -> Result<i64, Obstacle> {
        let (empty, shown) = match self.list.as_slice() {
            [] => return Ok(0),
            [shown] => (0, shown),
            [empty, shown] if empty.media_time == -1 => (empty.duration, shown),
            _ => return Err(Obstacle::EditList("there are several parts")),
        };
        if shown.media_time < 0 || !shown.at_normal_rate {
            return Err(Obstacle::EditList("it shows nothing, or changes the speed"));
        }
        if empty > MAX_EMPTY_SECONDS.saturating_mul(movie_timescale.into()) {
            return Err(Obstacle::EditList("it starts late"));
        }
        let samples = |count: u64| match span.sample_rate {
            Some(rate) => scaled(count, span.timescale, rate.max(1)),
            None => 0,
        };
        // Rounding between timescales may hide up to a millisecond.
        let hidden = shown.media_time.saturating_sub(span.first);
        if hidden > samples(MAX_PRIMING).max(i64::from(span.timescale / 1000)) {
            return Err(Obstacle::EditList("it hides the beginning"));
        }
        if !open_end && shown.duration > 0 {
            let end = shown
                .media_time
                .saturating_add(scaled(shown.duration, span.timescale, movie_timescale));
            if span.last >= end.saturating_add(samples(MAX_PADDING)) {
                return Err(Obstacle::EditList("it ends before the media does"));
            }
        }
        scaled(empty, span.timescale, movie_timescale)
            .checked_sub(shown.media_time)
            .ok_or(Obstacle::EditList("its times are out of range"))
    }
}

/// Converts a time to another timescale, with rounding.
fn scaled(time: u64, to: u32, from: u32) -> i64 {
    let from = u128::from(from.max(1));
    let ticks = (u128::from(time) * u128::from(to) + from / 2) / from;
    i64::try_from(ticks).unwrap_or(i64::MAX)
}
