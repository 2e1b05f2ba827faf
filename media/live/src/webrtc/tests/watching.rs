use super::client::Client;
use super::publishing::connector;
use super::world::{Way, World, arrival, client, server};
use crate::frame::{Format, Frame, H264, Track};
use crate::webrtc::{Packetiser, Packets, Shown, Viewer};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::media::{Direction, MediaData};

/// A viewer at both ends, and the lecture that it watches.
struct Both {
    world: World,
    client: Client,
    viewer: Viewer,
    wakes: Instant,
    begun: bool,
    ended: bool,
    lecture: Lecture,
    asked: Vec<u8>,
}

/// Pictures of several layers at 25 a second, with sound.
struct Lecture {
    packetiser: Packetiser,
    /// Bytes of a picture, by layer.
    layers: Vec<usize>,
    made: u32,
}

impl Lecture {
    fn frame(&self, layer: u8, key: bool) -> Frame {
        let mut nal = vec![if key { 0x65 } else { 0x41 }, layer];
        nal.extend(self.made.to_be_bytes());
        nal.resize(self.layers[usize::from(layer)], 0xab);
        let mut data = u32::try_from(nal.len()).unwrap().to_be_bytes().to_vec();
        data.extend(nal);
        Frame {
            track: Track::Picture(layer),
            format: Arc::new(Format::H264(H264 {
                sps: Bytes::from_static(&[0x67, 0x42, 0xe0, 0x1f, 0x8c]),
                pps: vec![Bytes::from_static(&[0x68, 0xce, 0x3c, 0x80])],
            })),
            decoded_at: i64::from(self.made) * 3_600,
            shown_after: 0,
            key,
            data: data.into(),
        }
    }

    fn sound(&self, half: i64) -> Frame {
        Frame {
            track: Track::Sound,
            format: Arc::new(Format::Opus { channels: 2 }),
            decoded_at: i64::from(self.made) * 1_920 + half * 960,
            shown_after: 0,
            key: true,
            data: Bytes::from_static(&[0xfc; 80]),
        }
    }

    /// The packets of 40 ms.
    fn next(&mut self, key: bool) -> Vec<Arc<Packets>> {
        let layers = 0..u8::try_from(self.layers.len()).unwrap();
        let mut frames: Vec<Frame> = layers.map(|layer| self.frame(layer, key)).collect();
        frames.extend([self.sound(0), self.sound(1)]);
        self.made += 1;
        frames
            .iter()
            .filter_map(|frame| self.packetiser.packetise(frame))
            .collect()
    }
}

impl Both {
    /// Connects a viewer to a lecture that is 1.2 s after its last key frame.
    fn connect(layers: &[usize], way: Way) -> Self {
        let mut world = World::new();
        world.ways.insert(client(), way);
        let (mut client, offer) = Client::offer(world.now, Direction::RecvOnly, &[]);
        let (viewer, answer, _) = Viewer::accept(&connector(), &offer, layers.len() > 1, world.now).unwrap();
        client.answered(&answer);
        let mut lecture = Lecture {
            packetiser: Packetiser::default(),
            layers: layers.to_vec(),
            made: 0,
        };
        for _ in 0..30 {
            lecture.next(lecture.made == 0);
        }
        let wakes = world.now;
        Self {
            world,
            client,
            viewer,
            wakes,
            begun: false,
            ended: false,
            lecture,
            asked: Vec::new(),
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.world.now + span;
        loop {
            while let Some((to, from, contents)) = self.world.arrived() {
                if to == server() {
                    self.viewer.receive(self.world.now, arrival(from, to, &contents));
                    self.drain();
                } else {
                    self.client.receive(self.world.now, from, &contents);
                    self.client.run(&mut self.world);
                }
            }
            if self.wakes <= self.world.now && !self.ended {
                self.viewer.tick(self.world.now);
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

    fn drain(&mut self) {
        loop {
            match self.viewer.next_step() {
                Shown::Send(departure) => self.world.send(server(), &departure),
                Shown::Connected => {
                    self.begun = true;
                    self.viewer.begin(self.world.now, &self.lecture.packetiser.kept());
                }
                Shown::AskKeyFrame(layer) => self.asked.push(layer),
                Shown::Wait(at) => {
                    self.wakes = at;
                    return;
                }
                Shown::Ended => {
                    self.ended = true;
                    self.wakes = self.world.now + Duration::from_secs(3_600);
                    return;
                }
            }
        }
    }

    /// Lets the lecture go on; a request for a key frame is answered with the next picture.
    fn watch(&mut self, pictures: u32) {
        for _ in 0..pictures {
            let asked = !std::mem::take(&mut self.asked).is_empty();
            let key = asked || self.lecture.made.is_multiple_of(50);
            for packets in self.lecture.next(key) {
                if self.begun {
                    self.viewer.show(self.world.now, &packets);
                }
            }
            self.viewer.tick(self.world.now);
            self.drain();
            self.run(Duration::from_millis(40));
        }
    }

    /// The layers and numbers of the pictures that the viewer got, with when.
    fn pictures(&self) -> Vec<(Duration, u8, u32)> {
        let video = self
            .client
            .received
            .iter()
            .filter(|(_, data)| data.mid == self.client.video);
        video
            .map(|(at, data)| {
                let (layer, number) = told(data);
                (at.duration_since(self.world.begin), layer, number)
            })
            .collect()
    }
}

/// The layer and the number of a picture.
fn told(data: &MediaData) -> (u8, u32) {
    let slice = data
        .data
        .windows(5)
        .position(|it| matches!(it, [0, 0, 1, 0x41 | 0x65, _]))
        .unwrap()
        + 4;
    let number: [u8; 4] = data.data[slice + 1..slice + 5].try_into().unwrap();
    (data.data[slice], u32::from_be_bytes(number))
}

#[test]
fn a_late_viewer_begins_at_once_with_the_last_key_frame_and_misses_nothing_after_it() {
    let mut both = Both::connect(&[8_000], Way::default());
    both.watch(100);
    let pictures = both.pictures();
    let first = both
        .client
        .received
        .iter()
        .find(|(_, data)| data.mid == both.client.video)
        .unwrap();
    assert!(first.1.is_keyframe());
    assert!(
        first.0.duration_since(both.world.begin) < Duration::from_millis(300),
        "{:?}",
        pictures[0]
    );
    let numbers: Vec<u32> = pictures.iter().map(|it| it.2).collect();
    let expected: Vec<u32> = (0..=*numbers.last().unwrap()).collect();
    assert_eq!(numbers, expected, "all in order");
    assert!(numbers.len() >= 129);
    let times: Vec<u64> = both
        .client
        .received
        .iter()
        .filter(|(_, it)| it.mid == both.client.video)
        .map(|(_, it)| it.time.numer())
        .collect();
    assert!(times.windows(2).all(|two| two[0] < two[1]));
    assert!(times[40] - times[0] < 90_000, "what was kept is shown in a moment");
    assert_eq!(times[100] - times[60], 40 * 3_600);
    let (later, data) = &both.client.received[60];
    assert!(
        later.duration_since(both.world.begin) < Duration::from_secs(3),
        "{:?}",
        data.time
    );
}

#[test]
fn sound_and_picture_are_in_time_by_the_sender_reports() {
    let mut both = Both::connect(&[2_000], Way::default());
    both.watch(400);
    let wall = |mid| {
        let (_, data) = both.client.received.iter().rfind(|(_, data)| data.mid == mid).unwrap();
        let report = data.last_sender_info.unwrap();
        let since = data.time.as_seconds() - report.rtp_time.as_seconds();
        let at = report
            .ntp_time
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        at.as_secs_f64() + since
    };
    let apart = wall(both.client.video) - wall(both.client.audio);
    // the last sound is the second half of the last picture
    assert!((apart + 0.020).abs() < 0.021, "{apart}");
}

/// How many of a thousand pictures come through a way that loses some packets.
fn arrived(way: Way) -> usize {
    let mut both = Both::connect(&[6_000], way);
    both.watch(500);
    both.run(Duration::from_secs(1));
    let sent = usize::try_from(both.lecture.made - 1).unwrap();
    both.pictures().len() * 1_000 / sent
}

#[test]
fn lost_packets_are_sent_again() {
    let rough = Way {
        lost: 20,
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(15),
        ..Way::default()
    };
    assert!(arrived(rough) >= 990);
}

#[test]
fn a_viewer_far_away_whose_packets_overtake_each_other_misses_few_pictures() {
    let far = Way {
        lost: 20,
        delay: Duration::from_millis(80),
        jitter: Duration::from_millis(30),
        ..Way::default()
    };
    assert!(arrived(far) >= 980);
}

#[test]
fn a_narrow_connection_gets_a_smaller_layer_at_a_key_frame() {
    let narrow = Way {
        delay: Duration::from_millis(20),
        narrow: 400_000,
        ..Way::default()
    };
    let mut both = Both::connect(&[600, 2_500, 12_000], narrow);
    both.watch(300);
    let pictures = both.pictures();
    let small = pictures.iter().find(|(_, layer, _)| *layer == 0).unwrap();
    assert!(small.0 < Duration::from_secs(9), "{:?}", small.0);
    let end = pictures
        .iter()
        .filter(|(at, layer, _)| *at > Duration::from_secs(8) && *layer == 0)
        .count();
    assert!(end >= 75, "the small layer flows: {end}");
    let mut wide = Both::connect(&[600, 2_500, 12_000], Way::default());
    wide.watch(300);
    assert!(
        wide.pictures()[150..].iter().all(|(_, layer, _)| *layer == 2),
        "the others keep the top"
    );
}

#[test]
fn viewers_answer_each_packet_only_where_there_are_layers_to_choose_from() {
    let sent_by_viewer = |layers: &[usize]| {
        let mut both = Both::connect(layers, Way::default());
        both.watch(25);
        let before = both.world.recorded.len();
        both.watch(100);
        both.world.recorded.len() - before
    };
    let (one, three) = (sent_by_viewer(&[2_000]), sent_by_viewer(&[600, 1_200, 2_000]));
    assert!(
        three >= one + 40,
        "{three} packets in four seconds, {one} with one layer"
    );
}

#[test]
fn after_a_loss_on_the_way_here_pictures_go_on_at_a_key_frame() {
    let mut both = Both::connect(&[2_000], Way::default());
    both.watch(25);
    let before = both.pictures().len();
    both.viewer.lose();
    both.drain();
    assert_eq!(both.asked, [0]);
    let packets = both.lecture.next(false);
    both.viewer.show(both.world.now, &packets[0]);
    both.viewer.tick(both.world.now);
    both.drain();
    both.run(Duration::from_millis(200));
    assert_eq!(
        both.pictures().len(),
        before,
        "a picture that nothing can be made of is not sent"
    );
    both.watch(25);
    let got = &both.client.received;
    let next = got
        .iter()
        .filter(|(_, data)| data.mid == both.client.video)
        .nth(before)
        .unwrap();
    assert!(next.1.is_keyframe());
}

#[test]
fn a_viewer_that_asks_for_a_key_frame_is_heard() {
    let mut both = Both::connect(&[2_000], Way::default());
    both.watch(30);
    let mid = both.client.video;
    let mut writer = both.client.rtc.writer(mid).unwrap();
    writer
        .request_keyframe(None, str0m::media::KeyframeRequestKind::Pli)
        .unwrap();
    both.client.wakes = both.world.now;
    both.run(Duration::from_millis(20));
    assert_eq!(both.asked, [0]);
}
