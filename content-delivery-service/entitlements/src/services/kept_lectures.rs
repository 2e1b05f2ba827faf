//! Lectures as they were a moment ago to those who only watch them.
//!
//! A lecture is kept for all who are signed in, and for all who are not, with the grounds that one
//! statement has read; a viewer's role is kept by course. A course and a role only meet if they were read at the same event
//! of the course (ADR 25), so that no right is composed of two moments. Whether the grounds suffice is decided for each
//! request. No grounds are used for longer than a second, in which other processes may have changed them, and none beyond a
//! change by this process. A document stays until nobody has watched the lecture for a minute, for those whose grounds were read
//! anew and who see the lecture at the version that it shows.

use crate::models::grounds::{CourseGround, Grounds};
use crate::models::rights::{Asker, Entitlement, Right, Visit, entitlement};
use backing::Clock;
use backing::db::{Db, Edition};
use bytes::Bytes;
use contracts::{CourseId, CourseRole, UserId, VideoId};
use moka::ops::compute::Op;
use moka::sync::Cache;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The tables that a lecture's document and the rights to it rest on.
const TABLES: &[&str] = &["videos", "courses", "course_items", "course_members"];
const KEPT: Duration = Duration::from_secs(1);
/// How long a document is kept that nobody asks for.
const KEPT_DOCUMENT: Duration = Duration::from_secs(60);
/// How many bytes of lectures are kept.
const KEPT_BYTES: u64 = 16 << 20;
/// How many viewers' roles are kept.
const KEPT_ROLES: u64 = 64 << 10;

/// A ready lecture as those see it who only watch it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Its document in JSON; none if nobody has asked for it.
    pub document: Option<Bytes>,
    /// Its numbers of edits and of changes.
    pub version: (i64, i64),
    /// The version of its policy.
    pub policy: i64,
    /// How long it is.
    pub duration: Duration,
}

/// The moment before a lecture is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    edition: u64,
    at: Instant,
}

struct Kept {
    reading: Reading,
    grounds: Grounds,
    shown: Shown,
}

impl Kept {
    fn bytes(&self) -> u32 {
        let courses = self.grounds.courses.len() * size_of::<CourseGround>();
        let document = self.shown.document.as_ref().map_or(0, Bytes::len);
        let bytes = size_of::<Self>() + courses + document;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// A viewer's role in a course, or none.
#[derive(Clone, Copy)]
struct KeptRole {
    reading: Reading,
    /// The course's last event then.
    sequence: i64,
    role: Option<CourseRole>,
}

/// Keeps lectures; clones share them.
#[derive(Clone)]
pub struct KeptLectures {
    edition: Edition,
    /// Separately for viewers who are signed in, and for those who are not.
    lectures: Cache<(VideoId, bool), Arc<Kept>>,
    roles: Cache<(UserId, CourseId), KeptRole>,
    clock: Clock,
}

impl KeptLectures {
    /// Keeps nothing yet.
    #[must_use]
    pub fn new(db: &Db, clock: Clock) -> Self {
        let lectures = Cache::builder().max_capacity(KEPT_BYTES).time_to_live(KEPT_DOCUMENT);
        let roles = Cache::builder().max_capacity(KEPT_ROLES).time_to_live(KEPT);
        Self {
            edition: db.watch(TABLES),
            lectures: lectures.weigher(|_, kept: &Arc<Kept>| kept.bytes()).build(),
            roles: roles.build(),
            clock,
        }
    }

    /// What is read after this moment may be kept; nothing may while it is not known what has changed.
    #[must_use]
    pub fn begin(&self) -> Option<Reading> {
        let at = Instant::now();
        self.edition.now().map(|edition| Reading { edition, at })
    }

    /// Keeps a lecture as somebody sees it who only watches it, and the document that is kept of the same version. What is kept
    /// from a later moment stays.
    pub fn keep(&self, reading: Reading, (video, asker): (VideoId, Option<Asker>), grounds: Grounds, mut shown: Shown) {
        if shown.document.is_none() {
            shown.document = self.document(shown.version, (video, asker)).map(|it| it.1);
        }
        if let Some(asker) = asker {
            for course in &grounds.courses {
                let kept = KeptRole {
                    reading,
                    sequence: course.sequence,
                    role: course.role,
                };
                put(&self.roles, (asker.user, course.course), kept, |it| it.reading);
            }
        }
        let kept = Kept {
            reading,
            grounds,
            shown,
        };
        put(&self.lectures, (video, asker.is_some()), Arc::new(kept), |it| {
            it.reading
        });
    }

    /// A lecture for somebody who may watch it and is neither its owner nor an admin, with their right; `None` says nothing about
    /// it.
    #[must_use]
    pub fn find(&self, video: VideoId, asker: Option<Asker>) -> Option<(Entitlement, Shown)> {
        let edition = self.edition.now()?;
        let kept = self.lectures.get(&(video, asker.is_some()))?;
        if !kept.reading.is_good(edition) {
            return None;
        }
        let Some(asker) = asker else {
            return self.shown_to(None, &kept.grounds, &kept);
        };
        let mut grounds = kept.grounds.clone();
        for course in &mut grounds.courses {
            let of = self.roles.get(&(asker.user, course.course))?;
            let is_of_one_moment = course.sequence != 0 && of.sequence == course.sequence;
            if !is_of_one_moment || !of.reading.is_good(edition) {
                return None;
            }
            course.role = of.role;
        }
        self.shown_to(Some(asker), &grounds, &kept)
    }

    /// A lecture and its document for those who only watch it, if it is kept at this version.
    #[must_use]
    pub fn document(&self, version: (i64, i64), (video, asker): (VideoId, Option<Asker>)) -> Option<(Shown, Bytes)> {
        let kept = self.lectures.get(&(video, asker.is_some()))?;
        let document = kept.shown.document.clone()?;
        (kept.shown.version == version).then(|| (kept.shown.clone(), document))
    }

    fn shown_to(&self, asker: Option<Asker>, grounds: &Grounds, kept: &Kept) -> Option<(Entitlement, Shown)> {
        let found = entitlement(grounds, Visit::from(asker), self.clock.now());
        (found.right == Right::Watch).then(|| (found, kept.shown.clone()))
    }
}

impl Reading {
    fn is_good(self, edition: u64) -> bool {
        self.edition == edition && self.at.elapsed() < KEPT
    }
}

/// Keeps a value unless one of a later reading is there.
fn put<K, V>(cache: &Cache<K, V>, key: K, value: V, reading: impl Fn(&V) -> Reading)
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    cache.entry(key).and_compute_with(|old| match old {
        Some(old) if reading(old.value()).at > reading(&value).at => Op::Nop,
        _ => Op::Put(value),
    });
}
