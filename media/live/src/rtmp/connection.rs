//! One publisher's connection.

use super::RtmpError;
use super::chunks::{ChunkReader, Message, put_message};
use super::commands::{Command, connected, not_connected, result, status};
use crate::flv::{Tag, TagKind};
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;

/// The only version of the protocol.
const VERSION: u8 = 3;
/// The length of each of the handshake's blocks.
const BLOCK: usize = 1_536;
/// The longest message before the publisher may publish.
const MOST_OF_COMMAND: usize = 64 * 1_024;
/// The longest message: a picture.
const MOST_OF_PICTURE: usize = 4 * 1_024 * 1_024;
/// How many bytes either side may send before the other has acknowledged some.
const WINDOW: u32 = 2_500_000;
/// A peer may ask for more frequent acknowledgements, but not for one with each chunk.
const LEAST_WINDOW: u32 = 64 * 1_024;
/// The only stream of a connection.
const STREAM: u32 = 1;
/// The name behind the port in a publisher's URL.
const APP: &str = "live";

const SET_CHUNK_SIZE: u8 = 1;
const ABORT: u8 = 2;
const ACKNOWLEDGEMENT: u8 = 3;
const USER_CONTROL: u8 = 4;
const WINDOW_SIZE: u8 = 5;
const PEER_BANDWIDTH: u8 = 6;
const SOUND: u8 = 8;
const PICTURE: u8 = 9;
const COMMAND_AMF3: u8 = 17;
const COMMAND: u8 = 20;

const CONTROL_CHUNKS: u8 = 2;
const COMMAND_CHUNKS: u8 = 3;

/// What a publisher has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It asks to publish under a name, which is its stream key. [`Connection::accept`] or [`Connection::refuse`] answers.
    Publish {
        /// The name, without what follows a question mark.
        name: String,
    },
    /// It has sent sound or a picture.
    Tag(Tag),
    /// It has ended its stream.
    End,
}

/// Why a publisher is refused, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no lecture with its key.
    UnknownKey,
    /// Too many wrong keys came from its address.
    TooManyTries,
    /// Its key is right, but the lecture has ended.
    Ended,
    /// Its key is right, but there is no space for a recording.
    NoSpace,
    /// While it publishes, the lecture ends, another publisher takes over, or the key changes.
    Over,
    /// It sends something that lectures can't have.
    Media,
    /// The server can't take it now.
    Unavailable,
}

impl Refusal {
    /// Level, code and description, as clients show them.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::UnknownKey => (
                "error",
                "NetStream.Publish.BadName",
                "There is no lecture with this stream key.",
            ),
            Self::TooManyTries => (
                "error",
                "NetStream.Publish.Denied",
                "Too many wrong stream keys; try again in a minute.",
            ),
            Self::Ended => ("error", "NetStream.Publish.Denied", "The lecture has ended."),
            Self::NoSpace => (
                "error",
                "NetStream.Publish.Denied",
                "There is no space left for this lecture.",
            ),
            Self::Over => (
                "status",
                "NetStream.Unpublish.Success",
                "The lecture has ended, its key has changed, or another publisher has taken over.",
            ),
            Self::Media => (
                "error",
                "NetStream.Publish.Rejected",
                "Lectures need H.264 and AAC with one or two channels.",
            ),
            Self::Unavailable => ("error", "NetStream.Failed", "The server can't take this stream now."),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for the version and the first block.
    Hello,
    /// Waits for the answer to our block.
    Answer,
    /// Chunks follow.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Publishing {
    No,
    Asked,
    Accepted,
}

/// The protocol's state on one connection.
#[derive(Debug)]
pub struct Connection {
    phase: Phase,
    /// Bytes of the handshake.
    hello: BytesMut,
    chunks: ChunkReader,
    publishing: Publishing,
    output: BytesMut,
    events: VecDeque<Event>,
    window: u32,
    received: u32,
    acknowledged: u32,
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl Connection {
    /// A connection that a peer has just opened.
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: Phase::Hello,
            hello: BytesMut::new(),
            chunks: ChunkReader::new(MOST_OF_COMMAND),
            publishing: Publishing::No,
            output: BytesMut::new(),
            events: VecDeque::new(),
            window: WINDOW,
            received: 0,
            acknowledged: 0,
        }
    }

    /// Takes bytes from the peer.
    ///
    /// Errors: the connection has to be closed
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), RtmpError> {
        self.received = self.received.wrapping_add(u32::try_from(bytes.len()).unwrap_or(0));
        if self.phase == Phase::Open {
            self.chunks.push(bytes);
        } else {
            self.hello.extend_from_slice(bytes);
            self.shake_hands()?;
        }
        while let Some(message) = self.chunks.next_message()? {
            self.take(&message)?;
        }
        if self.received.wrapping_sub(self.acknowledged) >= self.window {
            self.acknowledged = self.received;
            self.control(ACKNOWLEDGEMENT, &self.received.to_be_bytes());
        }
        Ok(())
    }

    /// What the publisher has done since.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The bytes to send to the peer.
    pub fn take_output(&mut self) -> Bytes {
        self.output.split().freeze()
    }

    /// Lets the publisher publish.
    pub fn accept(&mut self) {
        self.publishing = Publishing::Accepted;
        self.chunks.allow(MOST_OF_PICTURE);
        // The stream begins.
        let [a, b, c, d] = STREAM.to_be_bytes();
        self.control(USER_CONTROL, &[0, 0, a, b, c, d]);
        let body = status("status", "NetStream.Publish.Start", "The lecture is live.");
        put_message(&mut self.output, COMMAND_CHUNKS, COMMAND, STREAM, &body);
    }

    /// Writes why the publisher can't publish, or no longer. The connection has to be closed afterwards.
    pub fn refuse(&mut self, why: Refusal) {
        self.publishing = Publishing::No;
        if self.phase == Phase::Open {
            let (level, code, description) = why.words();
            let body = status(level, code, description);
            put_message(&mut self.output, COMMAND_CHUNKS, COMMAND, STREAM, &body);
        }
    }

    /// Source: RTMP 1.0 §5.2
    fn shake_hands(&mut self) -> Result<(), RtmpError> {
        if self.phase == Phase::Hello {
            if self.hello.first().is_some_and(|version| *version != VERSION) {
                return Err(RtmpError::Handshake);
            }
            if self.hello.len() < 1 + BLOCK {
                return Ok(());
            }
            let theirs = self.hello.split_to(1 + BLOCK);
            // Any bytes do: they only have to come back.
            self.output.extend_from_slice(&[VERSION]);
            self.output.extend_from_slice(&[0; BLOCK]);
            self.output.extend_from_slice(theirs.get(1..).unwrap_or_default());
            self.phase = Phase::Answer;
        }
        if self.phase == Phase::Answer && self.hello.len() >= BLOCK {
            self.hello.advance(BLOCK);
            let rest = std::mem::take(&mut self.hello);
            self.chunks.push(&rest);
            self.phase = Phase::Open;
        }
        Ok(())
    }

    fn take(&mut self, message: &Message) -> Result<(), RtmpError> {
        let number = || message.body.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        match message.kind {
            SET_CHUNK_SIZE => self.chunks.resize(number().unwrap_or(0))?,
            ABORT => self.chunks.abort(number().unwrap_or(0)),
            WINDOW_SIZE => self.window = number().unwrap_or(WINDOW).max(LEAST_WINDOW),
            USER_CONTROL => self.answer_ping(&message.body),
            SOUND => self.tag(TagKind::Sound, message),
            PICTURE => self.tag(TagKind::Picture, message),
            COMMAND => self.command(&message.body)?,
            // The same behind a byte that says so.
            COMMAND_AMF3 => self.command(message.body.get(1..).unwrap_or_default())?,
            _ => {}
        }
        Ok(())
    }

    fn tag(&mut self, kind: TagKind, message: &Message) {
        if self.publishing == Publishing::Accepted {
            self.events.push_back(Event::Tag(Tag {
                kind,
                timestamp: message.timestamp,
                body: message.body.clone(),
            }));
        }
    }

    fn answer_ping(&mut self, body: &[u8]) {
        if let Some(&[0, 6, a, b, c, d]) = body.first_chunk() {
            self.control(USER_CONTROL, &[0, 7, a, b, c, d]);
        }
    }

    fn command(&mut self, body: &[u8]) -> Result<(), RtmpError> {
        let (command, transaction) = Command::parse(body)?;
        match command {
            Command::Connect { app } => self.connect(&app, transaction),
            Command::CreateStream => self.reply(&result(transaction, Some(STREAM.into()))),
            Command::Publish { name } => {
                if self.publishing != Publishing::No {
                    return Err(RtmpError::Malformed("a second stream on one connection"));
                }
                self.publishing = Publishing::Asked;
                let name = name.split('?').next().unwrap_or_default().to_owned();
                self.events.push_back(Event::Publish { name });
            }
            // Some encoders close a stream before they open one.
            Command::End if self.publishing == Publishing::No => {}
            Command::End => {
                self.publishing = Publishing::No;
                self.events.push_back(Event::End);
            }
            Command::Play => return Err(RtmpError::Malformed("lectures are not watched by RTMP")),
            // Some encoders wait for a reply to what others announce without a number.
            Command::Other if transaction > 0.0 => self.reply(&result(transaction, None)),
            Command::Other => {}
        }
        Ok(())
    }

    fn connect(&mut self, app: &str, transaction: f64) {
        if app.split(['/', '?']).next() != Some(APP) {
            self.reply(&not_connected(transaction, "The URL has to end in /live."));
            self.events.push_back(Event::End);
            return;
        }
        self.control(WINDOW_SIZE, &WINDOW.to_be_bytes());
        let [a, b, c, d] = WINDOW.to_be_bytes();
        // The peer may adapt it.
        self.control(PEER_BANDWIDTH, &[a, b, c, d, 2]);
        self.reply(&connected(transaction));
    }

    fn reply(&mut self, body: &[u8]) {
        put_message(&mut self.output, COMMAND_CHUNKS, COMMAND, 0, body);
    }

    fn control(&mut self, kind: u8, body: &[u8]) {
        put_message(&mut self.output, CONTROL_CHUNKS, kind, 0, body);
    }
}
