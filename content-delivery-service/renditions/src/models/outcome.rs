//! What is known of a stored source once it was looked into.

use super::lecture::{AudioTrack, Media, Reason, Rendition, RenditionState, VideoTrack};
use super::plan::Plan;
use super::survey::Survey;
use contracts::RenditionName;
use fmp4::{IndexHead, Probe, TrackKind};

/// What a scan's verdict means for its video.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It can be watched from its first second, as it was uploaded.
    Playable {
        /// What it holds.
        source: Source,
        /// What is made of it beside; may ask for nothing.
        plan: Box<Plan>,
    },
    /// An encoder has looked into it, and what is made of it is planned.
    Planned {
        /// What it holds.
        source: Source,
        /// What is made of it.
        plan: Box<Plan>,
    },
    /// It holds a lecture that has to be encoded again first.
    NeedsTranscoding {
        /// What it holds, as far as that could be told.
        source: Option<Source>,
        /// Why it waits.
        reason: Reason,
        /// The obstacle's own stable code.
        obstacle: String,
    },
    /// It can't be made playable.
    Failed {
        /// Why.
        reason: Reason,
    },
}

/// What a source holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// `mp4`, `mov` and the like.
    pub container: String,
    /// Units: microseconds
    pub duration_us: Option<i64>,
    /// Its tracks and what is made of them.
    pub media: Media,
}

/// What became of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is written and the task is done.
    Done,
    /// The video was deleted meanwhile, or is already past this; the task is done.
    Gone,
    /// Another worker has taken the task over; nothing was written.
    Overtaken,
}

impl Source {
    /// Describes a scanned source; `head` is there where it can be played as it is.
    pub fn of(probe: &Probe, head: Option<&IndexHead>) -> Self {
        let media = Media {
            video: probe.video.as_ref().map(|track| VideoTrack {
                codec: track.codec.clone(),
                width: track.width,
                height: track.height,
                frame_rate: track.frame_rate,
                rotation: track.rotation,
            }),
            audio: probe
                .audio
                .iter()
                .map(|track| AudioTrack {
                    codec: track.codec.clone(),
                    channels: track.channels,
                    language: track.language.clone(),
                })
                .collect(),
            renditions: head.map(renditions).unwrap_or_default(),
        };
        let duration_us = i64::try_from(probe.duration).ok();
        Self {
            container: probe.container.to_owned(),
            duration_us,
            media,
        }
    }

    /// Describes a source that an encoder has looked into.
    pub fn surveyed(survey: &Survey) -> Self {
        let video = survey.video.as_ref().map(|track| VideoTrack {
            codec: track.codec.clone(),
            width: track.width,
            height: track.height,
            frame_rate: track.frame_rate,
            rotation: track.rotation,
        });
        let audio = survey.audio.iter().map(|track| AudioTrack {
            codec: track.codec.clone(),
            channels: track.channels,
            language: track.language.clone(),
        });
        Self {
            container: survey.container.clone(),
            duration_us: Some(survey.duration_us()),
            media: Media {
                video,
                audio: audio.collect(),
                renditions: Vec::new(),
            },
        }
    }

    /// A source of which the kind of container is all that is known.
    pub fn unread(container: &str) -> Self {
        Self {
            container: container.to_owned(),
            duration_us: None,
            media: Media::default(),
        }
    }
}

fn renditions(head: &IndexHead) -> Vec<Rendition> {
    let mut sounds = 0_u32;
    let tracks = head.tracks().iter().map(|track| {
        let (name, size) = match &track.kind {
            TrackKind::Video(shape) => (RenditionName::source(), Some((shape.width, shape.height))),
            TrackKind::Audio(_) => {
                sounds += 1;
                (RenditionName::sound(sounds), None)
            }
        };
        Rendition {
            name,
            codecs: track.codec_string.clone(),
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            bit_rate: i64::try_from(track.average_bit_rate).unwrap_or(i64::MAX),
            state: RenditionState::Ready,
            progress: 1.0,
            reason: None,
        }
    });
    tracks.collect()
}
