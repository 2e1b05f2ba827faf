//! Files of live lectures, read from another node.

use async_trait::async_trait;
use backing::Clock;
use bytes::Bytes;
use contracts::asked::LiveFileAsked;
use contracts::questions::live::{LiveFile, LiveMedia, LiveReply, Reload};
use contracts::{RenditionName, VideoId};
use runtime::remote::{Arrived, LiveNodes};
use runtime::server::ServerLimits;
use runtime::{InternalKeys, Questions, Running};
use std::sync::Arc;
use tokio::net::TcpListener;
use url::Url;

const SECRET: &[u8] = b"the secret of one installation..";

/// A node that answers in each way.
struct Node;

#[async_trait]
impl LiveMedia for Node {
    async fn read(&self, _: VideoId, file: &LiveFile, reload: Reload) -> LiveReply {
        let bytes = Bytes::from_static(b"plain");
        match file {
            LiveFile::Index => LiveReply::File { bytes, packed: None },
            LiveFile::Playlist(_) if reload.sequence == Some(9) => LiveReply::TooFar,
            LiveFile::Playlist(_) => LiveReply::File {
                bytes,
                packed: Some(Bytes::from_static(b"packed")),
            },
            LiveFile::Init(..) => LiveReply::Missing,
            LiveFile::Segment(..) => LiveReply::Elsewhere,
            LiveFile::Part(..) => LiveReply::Late,
        }
    }

    fn in_memory(&self, _: VideoId, _: &LiveFile) -> Option<Bytes> {
        None
    }

    fn is_published(&self, _: VideoId) -> Option<bool> {
        None
    }

    async fn end(&self, _: VideoId) {}
}

fn keys(secret: &[u8]) -> InternalKeys {
    InternalKeys::new(secret, Clock::system())
}

#[tokio::test]
async fn a_node_reads_what_another_one_has_and_nobody_else_does() {
    let routes = Questions::none().live_media(Arc::new(Node)).behind(&keys(SECRET));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let mut running = Running::new();
    running.serve(listener, routes.into_router(), ServerLimits::default());
    let nodes = LiveNodes::new(keys(SECRET)).unwrap();
    let name = || RenditionName::parse("live-h").unwrap();
    let far = Reload {
        sequence: Some(9),
        ..Reload::default()
    };
    for (file, reload, expected) in [
        (LiveFile::Index, far, Arrived::Plain(Bytes::from_static(b"plain"))),
        (
            LiveFile::Playlist(name()),
            Reload::default(),
            Arrived::Packed(Bytes::from_static(b"packed")),
        ),
        (LiveFile::Playlist(name()), far, Arrived::TooFar),
        (LiveFile::Init(name(), 1), far, Arrived::Missing),
        (LiveFile::Segment(name(), 1), far, Arrived::Elsewhere),
        (LiveFile::Part(name(), 1, 2), far, Arrived::Late),
    ] {
        let video = VideoId::generate();
        let asked = LiveFileAsked { video, file, reload };
        assert_eq!(nodes.read(&url, &asked).await, Ok(expected));
        let stranger = LiveNodes::new(keys(b"the secret of another one.......")).unwrap();
        let error = stranger.read(&url, &asked).await.unwrap_err();
        assert!(error.0.contains("it answers 401"), "{error}");
    }
}
