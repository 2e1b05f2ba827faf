//! How far people are with a course, put together from what they have watched.

use contracts::questions::{Lecture, Watched};
use contracts::{ItemId, Timestamp, UserId, VideoId};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// An item of an outline, as far as progress needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) item: ItemId,
    pub(crate) video: VideoId,
    /// Its lecture was not deleted.
    pub(crate) lives: bool,
}

/// How far somebody is with one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemProgress {
    pub(crate) item: ItemId,
    /// None if it is not shown.
    pub(crate) video: Option<VideoId>,
    pub(crate) position: Duration,
    pub(crate) seen: Duration,
    /// None if it is not known yet, or if the lecture was deleted.
    pub(crate) duration: Option<Duration>,
    pub(crate) is_completed: bool,
}

/// How far somebody is with a course: items in their order, how many are completed, and of how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CourseProgress {
    pub(crate) items: Vec<ItemProgress>,
    pub(crate) completed: usize,
    pub(crate) of: usize,
}

/// The same without the items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) completed: usize,
    pub(crate) of: usize,
    pub(crate) seen: Duration,
    pub(crate) last_watched_at: Option<Timestamp>,
}

/// The lectures of a course that were not deleted, each once.
pub(crate) fn videos(parts: &[Part]) -> Vec<VideoId> {
    let mut known = HashSet::new();
    let living = parts.iter().filter(|part| part.lives).map(|part| part.video);
    living.filter(|video| known.insert(*video)).collect()
}

/// How far somebody is in a course in which this share of a lecture completes it. Items of deleted lectures stay, but nobody
/// has to complete them.
pub(crate) fn of_one(parts: &[Part], share: f64, lectures: Vec<Lecture>, watched: Vec<Watched>) -> CourseProgress {
    let durations: HashMap<VideoId, Option<Duration>> = lectures.into_iter().map(|it| (it.id, it.duration)).collect();
    let watched: HashMap<VideoId, Watched> = watched.into_iter().map(|it| (it.video, it)).collect();
    let progress = |part: &Part| {
        let seen = watched.get(&part.video).filter(|_| part.lives);
        ItemProgress {
            item: part.item,
            video: Some(part.video),
            position: seen.map_or(Duration::ZERO, |it| it.position),
            seen: seen.map_or(Duration::ZERO, |it| it.seen),
            duration: durations.get(&part.video).copied().flatten().filter(|_| part.lives),
            is_completed: seen.is_some_and(|it| it.is_completed_by(share)),
        }
    };
    let items: Vec<ItemProgress> = parts.iter().map(progress).collect();
    CourseProgress {
        completed: items.iter().filter(|it| it.is_completed).count(),
        of: parts.iter().filter(|part| part.lives).count(),
        items,
    }
}

/// How far each of many people is; who is not in the answer has watched nothing.
pub(crate) fn of_many(parts: &[Part], share: f64, watched: &[Watched]) -> HashMap<UserId, Totals> {
    let mut uses: HashMap<VideoId, usize> = HashMap::new();
    for part in parts.iter().filter(|part| part.lives) {
        *uses.entry(part.video).or_default() += 1;
    }
    let nothing = nothing(parts);
    let mut all: HashMap<UserId, Totals> = HashMap::new();
    for it in watched {
        let Some(items) = uses.get(&it.video) else { continue };
        let totals = all.entry(it.user).or_insert(nothing);
        totals.completed += if it.is_completed_by(share) { *items } else { 0 };
        totals.seen += it.seen;
        totals.last_watched_at = totals.last_watched_at.max(Some(it.watched_at));
    }
    all
}

/// How far somebody is who has watched nothing.
pub(crate) fn nothing(parts: &[Part]) -> Totals {
    Totals {
        of: parts.iter().filter(|part| part.lives).count(),
        ..Totals::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn part(video: VideoId, lives: bool) -> Part {
        Part {
            item: ItemId::generate(),
            video,
            lives,
        }
    }

    /// Seconds of a lecture of ten.
    fn watched(user: UserId, video: VideoId, seconds: u64) -> Watched {
        let seen = Duration::from_secs(seconds);
        Watched {
            user,
            video,
            position: seen,
            seen,
            duration: Some(Duration::from_secs(10)),
            is_completed: false,
            watched_at: NOW + seen,
        }
    }

    #[test]
    fn a_deleted_lecture_is_shown_and_nobody_has_to_complete_it() {
        let (user, one, gone) = (UserId::generate(), VideoId::generate(), VideoId::generate());
        let parts = [part(one, true), part(gone, false), part(one, true)];
        assert_eq!(videos(&parts), [one]);
        let seen = vec![watched(user, one, 9), watched(user, gone, 10)];
        let progress = of_one(&parts, 0.9, Vec::new(), seen.clone());
        assert_eq!((progress.completed, progress.of, progress.items.len()), (2, 2, 3));
        assert_eq!(progress.items[1].seen, Duration::ZERO);
        let totals = of_many(&parts, 0.9, &seen)[&user];
        assert_eq!((totals.completed, totals.of, totals.seen.as_secs()), (2, 2, 9));
        assert_eq!(totals.last_watched_at, Some(NOW + Duration::from_secs(9)));
        assert_eq!((nothing(&parts).of, nothing(&parts).last_watched_at), (2, None));
    }

    #[test]
    fn the_course_s_share_decides_what_is_completed_for_one_and_for_many_alike() {
        let (user, one, unknown) = (UserId::generate(), VideoId::generate(), VideoId::generate());
        let parts = [part(one, true), part(unknown, true)];
        // Nobody knows how long the second lecture lasts: what the content service says counts.
        let without_length = |is_completed| Watched {
            duration: None,
            is_completed,
            ..watched(user, unknown, 9)
        };
        for (share, is_completed, meant) in [
            (0.5, false, 1),
            (0.9, false, 1),
            (0.91, false, 0),
            (1.0, true, 1),
            (0.5, true, 2),
        ] {
            let seen = vec![watched(user, one, 9), without_length(is_completed)];
            assert_eq!(of_many(&parts, share, &seen)[&user].completed, meant, "{share}");
            assert_eq!(of_one(&parts, share, Vec::new(), seen).completed, meant, "{share}");
        }
    }
}
