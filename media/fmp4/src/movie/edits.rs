//! Edit lists: which part of the media is shown when.

use crate::bytes::Cursor;
use crate::error::{Obstacle, ScanError};

/// More edits are made by no camera and no encoder.
const MAX_EDITS: u32 = 1000;
/// The longest wait before a track begins. Players that join tracks in one buffer begin where all of them have begun:
/// beyond this a viewer would miss something, and the encoder has to fill the gap.
const MAX_EMPTY_SECONDS: u64 = 1;
/// The most samples of audio that an encoder puts before the first one that was recorded: two packets and what a
/// band-replicating filter adds, with room.
const MAX_PRIMING: u64 = 4096;
/// Likewise behind the last one.
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

/// What the samples of a track span, in ticks of its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) timescale: u32,
    /// Samples a second where it is audio.
    pub(crate) sample_rate: Option<u32>,
    /// When the first sample is shown.
    pub(crate) first: i64,
    /// When the last sample begins to be shown.
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

    /// How many ticks lie between a sample's media time and its lecture time, where the list can be kept by that alone.
    ///
    /// Shape: `open_end` where fragments follow: the end of the media was not known when the edit was written
    pub(crate) fn shift(&self, movie_timescale: u32, open_end: bool, span: Span) -> Result<i64, Obstacle> {
        let (empty, shown) = match self.list.as_slice() {
            [] => return Ok(0),
            [shown] => (0, shown),
            [empty, shown] if empty.media_time == -1 => (empty.duration, shown),
            _ => return Err(Obstacle::EditList("there are several parts")),
        };
        if shown.media_time < 0 || !shown.at_normal_rate {
            return Err(Obstacle::EditList("nothing is shown, or not at its own speed"));
        }
        if empty > MAX_EMPTY_SECONDS.saturating_mul(movie_timescale.into()) {
            return Err(Obstacle::EditList("it begins late"));
        }
        let samples = |count: u64| match span.sample_rate {
            Some(rate) => scaled(count, span.timescale, rate.max(1)),
            None => 0,
        };
        // A millisecond is what rounding between timescales may hide.
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

/// A time in another timescale, rounded.
fn scaled(time: u64, to: u32, from: u32) -> i64 {
    let from = u128::from(from.max(1));
    let ticks = (u128::from(time) * u128::from(to) + from / 2) / from;
    i64::try_from(ticks).unwrap_or(i64::MAX)
}
