//! The playlist of one rendition.

use std::fmt;

use crate::text::Uri;

/// Whether a playlist may still grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All segments exist.
    Vod,
    /// Segments are only added at the end, never changed or removed; playback starts at the beginning.
    Event {
        /// The target duration in whole seconds, fixed when the playlist is first served.
        target: u64,
        /// Whether the last segment exists.
        ended: bool,
    },
    /// All segments exist now; the playlist was served while it grew.
    Grown {
        /// The target duration served then, in whole seconds: it must not change.
        target: u64,
    },
}

/// The segments of one rendition in order.
///
/// Shape: MP4 segments with one init segment; each starts with a key frame
/// Units: durations in ticks of `timescale` per second
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// Whether the playlist may still grow.
    pub kind: Kind,
    /// The URI of the init segment, relative to the playlist.
    pub init: String,
    /// Ticks per second.
    pub timescale: u32,
    /// The segments.
    pub segments: Vec<MediaSegment>,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSegment {
    /// Its URI, relative to the playlist.
    pub uri: String,
    /// Its duration in ticks.
    pub duration: u64,
}

impl MediaPlaylist {
    /// The smallest target duration that these segments allow, in whole seconds.
    #[must_use]
    pub fn longest(&self) -> u64 {
        let longest = self.segments.iter().map(|segment| segment.duration).max().unwrap_or(0);
        let micros = to_micros(longest, self.timescale);
        u64::try_from(micros.div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1)
    }
}

impl fmt::Display for MediaPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match self.kind {
            Kind::Vod => self.longest(),
            Kind::Event { target, .. } | Kind::Grown { target } => target,
        };
        writeln!(
            f,
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0"
        )?;
        match self.kind {
            Kind::Vod | Kind::Grown { .. } => f.write_str("#EXT-X-PLAYLIST-TYPE:VOD\n")?,
            Kind::Event { .. } => f.write_str("#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0\n")?,
        }
        writeln!(f, "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"{}\"", Uri(&self.init))?;
        let (mut ticks, mut shown) = (0_u64, 0_u128);
        for segment in &self.segments {
            ticks = ticks.saturating_add(segment.duration);
            // Rounds the segment's end, not its length: thousands of rounding errors would add up.
            let end = to_micros(ticks, self.timescale);
            let micros = end.saturating_sub(shown);
            shown = end;
            writeln!(
                f,
                "#EXTINF:{}.{:06},\n{}",
                micros / 1_000_000,
                micros % 1_000_000,
                Uri(&segment.uri)
            )?;
        }
        match self.kind {
            Kind::Event { ended: false, .. } => Ok(()),
            _ => f.write_str("#EXT-X-ENDLIST\n"),
        }
    }
}

fn to_micros(ticks: u64, timescale: u32) -> u128 {
    let timescale = u128::from(timescale.max(1));
    (u128::from(ticks) * 1_000_000 + timescale / 2) / timescale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playlist(kind: Kind, durations: &[u64]) -> MediaPlaylist {
        let segments = durations.iter().enumerate();
        let segments = segments
            .map(|(n, &duration)| MediaSegment {
                uri: format!("{n}.m4s"),
                duration,
            })
            .collect();
        MediaPlaylist {
            kind,
            init: "init.mp4".into(),
            timescale: 30_000,
            segments,
        }
    }

    #[test]
    fn a_finished_rendition_is_a_vod_playlist() {
        let text = playlist(Kind::Vod, &[180_180, 180_180, 45_045]).to_string();
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:7\n#EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init.mp4\"\n\
            #EXTINF:6.006000,\n0.m4s\n#EXTINF:6.006000,\n1.m4s\n#EXTINF:1.501500,\n2.m4s\n#EXT-X-ENDLIST\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_growing_playlist_starts_at_its_beginning_and_keeps_its_target() {
        let text = playlist(
            Kind::Event {
                target: 10,
                ended: false,
            },
            &[30_000],
        )
        .to_string();
        assert!(text.contains("#EXT-X-TARGETDURATION:10\n"));
        assert!(text.contains("#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0\n"));
        assert!(!text.contains("ENDLIST"));
        let text = playlist(
            Kind::Event {
                target: 10,
                ended: true,
            },
            &[30_000],
        )
        .to_string();
        assert!(text.ends_with("#EXT-X-ENDLIST\n"));
    }

    #[test]
    fn a_grown_playlist_is_vod_and_keeps_its_target() {
        let text = playlist(Kind::Grown { target: 10 }, &[30_000]).to_string();
        let vod = playlist(Kind::Vod, &[30_000]).to_string();
        assert_eq!(text, vod.replace("TARGETDURATION:1\n", "TARGETDURATION:10\n"));
        assert_ne!(text, vod);
    }

    #[test]
    fn rounding_errors_do_not_add_up() {
        let mut list = playlist(Kind::Vod, &[1; 9_000]);
        list.timescale = 90_000;
        let text = list.to_string();
        let sum: f64 = text
            .lines()
            .filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(',')?.parse::<f64>().ok())
            .sum();
        assert!((sum - 0.1).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_hostile_uri_stays_on_its_line() {
        let mut list = playlist(Kind::Vod, &[1]);
        list.segments[0].uri = "#EXT-X-KEY\n\"x\"".into();
        assert!(list.to_string().contains("\n%23EXT-X-KEY%0A%22x%22\n"));
    }
}
