//! Files of the lectures that this node holds, for other nodes.

use crate::metric;
use crate::rooms::Rooms;
use async_trait::async_trait;
use bytes::Bytes;
use contracts::VideoId;
use contracts::questions::live::{LiveFile, LiveMedia, LiveReply, Reload};

/// The rooms as other nodes read them; each request is counted.
pub(crate) struct Answering(pub(crate) Rooms);

#[async_trait]
impl LiveMedia for Answering {
    async fn read(&self, video: VideoId, file: &LiveFile, reload: Reload) -> LiveReply {
        metrics::counter!(metric::READ_BY_NODES, "kind" => file.kind()).increment(1);
        self.0.read(video, file, reload).await
    }

    fn in_memory(&self, video: VideoId, file: &LiveFile) -> Option<Bytes> {
        self.0.in_memory(video, file)
    }

    fn is_published(&self, video: VideoId) -> Option<bool> {
        self.0.is_published(video)
    }

    async fn end(&self, video: VideoId) {
        self.0.end(video).await;
    }
}
