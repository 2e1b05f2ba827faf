//! Stores what rooms record: the object of a segment first, then its row.

use super::stream::Job;
use backing::objects::Objects;
use backing::{Clock, DbError};
use broadcasts::models::recording::{Recording, name_of};
use broadcasts::repositories::broadcast_repository::BroadcastRepository;
use broadcasts::repositories::recording_repository::{Fact, RecordingRepository, Summary, Watchable};
use bytes::Bytes;
use contracts::{ObjectKey, VideoId};
use live::packager::{Rendition, SegmentState};
use renditions::models::lecture::{AudioTrack, Media, Rendition as Shown, RenditionState, VideoTrack};
use renditions::tasks::of_recording;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// How long a write is repeated before the recording is given up here; its publisher then has to come again.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// Where recordings are kept.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) broadcasts: BroadcastRepository,
    pub(super) recordings: RecordingRepository,
    pub(super) objects: Objects,
    pub(super) clock: Clock,
    /// This node's address.
    pub(super) node: String,
}

/// The recording of one room.
pub(super) struct Recorder {
    pub(super) video: VideoId,
    pub(super) lease: i64,
    pub(super) jobs: mpsc::UnboundedReceiver<Job>,
    pub(super) store: Store,
}

/// How a recording went on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It is complete.
    Completely,
    /// The room was left: another node has the lecture, or this process ends.
    Left,
    /// The store does not take it.
    Lost,
}

impl Recorder {
    /// Stores everything that comes.
    pub(super) async fn run(mut self) -> Recorded {
        while let Some(job) = self.jobs.recv().await {
            let begun = Instant::now();
            loop {
                match self.store(&job).await {
                    Ok(Some(recorded)) => return recorded,
                    Ok(None) => break,
                    Err(error) if begun.elapsed() < PATIENCE => {
                        tracing::warn!(video = %self.video, %error, "a part of a live lecture could not be stored yet");
                        sleep(PAUSE).await;
                    }
                    Err(error) => {
                        tracing::error!(video = %self.video, %error, "a live lecture can't be recorded");
                        return Recorded::Lost;
                    }
                }
            }
        }
        Recorded::Left
    }

    async fn store(&self, job: &Job) -> Result<Option<Recorded>, String> {
        let of = (self.video, self.lease);
        let fact = match job {
            Job::Complete => {
                let completed = self.store.complete(self.video).await;
                return completed
                    .map(|()| Some(Recorded::Completely))
                    .map_err(|error| error.to_string());
            }
            Job::Store(fact, bytes) => {
                if let (Fact::Segment(rendition, segment), Some(bytes)) = (fact, bytes) {
                    self.put(*rendition, segment, bytes).await?;
                }
                fact
            }
        };
        let is_ours = self
            .store
            .recordings
            .note(of, fact)
            .await
            .map_err(|error| error.to_string())?;
        Ok((!is_ours).then_some(Recorded::Left))
    }

    async fn put(&self, rendition: Rendition, segment: &SegmentState, bytes: &Bytes) -> Result<(), String> {
        let Some(name) = name_of(rendition) else {
            return Ok(());
        };
        let key = ObjectKey::LiveSegment {
            video: self.video,
            rendition: name,
            sequence: segment.sequence,
            lease: self.lease,
        };
        let put = self.store.objects.put(&key, bytes.clone()).await;
        put.map_err(|error| error.to_string())
    }
}

impl Store {
    /// Completes a lecture's recording with what is stored of it.
    pub(super) async fn complete(&self, video: VideoId) -> Result<(), DbError> {
        let Some(recording) = self.recordings.read(video).await? else {
            return Ok(());
        };
        self.recordings
            .complete(video, &summary(&recording), self.clock.now())
            .await?;
        Ok(())
    }
}

fn summary(recording: &Recording) -> Summary {
    let shown: Vec<Shown> = recording
        .renditions
        .keys()
        .filter_map(|it| shown(recording, *it))
        .collect();
    let is_empty = recording.state().is_none() || shown.is_empty();
    let media = Media {
        video: picture(recording),
        audio: sound(recording).into_iter().collect(),
        renditions: shown,
        notes: Vec::new(),
    };
    let media = serde_json::to_string(&media).ok().filter(|_| !is_empty);
    Summary {
        duration: recording.duration(),
        bytes: recording.bytes(),
        media: media.map(|media| Watchable {
            media,
            then: of_recording,
        }),
    }
}

/// A rendition as people see it.
fn shown(recording: &Recording, rendition: Rendition) -> Option<Shown> {
    let stored = recording.renditions.get(&rendition)?;
    let (init, _) = stored.inits.values().last()?;
    let segments = || stored.segments.values().map(|it| &it.state).filter(|it| !it.is_gap());
    segments().next()?;
    let (bytes, micros) = segments().fold((0, 0), |(bytes, micros), it| (bytes + it.bytes, micros + it.duration));
    let is_picture = rendition.is_picture();
    Some(Shown {
        name: name_of(rendition)?,
        codecs: init.codec.clone(),
        width: is_picture.then_some(init.width),
        height: is_picture.then_some(init.height),
        bit_rate: i64::try_from(bytes * 8_000_000 / micros.max(1)).unwrap_or(i64::MAX),
        state: RenditionState::Ready,
        progress: 1.0,
        reason: None,
    })
}

/// The best layer of the picture.
fn picture(recording: &Recording) -> Option<VideoTrack> {
    let (_, stored) = recording.renditions.iter().rfind(|(it, _)| it.is_picture())?;
    let (init, _) = stored.inits.values().last()?;
    let segments = stored.segments.values().map(|it| &it.state);
    let (frames, micros) = segments
        .filter(|it| !it.is_gap())
        .fold((0_u32, 0_u64), |(frames, micros), it| {
            (frames.saturating_add(it.frames), micros + it.duration)
        });
    let seconds = Duration::from_micros(micros).as_secs_f64();
    Some(VideoTrack {
        codec: "h264".to_owned(),
        width: init.width,
        height: init.height,
        frame_rate: if seconds > 0.0 {
            (f64::from(frames) / seconds * 100.0).round() / 100.0
        } else {
            0.0
        },
        rotation: 0,
    })
}

/// The sound, which is one track whatever it is encoded as.
fn sound(recording: &Recording) -> Option<AudioTrack> {
    let of = |rendition| recording.renditions.get(&rendition)?.inits.values().last();
    let (codec, (init, _)) = of(Rendition::Opus)
        .map(|it| ("opus", it))
        .or_else(|| of(Rendition::Aac).map(|it| ("aac", it)))?;
    Some(AudioTrack {
        codec: codec.to_owned(),
        channels: u16::from(init.channels),
        language: None,
    })
}
