//! Recorded packets and offers, changed at random: at most their own session ends.

use super::client::Client;
use super::publishing::{Both, connector};
use super::world::{Random, arrival, client, server};
use crate::webrtc::{Publisher, Viewer, local_ufrag};
use std::time::{Duration, Instant};
use str0m::media::Direction;

/// Mutations of each kind.
fn rounds() -> usize {
    let long = std::env::var_os("MOOCFLIX_TEST_LONG").is_some_and(|it| !it.is_empty());
    if long { 100_000 } else { 2_000 }
}

/// Changes some bytes, cuts or doubles a part.
fn mutated(random: &mut Random, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => {
                let part = bytes.get(at..).unwrap_or_default().to_vec();
                bytes.extend(part);
            }
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            3 => bytes.insert(at, u8::try_from(random.below(256)).unwrap()),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes.truncate(3_000);
    bytes
}

#[test]
fn changed_packets_never_harm_more_than_their_session() {
    let mut both = Both::connect(&[]);
    both.publish(50);
    let recorded = std::mem::take(&mut both.world.recorded);
    assert!(recorded.len() > 100);
    for _ in 0..rounds() {
        let chosen = both.world.random.below(recorded.len());
        let packet = mutated(&mut both.world.random, &recorded[chosen]);
        let _ = local_ufrag(&packet);
        both.publisher
            .receive(both.world.now, arrival(client(), server(), &packet));
        both.drain();
    }
    // Packets that are not authentic are dropped, so the session goes on.
    let before = both.frames.len();
    both.publish(50);
    assert!(both.frames.len() > before + 100, "{} {before}", both.frames.len());
}

#[test]
fn changed_handshakes_never_harm_more_than_their_session() {
    let mut random = Random::new();
    let mut good = Both::connect(&[]);
    let recorded = std::mem::take(&mut good.world.recorded);
    let connector = connector();
    for _ in 0..rounds() / 10 {
        let now = Instant::now();
        let (_, offer) = Client::offer(now, Direction::RecvOnly, &[]);
        let (mut viewer, _, _) = Viewer::accept(&connector, &offer, true, now).unwrap();
        for step in 0..10 {
            let chosen = random.below(recorded.len());
            let packet = mutated(&mut random, &recorded[chosen]);
            let at = now + Duration::from_millis(step);
            viewer.receive(at, arrival(client(), server(), &packet));
            for _ in 0..100 {
                if matches!(
                    viewer.next_step(),
                    crate::webrtc::Shown::Wait(_) | crate::webrtc::Shown::Ended
                ) {
                    break;
                }
            }
        }
        drop(viewer);
    }
}

#[test]
fn changed_offers_are_answered_or_refused() {
    let mut random = Random::new();
    let now = Instant::now();
    let (_, plain) = Client::offer(now, Direction::SendOnly, &[]);
    let (_, layered) = Client::offer(now, Direction::SendOnly, &["q", "h", "f"]);
    let (_, viewers) = Client::offer(now, Direction::RecvOnly, &[]);
    let offers = [plain, layered, viewers];
    let connector = connector();
    for round in 0..rounds() {
        let changed = mutated(&mut random, offers[round % 3].as_bytes());
        let changed = String::from_utf8_lossy(&changed);
        if round % 3 == 2 {
            drop(Viewer::accept(&connector, &changed, true, now).map(|_| ()));
        } else {
            drop(Publisher::accept(&connector, &changed, now).map(|_| ()));
        }
    }
}
