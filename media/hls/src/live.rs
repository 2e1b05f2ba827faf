//! The lines of a low-latency playlist.
//!
//! A live playlist is made several times a second and grows for hours, so that its writer keeps the lines of segments that
//! can't change any more; this module writes the lines, not the whole.
//!
//! Source: draft-pantos-hls-rfc8216bis, §4.4.3.7, §4.4.3.8, §4.4.4.9, §4.4.5

use std::fmt;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::text::Uri;

const DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The lines before the first segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveHeader {
    /// The target duration in whole seconds; it must not change.
    pub target: u32,
    /// Parts and reloads that wait for them; `None` once the last segment exists.
    pub parts: Option<LiveParts>,
    /// Whether every segment begins with a key frame.
    pub independent: bool,
    /// The number of the first segment.
    pub first_sequence: u32,
    /// How many discontinuities came before the first segment.
    pub first_discontinuity: u32,
    /// How many segments are left out at the beginning; only with [`LiveParts::can_skip`].
    pub skipped: u32,
}

/// What a playlist with parts promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveParts {
    /// The longest part.
    /// Units: microseconds
    pub target: u64,
    /// Whether the playlist may be asked for without older segments.
    pub can_skip: bool,
}

impl LiveHeader {
    /// How many target durations before its end a playlist may leave segments out.
    pub const SKIP_UNTIL: u32 = 6;
}

impl fmt::Display for LiveHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target;
        writeln!(f, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{target}")?;
        if let Some(parts) = self.parts {
            f.write_str("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES")?;
            if parts.can_skip {
                write!(f, ",CAN-SKIP-UNTIL={}", target.saturating_mul(Self::SKIP_UNTIL))?;
            }
            let (hold_back, part_hold_back) = (target.saturating_mul(3), parts.target.saturating_mul(3));
            writeln!(f, ",HOLD-BACK={hold_back},PART-HOLD-BACK={}", Seconds(part_hold_back))?;
            writeln!(f, "#EXT-X-PART-INF:PART-TARGET={}", Seconds(parts.target))?;
        }
        writeln!(f, "#EXT-X-MEDIA-SEQUENCE:{}", self.first_sequence)?;
        if self.first_discontinuity > 0 {
            writeln!(f, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.first_discontinuity)?;
        }
        let kind = if self.parts.is_some() { "EVENT" } else { "VOD" };
        writeln!(f, "#EXT-X-PLAYLIST-TYPE:{kind}")?;
        if self.independent {
            f.write_str("#EXT-X-INDEPENDENT-SEGMENTS\n")?;
        }
        if self.skipped > 0 {
            writeln!(f, "#EXT-X-SKIP:SKIPPED-SEGMENTS={}", self.skipped)?;
        }
        Ok(())
    }
}

/// The lines of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSegment<'a> {
    /// Whether it follows a discontinuity.
    pub discontinuity: bool,
    /// The URI of its init segment, if it is another than that of the segment before.
    pub init: Option<&'a str>,
    /// When it begins.
    /// Units: microseconds, UTC
    pub programme_time: i64,
    /// Its parts, where they are still listed.
    pub parts: &'a [LivePart],
    /// `None` while it grows.
    pub whole: Option<LiveWhole<'a>>,
}

/// A part of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePart {
    /// Its URI, relative to the playlist.
    pub uri: String,
    /// Units: microseconds
    pub duration: u64,
    /// Whether it begins with a key frame.
    pub independent: bool,
}

/// A segment that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveWhole<'a> {
    /// Its URI, relative to the playlist.
    pub uri: &'a str,
    /// Units: microseconds
    pub duration: u64,
    /// Whether there is nothing to load.
    pub gap: bool,
}

impl fmt::Display for LiveSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.discontinuity {
            f.write_str("#EXT-X-DISCONTINUITY\n")?;
        }
        if let Some(init) = self.init {
            writeln!(f, "#EXT-X-MAP:URI=\"{}\"", Uri(init))?;
        }
        let date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.programme_time).saturating_mul(1000));
        if let Some(date) = date.ok().and_then(|date| date.format(DATE).ok()) {
            writeln!(f, "#EXT-X-PROGRAM-DATE-TIME:{date}")?;
        }
        for part in self.parts {
            let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
            let duration = Seconds(part.duration);
            writeln!(
                f,
                "#EXT-X-PART:DURATION={duration},URI=\"{}\"{independent}",
                Uri(&part.uri)
            )?;
        }
        if let Some(whole) = self.whole {
            if whole.gap {
                f.write_str("#EXT-X-GAP\n")?;
            }
            writeln!(f, "#EXTINF:{},\n{}", Seconds(whole.duration), Uri(whole.uri))?;
        }
        Ok(())
    }
}

/// The line that names the part which comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreloadHint<'a>(pub &'a str);

impl fmt::Display for PreloadHint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", Uri(self.0))
    }
}

/// The line that says how far the playlist of another rendition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenditionReport<'a> {
    /// Its URI, relative to this playlist.
    pub uri: &'a str,
    /// The number of its last segment, complete or not.
    pub sequence: u32,
    /// The last part of that segment, counted from 0, if it has parts.
    pub part: Option<u32>,
}

impl fmt::Display for RenditionReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (uri, sequence) = (Uri(self.uri), self.sequence);
        write!(f, "#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={sequence}")?;
        if let Some(part) = self.part {
            write!(f, ",LAST-PART={part}")?;
        }
        f.write_str("\n")
    }
}

/// Microseconds, written as seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: LiveHeader = LiveHeader {
        target: 3,
        parts: Some(LiveParts {
            target: 333_334,
            can_skip: true,
        }),
        independent: true,
        first_sequence: 0,
        first_discontinuity: 0,
        skipped: 0,
    };

    #[test]
    fn a_growing_playlist_promises_parts() {
        let expected = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:3\n\
            #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=18,HOLD-BACK=9,PART-HOLD-BACK=1.000002\n\
            #EXT-X-PART-INF:PART-TARGET=0.333334\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
            #EXT-X-INDEPENDENT-SEGMENTS\n";
        assert_eq!(HEADER.to_string(), expected);
    }

    #[test]
    fn an_ended_playlist_promises_nothing() {
        let header = LiveHeader {
            parts: None,
            first_sequence: 7,
            first_discontinuity: 2,
            independent: false,
            ..HEADER
        };
        let expected = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:7\n\
            #EXT-X-DISCONTINUITY-SEQUENCE:2\n#EXT-X-PLAYLIST-TYPE:VOD\n";
        assert_eq!(header.to_string(), expected);
    }

    #[test]
    fn a_segment_lists_its_parts_before_itself() {
        let parts = [(0, true), (1, false)].map(|(n, independent)| LivePart {
            uri: format!("4-{n}.m4s"),
            duration: 300_000,
            independent,
        });
        let segment = LiveSegment {
            discontinuity: true,
            init: Some("init-1.mp4"),
            programme_time: 1_764_590_400_123_456,
            parts: &parts,
            whole: Some(LiveWhole {
                uri: "4.m4s",
                duration: 600_000,
                gap: false,
            }),
        };
        let expected = "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-1.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:2025-12-01T12:00:00.123Z\n\
            #EXT-X-PART:DURATION=0.300000,URI=\"4-0.m4s\",INDEPENDENT=YES\n\
            #EXT-X-PART:DURATION=0.300000,URI=\"4-1.m4s\"\n#EXTINF:0.600000,\n4.m4s\n";
        assert_eq!(segment.to_string(), expected);
    }

    #[test]
    fn a_gap_is_marked_and_hints_and_reports_are_lines() {
        let gap = LiveSegment {
            discontinuity: false,
            init: None,
            programme_time: 0,
            parts: &[],
            whole: Some(LiveWhole {
                uri: "5.m4s",
                duration: 2_000_000,
                gap: true,
            }),
        };
        let expected = "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z\n#EXT-X-GAP\n#EXTINF:2.000000,\n5.m4s\n";
        assert_eq!(gap.to_string(), expected);
        assert_eq!(
            PreloadHint("6-0.m4s").to_string(),
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"6-0.m4s\"\n"
        );
        let report = RenditionReport {
            uri: "../audio/media.m3u8",
            sequence: 5,
            part: Some(2),
        };
        assert_eq!(
            report.to_string(),
            "#EXT-X-RENDITION-REPORT:URI=\"../audio/media.m3u8\",LAST-MSN=5,LAST-PART=2\n"
        );
    }
}
