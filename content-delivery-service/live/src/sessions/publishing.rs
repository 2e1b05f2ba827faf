//! The session of one publisher.

use crate::metric;
use crate::network::{Network, Registration};
use crate::rooms::{Audience, Publication};
use live::webrtc::{Departure, Published, Publisher};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// Packets that are taken before something is sent.
const AT_ONCE: usize = 64;

pub(super) struct Session {
    publisher: Publisher,
    registration: Registration,
    network: Arc<Network>,
    out: Vec<Departure>,
}

/// What wakes a session.
enum Woken {
    Packet,
    Time,
    Layer(u8),
    End(&'static str),
}

impl Session {
    pub(super) fn new(publisher: Publisher, registration: Registration, network: Arc<Network>) -> Self {
        Self {
            publisher,
            registration,
            network,
            out: Vec::new(),
        }
    }

    /// Runs until the publisher has gone or has to go; returns why.
    pub(super) async fn run(mut self, publication: Publication, mut end: oneshot::Receiver<()>) -> &'static str {
        let over = publication.taken_over();
        let mut requests = publication.key_frames();
        let mut wake = self.drain(&publication);
        loop {
            self.network.send(&mut self.out).await;
            let Some(at) = wake else { return "gone" };
            let woken = tokio::select! {
                biased;
                _ = &mut end => Woken::End("closed"),
                () = over.cancelled() => Woken::End("taken_over"),
                Some(layer) = async { requests.as_mut()?.recv().await } => Woken::Layer(layer),
                Some(packet) = self.registration.packets.recv() => {
                    self.publisher.receive(packet.at, packet.arrival());
                    Woken::Packet
                }
                () = tokio::time::sleep_until(at.into()) => Woken::Time,
            };
            let now = Instant::now();
            match woken {
                Woken::Packet => {
                    wake = self.drain(&publication);
                    wake = self.receive_more(&publication).unwrap_or(wake);
                }
                Woken::Layer(layer) => {
                    metrics::counter!(metric::KEY_FRAMES).increment(1);
                    self.publisher.ask_key_frame(now, layer);
                    wake = self.drain(&publication);
                }
                Woken::Time => {
                    self.publisher.tick(now);
                    wake = self.drain(&publication);
                }
                Woken::End(reason) => {
                    self.publisher.close();
                    self.drain(&publication);
                    self.network.send(&mut self.out).await;
                    return reason;
                }
            }
        }
    }

    /// Takes what waits, too; returns the new time to wake, if there was something.
    fn receive_more(&mut self, publication: &Publication) -> Option<Option<Instant>> {
        let mut wake = None;
        for _ in 0..AT_ONCE {
            let Ok(packet) = self.registration.packets.try_recv() else {
                break;
            };
            self.publisher.receive(packet.at, packet.arrival());
            wake = Some(self.drain(publication));
        }
        wake
    }

    /// Does what there is to do; returns when to wake, or none if the publisher has gone.
    fn drain(&mut self, publication: &Publication) -> Option<Instant> {
        loop {
            match self.publisher.next(Instant::now()) {
                Published::Send(departure) => self.out.push(departure),
                Published::Frame(frame) => publication.send(frame, Audience::Everyone),
                Published::Connected => tracing::debug!("a publisher is connected"),
                Published::Wait(at) => return Some(at),
                Published::Ended => return None,
            }
        }
    }
}
