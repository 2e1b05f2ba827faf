//! Media of lectures that are live: from the node that holds them, or else from what is stored.

use super::StreamService;
use super::open_playbacks::OpenPlayback;
use contracts::questions::live::{LiveFile, LiveReply, Reload};
use media_store::live_file;
use media_store::media_bytes::MediaBytes;
use media_store::media_path::MediaResource;
use media_store::store::MediaError;

/// What a request says besides its path.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    /// What it waits for.
    pub(crate) reload: Reload,
    /// Whether its client understands gzip.
    pub(crate) unpacks: bool,
}

impl StreamService {
    pub(super) async fn live(
        &self,
        open: &OpenPlayback,
        (resource, file): (&MediaResource, LiveFile),
        asked: Asked,
    ) -> Result<MediaBytes, MediaError> {
        let video = open.claims.video;
        let (bytes, packed) = match self.0.live.read(video, &file, asked.reload).await {
            LiveReply::Elsewhere => return self.0.media.media(video, resource).await,
            LiveReply::File { bytes, packed } => (bytes, packed.filter(|_| asked.unpacks)),
            LiveReply::Missing => return Err(MediaError::NoSuchResource),
            LiveReply::TooFar => return Err(MediaError::TooFar),
            LiveReply::Late => return Err(MediaError::Late),
        };
        // It may have ended while its player waited.
        if !open.lives(self.0.clock.now()) {
            return Err(MediaError::Ended);
        }
        Ok(live_file::media(&file, bytes, packed))
    }
}
