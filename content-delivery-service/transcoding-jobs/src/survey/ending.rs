//! Whether a file ends early, as its container's own lengths tell.

use super::matroska;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// The sizes of packets of transport streams: plain, with time codes, with error correction.
const PACKETS: [u64; 3] = [188, 192, 204];
/// How much of the beginning or the end of a file is searched.
const SEARCHED: u64 = 64 << 10;
/// The most RIFF chunks of one file; each holds a gigabyte.
const MOST_CHUNKS: u32 = 10_000;

/// Whether the file at a path ends early. False if its container can't tell.
pub(super) fn is_cut(path: &Path, container: &str) -> io::Result<bool> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    ends_early(&mut BufReader::new(file), length, container)
}

/// Whether a file of which only the first and the last bytes are known ends early.
///
/// Errors: that depends on other bytes
pub(super) fn is_cut_between(first: &[u8], last: &[u8], length: u64, container: &str) -> io::Result<bool> {
    let at = 0;
    ends_early(
        &mut Edges {
            first,
            last,
            length,
            at,
        },
        length,
        container,
    )
}

fn ends_early(file: &mut (impl Read + Seek), length: u64, container: &str) -> io::Result<bool> {
    match container {
        "matroska" | "webm" => matroska::is_cut(file, length),
        "mpegts" => transport_stream(file, length),
        "flv" => flash(file, length),
        "avi" => riff(file, length),
        "ogg" => ogg(file, length),
        _ => Ok(false),
    }
}

/// The first and the last bytes of a file.
struct Edges<'a> {
    first: &'a [u8],
    last: &'a [u8],
    length: u64,
    at: u64,
}

impl Read for Edges<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let last_at = self.length.saturating_sub(u64::try_from(self.last.len()).unwrap_or(0));
        let place = |from: u64| usize::try_from(self.at.checked_sub(from)?).ok();
        let known = match (place(0), place(last_at)) {
            _ if self.at >= self.length => Some(&[][..]),
            (_, Some(place)) => self.last.get(place..),
            (Some(place), None) => self.first.get(place..).filter(|rest| !rest.is_empty()),
            (None, None) => None,
        };
        let Some(mut known) = known else {
            return Err(io::Error::other("the middle of the file is not known"));
        };
        let count = known.read(buffer)?;
        self.at += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

impl Seek for Edges<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        }
        .ok_or_else(|| io::Error::other("a file has no bytes before its first"))?;
        Ok(self.at)
    }
}

fn bytes(file: &mut (impl Read + Seek), at: u64, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// It ends within a packet.
fn transport_stream(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let begin = bytes(file, 0, SEARCHED)?;
    let is_packet = |at: u64| usize::try_from(at).ok().and_then(|at| begin.get(at)) == Some(&0x47);
    let found = PACKETS.iter().find_map(|&size| {
        let starts = 0..size.min(length);
        let first = starts
            .into_iter()
            .find(|&at| (0..4).all(|n| is_packet(at + n * size)))?;
        Some((length - first) % size)
    });
    // With time codes, a packet's sync byte comes after four other bytes.
    Ok(found.is_some_and(|rest| rest != 0 && rest != 188))
}

/// It does not end with the length of its last tag.
///
/// Source: Adobe Flash Video File Format Specification, annex E.3
fn flash(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let end = bytes(file, length.saturating_sub(4), 4)?;
    let size = end.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let Some(tag) = length.checked_sub(4 + size).filter(|_| size >= 11) else {
        return Ok(true);
    };
    let head = bytes(file, tag, 4)?;
    let data = head.iter().skip(1).fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    Ok(data + 11 != size)
}

/// One of its chunks was never finished, or ends after the file.
fn riff(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let mut at = 0;
    for _ in 0..MOST_CHUNKS {
        let head = bytes(file, at, 8)?;
        let Some((b"RIFF", size)) = head.split_first_chunk::<4>() else {
            break; // whatever follows a complete chunk is not media
        };
        let size = size.iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
        at = at.saturating_add(8 + size + size % 2);
        // Some writers leave out the padding of the last chunk.
        if size == 0 || at > length + 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Its last page is incomplete, or is not marked as the last of its stream.
///
/// Source: RFC 3533 §6
fn ogg(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let end = bytes(file, length.saturating_sub(SEARCHED * 2), SEARCHED * 2)?;
    let Some(place) = end.windows(4).rposition(|window| window == b"OggS") else {
        return Ok(true);
    };
    let page = end.get(place..).unwrap_or_default();
    let (flags, count) = (page.get(5).copied().unwrap_or(0), page.get(26).copied().unwrap_or(0));
    let lengths = page.get(27..27 + usize::from(count));
    let whole = lengths.map(|all| 27 + all.len() + all.iter().map(|&one| usize::from(one)).sum::<usize>());
    Ok(whole.is_none_or(|whole| whole > page.len()) || flags & 4 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    #[test]
    fn a_file_that_lost_its_end_is_told_from_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        for (name, container, codecs) in [
            ("a.mkv", "matroska", "-c:v mpeg4 -c:a aac"),
            (
                "live.webm",
                "webm",
                "-c:v libvpx -deadline realtime -c:a libopus -live 1",
            ),
            ("a.ts", "mpegts", "-c:v mpeg2video -c:a mp2"),
            ("a.flv", "flv", "-c:v flv -c:a libmp3lame"),
            ("a.avi", "avi", "-c:v mpeg4 -c:a libmp3lame"),
            ("a.ogv", "ogg", "-c:v libtheora -c:a libvorbis"),
        ] {
            let path = folder.path().join(name);
            let mut command = Command::new("ffmpeg");
            command.args("-nostdin -v error -y -f lavfi -i testsrc=s=160x90:d=2 -f lavfi -i sine=d=2".split(' '));
            assert!(command.args(codecs.split(' ')).arg(&path).status().unwrap().success());
            assert!(!is_cut(&path, container).unwrap(), "{name}");
            let whole = fs::read(&path).unwrap();
            for length in [whole.len() - 2, whole.len() - 77, whole.len() * 2 / 3 + 1] {
                fs::write(&path, &whole[..length]).unwrap();
                assert!(is_cut(&path, container).unwrap(), "{name} of {length} bytes");
                let (first, last) = whole[..length].split_at(length / 2);
                // The lengths of live recordings are everywhere in the file.
                if !name.starts_with("live") {
                    let cut = is_cut_between(first, last, length as u64, container);
                    assert!(cut.unwrap(), "{name} of {length} bytes, by its edges");
                }
            }
        }
    }
}
