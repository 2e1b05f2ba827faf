//! An upload as the database keeps it.

use contracts::{Timestamp, UserId, VideoId};
use std::time::Duration;

/// How many bytes are awaited before a file's first ones decide whether it is a lecture.
pub(crate) const SNIFF_AT: u64 = 1 << 20;
/// How many of the first bytes are kept with the upload until then.
pub(crate) const HEAD_BYTES: usize = 4 * 1024;

/// The progress of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// Bytes may come.
    Open,
    /// The last byte is stored; the object is being put in its place.
    Finishing,
    /// The object is in its place.
    Finished,
}

impl UploadState {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finishing => "finishing",
            Self::Finished => "finished",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Finishing, Self::Finished]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// An upload, its bytes up to `offset` safe.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its id, which is also its lecture's.
    pub video_id: VideoId,
    /// The owner's id.
    pub owner_id: UserId,
    /// Unknown until the end if the client did not declare it.
    pub length: Option<u64>,
    /// Bytes that survive a power cut.
    pub offset: u64,
    /// What the sink keeps about it, in JSON; none before the first byte.
    pub sink_state: Option<String>,
    /// `Upload-Metadata` as it came.
    pub metadata: String,
    /// The first bytes, until enough came to recognise the file's type.
    pub head: Vec<u8>,
    /// Whether another request may continue it.
    pub resumable: bool,
    /// Upload keys of another version are refused.
    pub key_version: i64,
    /// How far it is.
    pub state: UploadState,
    /// When its state last changed: for a finished one, when it was finished.
    pub touched_at: Timestamp,
    /// Until when it must be continued.
    pub expires_at: Timestamp,
}

/// How long the key of a finished upload still shows it, for a client that missed the last answer.
const KEY_KEPT: Duration = Duration::from_secs(3_600);

impl Upload {
    /// Whether the upload's key opens it: until an hour after its last byte.
    #[must_use]
    pub fn key_opens(&self, now: Timestamp) -> bool {
        self.state != UploadState::Finished || now.since(self.touched_at) <= KEY_KEPT
    }

    /// Whether it can no longer be continued.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.state == UploadState::Open && self.expires_at <= now
    }
}
