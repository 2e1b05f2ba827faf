//! Lectures that a worker has scanned, and those who watch them.

use super::films::Film;
use crate::server::{Server, UPLOAD};
use contracts::{Event, VideoId};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use testing::{Person, Reply, until};
use tokio::sync::broadcast::Receiver;

impl Server {
    /// Uploads bytes in one request.
    pub(crate) async fn upload(&self, owner: &Person, bytes: impl Into<reqwest::Body>) -> VideoId {
        let request = self.request_by(owner, Method::POST, UPLOAD).body(bytes);
        let request = request.header("content-type", "application/octet-stream");
        self.send(request).await.is(201).id().parse().unwrap()
    }

    /// Uploads a film and waits for its scan.
    pub(crate) async fn uploaded(&self, owner: &Person, film: Film) -> VideoId {
        let video = self.upload(owner, film.bytes()).await;
        self.scanned(owner, video).await;
        video
    }

    /// Waits until the scan of a video has a result.
    pub(crate) async fn scanned(&self, owner: &Person, video: VideoId) {
        until("the video is scanned", || async {
            let details = self.details(owner, video).await.json;
            details["status"] != "processing" || details["reason"] != Value::Null
        })
        .await;
    }

    pub(crate) async fn delete(&self, owner: &Person, video: VideoId) {
        let path = format!("/api/v1/content/{video}/delete");
        self.ask(owner, Method::DELETE, &path).await.is(202);
    }

    /// Opens a session as a program does.
    pub(crate) async fn session(&self, person: &Person, video: VideoId) -> Reply {
        let path = format!("/api/v1/content/{video}/stream");
        let request = self.request_by(person, Method::GET, &path);
        self.send(request.header("accept", "application/json")).await
    }

    /// Opens a session and returns its playlist's path.
    pub(super) async fn index(&self, person: &Person, video: VideoId) -> String {
        let session = self.session(person, video).await;
        session.is(200).json["hls_url"].as_str().unwrap().to_owned()
    }

    /// Asserts that every URL is served.
    pub(super) async fn plays(&self, urls: &Urls) {
        for url in &urls.0 {
            let reply = self.get(url).await;
            assert_eq!(reply.status, 200, "{url}");
            assert!(!reply.bytes.is_empty(), "{url}");
        }
    }

    /// Asserts that no URL is served, by any method, not a byte of it.
    pub(super) async fn refuses(&self, urls: &Urls) {
        for url in &urls.0 {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST] {
                let request = self.request(method.clone(), url);
                self.is_refused(&format!("{method} {url}"), request).await;
            }
            let conditions = [
                ("range", "bytes=0-0"),
                ("range", "bytes=-1"),
                ("if-none-match", "*"),
                ("if-match", "x"),
            ];
            for (name, value) in conditions {
                let request = self.request(Method::GET, url).header(name, value);
                self.is_refused(&format!("{name}: {value} {url}"), request).await;
            }
        }
    }

    async fn is_refused(&self, what: &str, request: RequestBuilder) {
        let reply = self.send(request).await;
        assert_eq!(reply.status, 403, "{what}");
        assert_eq!(reply.header("cache-control"), "no-store", "{what}");
        assert_eq!(reply.header("etag"), "", "{what}");
        assert!(reply.bytes.is_empty(), "{what}");
    }

    /// Waits until the first URL is refused.
    pub(super) async fn refused_soon(&self, urls: &Urls) {
        until("the first URL is refused", || async {
            self.get(&urls.0[0]).await.status == 403
        })
        .await;
    }

    /// Sends a path exactly as it is spelled.
    pub(super) async fn raw(&self, method: &str, path: &str) -> (u16, String) {
        let mut wire = self.connect().await;
        wire.send(format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        ))
        .await;
        let status = wire.status().await;
        (status, wire.rest().await)
    }
}

/// Waits until events of all these kinds have been published.
pub(super) async fn heard(events: &mut Receiver<Event>, kinds: &[&str]) {
    let mut missing: BTreeSet<&str> = kinds.iter().copied().collect();
    let listening = async {
        while !missing.is_empty() {
            missing.remove(events.recv().await.unwrap().data.kind());
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(20), listening).await;
    assert!(heard.is_ok(), "{missing:?} was not published");
}

/// The paths of one session: index, media playlist, init segment, first segment.
#[derive(Debug, Clone)]
pub(super) struct Urls(pub(super) Vec<String>);

impl Urls {
    pub(super) fn of(index: &str) -> Self {
        let base = index.strip_suffix("/index.m3u8").unwrap();
        let mut urls = vec![index.to_owned()];
        for file in ["media.m3u8", "init.mp4", "0.m4s"] {
            urls.push(format!("{base}/0/source/{file}"));
        }
        Self(urls)
    }

    pub(super) fn token(&self) -> &str {
        self.0[0].split('/').nth(2).unwrap()
    }

    /// The same paths with something else in the token's place.
    pub(super) fn with_token(&self, token: &str) -> Self {
        let changed = self.0.iter().map(|url| url.replacen(self.token(), token, 1));
        Self(changed.collect())
    }
}
