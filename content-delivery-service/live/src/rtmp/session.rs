//! One publisher's connection, from its first byte to its last.

use super::Ingest;
use super::realtime::Realtime;
use super::tries::Tries;
use crate::metric::RTMP_REFUSED;
use crate::rooms::{Audience, Publication, RoomError};
use contracts::questions::live::{PublishAsked, PublishGrant, Publisher, Refused};
use live::flv::{FlvReader, Tag};
use live::rtmp::{Connection, Event, Refusal};
use runtime::Shutdown;
use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long a peer may take until it names its stream.
const GREETING: Duration = Duration::from_secs(10);
/// How long a publisher may be silent.
const IDLE: Duration = Duration::from_secs(15);
/// How long a peer may take to read what it is sent.
const WRITING: Duration = Duration::from_secs(5);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(300);
/// How many bytes are read at once.
const CHUNK: usize = 16 * 1_024;

/// A connection, and what its publisher may do.
pub(super) struct Session {
    stream: TcpStream,
    address: IpAddr,
    ingest: Ingest,
    tries: Arc<Tries>,
    connection: Connection,
    buffer: Vec<u8>,
}

/// Why a session is over.
enum End {
    /// The peer has closed the connection, ended its stream, or was silent for too long.
    Gone,
    /// The peer breaks the protocol, or sends what lectures can't have.
    Broken(&'static str, String),
    /// It is sent away.
    Refused(Refusal),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Session {
    pub(super) fn new(stream: TcpStream, address: IpAddr, ingest: Ingest, tries: Arc<Tries>) -> Self {
        Self {
            stream,
            address,
            ingest,
            tries,
            connection: Connection::new(),
            buffer: vec![0; CHUNK],
        }
    }

    /// Runs the session to its end.
    pub(super) async fn run(mut self, shutdown: Shutdown) {
        // Replies are small, and the peer waits for them.
        let _ = self.stream.set_nodelay(true);
        let greeted = tokio::select! {
            greeted = self.greet() => greeted,
            () = shutdown.requested() => Err(End::Gone),
        };
        let end = match greeted {
            Ok(publication) => self.publish(&Arc::new(publication), &shutdown).await,
            Err(end) => end,
        };
        match end {
            End::Gone => {}
            End::Broken(reason, message) => {
                metrics::counter!(RTMP_REFUSED, "reason" => reason).increment(1);
                tracing::debug!(address = %self.address, %message, "a publisher by RTMP was cut off");
                if reason == "media" {
                    self.say_goodbye(Refusal::Media).await;
                }
            }
            End::Refused(refusal) => self.say_goodbye(refusal).await,
        }
    }

    async fn say_goodbye(&mut self, refusal: Refusal) {
        self.connection.refuse(refusal);
        let output = self.connection.take_output();
        let goodbye = async {
            self.stream.write_all(&output).await?;
            self.stream.shutdown().await?;
            // A connection that is closed with unread bytes is reset, and the peer may never read why.
            while self.stream.read(&mut self.buffer).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = timeout(GOODBYE, goodbye).await;
    }

    /// Reads until the peer names its stream, and begins to publish if it may.
    async fn greet(&mut self) -> Result<Publication, End> {
        let deadline = Instant::now() + GREETING;
        let key = loop {
            let count = timeout_at(deadline, self.stream.read(&mut self.buffer)).await;
            let count = count.map_err(|_| End::Gone)??;
            let took = self.take(count).await;
            match self.connection.event() {
                Some(Event::Publish { name }) => break name,
                Some(Event::End) => return Err(End::Gone),
                Some(Event::Tag(_)) | None => took?,
            }
        };
        let publication = self.may_publish(key).await?;
        self.connection.accept();
        self.flush().await?;
        Ok(publication)
    }

    async fn may_publish(&self, key: String) -> Result<Publication, End> {
        sleep(self.tries.wait(self.address)).await;
        let asked = PublishAsked {
            video: None,
            publisher: Publisher::Key(key),
        };
        let grant: PublishGrant = match self.ingest.door.publish(asked).await {
            Ok(Ok(grant)) => grant,
            // Only who has the right key learns this. Encoders that try again after the end do not guess keys.
            Ok(Err(Refused::Ended | Refused::Deleted)) => return Err(refused("ended", Refusal::Ended)),
            Ok(Err(Refused::QuotaExceeded | Refused::StorageFull)) => return Err(refused("storage", Refusal::NoSpace)),
            Ok(Err(why)) => {
                self.tries.failed(self.address);
                tracing::info!(address = %self.address, %why, "a publisher by RTMP was refused");
                return Err(refused("key", Refusal::UnknownKey));
            }
            Err(error) => return Err(unavailable(&error)),
        };
        let publication = self.ingest.rooms.publish(&grant).await;
        publication.map_err(|error| match error {
            RoomError::Ended => refused("ended", Refusal::Ended),
            RoomError::Database(error) => unavailable(&error),
        })
    }

    /// Passes the publisher's frames on, until one of both ends.
    async fn publish(&mut self, publication: &Arc<Publication>, shutdown: &Shutdown) -> End {
        let over = publication.taken_over();
        let mut reader = FlvReader::new();
        let mut realtime = self
            .ingest
            .rooms
            .encoders()
            .map(|encoders| Realtime::new(publication, encoders));
        loop {
            let read = tokio::select! {
                biased;
                () = over.cancelled() => return End::Refused(Refusal::Over),
                () = shutdown.requested() => return End::Refused(Refusal::Unavailable),
                read = timeout(IDLE, self.stream.read(&mut self.buffer)) => read,
            };
            let Ok(Ok(count)) = read else {
                return End::Gone;
            };
            let took = self.take(count).await;
            while let Some(event) = self.connection.event() {
                match event {
                    Event::Tag(tag) => {
                        if let Err(end) = pass_on(&tag, &mut reader, publication, realtime.as_mut()) {
                            return end;
                        }
                    }
                    Event::End => return End::Gone,
                    Event::Publish { .. } => {}
                }
            }
            if let Err(end) = took {
                return end;
            }
        }
    }

    /// Takes bytes that were read, and sends the replies.
    async fn take(&mut self, count: usize) -> Result<(), End> {
        if count == 0 {
            return Err(End::Gone);
        }
        let received = self.connection.receive(self.buffer.get(..count).unwrap_or_default());
        self.flush().await?;
        received.map_err(|error| End::Broken("protocol", error.to_string()))
    }

    async fn flush(&mut self) -> Result<(), End> {
        let output = self.connection.take_output();
        if output.is_empty() {
            return Ok(());
        }
        let written = timeout(WRITING, self.stream.write_all(&output)).await;
        Ok(written.map_err(|_| End::Gone)??)
    }
}

/// Sends a publisher away who has not begun, and counts why.
fn refused(reason: &'static str, refusal: Refusal) -> End {
    metrics::counter!(RTMP_REFUSED, "reason" => reason).increment(1);
    End::Refused(refusal)
}

/// Sends a publisher away because something does not answer.
fn unavailable(error: &impl Display) -> End {
    tracing::warn!(%error, "a publisher by RTMP can't be let in");
    refused("unavailable", Refusal::Unavailable)
}

/// Passes a tag's frame on to playlists, and to those who watch by WebRTC.
fn pass_on(tag: &Tag, reader: &mut FlvReader, to: &Publication, realtime: Option<&mut Realtime>) -> Result<(), End> {
    let frame = reader
        .push(tag)
        .map_err(|error| End::Broken("media", error.to_string()))?;
    if let Some(frame) = frame {
        if let Some(realtime) = realtime {
            realtime.push(&frame);
        }
        to.send(frame, Audience::Segments);
    }
    Ok(())
}
