//! The session of one viewer.

use super::feed::{Feed, Item};
use crate::network::{Network, Registration};
use live::webrtc::{Departure, Shown, Viewer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, oneshot};
use tokio::time::sleep_until;

/// How much later the pacer wants to be asked for the packet behind one that leaves at once.
const MOMENT: Duration = Duration::from_micros(2);
/// Frames that are taken before something is sent.
const AT_ONCE: usize = 16;

pub(super) struct Session {
    viewer: Viewer,
    registration: Registration,
    network: Arc<Network>,
    out: Vec<Departure>,
    /// What comes; none before the viewer is connected.
    live: Option<broadcast::Receiver<Item>>,
}

/// What wakes a session.
enum Woken {
    Packet,
    Time,
    Item(Item),
    End(&'static str),
}

impl Session {
    pub(super) fn new(viewer: Viewer, registration: Registration, network: Arc<Network>) -> Self {
        Self {
            viewer,
            registration,
            network,
            out: Vec::new(),
            live: None,
        }
    }

    /// Runs until the viewer has gone or has to go, or the lecture has ended; returns why.
    pub(super) async fn run(mut self, feed: Arc<Feed>, mut end: oneshot::Receiver<()>) -> &'static str {
        let timer = sleep_until(Instant::now().into());
        tokio::pin!(timer);
        let mut wake = self.drain(&feed);
        loop {
            if self.network.send(&mut self.out).await {
                // A connection of TCP is full.
                self.viewer.lose();
            }
            let Some(at) = wake else { return "gone" };
            // One that is too early costs less than setting it anew after each frame.
            if timer.is_elapsed() || timer.deadline() > at.into() {
                timer.as_mut().reset(at.into());
            }
            let woken = tokio::select! {
                biased;
                _ = &mut end => Woken::End("closed"),
                woken = next(&mut self.live) => woken,
                Some(packet) = self.registration.packets.recv() => {
                    self.viewer.receive(packet.at, packet.arrival());
                    Woken::Packet
                }
                () = &mut timer => Woken::Time,
            };
            let now = Instant::now();
            match woken {
                Woken::Packet => {}
                Woken::Time if now < at => continue,
                Woken::Time => self.viewer.tick(now),
                Woken::Item(item) => self.show_all(now, item),
                Woken::End(reason) => {
                    self.viewer.close();
                    self.drain(&feed);
                    self.network.send(&mut self.out).await;
                    return reason;
                }
            }
            wake = self.drain(&feed);
        }
    }

    /// Shows an item, with what has come behind it.
    fn show_all(&mut self, now: Instant, first: Item) {
        let mut has_packets = self.show(now, first);
        for _ in 1..AT_ONCE {
            let Some(item) = waiting(&mut self.live) else { break };
            has_packets |= self.show(now, item);
        }
        if has_packets {
            self.viewer.tick(now);
        }
    }

    /// Returns whether there are packets to send.
    fn show(&mut self, now: Instant, item: Item) -> bool {
        match item {
            Item::Packets(packets) => self.viewer.show(now, &packets),
            Item::Lost => {
                self.viewer.lose();
                false
            }
        }
    }

    /// Does what there is to do; returns when to wake, or none if the viewer has gone.
    fn drain(&mut self, feed: &Feed) -> Option<Instant> {
        let mut has_sent = false;
        loop {
            match self.viewer.next_step() {
                Shown::Send(departure) => {
                    self.out.push(departure);
                    has_sent = true;
                }
                Shown::Connected => {
                    // Without a feed the lecture has ended meanwhile.
                    let (kept, live) = feed.join()?;
                    self.live = Some(live);
                    self.viewer.begin(Instant::now(), &kept);
                }
                Shown::AskKeyFrame(layer) => feed.ask_key_frame(layer),
                // The pacer wants to know the time before each packet, and a picture leaves as a whole.
                Shown::Wait(at) if has_sent && at <= Instant::now() + MOMENT => {
                    has_sent = false;
                    self.viewer.tick(at.max(Instant::now()));
                }
                Shown::Wait(at) => return Some(at),
                Shown::Ended => return None,
            }
        }
    }
}

/// The next item; a viewer that is too slow goes on at a key frame.
async fn next(live: &mut Option<broadcast::Receiver<Item>>) -> Woken {
    let Some(live) = live else {
        return std::future::pending().await;
    };
    match live.recv().await {
        Ok(item) => Woken::Item(item),
        Err(RecvError::Lagged(_)) => Woken::Item(Item::Lost),
        Err(RecvError::Closed) => Woken::End("lecture_ended"),
    }
}

/// The next item, if it is there already; the end of the lecture is for [`next`].
fn waiting(live: &mut Option<broadcast::Receiver<Item>>) -> Option<Item> {
    match live.as_mut()?.try_recv() {
        Ok(item) => Some(item),
        Err(TryRecvError::Lagged(_)) => Some(Item::Lost),
        Err(TryRecvError::Empty | TryRecvError::Closed) => None,
    }
}
