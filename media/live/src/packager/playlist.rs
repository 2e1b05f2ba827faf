//! The playlists of a lecture as text.

use super::history::{self, History};
use super::made::{Settings, Targets};
use super::rendition::Rendition;
use super::stream::{Open, Stream};
use hls::{
    AudioRendition, GroupedMultivariant, LiveHeader, LiveParts, LiveSegment, PreloadHint, RenditionReport, Variant,
};
use std::fmt::Write as _;

/// How far a rendition's playlist is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) rendition: Rendition,
    /// The last segment that is listed, complete or not.
    pub(super) sequence: u32,
    /// Its last part.
    pub(super) part: Option<u32>,
}

impl Progress {
    /// How far a stream is; `None` if it lists nothing.
    pub(super) fn of(stream: &Stream) -> Option<Self> {
        let last = |parts: usize| parts.checked_sub(1).and_then(|last| u32::try_from(last).ok());
        let open = stream.open().filter(|open| !open.parts.is_empty());
        let (sequence, part) = match open {
            Some(open) => (open.sequence, last(open.parts.len())),
            None => {
                let sequence = stream.history().segments().last()?.sequence;
                (sequence, last(stream.history().last_parts()))
            }
        };
        Some(Self {
            rendition: stream.rendition,
            sequence,
            part,
        })
    }
}

/// Writes the playlist of one rendition.
pub(super) fn media(
    stream: &Stream,
    targets: Targets,
    can_skip: bool,
    skip: bool,
    ended: bool,
    others: &[Progress],
) -> String {
    let history = stream.history();
    let first = history.segments().first();
    let open = stream.open().filter(|open| !ended && !open.parts.is_empty());
    let least = u64::from(targets.segment.saturating_mul(LiveHeader::SKIP_UNTIL)) * 1_000_000;
    let skipped = if skip && can_skip && !ended {
        history.skippable(least.saturating_sub(open.map_or(0, Open::listed)))
    } else {
        0
    };
    let header = LiveHeader {
        target: targets.segment,
        parts: (!ended).then_some(LiveParts {
            target: targets.part,
            can_skip,
        }),
        independent: stream.independent,
        first_sequence: first
            .map(|first| first.sequence)
            .or(open.map(|open| open.sequence))
            .unwrap_or(0),
        first_discontinuity: first
            .map(|first| first.discontinuities)
            .or(open.map(|open| open.discontinuities))
            .unwrap_or(0),
        skipped: u32::try_from(skipped).unwrap_or(0),
    };
    let mut text = header.to_string();
    history.write(skipped, !ended, &mut text);
    if ended {
        text.push_str("#EXT-X-ENDLIST\n");
        return text;
    }
    if let Some(open) = open {
        let last = history.segments().last();
        let init = History::init_uri(last, open.init);
        let lines = LiveSegment {
            discontinuity: last.is_some_and(|last| last.discontinuities != open.discontinuities),
            init: init.as_deref(),
            programme_time: open.programme_time,
            parts: &open.parts,
            whole: None,
        };
        append(&mut text, &lines);
    }
    let (sequence, part) = next_part(stream);
    append(&mut text, &PreloadHint(&format!("{sequence}-{part}.m4s")));
    for other in others.iter().filter(|other| other.rendition != stream.rendition) {
        let uri = format!("../{}/media.m3u8", other.rendition);
        let report = RenditionReport {
            uri: &uri,
            sequence: other.sequence,
            part: other.part,
        };
        append(&mut text, &report);
    }
    text
}

/// The part that comes next.
pub(super) fn next_part(stream: &Stream) -> (u32, u32) {
    match stream.open() {
        Some(open) => (open.sequence, u32::try_from(open.parts.len()).unwrap_or(u32::MAX)),
        None => (stream.history().next_sequence(), 0),
    }
}

/// Lists the renditions.
pub(super) fn multivariant(streams: &[&Stream], settings: Settings) -> GroupedMultivariant {
    let uri = |stream: &Stream| format!("{}/{}/media.m3u8", settings.generation, stream.rendition);
    let (pictures, sounds): (Vec<&Stream>, Vec<&Stream>) =
        streams.iter().partition(|stream| stream.rendition.is_picture());
    let variants = pictures.into_iter().filter_map(|stream| {
        let init = stream.history().init()?;
        let (peak, average) = bit_rates(stream);
        Some(Variant {
            uri: uri(stream),
            codec: init.codec.clone(),
            peak_bit_rate: peak,
            average_bit_rate: average,
            width: init.width,
            height: init.height,
            frame_rate: stream.history().frame_rate().unwrap_or(0.0),
        })
    });
    let groups = sounds.into_iter().filter_map(|stream| {
        let init = stream.history().init()?;
        let (peak, average) = bit_rates(stream);
        Some(AudioRendition {
            uri: uri(stream),
            codec: init.codec.clone(),
            peak_bit_rate: peak,
            average_bit_rate: average,
            name: "Audio".to_owned(),
            language: None,
            channels: init.channels.into(),
            default: true,
        })
    });
    GroupedMultivariant {
        independent: streams.iter().all(|stream| stream.independent),
        variants: variants.collect(),
        groups: groups.collect(),
    }
}

/// Peak and average, by what is there; before the first segment, by its parts.
fn bit_rates(stream: &Stream) -> (u64, Option<u64>) {
    if let Some((peak, average)) = stream.history().bit_rates() {
        return (peak.max(1), Some(average.max(1)));
    }
    let open = stream
        .open()
        .and_then(|open| history::rate(open.bytes(), open.listed()));
    (open.unwrap_or(1).max(1), None)
}

fn append(text: &mut String, lines: &impl std::fmt::Display) {
    // Writing to a string doesn't fail.
    let _ = write!(text, "{lines}");
}
