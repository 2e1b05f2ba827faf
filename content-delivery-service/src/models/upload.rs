//! An upload as the database keeps it.

use contracts::{Timestamp, UserId, VideoId};

/// How many first bytes are looked at before a file is taken for a lecture.
pub(crate) const SNIFF_AT: u64 = 1 << 20;
/// How many of them are kept with the upload until then.
pub(crate) const HEAD_BYTES: usize = 4 * 1024;

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadState {
    /// Bytes may come.
    Open,
    /// The last byte is stored; the object is being put in its place.
    Finishing,
    /// The object is in its place.
    Finished,
}

impl UploadState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finishing => "finishing",
            Self::Finished => "finished",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Finishing, Self::Finished]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// An upload, its bytes up to `offset` safe.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) video_id: VideoId,
    pub(crate) owner_id: UserId,
    /// Unknown until the end where the client did not tell it.
    pub(crate) length: Option<u64>,
    /// Bytes that survive a power cut.
    pub(crate) offset: u64,
    /// What the sink keeps about it, in JSON; none before the first byte.
    pub(crate) sink_state: Option<String>,
    /// `Upload-Metadata` as it came.
    pub(crate) metadata: String,
    /// The first bytes, until enough came to tell what they are.
    pub(crate) head: Vec<u8>,
    /// Whether another request may go on with it.
    pub(crate) resumable: bool,
    /// Upload keys of another version are refused.
    pub(crate) key_version: i64,
    pub(crate) state: UploadState,
    pub(crate) expires_at: Timestamp,
}

impl Upload {
    /// Whether nobody may go on with it any more.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.state == UploadState::Open && self.expires_at <= now
    }
}
