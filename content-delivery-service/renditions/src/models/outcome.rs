//! Outcomes of scans and surveys, as they are written.

use super::lecture::{AudioTrack, Media, Note, Reason, Rendition, RenditionState, VideoTrack};
use super::plan::Plan;
use super::survey::{ScannedTracks, Survey};
use contracts::RenditionName;
use fmp4::{IndexHead, Probe, TrackKind};

/// The outcome of a scan or survey for its video.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It can be watched from its first second, without encoding.
    Playable {
        /// Its tracks.
        source: Source,
        /// The renditions to encode in addition; there may be none.
        plan: Box<Plan>,
    },
    /// A survey has succeeded, and the renditions are planned.
    Planned {
        /// Its tracks.
        source: Source,
        /// The renditions to encode.
        plan: Box<Plan>,
    },
    /// It is the recording of a live lecture, whose tracks and published renditions are known.
    Recorded {
        /// The renditions to encode in addition; there may be none.
        plan: Box<Plan>,
    },
    /// It contains a lecture that has to be encoded first.
    NeedsTranscoding {
        /// Its tracks, as far as the scan could read them.
        source: Option<Source>,
        /// Why the lecture waits.
        reason: Reason,
        /// The stable code of the obstacle.
        obstacle: String,
        /// The tracks that the scan has chosen; none if it could not read the file.
        tracks: Option<ScannedTracks>,
    },
    /// It can't be made playable.
    Failed {
        /// Why it failed.
        reason: Reason,
    },
}

/// The contents of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The container's plain name, such as `mp4`.
    pub container: String,
    /// Units: microseconds
    pub duration_us: Option<i64>,
    /// Its tracks and renditions.
    pub media: Media,
}

/// The result of writing an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The outcome is written and the task is done.
    Done,
    /// The video was deleted or has failed meanwhile; the task is done.
    Gone,
    /// Another worker has the task; nothing was written.
    Overtaken,
}

impl Source {
    /// Describes a scanned source, with `head` if it can be played without encoding.
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
            notes: notes(probe.cut),
        };
        let duration_us = i64::try_from(probe.duration).ok();
        Self {
            container: probe.container.to_owned(),
            duration_us,
            media,
        }
    }

    /// Describes a surveyed source.
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
                notes: notes(survey.cut),
            },
        }
    }

    /// A source of which only the container is known.
    pub fn unread(container: &str) -> Self {
        Self {
            container: container.to_owned(),
            duration_us: None,
            media: Media::default(),
        }
    }
}

fn notes(cut: bool) -> Vec<Note> {
    if cut { vec![Note::EndMissing] } else { Vec::new() }
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
