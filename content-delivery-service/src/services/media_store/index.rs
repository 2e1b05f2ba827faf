//! The playlist of a lecture's renditions: what is cut from its source, and what is encoded of it so far.

use crate::models::media_path::{JUST_IN_TIME, Rendition};
use fmp4::{IndexHead, TrackKind};
use hls::{AudioRendition, Multivariant, Variant};
use renditions::models::publication::SOUND_BIT_RATE;
use renditions::models::published::{Ladder, Planned, PublishedRendition};

/// What is listed of a lecture's source as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its picture.
    picture: bool,
    /// Its sounds.
    sounds: bool,
}

impl Wanted {
    pub(super) fn any(self) -> bool {
        self.picture || self.sounds
    }
}

/// A source that can be played stands in for what is not encoded: its picture until the rungs are complete, or for good
/// where it is the top of the ladder; its sounds where none is encoded.
pub(super) fn wants_source(ladder: &Ladder) -> Wanted {
    let Some(plan) = &ladder.plan else {
        return Wanted {
            picture: true,
            sounds: true,
        };
    };
    let source = plan.source.as_ref();
    Wanted {
        picture: source.is_some_and(|source| source.stays || !ladder.complete),
        sounds: source.is_some() && plan.sounds.is_empty(),
    }
}

/// Lists what can be watched now.
pub(super) fn multivariant(head: Option<&IndexHead>, wanted: Wanted, ladder: &Ladder) -> Multivariant {
    let mut list = head.map(|head| of_source(head, wanted)).unwrap_or_default();
    // What is furthest comes first: whoever starts there has the most before him. The renditions come best first.
    let mut made: Vec<&PublishedRendition> = ladder.renditions.iter().collect();
    made.sort_by_key(|rendition| std::cmp::Reverse(rendition.length()));
    let is_picture =
        |rendition: &&PublishedRendition| matches!(ladder.planned(&rendition.name), Some((Planned::Picture(_), _)));
    let (pictures, mut sounds): (Vec<_>, Vec<_>) = made.into_iter().partition(is_picture);
    let pictures = whole_or_going_on(pictures, !list.variants.is_empty());
    let end = ladder.plan.as_ref().map_or(0, |plan| plan.video.end());
    let pictures = without_waiting(pictures, !list.variants.is_empty(), end);
    let has_picture = !pictures.is_empty() || !list.variants.is_empty();
    let in_plan = |rendition: &&PublishedRendition| ladder.renditions.iter().position(|one| one.name == rendition.name);
    sounds.sort_by_key(in_plan);
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

/// Leaves out what will never be complete, whose viewers would wait for ever, as long as there is something else.
fn whole_or_going_on(made: Vec<&PublishedRendition>, others: bool) -> Vec<&PublishedRendition> {
    let good = |rendition: &&PublishedRendition| rendition.complete || !rendition.failed;
    if others || made.iter().any(good) {
        made.into_iter().filter(good).collect()
    } else {
        made
    }
}

/// Leaves out what its viewers would catch up with: a player does not leave a rendition that just stops growing. The one
/// that is furthest is listed whatever its speed, where there is nothing else; the lowest of them, for it runs ahead.
fn without_waiting(made: Vec<&PublishedRendition>, others: bool, end: u64) -> Vec<&PublishedRendition> {
    let longest = made.iter().map(|one| one.length()).max();
    let furthest = made.iter().rfind(|one| Some(one.length()) == longest);
    let furthest = furthest.filter(|_| !others).map(|one| one.name.clone());
    let listed = made
        .into_iter()
        .filter(|one| one.keeps_ahead(end) || Some(&one.name) == furthest.as_ref());
    listed.collect()
}

fn variant(ladder: &Ladder, made: &PublishedRendition) -> Option<Variant> {
    let (Planned::Picture(rung), _) = ladder.planned(&made.name)? else {
        return None;
    };
    let (peak_bit_rate, average_bit_rate) = rates(made, u64::from(rung.bit_rate));
    Some(Variant {
        uri: uri(ladder.generation, &made.name),
        codec: made.codecs.clone(),
        peak_bit_rate,
        average_bit_rate,
        width: rung.width,
        height: rung.height,
        frame_rate: rung.frame_rate,
    })
}

fn sound(ladder: &Ladder, made: &PublishedRendition) -> Option<AudioRendition> {
    let (Planned::Sound(sound), _) = ladder.planned(&made.name)? else {
        return None;
    };
    // The encoder holds its rate on average; single segments may be a fifth above.
    let (peak_bit_rate, average_bit_rate) = rates(made, u64::from(SOUND_BIT_RATE) * 6 / 5);
    let language = known(sound.language.as_ref());
    Some(AudioRendition {
        uri: uri(ladder.generation, &made.name),
        codec: made.codecs.clone(),
        peak_bit_rate,
        average_bit_rate,
        name: language.clone().unwrap_or_else(|| "Audio".to_owned()),
        language,
        channels: sound.channels,
        default: false,
    })
}

/// Peak and average: as measured once all is there, before that what is promised.
fn rates(made: &PublishedRendition, promised: u64) -> (u64, Option<u64>) {
    if made.complete {
        (made.peak_bit_rate, Some(made.average_bit_rate))
    } else {
        (made.peak_bit_rate.max(promised), None)
    }
}

fn of_source(head: &IndexHead, wanted: Wanted) -> Multivariant {
    let mut list = Multivariant::default();
    for track in head.tracks() {
        match &track.kind {
            TrackKind::Video(shape) if wanted.picture => list.variants.push(Variant {
                uri: uri(JUST_IN_TIME, &Rendition::Source.name()),
                codec: track.codec_string.clone(),
                peak_bit_rate: track.peak_bit_rate,
                average_bit_rate: Some(track.average_bit_rate),
                width: shape.width,
                height: shape.height,
                frame_rate: shape.frame_rate,
            }),
            TrackKind::Audio(shape) if wanted.sounds => {
                let language = known(shape.language.as_ref());
                let n = u16::try_from(list.audio.len()).unwrap_or(u16::MAX);
                list.audio.push(AudioRendition {
                    uri: uri(JUST_IN_TIME, &Rendition::Audio(n).name()),
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

/// ISO 639-2 says `und` where nobody knows.
fn known(language: Option<&String>) -> Option<String> {
    language.filter(|language| *language != "und").cloned()
}

fn uri(generation: u32, name: &str) -> String {
    format!("{generation}/{name}/media.m3u8")
}
