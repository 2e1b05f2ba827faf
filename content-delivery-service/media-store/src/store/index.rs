//! The playlist of a lecture's renditions: those that are cut from its source, and those that are encoded so far.

use crate::media_path::JUST_IN_TIME;
use contracts::RenditionName;
use fmp4::{IndexHead, TrackKind};
use hls::{AudioRendition, Multivariant, Variant};
use renditions::models::description::{Description, RenditionKind};
use renditions::models::published::{Ladder, PublishedRendition};

/// What is listed of a lecture's source as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FromSource {
    /// Its picture.
    picture: bool,
    /// Its sounds.
    sounds: bool,
}

impl FromSource {
    pub(super) fn any(self) -> bool {
        self.picture || self.sounds
    }
}

/// A source that can be played stands in for what is not encoded: its picture until the rungs are complete, or always
/// where it is the top of the ladder; its sounds where none is encoded.
pub(super) fn wants_source(ladder: &Ladder) -> FromSource {
    let has_sound = |all: &[Description]| all.iter().any(|one| one.size().is_none());
    let stands = |one: &Description| one.size().is_some() && !(one.stands_in && ladder.complete);
    FromSource {
        picture: ladder.source.iter().any(stands),
        sounds: has_sound(&ladder.source) && !has_sound(&ladder.planned),
    }
}

/// Lists the renditions that can be watched now.
pub(super) fn multivariant(head: Option<&IndexHead>, wanted: FromSource, ladder: &Ladder) -> Multivariant {
    let mut list = head.map(|head| of_source(head, wanted)).unwrap_or_default();
    // The rendition that is furthest comes first: a player that starts with it has the most ahead. The ladder's order is
    // best first.
    let mut made: Vec<&PublishedRendition> = ladder.renditions.iter().collect();
    made.sort_by_key(|rendition| std::cmp::Reverse(rendition.length()));
    let is_picture = |rendition: &&PublishedRendition| rendition.description.size().is_some();
    let (pictures, mut sounds): (Vec<_>, Vec<_>) = made.into_iter().partition(is_picture);
    let pictures = whole_or_going_on(pictures, !list.variants.is_empty());
    let pictures = without_waiting(pictures, !list.variants.is_empty());
    let has_picture = !pictures.is_empty() || !list.variants.is_empty();
    sounds.sort_by_key(|rendition| rendition.description.position);
    let sounds = whole_or_going_on(sounds, has_picture);
    list.variants
        .extend(pictures.into_iter().filter_map(|made| variant(ladder, made)));
    list.audio
        .extend(sounds.into_iter().filter_map(|made| sound(ladder, made)));
    if let Some(first) = list.audio.first_mut() {
        first.default = true;
    }
    list
}

/// The encoded pictures that are complete, the best first.
pub(super) fn complete_pictures(ladder: &Ladder) -> Vec<Variant> {
    let complete = ladder.renditions.iter().filter(|made| made.complete);
    complete.filter_map(|made| variant(ladder, made)).collect()
}

/// Leaves out renditions that will never be complete, whose viewers would wait forever, as long as there are others.
fn whole_or_going_on(made: Vec<&PublishedRendition>, others: bool) -> Vec<&PublishedRendition> {
    let good = |rendition: &&PublishedRendition| rendition.complete || !rendition.failed;
    if others || made.iter().any(good) {
        made.into_iter().filter(good).collect()
    } else {
        made
    }
}

/// Leaves out renditions with which viewers would catch up: a player does not leave a rendition that stops growing. If
/// no other is left, the one that is furthest is listed at any speed; of several, the lowest, which runs ahead.
fn without_waiting(made: Vec<&PublishedRendition>, others: bool) -> Vec<&PublishedRendition> {
    let longest = made.iter().map(|one| one.length()).max();
    let furthest = made.iter().rfind(|one| Some(one.length()) == longest);
    let furthest = furthest.filter(|_| !others).map(|one| one.description.name.clone());
    let listed = made
        .into_iter()
        .filter(|one| one.keeps_ahead() || Some(&one.description.name) == furthest.as_ref());
    listed.collect()
}

fn variant(ladder: &Ladder, made: &PublishedRendition) -> Option<Variant> {
    let RenditionKind::Picture {
        width,
        height,
        frame_rate,
    } = made.description.kind
    else {
        return None;
    };
    let (peak_bit_rate, average_bit_rate) = rates(made);
    Some(Variant {
        uri: uri(ladder.generation, &made.description.name),
        codec: made.description.codecs.clone().unwrap_or_default(),
        peak_bit_rate,
        average_bit_rate,
        width,
        height,
        frame_rate,
    })
}

fn sound(ladder: &Ladder, made: &PublishedRendition) -> Option<AudioRendition> {
    let RenditionKind::Sound { channels, language } = &made.description.kind else {
        return None;
    };
    let (peak_bit_rate, average_bit_rate) = rates(made);
    let language = known(language.as_ref());
    Some(AudioRendition {
        uri: uri(ladder.generation, &made.description.name),
        codec: made.description.codecs.clone().unwrap_or_default(),
        peak_bit_rate,
        average_bit_rate,
        name: language.clone().unwrap_or_else(|| "Audio".to_owned()),
        language,
        channels: u16::try_from(*channels).unwrap_or(u16::MAX),
        default: false,
    })
}

/// Peak and average: as measured once all segments are published, until then as promised.
fn rates(made: &PublishedRendition) -> (u64, Option<u64>) {
    if made.complete {
        (made.peak_bit_rate, Some(made.average_bit_rate))
    } else {
        (made.peak_bit_rate.max(made.description.bandwidth.unsigned_abs()), None)
    }
}

fn of_source(head: &IndexHead, wanted: FromSource) -> Multivariant {
    let mut list = Multivariant::default();
    for track in head.tracks() {
        match &track.kind {
            TrackKind::Video(shape) if wanted.picture => list.variants.push(Variant {
                uri: uri(JUST_IN_TIME, &RenditionName::source()),
                codec: track.codec_string.clone(),
                peak_bit_rate: track.peak_bit_rate,
                average_bit_rate: Some(track.average_bit_rate),
                width: shape.width,
                height: shape.height,
                frame_rate: shape.frame_rate,
            }),
            TrackKind::Audio(shape) if wanted.sounds => {
                let language = known(shape.language.as_ref());
                let n = u32::try_from(list.audio.len()).unwrap_or(u32::MAX).saturating_add(1);
                list.audio.push(AudioRendition {
                    uri: uri(JUST_IN_TIME, &RenditionName::sound(n)),
                    codec: track.codec_string.clone(),
                    peak_bit_rate: track.peak_bit_rate,
                    average_bit_rate: Some(track.average_bit_rate),
                    name: language.clone().unwrap_or_else(|| "Audio".to_owned()),
                    language,
                    channels: shape.channels,
                    default: false,
                });
            }
            TrackKind::Video(_) | TrackKind::Audio(_) => {}
        }
    }
    list
}

/// ISO 639-2 writes `und` for an unknown language.
fn known(language: Option<&String>) -> Option<String> {
    language.filter(|language| *language != "und").cloned()
}

fn uri(generation: u32, name: &RenditionName) -> String {
    format!("{generation}/{name}/media.m3u8")
}
