//! Messages in chunks.
//!
//! Source: RTMP 1.0 §5.3

use super::RtmpError;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// How many chunk streams a peer may use; publishers use three or four.
const MOST_CHUNK_STREAMS: usize = 16;
/// The size of chunks until the peer changes it, and of ours.
const SIZE: usize = 128;
/// A timestamp that says that it stands in four bytes behind the header.
const EXTENDED: u32 = 0x00ff_ffff;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    /// Units: milliseconds, by the peer's clock
    pub(super) timestamp: u32,
    pub(super) body: Bytes,
}

/// Joins chunks to messages.
#[derive(Debug)]
pub(super) struct ChunkReader {
    /// Bytes of the next chunk's header.
    rest: BytesMut,
    streams: Vec<Stream>,
    /// The chunk that is being read: the place of its stream, and the number of bytes that are missing.
    current: Option<(usize, usize)>,
    size: usize,
    /// The longest message.
    most: usize,
}

#[derive(Debug)]
struct Stream {
    id: u32,
    timestamp: u32,
    /// The field of the last header: a time in one of type 0, else a difference.
    field: u32,
    is_extended: bool,
    length: usize,
    kind: u8,
    body: BytesMut,
    /// Whether a part of a message has arrived.
    is_partial: bool,
}

/// The header of a chunk.
struct Header {
    /// Its length.
    length: usize,
    /// 0 to 3.
    format: u8,
    stream: u32,
    field: u32,
    is_extended: bool,
    /// Length and type of the message.
    message: Option<(usize, u8)>,
}

impl ChunkReader {
    /// A reader that refuses longer messages than this.
    pub(super) fn new(most: usize) -> Self {
        Self {
            rest: BytesMut::new(),
            streams: Vec::new(),
            current: None,
            size: SIZE,
            most,
        }
    }

    /// Changes the length of the longest message.
    pub(super) fn allow(&mut self, most: usize) {
        self.most = most;
    }

    /// Sets the size of the peer's chunks.
    pub(super) fn resize(&mut self, size: u32) -> Result<(), RtmpError> {
        self.size = usize::try_from(size).unwrap_or(usize::MAX);
        if (1..=0x7fff_ffff).contains(&size) {
            Ok(())
        } else {
            Err(RtmpError::Malformed("a chunk size of 0"))
        }
    }

    /// Gives up the message that a chunk stream is in the middle of.
    pub(super) fn abort(&mut self, stream: u32) {
        if let Some(stream) = self.streams.iter_mut().find(|known| known.id == stream) {
            stream.restart();
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Returns the next complete message.
    ///
    /// Errors: one that is too long, too many streams, or a header that refers to none before it
    pub(super) fn next_message(&mut self) -> Result<Option<Message>, RtmpError> {
        loop {
            if let Some((place, missing)) = self.current {
                let Some(stream) = self.streams.get_mut(place) else {
                    return Err(RtmpError::Malformed("a chunk of no stream"));
                };
                let part = self.rest.split_to(missing.min(self.rest.len()));
                stream.body.extend_from_slice(&part);
                if part.len() < missing {
                    self.current = Some((place, missing - part.len()));
                    return Ok(None);
                }
                self.current = None;
                if stream.body.len() == stream.length {
                    return Ok(Some(stream.complete()));
                }
            }
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            self.rest.advance(header.length);
            self.begin(&header)?;
        }
    }

    /// The next header, if it is complete.
    fn header(&self) -> Result<Option<Header>, RtmpError> {
        let Some(header) = Header::parse(&self.rest) else {
            return Ok(None);
        };
        if header.format < 3 {
            return Ok(Some(header));
        }
        let stream = self.streams.iter().find(|known| known.id == header.stream);
        let stream = stream.ok_or(RtmpError::Malformed("a chunk without a header before it"))?;
        if !stream.is_extended {
            return Ok(Some(header));
        }
        // Not all publishers repeat the field: it counts if it has the same value.
        let Some(field) = self.rest.get(header.length..header.length + 4) else {
            return Ok(None);
        };
        let is_repeated = field == stream.field.to_be_bytes();
        Ok(Some(Header {
            length: header.length + if is_repeated { 4 } else { 0 },
            ..header
        }))
    }

    /// Begins a chunk.
    fn begin(&mut self, header: &Header) -> Result<(), RtmpError> {
        let known = self.streams.iter().position(|known| known.id == header.stream);
        let place = match known {
            Some(place) => place,
            None if header.format > 0 => return Err(RtmpError::Malformed("a chunk without a header before it")),
            None if self.streams.len() == MOST_CHUNK_STREAMS => {
                return Err(RtmpError::TooLarge("the number of chunk streams"));
            }
            None => {
                self.streams.push(Stream::new(header.stream));
                self.streams.len() - 1
            }
        };
        let begun: usize = self.streams.iter().map(|stream| stream.body.len()).sum();
        let Some(stream) = self.streams.get_mut(place) else {
            return Err(RtmpError::Malformed("a chunk of no stream"));
        };
        if header.format < 3 {
            // A header within a message gives the message up.
            stream.restart();
        }
        if !stream.is_partial {
            stream.take(header);
            if stream.length > self.most {
                return Err(RtmpError::TooLarge("a message"));
            }
            if begun + stream.length > 2 * self.most {
                return Err(RtmpError::TooLarge("the sum of unfinished messages"));
            }
        }
        stream.is_partial = true;
        let missing = (stream.length - stream.body.len()).min(self.size);
        self.current = Some((place, missing));
        Ok(())
    }
}

impl Header {
    /// Source: RTMP 1.0 §5.3.1
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&first, mut rest) = bytes.split_first()?;
        let stream = match first & 0x3f {
            0 => {
                let (&low, behind) = rest.split_first()?;
                rest = behind;
                64 + u32::from(low)
            }
            1 => {
                let (&[low, high], behind) = rest.split_first_chunk()?;
                rest = behind;
                64 + u32::from(low) + 256 * u32::from(high)
            }
            id => id.into(),
        };
        let format = first >> 6;
        let mut header = Self {
            length: 0,
            format,
            stream,
            field: 0,
            is_extended: false,
            message: None,
        };
        if format < 3 {
            let (&[high, middle, low], behind) = rest.split_first_chunk()?;
            rest = behind;
            header.field = u32::from_be_bytes([0, high, middle, low]);
        }
        if format < 2 {
            let (&[high, middle, low, kind], behind) = rest.split_first_chunk()?;
            rest = behind;
            let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
            header.message = Some((length, kind));
        }
        if format == 0 {
            // The message stream: there is only one.
            let (_, behind) = rest.split_first_chunk::<4>()?;
            rest = behind;
        }
        if header.field == EXTENDED {
            let (field, behind) = rest.split_first_chunk()?;
            rest = behind;
            (header.field, header.is_extended) = (u32::from_be_bytes(*field), true);
        }
        header.length = bytes.len() - rest.len();
        Some(header)
    }
}

impl Stream {
    fn new(id: u32) -> Self {
        Self {
            id,
            timestamp: 0,
            field: 0,
            is_extended: false,
            length: 0,
            kind: 0,
            body: BytesMut::new(),
            is_partial: false,
        }
    }

    fn restart(&mut self) {
        self.body.clear();
        self.is_partial = false;
    }

    /// Takes the header of a message's first chunk; what it leaves out is as before.
    fn take(&mut self, header: &Header) {
        if header.format < 3 {
            (self.field, self.is_extended) = (header.field, header.is_extended);
        }
        if let Some((length, kind)) = header.message {
            (self.length, self.kind) = (length, kind);
        }
        self.timestamp = match header.format {
            0 => self.field,
            _ => self.timestamp.wrapping_add(self.field),
        };
    }

    fn complete(&mut self) -> Message {
        self.is_partial = false;
        Message {
            kind: self.kind,
            timestamp: self.timestamp,
            body: self.body.split().freeze(),
        }
    }
}

/// Writes a message in chunks of the size that every peer knows.
pub(super) fn put_message(out: &mut BytesMut, chunk_stream: u8, kind: u8, message_stream: u32, body: &[u8]) {
    out.put_u8(chunk_stream & 0x3f);
    out.put_uint(0, 3);
    out.put_uint(u64::try_from(body.len()).unwrap_or(u64::MAX), 3);
    out.put_u8(kind);
    out.put_u32_le(message_stream);
    for (n, part) in body.chunks(SIZE).enumerate() {
        if n > 0 {
            out.put_u8(0xc0 | chunk_stream);
        }
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], step: usize) -> Result<Vec<(u8, u32, Vec<u8>)>, RtmpError> {
        let mut reader = ChunkReader::new(1 << 20);
        let mut messages = Vec::new();
        for part in bytes.chunks(step) {
            reader.push(part);
            while let Some(message) = reader.next_message()? {
                messages.push((message.kind, message.timestamp, message.body.to_vec()));
            }
        }
        Ok(messages)
    }

    #[test]
    fn headers_leave_out_what_stays_the_same() {
        let bytes = [
            &[4, 0, 0, 100, 0, 0, 2, 8, 1, 0, 0, 0, 1, 2][..],
            &[0x44, 0, 0, 23, 0, 0, 1, 8, 3],
            &[0x84, 0, 0, 24, 4],
            &[0xc4, 5],
            &[0xc4, 6],
        ]
        .concat();
        let expected = [
            (8, 100, vec![1, 2]),
            (8, 123, vec![3]),
            (8, 147, vec![4]),
            (8, 171, vec![5]),
            (8, 195, vec![6]),
        ];
        for step in 1..bytes.len() {
            assert_eq!(read(&bytes, step).unwrap(), expected, "in steps of {step}");
        }
    }

    #[test]
    fn messages_of_several_streams_interleave_and_long_times_are_read() {
        let (first, second) = (vec![7; 200], vec![9; 150]);
        let mut bytes = vec![5, 0xff, 0xff, 0xff, 0, 0, 200, 9, 1, 0, 0, 0, 2, 0, 0, 0];
        bytes.extend(&first[..128]);
        bytes.extend([0, 10, 0, 0, 9, 0, 0, 150, 8, 1, 0, 0, 0]);
        bytes.extend(&second[..128]);
        // With and without the time once more.
        bytes.extend([0xc5, 2, 0, 0, 0]);
        bytes.extend(&first[128..]);
        bytes.extend([0xc0, 10]);
        bytes.extend(&second[128..]);
        let expected = [(9, 0x0200_0000, first), (8, 9, second)];
        for step in [1, 7, 1_000] {
            assert_eq!(read(&bytes, step).unwrap(), expected, "in steps of {step}");
        }
    }

    #[test]
    fn times_wrap() {
        let bytes = [
            &[4, 0xff, 0xff, 0xff, 0, 0, 1, 8, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xf0, 1][..],
            &[0x84, 0, 0, 32, 2],
        ];
        assert_eq!(read(&bytes.concat(), 3).unwrap()[1], (8, 16, vec![2]));
    }

    #[test]
    fn lengths_and_streams_are_limited() {
        let long = [4, 0, 0, 0, 0xff, 0xff, 0xff, 8, 1, 0, 0, 0];
        assert_eq!(read(&long, 99), Err(RtmpError::TooLarge("a message")));
        let many: Vec<u8> = (3..30).flat_map(|id| [id, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0]).collect();
        assert_eq!(read(&many, 99), Err(RtmpError::TooLarge("the number of chunk streams")));
        assert!(matches!(read(&[0xc4], 1), Err(RtmpError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn messages_that_were_written_are_read_again(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 1..10),
            step in 1..300_usize,
        ) {
            let mut out = BytesMut::new();
            for body in &bodies {
                put_message(&mut out, 3, 20, 0, body);
            }
            let read: Vec<Vec<u8>> = read(&out, step).unwrap().into_iter().map(|message| message.2).collect();
            prop_assert_eq!(read, bodies);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), step in 1..200_usize) {
            let _ = read(&bytes, step);
        }
    }
}
