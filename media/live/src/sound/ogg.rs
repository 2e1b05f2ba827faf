//! Opus in Ogg, as encoders take and make it.
//!
//! Source: RFC 3533 §6 (pages), RFC 7845 §5 (headers)

use bytes::{Buf, BufMut, Bytes, BytesMut};

const CAPTURE: &[u8] = b"OggS";
const HEADER: usize = 27;
/// The place of the checksum in a page.
const CHECKSUM: usize = 22;
const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
/// Header packets of an Opus stream.
const HEADERS: u64 = 2;
/// No packet of Opus is longer; what an encoder makes is far shorter.
const LONGEST: usize = 61_440;
/// The stream's number: it is the only one.
const SERIAL: u32 = 1;

/// Writes packets of Opus as a stream, each in a page of its own.
#[derive(Debug)]
pub struct OggWriter {
    pages: u32,
    samples: u64,
}

impl OggWriter {
    /// Starts a stream; also returns its headers.
    #[must_use]
    pub fn new(channels: u8) -> (Self, Bytes) {
        let mut writer = Self { pages: 0, samples: 0 };
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels);
        // No samples to skip: whoever counts samples wants all of them.
        head.put_u16_le(0);
        head.put_u32_le(48_000);
        head.extend([0, 0, 0]);
        let mut tags = b"OpusTags".to_vec();
        tags.put_u32_le(0);
        tags.put_u32_le(0);
        let mut out = BytesMut::new();
        writer.page(&mut out, &head, FIRST);
        writer.page(&mut out, &tags, 0);
        (writer, out.freeze())
    }

    /// The page of a packet with so many samples.
    pub fn packet(&mut self, packet: &[u8], samples: u32) -> Bytes {
        self.samples += u64::from(samples);
        let mut out = BytesMut::with_capacity(HEADER + packet.len() / 255 + 1 + packet.len());
        self.page(&mut out, packet, 0);
        out.freeze()
    }

    /// Writes a page with one packet, which may be cut off at the page's end.
    fn page(&mut self, out: &mut BytesMut, packet: &[u8], flags: u8) {
        let begin = out.len();
        let packet = packet.get(..packet.len().min(254 * 255)).unwrap_or_default();
        out.extend_from_slice(CAPTURE);
        out.extend_from_slice(&[0, flags]);
        out.put_u64_le(self.samples);
        out.put_u32_le(SERIAL);
        out.put_u32_le(self.pages);
        out.put_u32_le(0);
        let whole = packet.len() / 255;
        out.put_u8(u8::try_from(whole + 1).unwrap_or(u8::MAX));
        out.put_bytes(255, whole);
        out.put_u8(u8::try_from(packet.len() % 255).unwrap_or(0));
        out.extend_from_slice(packet);
        self.pages = self.pages.wrapping_add(1);
        let sum = checksum(out.get(begin..).unwrap_or_default());
        if let Some(place) = out.get_mut(begin + CHECKSUM..begin + CHECKSUM + 4) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
    }
}

/// Why bytes are not a stream of Opus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a stream of Opus in Ogg")]
pub struct OggError;

/// Extracts packets of Opus from a stream that arrives in chunks.
///
/// Shape: holds less than one page and one packet between chunks
#[derive(Debug, Default)]
pub struct OggReader {
    rest: BytesMut,
    packet: BytesMut,
    packets: u64,
    skip: u16,
}

impl OggReader {
    /// Starts at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many of the first samples only prime the decoder; known once there is a packet.
    #[must_use]
    pub fn skip(&self) -> u16 {
        self.skip
    }

    /// Returns the packets that this chunk completes, without those of the stream's headers.
    ///
    /// Errors: it is not a stream of Opus
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Bytes>, OggError> {
        self.rest.extend_from_slice(chunk);
        let mut packets = Vec::new();
        loop {
            let Some(header) = self.rest.first_chunk::<HEADER>() else {
                return Ok(packets);
            };
            if !header.starts_with(CAPTURE) {
                return Err(OggError);
            }
            let [.., count] = *header;
            let behind = HEADER + usize::from(count);
            let Some(sizes) = self.rest.get(HEADER..behind).map(<[u8]>::to_vec) else {
                return Ok(packets);
            };
            let length = sizes.iter().copied().map(usize::from).sum::<usize>();
            if self.rest.len() < behind + length {
                return Ok(packets);
            }
            if header[5] & CONTINUED == 0 {
                self.packet.clear();
            }
            self.rest.advance(behind);
            for size in sizes {
                let part = self.rest.split_to(size.into());
                self.packet.extend_from_slice(&part);
                if self.packet.len() > LONGEST {
                    return Err(OggError);
                }
                if size < u8::MAX {
                    let packet = self.packet.split().freeze();
                    packets.extend(self.complete(packet)?);
                }
            }
        }
    }

    /// A complete packet, unless it is one of the headers.
    fn complete(&mut self, packet: Bytes) -> Result<Option<Bytes>, OggError> {
        self.packets += 1;
        if self.packets > HEADERS {
            return Ok(Some(packet));
        }
        if self.packets == 1 {
            let skip = packet.get(10..12).filter(|_| packet.starts_with(b"OpusHead"));
            self.skip = skip.ok_or(OggError)?.get_u16_le();
        }
        Ok(None)
    }
}

/// The checksum of a page.
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| {
        let index = (sum >> 24) ^ u32::from(*byte);
        sum << 8 ^ TABLE[usize::try_from(index & 0xff).unwrap_or(0)]
    })
}

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut value = 0;
    let mut n = 0;
    while n < 256 {
        let mut sum: u32 = value << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum >> 31 == 1 {
                sum << 1 ^ 0x04c1_1db7
            } else {
                sum << 1
            };
            bit += 1;
        }
        table[n] = sum;
        value += 1;
        n += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        // The standard check value of this polynomial without reflection, from zero.
        assert_eq!(checksum(b"123456789"), 0x89a1_897f);
    }

    proptest! {
        #[test]
        fn packets_that_were_written_are_read_again(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..1_300), 1..20),
            chunk in 1..500_usize,
        ) {
            let (mut writer, headers) = OggWriter::new(2);
            let mut stream = headers.to_vec();
            for packet in &packets {
                stream.extend_from_slice(&writer.packet(packet, 960));
            }
            let mut reader = OggReader::new();
            let mut read = Vec::new();
            for chunk in stream.chunks(chunk) {
                read.extend(reader.push(chunk).unwrap());
            }
            prop_assert_eq!(read, packets);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = OggReader::new().push(&bytes);
            let mut stream = b"OggS".to_vec();
            stream.extend(bytes);
            let _ = OggReader::new().push(&stream);
        }
    }
}
