//! Publishes a film that ffmpeg has made, frame by frame, as a publisher's protocol would.

use crate::server::Server;
use bytes::{BufMut, Bytes, BytesMut};
use contracts::VideoId;
use contracts::questions::live::{PublishAsked, PublishGrant, Publisher as By, Refused};
use live::{Format, Frame, H264, Track};
use live_server::rooms::{Audience, Publication};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use testing::{Person, Reply};

/// Where live lectures are.
pub(super) const LIVE: &str = "/api/v1/content/live";
/// Pictures a second.
const RATE: i64 = 25;
/// The length of the film. Units: pictures
const FILM: usize = 500;
/// The time between two packets of sound.
const PACKET: i64 = 1_024;

/// The film: access units with key frames every two seconds, and packets of AAC.
struct Film {
    format: Arc<Format>,
    pictures: Vec<(bool, Bytes)>,
    sound: Arc<Format>,
    packets: Vec<Bytes>,
}

fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let made = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-v", "error"])
        .args(arguments)
        .arg("pipe:1")
        .output()
        .expect("ffmpeg must be installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

fn film() -> &'static Film {
    static MADE: OnceLock<Film> = OnceLock::new();
    MADE.get_or_init(|| {
        let picture = ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x180:rate=25:duration=20",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
            "-g",
            "50",
            "-x264-params",
            "repeat-headers=1:aud=1:sliced-threads=0",
            "-pix_fmt",
            "yuv420p",
            "-f",
            "h264",
        ]);
        let sound = ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:duration=20:sample_rate=48000",
            "-c:a",
            "aac",
            "-ac",
            "2",
            "-f",
            "adts",
        ]);
        let (format, pictures) = access_units(&picture);
        assert_eq!(pictures.len(), FILM);
        Film {
            format,
            pictures,
            // AAC-LC, 48 kHz, two channels
            sound: Arc::new(Format::Aac {
                config: Bytes::from_static(&[0x11, 0x90]),
            }),
            packets: packets(&sound),
        }
    })
}

/// Splits a stream at its start codes.
fn units(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..stream.len().saturating_sub(2))
        .filter(|at| stream[*at..].starts_with(&[0, 0, 1]))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let unit = |(start, end): (&usize, usize)| {
        let unit = &stream[start + 3..end];
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        &unit[..unit.len() - zeros]
    };
    starts.iter().zip(ends).map(unit).collect()
}

fn access_units(stream: &[u8]) -> (Arc<Format>, Vec<(bool, Bytes)>) {
    let (mut sps, mut pps) = (Bytes::new(), Bytes::new());
    let mut pictures: Vec<(bool, BytesMut)> = Vec::new();
    for unit in units(stream) {
        match unit[0] & 31 {
            9 => pictures.push((false, BytesMut::new())),
            7 => sps = Bytes::copy_from_slice(unit),
            8 => pps = Bytes::copy_from_slice(unit),
            kind => {
                let (key, data) = pictures.last_mut().unwrap();
                *key |= kind == 5;
                data.put_u32(u32::try_from(unit.len()).unwrap());
                data.put_slice(unit);
            }
        }
    }
    let format = Format::H264(H264 { sps, pps: vec![pps] });
    let pictures = pictures.into_iter().map(|(key, data)| (key, data.freeze()));
    (Arc::new(format), pictures.collect())
}

/// Source: ISO/IEC 14496-3, 1.A.2.2 (ADTS)
fn packets(stream: &[u8]) -> Vec<Bytes> {
    let (mut packets, mut at) = (Vec::new(), 0);
    while at + 7 <= stream.len() {
        let header = &stream[at..];
        let length = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5]) >> 5;
        packets.push(Bytes::copy_from_slice(&header[7..length]));
        at += length;
    }
    packets
}

/// Somebody who publishes a lecture.
pub(super) struct Publisher<'a> {
    server: &'a Server,
    pub(super) publication: Publication,
    /// Pictures that were sent.
    sent: i64,
    packets: i64,
}

impl<'a> Publisher<'a> {
    /// Publishes with a stream key, as if the film had been played up to a picture.
    pub(super) async fn come(server: &'a Server, key: &str) -> Self {
        let grant = server.may_publish(None, By::Key(key.to_owned())).await.unwrap();
        let publication = server.rooms.publish(&grant).await.unwrap();
        Self {
            server,
            publication,
            sent: 0,
            packets: 0,
        }
    }

    /// Sends some seconds of the film, with the clock beside it, faster than life.
    pub(super) async fn send(&mut self, seconds: i64) {
        let film = film();
        for _ in 0..seconds * RATE {
            let (key, data) = &film.pictures[usize::try_from(self.sent).unwrap() % FILM];
            self.publication.send(
                Frame {
                    track: Track::Picture(0),
                    format: Arc::clone(&film.format),
                    decoded_at: self.sent * 90_000 / RATE,
                    shown_after: 0,
                    key: *key,
                    data: data.clone(),
                },
                Audience::Everyone,
            );
            self.sent += 1;
            while self.packets * PACKET * RATE < self.sent * 48_000 {
                let packet = &film.packets[usize::try_from(self.packets).unwrap() % film.packets.len()];
                self.publication.send(
                    Frame {
                        track: Track::Sound,
                        format: Arc::clone(&film.sound),
                        decoded_at: self.packets * PACKET,
                        shown_after: 0,
                        key: true,
                        data: packet.clone(),
                    },
                    Audience::Everyone,
                );
                self.packets += 1;
            }
            self.server.clock.advance(Duration::from_millis(40));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Server {
    /// Announces a lecture.
    pub(super) async fn announce(&self, owner: &Person) -> Value {
        let reply = self.live(owner, Method::POST, "", &json!({"title": "Graphs"})).await;
        reply.is(201).json.clone()
    }

    /// A request about live lectures.
    pub(super) async fn live(&self, person: &Person, method: Method, path: &str, body: &Value) -> Reply {
        let request = self.request_by(person, method, &format!("{LIVE}{path}"));
        self.send(if body.is_null() { request } else { request.json(body) })
            .await
    }

    /// What the door says to somebody who wants to publish.
    pub(super) async fn may_publish(&self, video: Option<VideoId>, publisher: By) -> Result<PublishGrant, Refused> {
        let door = self.rooms.door().unwrap();
        door.publish(PublishAsked { video, publisher }).await.unwrap()
    }

    /// A file of the media plane as text.
    pub(super) async fn text(&self, path: &str) -> String {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        String::from_utf8(reply.bytes.to_vec()).unwrap()
    }
}

/// The stream key of a lecture, and its id.
pub(super) fn of(lecture: &Value) -> (String, VideoId) {
    let key = lecture["ingest"]["stream_key"].as_str().unwrap();
    (key.to_owned(), lecture["id"].as_str().unwrap().parse().unwrap())
}

/// The addresses that a playlist names, beside its own; a gap has none.
pub(super) fn uris(base: &str, playlist: &str) -> Vec<String> {
    let folder = base.rsplit_once('/').unwrap().0;
    let (mut uris, mut is_gap) = (Vec::new(), false);
    for line in playlist.lines() {
        is_gap |= line == "#EXT-X-GAP";
        if !line.starts_with('#') && !line.is_empty() && !std::mem::take(&mut is_gap) {
            uris.push(format!("{folder}/{line}"));
        }
    }
    uris
}
