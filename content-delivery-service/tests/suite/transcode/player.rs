//! A player of lectures, and the encoders and films that it watches.

use super::lectures::{Order, Studio};
use crate::server::UPLOAD;
use bytes::Bytes;
use contracts::{ObjectKey, VideoId};
use fmp4::{Index, Limits, Probe, Scanner, Step, Verdict};
use renditions::ledger::{Finding, Ledger};
use renditions::models::plan::Work;
use renditions::models::publication::NewPiece;
use reqwest::Method;
use std::collections::BTreeMap;
use std::process::Command;
use testing::{Reply, until};

/// A player that remembers every byte it was given.
pub(super) struct Player<'a> {
    pub(super) studio: &'a Studio,
    pub(super) base: String,
    pub(super) seen: BTreeMap<String, Bytes>,
}

impl<'a> Player<'a> {
    pub(super) async fn open(studio: &'a Studio, video: VideoId) -> Self {
        let server = &studio.server;
        let request = server.request(Method::GET, &format!("/api/v1/content/{video}/stream"));
        let request = request.header("accept", "application/json");
        let reply = server.send(request.bearer_auth(server.token(&studio.person))).await;
        let index = reply.is(200).json["hls_url"].as_str().unwrap().to_owned();
        Self {
            studio,
            base: index.strip_suffix("index.m3u8").unwrap().to_owned(),
            seen: BTreeMap::new(),
        }
    }

    pub(super) async fn ask(&self, path: &str) -> Reply {
        let server = &self.studio.server;
        server
            .send(server.request(Method::GET, &format!("{}{path}", self.base)))
            .await
    }

    pub(super) async fn text(&self, path: &str) -> String {
        let reply = self.ask(path).await;
        reply.is(200);
        reply.text
    }

    /// Media bytes, which must be what they were.
    pub(super) async fn bytes(&mut self, path: &str) -> Bytes {
        let server = &self.studio.server;
        let request = server.request(Method::GET, &format!("{}{path}", self.base));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(
            response.headers()["cache-control"],
            "private, max-age=31536000, immutable"
        );
        let bytes = response.bytes().await.unwrap();
        let before = self.seen.entry(path.to_owned()).or_insert_with(|| bytes.clone());
        assert!(*before == bytes, "{path} has changed");
        bytes
    }

    /// Everything that a playlist names, and the playlist.
    pub(super) async fn plays(&mut self, folder: &str) -> String {
        let text = self.text(&format!("{folder}/media.m3u8")).await;
        assert_eq!(
            self.bytes(&format!("{folder}/init.mp4")).await,
            folder.split('/').nth(1).unwrap()
        );
        for name in segments(&text) {
            self.bytes(&format!("{folder}/{name}")).await;
        }
        text
    }

    /// Waits until a playlist has so many segments.
    pub(super) async fn grown(&self, folder: &str, length: usize) -> String {
        let path = format!("{folder}/media.m3u8");
        until(&format!("{folder} has {length} segments"), || async {
            segments(&self.text(&path).await).len() == length
        })
        .await;
        self.text(&path).await
    }

    /// The renditions of the multivariant playlist, in its order.
    pub(super) async fn listed(&self) -> Vec<String> {
        let text = self.text("index.m3u8").await;
        uris(&text)
    }

    pub(super) async fn lists(&self, wanted: &[&str]) {
        until(&format!("{wanted:?} are listed"), || async {
            self.listed().await == wanted
        })
        .await;
    }
}

pub(super) fn segments(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| line.ends_with(".m4s")).collect()
}

/// The playlists that a multivariant playlist names, without `/media.m3u8`.
pub(super) fn uris(index: &str) -> Vec<String> {
    let named = index.lines().filter_map(|line| match line.split_once("URI=\"") {
        Some((_, uri)) => uri.split('"').next(),
        None => Some(line).filter(|line| !line.starts_with('#')),
    });
    named
        .map(|uri| uri.strip_suffix("/media.m3u8").unwrap().to_owned())
        .collect()
}

/// The attributes of the variant that names a rendition.
pub(super) fn variant<'a>(index: &'a str, rendition: &str) -> &'a str {
    let uri = format!("{rendition}/media.m3u8");
    let lines: Vec<&str> = index.lines().collect();
    let place = lines.iter().position(|line| **line == uri).unwrap();
    lines[place - 1]
}

pub(super) fn tag<'a>(playlist: &'a str, name: &str) -> &'a str {
    let line = playlist.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {playlist}"))
}

/// Bytes that tell their object apart from every other.
pub(super) fn filling(key: &ObjectKey, length: usize) -> Vec<u8> {
    let name = key.to_string().into_bytes();
    (0..length)
        .map(|at| name[at % name.len()] ^ at.to_le_bytes()[1])
        .collect()
}

impl Studio {
    /// Stores what a worker makes of a task, as it would.
    pub(super) async fn store(&self, video: VideoId, order: &Order, pieces: &[NewPiece]) {
        let objects = self.server.objects().await;
        for piece in pieces {
            let key = ObjectKey::VideoPiece {
                video,
                generation: order.generation,
                rendition: piece.rendition.clone(),
                piece: piece.piece,
                fence: order.task.fence,
            };
            let length: u32 = piece.segments.iter().map(|&(_, bytes)| bytes).sum();
            let bytes = filling(&key, usize::try_from(length).unwrap());
            objects.put(&key, bytes.into()).await.unwrap();
        }
    }

    /// Encodes the next task: what it made.
    pub(super) async fn encodes(&self, video: VideoId) -> Option<Work> {
        let order = self.claim().await?;
        let pieces = self.pieces(video, &order).await;
        self.store(video, &order, &pieces).await;
        self.publish(video, &order).await;
        Some(order.work)
    }

    pub(super) async fn encodes_all(&self, video: VideoId) {
        while self.encodes(video).await.is_some() {}
    }
}

/// A film that can be played as it is: 320 × 180, with sound.
pub(super) fn film() -> &'static [u8] {
    static FILM: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    FILM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let inputs = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=60 -f lavfi -i sine=frequency=440:duration=60";
        let output = "-c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p -c:a aac";
        let made = Command::new("ffmpeg")
            .args("-hide_banner -nostdin -v error".split(' '))
            .args(inputs.split(' '))
            .args(output.split(' '))
            .arg(&path)
            .status();
        assert!(made.expect("ffmpeg must be installed").success());
        std::fs::read(&path).unwrap()
    })
}

pub(super) fn scanned(film: &[u8]) -> (Probe, Index) {
    let mut scanner = Scanner::new(film.len() as u64, Limits::default());
    let mut answers: Vec<&[u8]> = Vec::new();
    loop {
        match scanner.step(&answers).unwrap() {
            Step::Read(ranges) => {
                let place = |at: u64| usize::try_from(at).unwrap();
                let cut = ranges.iter().map(|range| &film[place(range.start)..place(range.end)]);
                answers = cut.collect();
            }
            Step::Done(scan) => match scan.verdict {
                Verdict::Playable(index) => return (scan.probe, index),
                Verdict::NeedsTranscoding(obstacle) => panic!("{obstacle}"),
            },
        }
    }
}

impl Studio {
    /// A lecture that plays as it is, for a ladder of these rungs.
    pub(super) async fn instant(&mut self, rungs: &[u32]) -> VideoId {
        self.service = Ledger::new(self.server.db.clone(), self.server.clock.clone(), rungs);
        let request = self.server.request(Method::POST, UPLOAD).body(film());
        let request = request.header("content-type", "video/mp4");
        let reply = self
            .server
            .send(request.bearer_auth(self.server.token(&self.person)))
            .await;
        let video: VideoId = reply.is(201).id().parse().unwrap();
        let (probe, index) = scanned(film());
        let key = ObjectKey::VideoSourceIndex(video);
        self.server
            .objects()
            .await
            .put(&key, index.encode().into())
            .await
            .unwrap();
        self.found(video, &Finding::Playable(&probe, &index)).await;
        video
    }

    pub(super) async fn ask_stream(&self, video: VideoId) -> Reply {
        let path = format!("/api/v1/content/{video}/stream");
        self.server.ask(&self.person, Method::GET, &path).await
    }
}
