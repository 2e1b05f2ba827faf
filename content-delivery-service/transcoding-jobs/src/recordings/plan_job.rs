//! Plans what the recording of a live lecture lacks: the rungs below the layers that were published.

use super::source::Recordings;
use async_trait::async_trait;
use backing::tasks::{Done, Job, JobError, Task};
use broadcasts::models::layers::Layer;
use broadcasts::models::recording::{Recording, StoredSegment, name_of};
use fmp4::TICKS;
use renditions::ledger::{Finding, Ledger};
use renditions::models::recorded::{RecordedPicture, RecordedSegment};
use renditions::tasks::{self, RecordingTask};

/// The media time of a live lecture's zero.
///
/// Units: microseconds
const ZERO: i64 = 1_000_000;

/// Runs tasks of the kind `recording`.
pub(crate) struct PlanJob {
    pub(crate) recordings: Recordings,
    pub(crate) ledger: Ledger,
}

#[async_trait]
impl Job for PlanJob {
    fn kind(&self) -> &'static str {
        RecordingTask::KIND
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let RecordingTask { video_id } = tasks::read(task)?;
        let Some(recording) = self.recordings.complete(video_id).await? else {
            return Ok(Done::Complete);
        };
        let picture = picture(&recording);
        let finding = Finding::Recorded(picture.as_ref());
        let recorded = self.ledger.record(video_id, &finding, task).await?;
        tracing::info!(video = %video_id, ?recorded, "a recording was examined");
        Ok(Done::AlreadyComplete)
    }
}

fn picture(recording: &Recording) -> Option<RecordedPicture> {
    let layers = recording.layers();
    let best = layers.last()?;
    let (width, height) = best.size();
    Some(RecordedPicture {
        layer: name_of(best.rendition)?,
        width,
        height,
        is_boxed: best.changes_shape(),
        frame_rate: best.frame_rate(),
        zero: ZERO,
        published: layers.iter().map(Layer::side).collect(),
        segments: best.segments.iter().map(recorded).collect(),
    })
}

fn recorded(StoredSegment { state, .. }: &StoredSegment) -> RecordedSegment {
    let start = state.start.saturating_add(state.shown_after);
    RecordedSegment {
        start: ticks(start),
        end: ticks(start.saturating_add(state.duration)),
        init: state.init,
        bytes: state.bytes,
        independent: state.independent,
    }
}

/// Microseconds in ticks of 90 kHz; each time was a whole number of them before it was rounded down.
fn ticks(micros: u64) -> u64 {
    let ticks = u128::from(micros) * u128::from(TICKS);
    u64::try_from((ticks + 500_000) / 1_000_000).unwrap_or(u64::MAX)
}
