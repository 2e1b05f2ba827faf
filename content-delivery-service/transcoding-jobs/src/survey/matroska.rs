//! What ffprobe does not report of Matroska and WebM: disabled tracks, and whether the file ends early.
//!
//! Source: RFC 8794 (EBML), RFC 9559 (Matroska)

use crate::containers::ebml::{CLUSTER, Element, HEADER, SEGMENT, TRACKS, parse};
use std::io::{self, Read, Seek, SeekFrom};

const TRACK_ENTRY: u32 = 0xae;
const TRACK_TYPE: u32 = 0x83;
const FLAG_ENABLED: u32 = 0xb9;
/// Kinds of tracks that ffmpeg makes a stream of: picture, sound, subtitles, metadata.
const STREAMS: [u8; 4] = [1, 2, 0x11, 0x21];
/// The longest description of tracks that is read; fonts and covers are elsewhere.
const MOST_TRACKS: u64 = 4 << 20;
/// The most elements that are visited: more than a day of packets.
const MOST_ELEMENTS: u32 = 8_000_000;

/// The streams, by their numbers, of tracks that are disabled.
pub(super) fn disabled(file: &mut (impl Read + Seek)) -> io::Result<Vec<u32>> {
    let Some(mut at) = segment(file)?.map(|segment| segment.start) else {
        return Ok(Vec::new());
    };
    while let Some(element) = read(file, at)? {
        match (element.id, element.end) {
            (TRACKS, Some(end)) if end - element.start <= MOST_TRACKS => {
                let mut body = vec![0; usize::try_from(end - element.start).unwrap_or(0)];
                file.seek(SeekFrom::Start(element.start))?;
                file.read_exact(&mut body)?;
                return Ok(disabled_in(&body));
            }
            (CLUSTER, _) | (_, None) => break,
            (_, Some(end)) => at = end,
        }
    }
    Ok(Vec::new())
}

fn disabled_in(tracks: &[u8]) -> Vec<u32> {
    let entries = children(tracks).filter(|(id, _)| *id == TRACK_ENTRY);
    let streams = entries.filter(|(_, entry)| byte(entry, TRACK_TYPE).is_some_and(|kind| STREAMS.contains(&kind)));
    let numbered = (0..).zip(streams);
    let disabled = numbered.filter(|(_, (_, entry))| byte(entry, FLAG_ENABLED) == Some(0));
    disabled.map(|(number, _)| number).collect()
}

/// The last byte of a small number.
fn byte(entry: &[u8], wanted: u32) -> Option<u8> {
    let (_, body) = children(entry).find(|(id, _)| *id == wanted)?;
    body.last().copied()
}

/// The elements in some bytes, up to the first that is incomplete.
fn children(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (id, size, header) = parse(rest)?;
        let size = usize::try_from(size?).ok()?;
        let body = rest.get(header..header.checked_add(size)?)?;
        rest = rest.get(header + size..)?;
        Some((id, body))
    })
}

/// Whether the file ends within an element, or before its segment does.
pub(super) fn is_cut(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let Some(segment) = segment(file)? else {
        return Ok(false);
    };
    if let Some(end) = segment.end {
        return Ok(end > length);
    }
    let mut at = segment.start;
    for _ in 0..MOST_ELEMENTS {
        if at >= length {
            return Ok(at > length);
        }
        match read(file, at)? {
            // Within a cluster of unknown length are blocks, and after them is the next cluster.
            Some(element) => at = element.end.unwrap_or(element.start),
            None => return Ok(true),
        }
    }
    Ok(false)
}

fn segment(file: &mut (impl Read + Seek)) -> io::Result<Option<Element>> {
    let header = read(file, 0)?.filter(|element| element.id == HEADER);
    let Some(end) = header.and_then(|header| header.end) else {
        return Ok(None);
    };
    Ok(read(file, end)?.filter(|element| element.id == SEGMENT))
}

/// The element at a position; none if its header is incomplete or not one.
fn read(file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<Element>> {
    let mut header = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(12).read_to_end(&mut header)?;
    Ok(Element::at(&header, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn element(id: u32, body: &[u8]) -> Vec<u8> {
        let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|&byte| byte == 0).collect();
        let size = 0x1000_0000 | u32::try_from(body.len()).unwrap();
        [&id, &size.to_be_bytes()[..], body].concat()
    }

    fn open(id: u32, body: &[u8]) -> Vec<u8> {
        [
            &id.to_be_bytes()[..],
            &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            body,
        ]
        .concat()
    }

    fn file(segment: &[u8]) -> Vec<u8> {
        [element(HEADER, b"webm"), segment.to_vec()].concat()
    }

    fn cut(bytes: &[u8]) -> bool {
        is_cut(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn disabled_tracks_are_found_by_the_numbers_of_their_streams() {
        let track = |kind: u8, more: &[u8]| element(TRACK_ENTRY, &[&element(TRACK_TYPE, &[kind]), more].concat());
        let tracks = [
            track(1, &element(FLAG_ENABLED, &[0])),
            // Buttons, of which ffmpeg makes no stream.
            track(0x12, &[]),
            track(1, &element(FLAG_ENABLED, &[1])),
            track(2, &element(FLAG_ENABLED, &[0])),
            track(2, &[]),
        ];
        let all = [element(0xec, &[0; 50]), element(TRACKS, &tracks.concat())].concat();
        for segment in [element(SEGMENT, &all), open(SEGMENT, &all)] {
            assert_eq!(disabled(&mut Cursor::new(file(&segment))).unwrap(), [0, 2]);
        }
        assert!(
            disabled(&mut Cursor::new(file(&element(SEGMENT, &[]))))
                .unwrap()
                .is_empty()
        );
        assert!(disabled(&mut Cursor::new(b"something else")).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_ends_before_its_elements_is_cut() {
        let blocks = [element(0xe7, &[1]), element(0xa3, &[7; 90]), element(0xa3, &[7; 90])].concat();
        let known = element(CLUSTER, &blocks);
        let unknown = open(CLUSTER, &blocks);
        let finished = file(&element(SEGMENT, &[known.clone(), known.clone()].concat()));
        assert!(!cut(&finished));
        for end in [finished.len() - 1, finished.len() - known.len(), 40] {
            assert!(cut(&finished[..end]), "{end}");
        }
        for cluster in [known, unknown] {
            // As browsers record: the end of the segment is never known.
            let live = file(&open(SEGMENT, &[cluster.clone(), cluster].concat()));
            assert!(!cut(&live));
            for less in [1, 50, 92] {
                assert!(cut(&live[..live.len() - less]), "{less}");
            }
        }
        assert!(!cut(b"something else"));
    }
}
