//! Surveys a source that needs encoding, with an encoder's probe.

use crate::encoder::{FFPROBE, installed};
use crate::failures;
use crate::sources::Sources;
use crate::survey::{SurveyError, survey_views};
use async_trait::async_trait;
use backing::db::{DbError, Tx};
use backing::objects::{ObjectError, Objects};
use backing::tasks::{Done, Job, JobError, Task};
use contracts::{ObjectKey, VideoId};
use renditions::ledger::{Finding, Ledger};
use renditions::tasks::{self, SurveyTask};
use sandbox::staging::Staging;
use sandbox::{RunError, Sandbox};

/// Runs tasks of the kind `survey`.
pub(crate) struct SurveyJob {
    pub(crate) objects: Objects,
    pub(crate) sources: Sources,
    pub(crate) ledger: Ledger,
    pub(crate) sandbox: Sandbox,
    pub(crate) staging: Staging,
}

#[async_trait]
impl Job for SurveyJob {
    fn kind(&self) -> &'static str {
        SurveyTask::KIND
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let SurveyTask { video_id, tracks } = tasks::read(task)?;
        let source = ObjectKey::VideoSource(video_id);
        match self.objects.size(&source).await {
            Ok(_) => {}
            Err(ObjectError::NotFound) => return self.record(video_id, &Finding::Missing, task).await,
            Err(error) => return Err(JobError::store("the source could not be read", &error)),
        }
        if let Some(waits) = installed::wait_for(FFPROBE, &self.ledger, video_id).await? {
            return Ok(waits);
        }
        let folder = self.staging.task(task.id).map_err(|error| failures::staging(&error))?;
        let views = self.sources.survey(&source, folder.path()).await?;
        let found = survey_views(&self.sandbox, &views, tracks, folder.path()).await;
        match found {
            Ok(found) => self.record(video_id, &Finding::Surveyed(&found), task).await,
            Err(SurveyError::Encoder(error)) => failures::encoder(&error, task, "read"),
            Err(SurveyError::Stalled) => failures::encoder(&RunError::Stalled, task, "read"),
            Err(error) => {
                tracing::info!(video = %video_id, %error, "an encoder can't read a source");
                let message = match &error {
                    // The tool's own message may contain paths of this machine.
                    SurveyError::Malformed(_) => {
                        "the file is damaged, or not of the type that it seems to be".to_owned()
                    }
                    other => other.to_string(),
                };
                self.record(video_id, &Finding::Unusable(error.code(), &message), task)
                    .await
            }
        }
    }

    async fn lock(&self, tx: &mut Tx, task: &Task) -> Result<(), DbError> {
        match tasks::read(task) {
            Ok(SurveyTask { video_id, .. }) => Ledger::lock(tx, video_id).await,
            Err(_) => Ok(()),
        }
    }

    async fn abandoned(&self, tx: &mut Tx, task: &Task, code: &str, message: &str) -> Result<(), DbError> {
        let Ok(SurveyTask { video_id, .. }) = tasks::read(task) else {
            return Ok(());
        };
        failures::count(code);
        self.ledger.unusable(tx, video_id, code, message).await
    }
}

impl SurveyJob {
    async fn record(&self, video: VideoId, finding: &Finding<'_>, task: &Task) -> Result<Done, JobError> {
        let recorded = self.ledger.record(video, finding, task).await;
        let recorded =
            recorded.map_err(|error| JobError::Retry(format!("the survey could not be recorded: {error}")))?;
        tracing::info!(%video, ?recorded, "a source was surveyed");
        if let Finding::Unusable(code, _) = finding {
            failures::count(code);
        }
        Ok(Done::AlreadyComplete)
    }
}
