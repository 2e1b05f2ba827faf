//! The workers' configuration; `config/default.toml` explains the keys.

use runtime::config::Faults;
use serde::Deserialize;
use std::path::PathBuf;

/// The workers' part of the section `content`, and facts about the process.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which sources are played without encoding.
    pub instant: InstantConfig,
    /// How to encode other sources.
    pub transcode: TranscodeConfig,
    /// The program that guards encoders: MoocFlix itself.
    pub program: PathBuf,
    /// The directory for staging folders.
    pub data_dir: PathBuf,
}

/// The section `content.instant`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstantConfig {
    /// Units: bits a second
    pub max_bit_rate: u64,
    /// Units: seconds
    pub max_gap_seconds: f64,
}

/// The section `content.transcode`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranscodeConfig {
    /// Units: pixels of the short side, ascending
    pub rungs: Vec<u32>,
    /// Encoders at once in this process.
    pub slots: usize,
    /// The encoder's preset.
    pub preset: String,
    /// Units: seconds without progress
    pub stall_seconds: f64,
    /// The part of the machine's memory that encoders may use together.
    pub memory_share: f64,
    /// What to do on a machine where a part of the cage around encoders is missing.
    pub sandbox: SandboxMode,
}

/// What to do on a machine where a part of the cage around encoders is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxMode {
    /// Encode with the parts that there are.
    Best,
    /// Don't start if an attack would succeed.
    Required,
}

/// The presets of libx264, from fast to thorough.
const PRESETS: [&str; 9] = [
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
];

impl Config {
    /// Checks each key's range.
    ///
    /// Errors: each key that is out of its range, in words
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let mut range = |key: &str, fits: bool, bounds: &str| {
            faults.unless(fits, || format!("content.{key} must be {bounds}"));
        };
        range(
            "instant.max_bit_rate",
            self.instant.max_bit_rate >= 100_000,
            "100000 or more",
        );
        range(
            "instant.max_gap_seconds",
            (1.0..=60.0).contains(&self.instant.max_gap_seconds),
            "1 to 60",
        );
        let transcode = &self.transcode;
        let rungs = &transcode.rungs;
        let ascending = rungs.iter().zip(rungs.iter().skip(1)).all(|(low, high)| low < high);
        range(
            "transcode.rungs",
            ascending && rungs.len() <= 12 && rungs.iter().all(|side| (16..=4320).contains(side)),
            "at most 12 ascending numbers from 16 to 4320",
        );
        range("transcode.slots", transcode.slots <= 256, "0 to 256");
        range(
            "transcode.preset",
            PRESETS.contains(&transcode.preset.as_str()),
            "a preset of libx264, such as veryfast",
        );
        range(
            "transcode.stall_seconds",
            (1.0..=3600.0).contains(&transcode.stall_seconds),
            "1 to 3600",
        );
        range(
            "transcode.memory_share",
            (0.05..=1.0).contains(&transcode.memory_share),
            "0.05 to 1",
        );
        faults.into_result()
    }
}
