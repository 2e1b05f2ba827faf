//! A peer at the other end, as a browser would be.

use super::world::{World, client, server};
use crate::webrtc::{Departure, Transport};
use core::net::SocketAddr;
use std::time::Instant;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{
    Direction, Frequency, KeyframeRequest, MediaData, MediaKind, MediaTime, Mid, Rid, Simulcast, SimulcastLayer,
};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, crypto};

pub(super) struct Client {
    pub(super) rtc: Rtc,
    pub(super) address: SocketAddr,
    pending: Option<SdpPendingOffer>,
    pub(super) video: Mid,
    pub(super) audio: Mid,
    pub(super) wakes: Instant,
    pub(super) connected: bool,
    pub(super) received: Vec<(Instant, MediaData)>,
    pub(super) asked: Vec<KeyframeRequest>,
}

/// A picture of a number: parameter sets before a key frame, and a slice whose bytes tell the number.
pub(super) fn picture(number: u32, key: bool, bytes: usize) -> Vec<u8> {
    let mut data = Vec::new();
    if key {
        data.extend_from_slice(&[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c]);
        data.extend_from_slice(&[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    data.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88]);
    // seven bits a byte, none of which looks like a start code
    data.extend([21, 14, 7, 0].map(|shift| u8::try_from(number >> shift & 0x7f).unwrap() | 0x80));
    data.extend(std::iter::repeat_n(0xab, bytes));
    data
}

impl Client {
    /// A peer with an offer to send or to receive.
    pub(super) fn offer(now: Instant, direction: Direction, rids: &[&str]) -> (Self, String) {
        let mut rtc = Rtc::builder()
            .set_crypto_provider(std::sync::Arc::new(crypto::from_feature_flags()))
            .build(now);
        let address = client();
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap())
            .unwrap();
        let simulcast = (!rids.is_empty()).then(|| Simulcast {
            send: rids.iter().map(|rid| SimulcastLayer::new(rid)).collect(),
            recv: Vec::new(),
        });
        let mut change = rtc.sdp_api();
        let video = change.add_media(MediaKind::Video, direction, None, None, simulcast);
        let audio = change.add_media(MediaKind::Audio, direction, None, None, None);
        let (offer, pending) = change.apply().unwrap();
        let client = Self {
            rtc,
            address,
            pending: Some(pending),
            video,
            audio,
            wakes: now,
            connected: false,
            received: Vec::new(),
            asked: Vec::new(),
        };
        (client, offer.to_sdp_string())
    }

    pub(super) fn answered(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    pub(super) fn receive(&mut self, now: Instant, from: SocketAddr, contents: &[u8]) {
        if let Ok(received) = Receive::new(Protocol::Udp, from, self.address, contents) {
            self.rtc.handle_input(Input::Receive(now, received)).unwrap();
        }
    }

    pub(super) fn run(&mut self, world: &mut World) {
        if self.wakes <= world.now {
            self.rtc.handle_input(Input::Timeout(world.now)).unwrap();
        }
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(packet) => {
                    assert_eq!(packet.destination, server());
                    let departure = Departure::one(Transport::Udp, packet.destination, packet.contents.into());
                    world.send(self.address, &departure);
                }
                Output::Event(event) => match event {
                    Event::Connected => self.connected = true,
                    Event::MediaData(data) => self.received.push((world.now, data)),
                    Event::KeyframeRequest(request) => self.asked.push(request),
                    _ => {}
                },
                Output::Timeout(at) => {
                    self.wakes = at;
                    return;
                }
            }
        }
    }

    pub(super) fn write_picture(&mut self, world: &mut World, rid: Option<&str>, millis: u64, data: Vec<u8>) {
        let time = MediaTime::new(7_000_000 + millis * 90, Frequency::NINETY_KHZ);
        let now = world.now;
        let mut writer = self.rtc.writer(self.video).unwrap();
        let h264 = writer
            .payload_params()
            .find(|params| params.spec().codec == Codec::H264 && params.spec().format.packetization_mode == Some(1));
        let payload_type = h264.unwrap().pt();
        if let Some(rid) = rid {
            writer = writer.rid(Rid::from(rid));
        }
        writer.write(payload_type, now, time, data).unwrap();
        self.wakes = now;
        self.run(world);
    }

    pub(super) fn write_sound(&mut self, world: &mut World, millis: u64) {
        let time = MediaTime::new(millis * 48, Frequency::FORTY_EIGHT_KHZ);
        let now = world.now;
        let writer = self.rtc.writer(self.audio).unwrap();
        let opus = writer
            .payload_params()
            .find(|params| params.spec().codec == Codec::Opus);
        let payload_type = opus.unwrap().pt();
        writer.write(payload_type, now, time, vec![0xfc; 80]).unwrap();
        self.wakes = now;
        self.run(world);
    }
}
