use super::client::{Client, picture};
use super::world::{Way, World, arrival, server};
use crate::frame::{Format, Frame, Track};
use crate::webrtc::{Connector, OfferError, Published, Publisher, Transport};
use std::time::{Duration, Instant};
use str0m::media::Direction;

/// A publisher at both ends.
pub(super) struct Both {
    pub(super) world: World,
    pub(super) client: Client,
    pub(super) publisher: Publisher,
    pub(super) frames: Vec<Frame>,
    pub(super) ended: bool,
    pub(super) wakes: Instant,
    rids: Vec<&'static str>,
    sent: u32,
    /// The client answers requests for key frames.
    pub(super) obliging: bool,
    answered: usize,
}

pub(super) fn connector() -> Connector {
    Connector::new(vec![(Transport::Udp, server())]).unwrap()
}

impl Both {
    pub(super) fn connect(rids: &[&'static str]) -> Self {
        let world = World::new();
        let (mut client, offer) = Client::offer(world.now, Direction::SendOnly, rids);
        let (publisher, answer, ufrag) = Publisher::accept(&connector(), &offer, world.now).unwrap();
        assert!(answer.contains("a=ice-lite") && answer.contains(&format!("a=ice-ufrag:{ufrag}")));
        assert!(
            answer.contains("a=setup:passive") && answer.contains("a=rtcp-mux"),
            "{answer}"
        );
        client.answered(&answer);
        let wakes = world.now;
        let mut both = Self {
            world,
            client,
            publisher,
            frames: Vec::new(),
            ended: false,
            wakes,
            rids: rids.to_vec(),
            sent: 0,
            obliging: true,
            answered: 0,
        };
        both.run(Duration::from_secs(2));
        assert!(both.client.connected);
        both
    }

    /// Lets both ends run for a while.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.world.now + span;
        loop {
            while let Some((to, from, contents)) = self.world.arrived() {
                if to == server() {
                    self.publisher.receive(self.world.now, arrival(from, to, &contents));
                    self.drain();
                } else {
                    self.client.receive(self.world.now, from, &contents);
                    self.client.run(&mut self.world);
                }
            }
            if self.wakes <= self.world.now && !self.ended {
                self.publisher.tick(self.world.now);
                self.drain();
            }
            self.client.run(&mut self.world);
            let next = [Some(self.wakes), Some(self.client.wakes), self.world.next()];
            let next = next.into_iter().flatten().min().unwrap();
            let next = next.max(self.world.now + Duration::from_micros(100));
            if next >= end {
                self.world.now = end;
                return;
            }
            self.world.now = next;
        }
    }

    pub(super) fn drain(&mut self) {
        loop {
            match self.publisher.next(self.world.now) {
                Published::Send(departure) => self.world.send(server(), &departure),
                Published::Frame(frame) => self.frames.push(frame),
                Published::Connected => {}
                Published::Wait(at) => {
                    self.wakes = at;
                    return;
                }
                Published::Ended => {
                    self.ended = true;
                    self.wakes = self.world.now + Duration::from_secs(3_600);
                    return;
                }
            }
        }
    }

    /// Publishes pictures at 25 a second, each layer's with a key frame first and where one is asked for, and sound.
    pub(super) fn publish(&mut self, pictures: u32) {
        let rids: Vec<Option<&str>> = match self.rids.as_slice() {
            [] => vec![None],
            rids => rids.iter().map(|rid| Some(*rid)).collect(),
        };
        for _ in 0..pictures {
            let asked = self.client.asked.len() > self.answered && self.obliging;
            self.answered = self.client.asked.len();
            let key = self.sent == 0 || asked;
            let millis = u64::from(self.sent) * 40;
            for (place, rid) in rids.iter().enumerate() {
                let data = picture(self.sent, key, 1_000 + place * 1_500);
                self.client.write_picture(&mut self.world, *rid, millis, data);
            }
            self.client.write_sound(&mut self.world, millis);
            self.run(Duration::from_millis(20));
            self.client.write_sound(&mut self.world, millis + 20);
            self.run(Duration::from_millis(20));
            self.sent += 1;
        }
    }

    pub(super) fn of(&self, track: Track) -> Vec<&Frame> {
        self.frames.iter().filter(|frame| frame.track == track).collect()
    }
}

/// The number that a picture was made with.
pub(super) fn number(frame: &Frame) -> u32 {
    let bytes: [u8; 4] = frame.data[6..10].try_into().unwrap();
    bytes
        .iter()
        .fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f))
}

#[test]
fn what_is_published_arrives_as_frames_on_one_clock() {
    let mut both = Both::connect(&[]);
    assert!(!both.publisher.has_layers());
    both.publish(100);
    both.run(Duration::from_secs(1));
    let pictures = both.of(Track::Picture(0));
    let numbers: Vec<u32> = pictures.iter().map(|frame| number(frame)).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    assert!(pictures[0].key && pictures[1..].iter().all(|frame| !frame.key));
    let Format::H264(sets) = pictures[0].format.as_ref() else {
        panic!()
    };
    assert_eq!(sets.sps[..], [0x67, 0x42, 0xc0, 0x1f, 0x8c]);
    assert_eq!(sets.pps, [&[0x68, 0xce, 0x3c, 0x80][..]]);
    let mut expected = picture(1, false, 1_000).split_off(4);
    expected.splice(0..0, 1_006_u32.to_be_bytes());
    assert_eq!(pictures[1].data[..], expected, "one slice after its length");
    let sounds = both.of(Track::Sound);
    assert_eq!(sounds.len(), 200);
    assert!(
        sounds
            .windows(2)
            .all(|two| two[1].decoded_at - two[0].decoded_at == 960)
    );
    for (picture, sound) in pictures.iter().zip(sounds.iter().step_by(2)).skip(75) {
        let apart = picture.decoded_at / 90 - sound.decoded_at / 48;
        assert!(apart.abs() <= 40, "{apart} ms");
    }
}

#[test]
fn lost_packets_are_sent_again_and_reordered_ones_put_in_order() {
    let mut both = Both::connect(&[]);
    let rough = Way {
        lost: 20,
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(10),
        ..Way::default()
    };
    both.world.ways.insert(server(), rough);
    both.publish(200);
    both.run(Duration::from_secs(2));
    let pictures = both.of(Track::Picture(0));
    assert!(pictures.len() >= 195, "{} of 200", pictures.len());
    assert!(pictures.windows(2).all(|two| number(two[0]) < number(two[1])));
}

#[test]
fn after_a_lost_picture_nothing_is_shown_before_the_next_key_frame() {
    let mut both = Both::connect(&[]);
    both.publish(20);
    both.obliging = false;
    both.world.ways.insert(
        server(),
        Way {
            cut: true,
            ..Way::default()
        },
    );
    both.publish(100);
    both.world.ways.clear();
    both.publish(20);
    let asked = both.client.asked.len();
    assert!(asked >= 1, "a key frame was asked for");
    let last = both.of(Track::Picture(0)).last().map(|frame| number(frame));
    assert_eq!(last, Some(19));
    both.obliging = true;
    both.publish(60);
    assert!(both.client.asked.len() - asked <= 4, "requests are half a second apart");
    let after = both.of(Track::Picture(0));
    let next = after.iter().find(|frame| number(frame) > 19).unwrap();
    assert!(next.key, "goes on with a key frame");
    assert!(number(after.last().unwrap()) >= 195);
}

#[test]
fn a_key_frame_is_asked_for_at_most_twice_a_second() {
    let mut both = Both::connect(&[]);
    both.obliging = false;
    both.publish(10);
    for _ in 0..25 {
        both.publisher.ask_key_frame(both.world.now, 0);
        both.drain();
        both.publish(1);
    }
    assert!(
        (1..=3).contains(&both.client.asked.len()),
        "{}",
        both.client.asked.len()
    );
    both.obliging = true;
    both.publish(20);
    let before = both.client.asked.len();
    both.publish(50);
    assert_eq!(both.client.asked.len(), before, "it has come");
}

#[test]
fn simulcast_layers_are_numbered_from_the_smallest() {
    let mut both = Both::connect(&["f", "h", "q"]);
    assert!(both.publisher.has_layers());
    both.publish(60);
    // the client writes more bytes to what it names later
    for (layer, bytes) in [(0, 4_010), (1, 2_510), (2, 1_010)] {
        let frames = both.of(Track::Picture(layer));
        assert!(frames.len() >= 50, "{} of layer {layer}", frames.len());
        assert_eq!(frames[10].data.len(), bytes);
    }
}

#[test]
fn a_publisher_that_says_nothing_any_more_has_gone() {
    let mut both = Both::connect(&[]);
    both.publish(5);
    both.world.ways.insert(
        server(),
        Way {
            cut: true,
            ..Way::default()
        },
    );
    both.run(Duration::from_secs(25));
    assert!(!both.ended, "it may come back");
    both.run(Duration::from_secs(10));
    assert!(both.ended);
}

#[test]
fn a_publisher_that_says_good_bye_has_gone_at_once() {
    let mut both = Both::connect(&[]);
    both.publish(5);
    both.client.rtc.close().unwrap();
    both.run(Duration::from_secs(1));
    assert!(both.ended);
}

#[test]
fn offers_that_nothing_can_be_made_of_are_refused() {
    let now = Instant::now();
    let refused = |offer: &str| Publisher::accept(&connector(), offer, now).map(|_| ()).unwrap_err();
    assert!(matches!(refused("v=1"), OfferError::Malformed(_)));
    assert!(matches!(refused(""), OfferError::Malformed(_)));
    let (_, offer) = Client::offer(now, Direction::SendOnly, &[]);
    let without = offer
        .replace("H264/90000", "H263/90000")
        .replace("opus/48000/2", "speex/8000");
    assert!(matches!(refused(&without), OfferError::Unacceptable(_)));
    let twice = format!("{offer}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n");
    assert!(matches!(refused(&twice), OfferError::Unacceptable(_)));
}
