//! Reads a live media playlist and checks the rules that hls-parser enforces in strict mode, and some more.

use std::collections::BTreeMap;

/// What a playlist says.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Media {
    pub(crate) target: f64,
    pub(crate) part_target: f64,
    pub(crate) first_sequence: usize,
    pub(crate) first_discontinuity: usize,
    pub(crate) skipped: usize,
    pub(crate) independent: bool,
    pub(crate) segments: Vec<Segment>,
    /// The segment that grows; without a URI.
    pub(crate) open: Segment,
    pub(crate) hint: Option<String>,
    pub(crate) reports: usize,
    pub(crate) ended: bool,
}

/// What a playlist says of a segment.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Segment {
    pub(crate) uri: String,
    pub(crate) duration: f64,
    pub(crate) time: String,
    pub(crate) map: Option<String>,
    pub(crate) discontinuity: bool,
    pub(crate) gap: bool,
    pub(crate) parts: Vec<(f64, bool, String)>,
}

impl Segment {
    /// Without what players no longer see later.
    pub(crate) fn lasting(&self) -> Self {
        let parts = Vec::new();
        Self { parts, ..self.clone() }
    }
}

fn attributes(text: &str) -> BTreeMap<&str, &str> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name, value.trim_matches('"'))).collect()
}

fn number(attributes: &BTreeMap<&str, &str>, name: &str) -> f64 {
    attributes[name].parse().unwrap()
}

/// Reads and checks a playlist.
pub(crate) fn judge(text: &str) -> Media {
    let media = read(text);
    check(&media, text);
    media
}

fn read(text: &str) -> Media {
    let mut media = Media::default();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("#EXTM3U"));
    assert_eq!(lines.next(), Some("#EXT-X-VERSION:9"));
    for line in lines {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        read_line(&mut media, tag, value, line);
    }
    media
}

fn read_line(media: &mut Media, tag: &str, value: &str, line: &str) {
    let list = attributes(value);
    match tag {
        "#EXT-X-TARGETDURATION" => media.target = value.parse().unwrap(),
        "#EXT-X-SERVER-CONTROL" => {
            assert_eq!(list["CAN-BLOCK-RELOAD"], "YES");
            assert!(number(&list, "HOLD-BACK") >= 3.0 * media.target);
            assert!(
                list.get("CAN-SKIP-UNTIL")
                    .is_none_or(|until| until.parse::<f64>().unwrap() >= 6.0 * media.target)
            );
            media.part_target = number(&list, "PART-HOLD-BACK") / 3.0;
        }
        "#EXT-X-PART-INF" => {
            assert!(media.part_target >= number(&list, "PART-TARGET") - 1e-9);
            media.part_target = number(&list, "PART-TARGET");
        }
        "#EXT-X-MEDIA-SEQUENCE" => media.first_sequence = value.parse().unwrap(),
        "#EXT-X-DISCONTINUITY-SEQUENCE" => media.first_discontinuity = value.parse().unwrap(),
        "#EXT-X-PLAYLIST-TYPE" => {}
        "#EXT-X-INDEPENDENT-SEGMENTS" => media.independent = true,
        "#EXT-X-SKIP" => media.skipped = list["SKIPPED-SEGMENTS"].parse().unwrap(),
        "#EXT-X-DISCONTINUITY" => {
            assert!(media.open.parts.is_empty() && !media.open.discontinuity);
            media.open.discontinuity = true;
        }
        "#EXT-X-MAP" => {
            assert!(media.open.parts.is_empty());
            media.open.map = Some(list["URI"].to_owned());
        }
        "#EXT-X-PROGRAM-DATE-TIME" => value.clone_into(&mut media.open.time),
        "#EXT-X-PART" => {
            let independent = list.get("INDEPENDENT") == Some(&"YES");
            let part = (number(&list, "DURATION"), independent, list["URI"].to_owned());
            media.open.parts.push(part);
        }
        "#EXT-X-GAP" => media.open.gap = true,
        "#EXTINF" => media.open.duration = value.trim_end_matches(',').parse().unwrap(),
        "#EXT-X-PRELOAD-HINT" => assert!(media.hint.replace(list["URI"].to_owned()).is_none()),
        "#EXT-X-RENDITION-REPORT" => {
            assert!(list["URI"].starts_with("../"));
            media.reports += 1;
        }
        "#EXT-X-ENDLIST" => media.ended = true,
        _ => {
            assert!(!line.starts_with('#'), "{line}");
            line.clone_into(&mut media.open.uri);
            media.segments.push(std::mem::take(&mut media.open));
        }
    }
}

fn check(media: &Media, text: &str) {
    assert!(media.target >= 1.0);
    assert!(
        media.skipped > 0 || media.segments.first().unwrap_or(&media.open).map.is_some(),
        "{text}"
    );
    for (place, segment) in media.segments.iter().enumerate() {
        assert!(
            segment.duration.round() <= media.target,
            "{} lasts {}",
            segment.uri,
            segment.duration
        );
        assert!(segment.duration > 0.0 && !segment.time.is_empty(), "{segment:?}");
        let sequence = media.first_sequence + media.skipped + place;
        assert_eq!(segment.uri, format!("{sequence}.m4s"));
        let listed: f64 = segment.parts.iter().map(|part| part.0).sum();
        assert!(listed <= segment.duration + 0.001, "{segment:?}");
        assert!(
            segment.parts.is_empty() || place + 3 > media.segments.len(),
            "old parts"
        );
        assert!(!media.ended || segment.parts.is_empty());
    }
    let lists = media.segments.iter().chain([&media.open]).map(|segment| &segment.parts);
    for parts in lists.filter(|parts| !parts.is_empty()) {
        assert!(parts.iter().all(|part| part.0 <= media.part_target), "{parts:?}");
        let others = &parts[..parts.len() - 1];
        assert!(
            others.iter().all(|part| part.0 >= 0.85 * media.part_target),
            "{parts:?}"
        );
        assert!(!media.independent || parts[0].1, "{parts:?}");
    }
    assert_eq!(media.ended, media.hint.is_none());
    if media.ended {
        assert_eq!(media.open, Segment::default());
    } else {
        let next = media.first_sequence + media.skipped + media.segments.len();
        assert_eq!(media.hint, Some(format!("{next}-{}.m4s", media.open.parts.len())));
    }
}

/// Checks that a playlist grew from another one: what was listed stays.
pub(crate) fn judge_growth(before: &Media, after: &Media) {
    assert_eq!(
        (before.target, before.first_sequence),
        (after.target, after.first_sequence)
    );
    assert!(after.ended || before.part_target.to_bits() == after.part_target.to_bits());
    assert!(after.segments.len() >= before.segments.len());
    for (old, new) in before.segments.iter().zip(&after.segments) {
        assert_eq!(old.lasting(), new.lasting());
    }
    let grown = after.segments.get(before.segments.len()).unwrap_or(&after.open);
    let same = grown.parts.is_empty() || grown.parts.starts_with(&before.open.parts);
    assert!(same, "{:?} {grown:?}", before.open);
}

/// Checks that a delta update is the end of the whole playlist.
pub(crate) fn judge_delta(delta: &Media, whole: &Media) {
    assert_eq!(delta.segments[..], whole.segments[delta.skipped..]);
    assert_eq!((&delta.open, &delta.hint), (&whole.open, &whole.hint));
    let kept: f64 = delta.segments.iter().map(|segment| segment.duration).sum();
    let open: f64 = delta.open.parts.iter().map(|part| part.0).sum();
    assert!(delta.skipped == 0 || kept + open >= 6.0 * whole.target, "{kept}");
}
