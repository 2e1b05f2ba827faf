//! The service's keys; `config/default.toml` states meaning, unit and range of each.

use runtime::config::Faults;
use serde::Deserialize;

/// The section `content`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How lectures are uploaded.
    pub upload: UploadConfig,
    /// What one owner may have.
    pub quota: QuotaConfig,
    /// How they are played.
    pub playback: PlaybackConfig,
}

/// The section `content.upload`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadConfig {
    /// Units: bytes
    pub max_bytes: u64,
    /// Units: days after the last byte
    pub expires_days: u16,
    /// Units: bytes
    pub checkpoint_bytes: u64,
}

/// The section `content.quota`; 0 means any number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaConfig {
    /// Stored and declared bytes of one owner.
    ///
    /// Units: bytes
    pub bytes: u64,
    /// Unfinished uploads of one owner.
    pub uploads: u32,
    /// Requests of one owner that send bytes at the same time.
    pub requests: u32,
    /// Streams of events of one user.
    pub event_streams: u32,
}

/// The section `content.playback`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybackConfig {
    /// Units: bytes
    pub hot_bytes: u64,
    /// Units: bytes
    pub disk_bytes: u64,
    /// Sessions that play at once, of one user; 0 means any number.
    pub sessions_per_user: u32,
    /// Sessions that play at once, of one lecture and without a sign-in; 0 means any number.
    pub sessions_per_share: u32,
    /// How much of a lecture somebody must have seen to have completed it, where no course says otherwise.
    pub completed_share: f64,
}

impl Config {
    /// Checks each key's range.
    ///
    /// Errors: each key that is out of its range, in words
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let mut range = |key: &str, fits: bool, bounds: &str| {
            faults.unless(fits, || format!("content.{key} must be {bounds}"));
        };
        let upload = &self.upload;
        range("upload.max_bytes", upload.max_bytes >= 1 << 20, "1048576 or more");
        range(
            "upload.expires_days",
            (1..=365).contains(&upload.expires_days),
            "1 to 365",
        );
        let checkpoints = 1 << 20..=1 << 30;
        range(
            "upload.checkpoint_bytes",
            checkpoints.contains(&upload.checkpoint_bytes),
            "1048576 to 1073741824",
        );
        range(
            "playback.hot_bytes",
            self.playback.hot_bytes >= 1 << 20,
            "1048576 or more",
        );
        range(
            "playback.completed_share",
            (0.1..=1.0).contains(&self.playback.completed_share),
            "0.1 to 1",
        );
        faults.into_result()
    }
}
