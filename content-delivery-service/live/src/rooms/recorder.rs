//! Stores what rooms record: the object of a segment first, then its row.
//!
//! A store may be far away, so the objects of some segments are written at the same time. Rows are written one after the other
//! in the order in which everything was made: a segment is recorded once it and all before it are stored, and a crash leaves
//! no hole. A write that fails is repeated as long as the lecture is this node's; meanwhile, the rest waits.

use super::backlog::Job;
use backing::objects::Objects;
use backing::{Clock, DbError};
use broadcasts::models::recording::{Recording, name_of};
use broadcasts::repositories::broadcast_repository::BroadcastRepository;
use broadcasts::repositories::recording_repository::{Fact, RecordingRepository, Summary, Watchable};
use bytes::Bytes;
use contracts::{ObjectKey, VideoId};
use futures::stream::{FuturesOrdered, StreamExt as _};
use live::packager::Rendition;
use renditions::models::lecture::{AudioTrack, Media, Rendition as Shown, RenditionState, VideoTrack};
use renditions::tasks::of_recording;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Objects of one lecture that are written at the same time.
const SIDE_BY_SIDE: usize = 4;
/// The pause before a failed write is repeated: the first one, and the longest.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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
}

impl Recorder {
    /// Stores everything that comes.
    pub(super) async fn run(self) -> Recorded {
        let Self {
            video,
            lease,
            mut jobs,
            store,
        } = self;
        let writer = Writer { video, lease, store };
        let mut puts = FuturesOrdered::new();
        let mut is_closed = false;
        loop {
            tokio::select! {
                Some(put) = puts.next() => {
                    let recorded = match put {
                        Some(job) => writer.note(&job).await,
                        None => Some(Recorded::Left),
                    };
                    if let Some(recorded) = recorded {
                        return recorded;
                    }
                }
                job = jobs.recv(), if !is_closed && puts.len() < SIDE_BY_SIDE => match job {
                    Some(job) => puts.push_back(writer.put(job)),
                    None => is_closed = true,
                },
                else => return Recorded::Left,
            }
        }
    }
}

/// Writes what one node records of a lecture.
struct Writer {
    video: VideoId,
    lease: i64,
    store: Store,
}

impl Writer {
    /// Writes a segment's object, however long the store needs for it; none if the lecture is no longer this node's.
    async fn put(&self, job: Job) -> Option<Job> {
        let Some((key, bytes)) = self.object(&job) else {
            return Some(job);
        };
        let mut pause = PAUSE;
        while let Err(error) = self.store.objects.put(&key, bytes.clone()).await {
            tracing::warn!(video = %self.video, %error, "a segment of a live lecture could not be stored yet");
            sleep(pause).await;
            pause = longer(pause);
            // Nobody would remove an object that comes long after the lecture was deleted.
            if !self.has_lecture().await {
                return None;
            }
        }
        Some(job)
    }

    /// The object of a segment that has one.
    fn object(&self, job: &Job) -> Option<(ObjectKey, Bytes)> {
        let Job::Store(Fact::Segment(rendition, segment), Some(waiting)) = job else {
            return None;
        };
        let key = ObjectKey::LiveSegment {
            video: self.video,
            rendition: name_of(*rendition)?,
            sequence: segment.sequence,
            lease: self.lease,
        };
        Some((key, waiting.bytes.clone()))
    }

    /// Whether the lecture is still this node's; waits for the database to say so.
    async fn has_lecture(&self) -> bool {
        loop {
            match self.store.recordings.is_held((self.video, self.lease)).await {
                Ok(is_held) => return is_held,
                Err(error) => {
                    tracing::warn!(video = %self.video, %error, "the recording of a live lecture waits for the database");
                    sleep(LONGEST_PAUSE).await;
                }
            }
        }
    }

    /// Writes down what is stored, however long the database needs for it; returns how the recording went if that was the end.
    async fn note(&self, job: &Job) -> Option<Recorded> {
        let of = (self.video, self.lease);
        let mut pause = PAUSE;
        loop {
            let noted = match job {
                Job::Store(fact, _) => {
                    let is_ours = self.store.recordings.note(of, fact).await;
                    is_ours.map(|is_ours| (!is_ours).then_some(Recorded::Left))
                }
                Job::Complete => self.store.complete(of).await.map(|()| Some(Recorded::Completely)),
            };
            match noted {
                Ok(recorded) => return recorded,
                Err(error) => {
                    tracing::warn!(video = %self.video, %error, "a part of a live lecture could not be recorded yet");
                    sleep(pause).await;
                    pause = longer(pause);
                }
            }
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

impl Store {
    /// Completes a lecture's recording with what is stored of it, unless it was held under another lease meanwhile.
    pub(super) async fn complete(&self, (video, lease): (VideoId, i64)) -> Result<(), DbError> {
        let Some(recording) = self.recordings.read(video).await? else {
            return Ok(());
        };
        self.recordings
            .complete((video, lease), &summary(&recording), self.clock.now())
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
