//! Parses served segments: times from the boxes, and the type of the first picture.
//!
//! Source: ISO/IEC 14496-12 §8.8 (movie fragments), ISO/IEC 14496-15 §5.3 (NAL units in samples).

use anyhow::{Context, Result, bail, ensure};

/// The facts in an initialization segment about its one track.
#[derive(Debug, Clone, Copy)]
pub struct Init {
    /// Ticks per second.
    pub timescale: u32,
    /// The size of a NAL unit's length field in bytes; `None` for audio.
    pub nal_length: Option<usize>,
    duration: u32,
    size: u32,
}

/// A segment's times, in its track's ticks.
#[derive(Debug, Clone)]
pub struct Segment {
    /// When its first sample is decoded.
    pub decode: u64,
    /// When its first sample in decoding order is shown.
    pub shown: u64,
    /// When the first of its samples is shown.
    pub earliest: u64,
    /// When the last of its samples has been shown.
    pub latest: u64,
    /// When the first sample of the next segment is decoded.
    pub end: u64,
    /// How many samples it holds.
    pub samples: u32,
    /// Whether its first sample is an IDR picture; always true for audio.
    pub idr: bool,
    /// Its fragment's number.
    pub sequence: u32,
}

fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let four = bytes.get(at..at + 4).with_context(|| format!("four bytes at {at}"))?;
    Ok(u32::from_be_bytes(four.try_into()?))
}

/// A box: its kind, where its payload begins, its payload.
type Boxed<'a> = ([u8; 4], usize, &'a [u8]);

/// The boxes in some bytes.
fn boxes(bytes: &[u8]) -> Result<Vec<Boxed<'_>>> {
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let size = usize::try_from(number(bytes, at)?)?;
        let kind = bytes.get(at + 4..at + 8).context("a kind")?.try_into()?;
        let payload = bytes.get(at + 8..at + size).context("a box beyond its holder")?;
        ensure!(size >= 8, "a box of {size} bytes");
        found.push((kind, at + 8, payload));
        at += size;
    }
    Ok(found)
}

fn inner<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Result<&'a [u8]> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(bytes);
    };
    let found = boxes(bytes)?.into_iter().find(|(kind, ..)| kind == *first);
    let (.., payload) = found.with_context(|| format!("no {}", String::from_utf8_lossy(*first)))?;
    inner(payload, rest)
}

/// Reads an initialization segment.
pub fn init(bytes: &[u8]) -> Result<Init> {
    let media = inner(bytes, &[b"moov", b"trak", b"mdia"])?;
    let head = inner(media, &[b"mdhd"])?;
    let timescale = number(head, if head.first() == Some(&1) { 20 } else { 12 })?;
    let described = inner(media, &[b"minf", b"stbl", b"stsd"])?;
    let (kind, _, entry) = *boxes(described.get(8..).context("an entry")?)?
        .first()
        .context("no sample entry")?;
    let nal_length = match &kind {
        b"avc1" => {
            let config = inner(entry.get(78..).context("a visual entry")?, &[b"avcC"])?;
            Some(usize::from(config.get(4).context("avcC")? & 3) + 1)
        }
        b"mp4a" => None,
        _ => bail!("a {} track", String::from_utf8_lossy(&kind)),
    };
    // an edit list would shift the segments' times
    let track = inner(bytes, &[b"moov", b"trak"])?;
    ensure!(
        !boxes(track)?.iter().any(|(kind, ..)| kind == b"edts"),
        "an edit list in an init segment"
    );
    let defaults = inner(bytes, &[b"moov", b"mvex", b"trex"])?;
    Ok(Init {
        timescale,
        nal_length,
        duration: number(defaults, 12)?,
        size: number(defaults, 16)?,
    })
}

/// One sample: its duration, its size, its composition offset.
type Sample = (u32, u32, i64);

/// The samples of a `trun`, and the offset of its data from the `moof`.
fn run(run: &[u8], duration: u32, size: u32) -> Result<(Vec<Sample>, usize)> {
    let flags = number(run, 0)?;
    let count = number(run, 4)?;
    ensure!(flags & 1 != 0, "a run without its place");
    let place = usize::try_from(number(run, 8)?)?;
    let mut at = if flags & 4 == 0 { 12 } else { 16 };
    let mut samples = Vec::new();
    let mut next = |set: bool, default: u32| -> Result<u32> {
        if !set {
            return Ok(default);
        }
        at += 4;
        number(run, at - 4)
    };
    for _ in 0..count {
        let duration = next(flags & 0x100 != 0, duration)?;
        let size = next(flags & 0x200 != 0, size)?;
        next(flags & 0x400 != 0, 0)?;
        let offset = next(flags & 0x800 != 0, 0)?;
        let signed = flags >> 24 == 1;
        let offset = if signed {
            i64::from(offset.cast_signed())
        } else {
            i64::from(offset)
        };
        samples.push((duration, size, offset));
    }
    Ok((samples, place))
}

/// Whether the first picture in a sample's NAL units is an IDR.
fn idr(sample: &[u8], nal_length: usize) -> Result<bool> {
    let mut at = 0;
    while at < sample.len() {
        let length = sample.get(at..at + nal_length).context("a NAL unit's length")?;
        let length = length.iter().fold(0_usize, |sum, byte| (sum << 8) + usize::from(*byte));
        let kind = sample.get(at + nal_length).context("an empty NAL unit")? & 0x1f;
        match kind {
            5 => return Ok(true),
            1..=4 => return Ok(false),
            _ => at += nal_length + length,
        }
    }
    bail!("no picture in a sample")
}

/// Reads a media segment.
pub fn segment(init: &Init, bytes: &[u8]) -> Result<Segment> {
    let mut found: Option<Segment> = None;
    for (kind, at, payload) in boxes(bytes)? {
        if &kind != b"moof" {
            continue;
        }
        let sequence = number(inner(payload, &[b"mfhd"])?, 4)?;
        let parts = boxes(payload)?;
        let mut tracks = parts.iter().filter(|(kind, ..)| kind == b"traf");
        let (.., track) = tracks.next().context("no track")?;
        ensure!(tracks.next().is_none(), "more than one track");
        let head = inner(track, &[b"tfhd"])?;
        let flags = number(head, 0)?;
        let mut place = 8;
        let mut skip = |flag: u32, length: usize| -> Option<usize> {
            (flags & flag != 0).then(|| {
                place += length;
                place - length
            })
        };
        skip(1, 8);
        skip(2, 4);
        let duration = skip(8, 4);
        let size = skip(0x10, 4);
        let duration = duration.map_or(Ok(init.duration), |it| number(head, it))?;
        let size = size.map_or(Ok(init.size), |it| number(head, it))?;
        let time = inner(track, &[b"tfdt"])?;
        let decode = match time.first() {
            Some(1) => (u64::from(number(time, 4)?) << 32) + u64::from(number(time, 8)?),
            _ => u64::from(number(time, 4)?),
        };
        let begin = found.as_ref().map_or(decode, |it| it.end);
        ensure!(begin == decode, "a fragment begins at {decode}, not at {begin}");
        for (_, _, trun) in boxes(track)?.into_iter().filter(|(kind, ..)| kind == b"trun") {
            let (samples, place) = run(trun, duration, size)?;
            let data = bytes.get(at - 8 + place..).context("a run beyond its segment")?;
            let all: u64 = samples.iter().map(|(_, size, _)| u64::from(*size)).sum();
            ensure!(all <= data.len() as u64, "samples beyond their segment");
            add(&mut found, init, decode, sequence, &samples, data)?;
        }
    }
    found.context("no moof")
}

fn add(
    found: &mut Option<Segment>,
    init: &Init,
    decode: u64,
    sequence: u32,
    samples: &[Sample],
    data: &[u8],
) -> Result<()> {
    let shown = |at: u64, offset: i64| at.checked_add_signed(offset).context("shown before the lecture's zero");
    let first = samples.first().context("an empty run")?;
    if found.is_none() {
        let picture = data.get(..usize::try_from(first.1)?).context("a sample")?;
        let idr = init.nal_length.map_or(Ok(true), |length| self::idr(picture, length))?;
        let begins = shown(decode, first.2)?;
        *found = Some(Segment {
            decode,
            shown: begins,
            earliest: begins,
            latest: begins,
            end: decode,
            samples: 0,
            idr,
            sequence,
        });
    }
    let segment = found.as_mut().context("a segment")?;
    for (duration, _, offset) in samples {
        let at = shown(segment.end, *offset)?;
        ensure!(*duration > 0, "a sample without a duration");
        segment.earliest = segment.earliest.min(at);
        segment.latest = segment.latest.max(at + u64::from(*duration));
        segment.end += u64::from(*duration);
        segment.samples += 1;
    }
    Ok(())
}
