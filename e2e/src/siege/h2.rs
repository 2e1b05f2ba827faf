//! HTTP/2 by prior knowledge, frame by frame, for what no client library does.
//!
//! Source: RFC 9113, RFC 7541

use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const INITIAL_WINDOW_SIZE: u16 = 4;
const FRAME: usize = 16 * 1_024;

/// The length of a text in a header block.
///
/// Source: RFC 7541 §5.1
fn length(bytes: usize) -> Result<Vec<u8>> {
    const PREFIX: usize = 127;
    let Some(mut rest) = bytes.checked_sub(PREFIX) else {
        return Ok(vec![u8::try_from(bytes)?]);
    };
    let mut encoded = vec![u8::try_from(PREFIX)?];
    while rest >= 128 {
        encoded.push(u8::try_from(rest % 128)? | 0x80);
        rest /= 128;
    }
    encoded.push(u8::try_from(rest)?);
    Ok(encoded)
}

/// A connection that keeps to the server's windows and does nothing else by itself.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    next: u32,
    /// What the server takes on a new stream, and on the whole connection.
    initial: i64,
    window: i64,
    /// The windows of the streams that the server has not ended.
    streams: BTreeMap<u32, i64>,
}

impl Connection {
    /// Connects and greets.
    pub async fn open(address: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(PREFACE).await?;
        let mut connection = Self {
            stream,
            received: Vec::new(),
            next: 1,
            initial: 65_535,
            window: 65_535,
            streams: BTreeMap::new(),
        };
        connection.send(SETTINGS, 0, 0, &[]).await?;
        Ok(connection)
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        let length = u32::try_from(payload.len())?.to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.stream.write_all(&[&head, payload].concat()).await?;
        Ok(())
    }

    /// Begins a request; `body` says that one follows. Returns the stream.
    pub async fn request(&mut self, headers: &[(&str, &str)], body: bool) -> Result<u32> {
        let mut block = Vec::new();
        for (name, value) in headers {
            // A literal that is not indexed, with a new name; no Huffman code.
            block.push(0);
            for text in [name, value] {
                block.extend(length(text.len())?);
                block.extend(text.as_bytes());
            }
        }
        let stream = self.next;
        self.next += 2;
        self.streams.insert(stream, self.initial);
        let flags = if body { END_HEADERS } else { END_HEADERS | END_STREAM };
        self.send(HEADERS, flags, stream, &block).await?;
        Ok(stream)
    }

    /// Whether the server still takes a stream's bytes.
    #[must_use]
    pub fn lives(&self, stream: u32) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Sends as many of these bytes as the windows allow; returns how many.
    pub async fn write(&mut self, stream: u32, bytes: &[u8]) -> Result<usize> {
        let mut sent = 0;
        while let Some(window) = self.streams.get(&stream).copied() {
            let room = usize::try_from(window.min(self.window)).unwrap_or(0);
            let part = &bytes[sent..bytes.len().min(sent + room.min(FRAME))];
            if part.is_empty() {
                break;
            }
            self.send(DATA, 0, stream, part).await?;
            let length = i64::try_from(part.len())?;
            self.window -= length;
            self.streams.insert(stream, window - length);
            sent += part.len();
        }
        Ok(sent)
    }

    /// Takes what the server sends within this time; `false` when it has closed the connection.
    pub async fn listen(&mut self, within: Duration) -> Result<bool> {
        let mut buffer = vec![0; 64 * 1_024];
        match timeout(within, self.stream.read(&mut buffer)).await {
            Err(_) => return Ok(true),
            Ok(Ok(0) | Err(_)) => return Ok(false),
            Ok(Ok(read)) => self.received.extend(&buffer[..read]),
        }
        while let Some((head, rest)) = self.received.split_first_chunk::<9>() {
            let [a, b, c, kind, flags, stream @ ..] = *head;
            let length = usize::try_from(u32::from_be_bytes([0, a, b, c]))?;
            let Some(payload) = rest.get(..length).map(<[u8]>::to_vec) else {
                break;
            };
            self.received.drain(..9 + length);
            if kind == GOAWAY {
                return Ok(false);
            }
            self.take(kind, flags, u32::from_be_bytes(stream), &payload).await?;
        }
        Ok(true)
    }

    async fn take(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<()> {
        match kind {
            SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    let [a, b, value @ ..] = setting else { continue };
                    if u16::from_be_bytes([*a, *b]) == INITIAL_WINDOW_SIZE {
                        let initial = i64::from(u32::from_be_bytes(value.try_into()?));
                        let more = initial - std::mem::replace(&mut self.initial, initial);
                        self.streams.values_mut().for_each(|window| *window += more);
                    }
                }
                self.send(SETTINGS, ACK, 0, &[]).await?;
            }
            WINDOW_UPDATE => {
                let more = i64::from(u32::from_be_bytes(payload.try_into()?));
                match self.streams.get_mut(&stream) {
                    Some(window) => *window += more,
                    None if stream == 0 => self.window += more,
                    None => {}
                }
            }
            RESET => {
                self.streams.remove(&stream);
            }
            DATA | HEADERS if flags & END_STREAM != 0 => {
                self.streams.remove(&stream);
            }
            _ => {}
        }
        Ok(())
    }
}
