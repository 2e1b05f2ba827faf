//! A publisher or a viewer on a socket of its own, as a browser would be.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, Frequency, MediaKind, MediaTime, Mid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Event, Input, Output, Rtc, crypto};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// What a peer has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connected: Option<Instant>,
    /// Numbers of pictures, whether they are key frames, and when they came.
    pub(crate) pictures: Vec<(u32, bool, Instant)>,
    pub(crate) sounds: usize,
    pub(crate) asked: usize,
    pub(crate) closed: bool,
}

/// A peer that has made its offer.
pub(crate) struct Offered {
    rtc: Box<Rtc>,
    pending: SdpPendingOffer,
    socket: Way,
    mids: [Mid; 2],
    publishes: bool,
    pub(crate) offer: String,
}

/// A peer that runs until it is dropped.
pub(crate) struct Peer {
    pub(crate) seen: Arc<Mutex<Seen>>,
    _running: JoinSet<()>,
}

impl Peer {
    pub(crate) fn pictures(&self) -> usize {
        self.seen.lock().unwrap().pictures.len()
    }
}

enum Way {
    Udp(UdpSocket),
    /// The local address of a connection that is made when the answer is there.
    Tcp(Option<TcpStream>),
}

impl Offered {
    pub(crate) async fn publisher() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self::new(Way::Udp(socket), Direction::SendOnly, None)
    }

    pub(crate) async fn publisher_of_layers(rids: &[&str]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let layers = Simulcast {
            send: rids.iter().map(|rid| SimulcastLayer::new(rid)).collect(),
            recv: Vec::new(),
        };
        Self::new(Way::Udp(socket), Direction::SendOnly, Some(layers))
    }

    pub(crate) async fn viewer() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self::new(Way::Udp(socket), Direction::RecvOnly, None)
    }

    pub(crate) fn viewer_by_tcp() -> Self {
        Self::new(Way::Tcp(None), Direction::RecvOnly, None)
    }

    fn new(socket: Way, direction: Direction, layers: Option<Simulcast>) -> Self {
        let mut rtc = Rtc::builder()
            .set_crypto_provider(Arc::new(crypto::from_feature_flags()))
            .build(Instant::now());
        if let Way::Udp(socket) = &socket {
            let local = socket.local_addr().unwrap();
            rtc.add_local_candidate(Candidate::host(local, "udp").unwrap()).unwrap();
        }
        let mut change = rtc.sdp_api();
        let video = change.add_media(MediaKind::Video, direction, None, None, layers);
        let audio = change.add_media(MediaKind::Audio, direction, None, None, None);
        let (offer, pending) = change.apply().unwrap();
        Self {
            rtc: Box::new(rtc),
            pending,
            socket,
            mids: [video, audio],
            publishes: direction == Direction::SendOnly,
            offer: offer.to_sdp_string(),
        }
    }

    /// Takes the answer and runs.
    pub(crate) async fn answered(mut self, answer: &str) -> Peer {
        let parsed = SdpAnswer::from_sdp_string(answer).unwrap();
        if let Way::Tcp(stream) = &mut self.socket {
            let line = answer.lines().find(|line| line.contains("tcptype passive")).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let server: SocketAddr = format!("{}:{}", words[4], words[5]).parse().unwrap();
            let connected = TcpStream::connect(server).await.unwrap();
            let local = connected.local_addr().unwrap();
            let active = Candidate::builder().tcp().host(local).tcptype(TcpType::Active);
            self.rtc.add_local_candidate(active.build().unwrap()).unwrap();
            *stream = Some(connected);
        }
        self.rtc.sdp_api().accept_answer(self.pending, parsed).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut running = JoinSet::new();
        let peer = Running {
            rtc: self.rtc,
            mids: self.mids,
            seen: Arc::clone(&seen),
            publishes: self.publishes,
            made: 0,
            begun: Instant::now(),
        };
        match self.socket {
            Way::Udp(socket) => drop(running.spawn(peer.run_udp(socket))),
            Way::Tcp(stream) => drop(running.spawn(peer.run_tcp(stream.unwrap()))),
        }
        Peer {
            seen,
            _running: running,
        }
    }
}

struct Running {
    rtc: Box<Rtc>,
    mids: [Mid; 2],
    seen: Arc<Mutex<Seen>>,
    publishes: bool,
    made: u32,
    begun: Instant,
}

/// How often a picture is made.
const PICTURE: Duration = Duration::from_millis(40);

impl Running {
    async fn run_udp(mut self, socket: UdpSocket) {
        let local = socket.local_addr().unwrap();
        let mut buffer = vec![0; 2_048];
        loop {
            let mut out = Vec::new();
            let Some(wake) = self.drain(&mut out) else { return };
            for (contents, to) in out {
                socket.send_to(&contents, to).await.unwrap();
            }
            tokio::select! {
                received = socket.recv_from(&mut buffer) => {
                    let (length, from) = received.unwrap();
                    self.receive(Protocol::Udp, from, local, &buffer[..length]);
                }
                () = tokio::time::sleep_until(wake.into()) => self.tick(),
            }
        }
    }

    async fn run_tcp(mut self, stream: TcpStream) {
        let (local, from) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let (mut reader, mut writer) = stream.into_split();
        let (frames, mut arrived) = tokio::sync::mpsc::channel(64);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            while let Ok(length) = reader.read_u16().await {
                let mut contents = vec![0; usize::from(length)];
                reader.read_exact(&mut contents).await.unwrap();
                frames.send(contents).await.unwrap();
            }
        });
        loop {
            let mut out = Vec::new();
            let Some(wake) = self.drain(&mut out) else { return };
            for (contents, _) in out {
                let mut frame = u16::try_from(contents.len()).unwrap().to_be_bytes().to_vec();
                frame.extend(contents);
                writer.write_all(&frame).await.unwrap();
            }
            tokio::select! {
                Some(contents) = arrived.recv() => self.receive(Protocol::Tcp, from, local, &contents),
                () = tokio::time::sleep_until(wake.into()) => self.tick(),
            }
        }
    }

    fn receive(&mut self, proto: Protocol, from: SocketAddr, local: SocketAddr, contents: &[u8]) {
        if let Ok(received) = Receive::new(proto, from, local, contents) {
            self.rtc.handle_input(Input::Receive(Instant::now(), received)).unwrap();
        }
    }

    fn tick(&mut self) {
        let due = self.begun + PICTURE * self.made;
        let connected = self.seen.lock().unwrap().connected.is_some();
        if self.publishes && connected && Instant::now() >= due {
            self.publish();
        }
        self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
    }

    fn drain(&mut self, out: &mut Vec<(Vec<u8>, SocketAddr)>) -> Option<Instant> {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(packet) => out.push((packet.contents.into(), packet.destination)),
                Output::Event(event) => self.note(event),
                Output::Timeout(at) => {
                    if !self.rtc.is_alive() {
                        self.seen.lock().unwrap().closed = true;
                        return None;
                    }
                    let next = self.begun + PICTURE * self.made;
                    return Some(if self.publishes { at.min(next) } else { at });
                }
            }
        }
    }

    fn note(&mut self, event: Event) {
        let mut seen = self.seen.lock().unwrap();
        match event {
            Event::Connected => {
                seen.connected = Some(Instant::now());
                self.begun = Instant::now();
                self.made = 0;
            }
            Event::KeyframeRequest(_) => seen.asked += 1,
            Event::Closed => seen.closed = true,
            Event::MediaData(data) if data.mid == self.mids[0] => {
                let slice = data
                    .data
                    .windows(5)
                    .position(|it| matches!(it, [0, 0, 1, 0x41 | 0x65, _]));
                let at = slice.unwrap() + 5;
                let number: [u8; 4] = data.data[at..at + 4].try_into().unwrap();
                let number = number
                    .iter()
                    .fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f));
                seen.pictures.push((number, data.is_keyframe(), Instant::now()));
            }
            Event::MediaData(_) => seen.sounds += 1,
            _ => {}
        }
    }

    /// A picture with its number, a key frame each two seconds and where one is asked for, and a packet of sound.
    fn publish(&mut self) {
        let asked = std::mem::take(&mut self.seen.lock().unwrap().asked) > 0;
        let key = asked || self.made.is_multiple_of(50);
        let mut data = Vec::new();
        if key {
            data.extend_from_slice(&[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c]);
            data.extend_from_slice(&[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
        }
        data.extend_from_slice(&[0, 0, 0, 1, if key { 0x65 } else { 0x41 }, 0x88]);
        data.extend([21, 14, 7, 0].map(|shift| u8::try_from(self.made >> shift & 0x7f).unwrap() | 0x80));
        data.extend(std::iter::repeat_n(0xab, 4_000));
        let now = Instant::now();
        let millis = u64::from(self.made) * 40;
        for (mid, codec) in [(self.mids[0], Codec::H264), (self.mids[1], Codec::Opus)] {
            let writer = self.rtc.writer(mid).unwrap();
            let mode = Some(1).filter(|_| codec == Codec::H264);
            let fits = |it: &&PayloadParams| it.spec().codec == codec && it.spec().format.packetization_mode == mode;
            let payload_type = writer.payload_params().find(fits).unwrap().pt();
            let (time, data) = match codec {
                Codec::H264 => (MediaTime::new(millis * 90, Frequency::NINETY_KHZ), data.clone()),
                _ => (MediaTime::new(millis * 48, Frequency::FORTY_EIGHT_KHZ), vec![0xfc; 80]),
            };
            writer.write(payload_type, now, time, data).unwrap();
        }
        self.made += 1;
    }
}
