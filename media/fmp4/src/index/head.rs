//! Encodes and decodes the head of the index.

use super::{AudioShape, IndexHead, IndexTrack, Segment, TrackKind, VideoShape, crc32};
use crate::bytes::{Cursor, PutVarint, narrow, wide};
use crate::error::IndexError;

const MAGIC: &[u8; 8] = b"MFSINDEX";
const VERSION: u16 = 1;
/// Where the checksummed part starts: after magic, version, two spare bytes, length and checksum.
const CHECKED_FROM: usize = 20;
/// A head has some 20 bytes per segment; this is more than a day of the shortest segments in every track.
const MAX_LENGTH: u32 = 64 << 20;

pub(super) fn encode(head: &IndexHead) -> Vec<u8> {
    let mut checked = Vec::new();
    checked.extend_from_slice(&head.source_length.to_be_bytes());
    checked.extend_from_slice(&[0; 4]);
    checked.put_varint(wide(head.tracks.len()));
    for track in &head.tracks {
        put_track(&mut checked, track);
    }
    let length = u32::try_from(CHECKED_FROM + checked.len()).unwrap_or(u32::MAX);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&crc32(&checked).to_be_bytes());
    bytes.extend_from_slice(&checked);
    bytes
}

fn put_track(out: &mut Vec<u8>, track: &IndexTrack) {
    match &track.kind {
        TrackKind::Video(shape) => {
            out.push(0);
            out.put_varint(shape.width.into());
            out.put_varint(shape.height.into());
            out.extend_from_slice(&shape.frame_rate.to_bits().to_be_bytes());
        }
        TrackKind::Audio(shape) => {
            out.push(1);
            out.put_varint(shape.channels.into());
            out.put_varint(shape.sample_rate.into());
            out.put_prefixed(shape.language.as_deref().unwrap_or_default().as_bytes());
        }
    }
    out.put_prefixed(track.codec_string.as_bytes());
    out.put_varint(track.timescale.into());
    out.put_prefixed(&track.init);
    out.put_varint(track.peak_bit_rate);
    out.put_varint(track.average_bit_rate);
    out.put_varint(wide(track.segments.len()));
    let mut decode_time = 0;
    for segment in &track.segments {
        out.put_varint(segment.duration);
        out.put_varint(segment.bytes);
        out.put_varint(segment.block.end.saturating_sub(segment.block.start));
        out.extend_from_slice(&segment.checksum.to_be_bytes());
        out.put_varint(segment.decode_time.saturating_sub(decode_time));
        decode_time = segment.decode_time;
    }
}

fn prefix(first: &[u8]) -> Result<(u32, u32), IndexError> {
    let mut cursor = Cursor::new(first);
    if cursor.array::<8>() != Ok(*MAGIC) {
        return Err(IndexError::NotAnIndex);
    }
    match cursor.u16()? {
        VERSION => cursor.skip(2)?,
        other => return Err(IndexError::Version(other)),
    }
    let (length, checksum) = (cursor.u32()?, cursor.u32()?);
    if length > MAX_LENGTH || narrow(length.into())? < IndexHead::PREFIX {
        return Err(IndexError::Damaged("the head's length"));
    }
    Ok((length, checksum))
}

pub(super) fn length(first: &[u8]) -> Result<u64, IndexError> {
    prefix(first).map(|(length, _)| length.into())
}

pub(super) fn decode(bytes: &[u8]) -> Result<IndexHead, IndexError> {
    let (length, checksum) = prefix(bytes)?;
    let head = bytes
        .get(CHECKED_FROM..narrow(length.into())?)
        .ok_or(IndexError::Damaged("it ends early"))?;
    if crc32(head) != checksum {
        return Err(IndexError::Damaged("the head's checksum"));
    }
    let mut cursor = Cursor::new(head);
    let source_length = cursor.u64()?;
    cursor.skip(4)?;
    let mut block = u64::from(length);
    let mut tracks = Vec::new();
    for _ in 0..cursor.varint()? {
        tracks.push(track(&mut cursor, &mut block)?);
    }
    Ok(IndexHead { source_length, tracks })
}

fn text(cursor: &mut Cursor<'_>) -> Result<String, IndexError> {
    String::from_utf8(cursor.prefixed()?.to_vec()).map_err(|_| IndexError::Damaged("a text"))
}

fn kind(cursor: &mut Cursor<'_>) -> Result<TrackKind, IndexError> {
    match cursor.u8()? {
        0 => Ok(TrackKind::Video(VideoShape {
            width: cursor.varint_u32()?,
            height: cursor.varint_u32()?,
            frame_rate: f64::from_bits(cursor.u64()?),
        })),
        1 => {
            let channels = u16::try_from(cursor.varint()?).map_err(|_| IndexError::Damaged("the channels"))?;
            let sample_rate = cursor.varint_u32()?;
            let language = Some(text(cursor)?).filter(|language| !language.is_empty());
            Ok(TrackKind::Audio(AudioShape {
                channels,
                sample_rate,
                language,
            }))
        }
        _ => Err(IndexError::Damaged("the kind of a track")),
    }
}

/// Reads a track; `block` is the start of its first block and, afterwards, the end of its last one.
fn track(cursor: &mut Cursor<'_>, block: &mut u64) -> Result<IndexTrack, IndexError> {
    let kind = kind(cursor)?;
    let codec_string = text(cursor)?;
    let timescale = cursor.varint_u32()?;
    if timescale == 0 {
        return Err(IndexError::Damaged("a timescale"));
    }
    let init = cursor.prefixed()?.to_vec();
    let (peak_bit_rate, average_bit_rate) = (cursor.varint()?, cursor.varint()?);
    let mut segments = Vec::new();
    let (mut start, mut decode_time) = (0_u64, 0_u64);
    let overflow = IndexError::Damaged("a number");
    for _ in 0..cursor.varint()? {
        let (duration, bytes, length) = (cursor.varint()?, cursor.varint()?, cursor.varint()?);
        let checksum = cursor.u32()?;
        decode_time = decode_time.checked_add(cursor.varint()?).ok_or(overflow)?;
        let end = block.checked_add(length).ok_or(overflow)?;
        segments.push(Segment {
            start,
            duration,
            bytes,
            block: *block..end,
            decode_time,
            checksum,
        });
        start = start.checked_add(duration).ok_or(overflow)?;
        *block = end;
    }
    Ok(IndexTrack {
        kind,
        codec_string,
        timescale,
        init,
        segments,
        peak_bit_rate,
        average_bit_rate,
    })
}
