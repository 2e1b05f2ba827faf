//! Removes what a complete lecture does not need: unpublished pieces of lost workers, and older plans.

use async_trait::async_trait;
use backing::objects::{ObjectError, Objects};
use backing::tasks::{Done, Job, JobError, Task};
use contracts::{ObjectKey, ObjectPrefix, VideoId};
use renditions::ledger::Ledger;
use renditions::tasks::{self, TidyTask};
use std::collections::HashSet;

/// Runs tasks of the kind `tidy`.
pub(crate) struct TidyJob {
    pub(crate) objects: Objects,
    pub(crate) ledger: Ledger,
}

#[async_trait]
impl Job for TidyJob {
    fn kind(&self) -> &'static str {
        TidyTask::KIND
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let TidyTask {
            video_id: video,
            generation,
            older,
        } = tasks::read(task)?;
        if older {
            self.ledger.forget_before(video, generation).await?;
        }
        let keep = self.named(video).await?;
        let retry = |error: ObjectError| JobError::store("unreferenced pieces could not be removed", &error);
        let stored = self.objects.list(&ObjectPrefix::Video(video)).await.map_err(retry)?;
        let mut removed = 0_u32;
        for key in stored.iter().filter(|key| !keep.contains(*key)) {
            if is_piece_up_to(key, video, generation) {
                self.objects.delete_listed(key).await.map_err(retry)?;
                removed += 1;
            }
        }
        if removed > 0 {
            tracing::info!(%video, removed, "unreferenced pieces were removed");
        }
        Ok(Done::Complete)
    }
}

impl TidyJob {
    /// The keys of all pieces that plans refer to.
    async fn named(&self, video: VideoId) -> Result<HashSet<String>, JobError> {
        let mut keys = HashSet::new();
        for generation in self.ledger.generations(video).await? {
            for (rendition, piece, fence) in self.ledger.referenced(video, generation).await? {
                let Ok(piece) = u32::try_from(piece) else {
                    continue;
                };
                let key = ObjectKey::VideoPiece {
                    video,
                    generation,
                    rendition,
                    piece,
                    fence,
                };
                keys.insert(key.to_string());
            }
        }
        Ok(keys)
    }
}

/// Whether a key is a piece of this or an earlier plan. The pieces of later plans may be stored and not yet published.
fn is_piece_up_to(key: &str, video: VideoId, generation: u32) -> bool {
    let below = key.strip_prefix(&format!("{}/", ObjectPrefix::Video(video)));
    let mut steps = below.unwrap_or_default().split('/');
    let of = steps.next().and_then(|step| step.parse::<u32>().ok());
    of.is_some_and(|of| of <= generation) && key.ends_with(".m4s")
}
