//! What decides between several streams of a kind, where ffprobe's description of them does not.

use super::{SurveyError, list, matroska};
use renditions::models::survey::ScannedTracks;
use sandbox::{Order, Sandbox};
use serde::Deserialize;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use tokio::task::spawn_blocking;

/// Counts packets in the first half minute.
pub(super) const COUNT: [&str; 7] = [
    "-of",
    "json=compact=1",
    "-count_packets",
    "-read_intervals",
    "%+30",
    "-show_entries",
    "stream=index,nb_read_packets",
];

/// Marks of streams, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Those that the file disables.
    pub(super) disabled: Vec<u32>,
    /// Those with a single frame.
    pub(super) stills: Vec<u32>,
    /// What a scan of the file has chosen.
    pub(super) tracks: Option<ScannedTracks>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    streams: Vec<CountText>,
}

#[derive(Deserialize)]
struct CountText {
    index: u32,
    nb_read_packets: Option<String>,
}

impl Marks {
    /// Looks for marks in a file in which ffprobe has found so many pictures and sounds; `count` is an order for [`COUNT`].
    pub(super) async fn of(
        sandbox: &Sandbox,
        (path, container): (&Path, &str),
        (pictures, sounds): (usize, usize),
        count: &Order,
    ) -> Result<Self, SurveyError> {
        let mut marks = Self::default();
        if pictures > 1 {
            marks.stills = stills(&list(sandbox, count).await?.0);
        }
        if (pictures > 1 || sounds > 1) && matches!(container, "matroska" | "webm") {
            marks.disabled = disabled(path).await;
        }
        Ok(marks)
    }
}

/// The streams with no more than one packet.
fn stills(text: &[u8]) -> Vec<u32> {
    let counted: Option<Counted> = serde_json::from_slice(text).ok();
    let streams = counted.map(|counted| counted.streams).unwrap_or_default();
    let still = |stream: &CountText| matches!(stream.nb_read_packets.as_deref(), None | Some("N/A" | "0" | "1"));
    streams.into_iter().filter(still).map(|stream| stream.index).collect()
}

/// The streams that a Matroska file disables; none if that can't be read.
async fn disabled(path: &Path) -> Vec<u32> {
    let path = path.to_owned();
    let read = spawn_blocking(move || matroska::disabled(&mut BufReader::new(File::open(path)?)));
    let read = read.await.map_err(io::Error::other).flatten();
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "the flags of tracks could not be read");
        Vec::new()
    })
}
