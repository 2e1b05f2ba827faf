//! A listener for RTMP with a door of its own.

use crate::encoders::encoders;
use async_trait::async_trait;
use contracts::VideoId;
use contracts::questions::Unanswered;
use contracts::questions::live::{
    LiveDoor, PublishAsked, PublishGrant, Publisher, Refused, Watch, WatchAsked, WatchGrant,
};
use live_server::rooms::Rooms;
use live_server::rtmp::Ingest;
use runtime::Shutdown;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The stream key of the only lecture.
pub(crate) const KEY: &str = "right-key";
/// The stream key of a lecture that has ended.
pub(crate) const ENDED: &str = "ended-key";

/// Lets the right key in.
pub(crate) struct Door {
    video: VideoId,
    pub(crate) asked: AtomicU32,
}

#[async_trait]
impl LiveDoor for Door {
    async fn publish(&self, asked: PublishAsked) -> Result<Result<PublishGrant, Refused>, Unanswered> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if asked.publisher == Publisher::Key(ENDED.to_owned()) {
            return Ok(Err(Refused::Ended));
        }
        if asked.publisher != Publisher::Key(KEY.to_owned()) {
            return Ok(Err(Refused::Unauthenticated));
        }
        Ok(Ok(PublishGrant {
            video: self.video,
            publisher: asked.publisher,
            key_version: 1,
        }))
    }

    async fn withdrawn(&self, _: Vec<PublishGrant>) -> Result<Vec<usize>, Unanswered> {
        Ok(Vec::new())
    }

    async fn watch(&self, _: WatchAsked) -> Result<Result<WatchGrant, Refused>, Unanswered> {
        Ok(Err(Refused::NotFound))
    }

    async fn living(&self, _: Vec<Watch>) -> Result<Vec<usize>, Unanswered> {
        Ok(Vec::new())
    }

    async fn leave(&self, _: Watch) -> Result<(), Unanswered> {
        Ok(())
    }
}

/// A running listener.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) video: VideoId,
    pub(crate) rooms: Rooms,
    pub(crate) door: Arc<Door>,
    pub(crate) shutdown: Shutdown,
    pub(crate) work: JoinSet<Result<(), String>>,
    _data: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Rooms::default()).await
    }

    pub(crate) async fn with(rooms: Rooms) -> Self {
        let data = tempfile::tempdir().unwrap();
        let video = VideoId::generate();
        let door = Arc::new(Door {
            video,
            asked: AtomicU32::new(0),
        });
        let ingest = Ingest {
            door: Arc::<Door>::clone(&door),
            rooms: rooms.clone(),
        };
        rooms.equip(encoders(&data));
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let background = ingest.listen(address);
        let shutdown = Shutdown::new();
        let mut work = JoinSet::new();
        work.spawn((background.run)(shutdown.clone()));
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self {
            address,
            video,
            rooms,
            door,
            shutdown,
            work,
            _data: data,
        }
    }

    pub(crate) fn url(&self, key: &str) -> String {
        format!("rtmp://{}/live/{key}", self.address)
    }
}
