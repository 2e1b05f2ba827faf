//! What rights rest on: one statement by indexes for viewers and lectures, for a course, or for many open sessions.
//!
//! None of them grows with the number of members: each looks up the membership of the viewer alone.

use crate::models::change::Affected;
use crate::models::grounds::{CourseGround, Grounds, Viewing};
use crate::models::sharing::{ShareKey, Visibility};
use backing::args;
use backing::db::{ColumnError, Db, DbError, Record, Row, Sql, Tx};
use contracts::{CourseAccess, CourseId, CourseStatus, PlaybackId, Timestamp, UserId, VideoId};
use runtime::{Gather, Spawner};
use serde_json::Value;

macro_rules! columns {
    () => {
        "v.owner_id, v.visibility, v.share_key, c.id AS course_id, c.sequence, c.status, c.access, c.opens_at, c.ends_at, i.opens_at AS module_opens_at, m.role"
    };
}

/// The courses that have a lecture, and a viewer's membership in each.
macro_rules! by_courses {
    ($viewer:literal) => {
        concat!(
            " LEFT JOIN course_items i ON i.video_id = v.id LEFT JOIN courses c ON c.id = i.course_id \
             LEFT JOIN course_members m ON m.user_id = ",
            $viewer,
            " AND m.course_id = i.course_id"
        )
    };
}

macro_rules! of_lectures {
    ($place:literal, $pairs:literal, $video:literal, $viewer:literal) => {
        concat!(
            "SELECT ",
            $place,
            " AS place, v.version, v.changes, v.policy_version, v.deleted_at, ",
            columns!(),
            " FROM ",
            $pairs,
            " videos v ON v.id = ",
            $video,
            by_courses!($viewer),
            " ORDER BY place"
        )
    };
}

/// Of pairs of a lecture and a viewer: the list is JSON, a text of each, the lecture's id in hexadecimal and then the viewer's,
/// who is nobody without one. SQLite is told to begin with the list. In order, rows come out at once, and whoever waits for them
/// is woken once.
const OF_LECTURES: Sql = Sql::both(
    of_lectures!(
        "json_each.key + 1",
        "json_each($1) CROSS JOIN",
        "unhex(substr(json_each.value, 1, 32))",
        "unhex(substr(json_each.value, 33))"
    ),
    of_lectures!(
        "asked.place",
        "unnest(ARRAY(SELECT json_array_elements_text($1::json))) WITH ORDINALITY AS asked (pair, place) JOIN",
        "substr(asked.pair, 1, 32)::uuid",
        "nullif(substr(asked.pair, 33), '')::uuid"
    ),
);

const OF_COURSE: &str = concat!(
    "SELECT v.id, v.status AS video_status, ",
    columns!(),
    " FROM courses c JOIN course_items i ON i.course_id = c.id JOIN videos v ON v.id = i.video_id \
     LEFT JOIN course_members m ON m.user_id = $2 AND m.course_id = c.id \
     WHERE c.id = $1 AND v.status <> 'deleted' ORDER BY i.place"
);

macro_rules! viewings {
    ($which:literal) => {
        concat!(
            "SELECT p.id, p.user_id, p.share_key AS brought, p.expires_at, ",
            columns!(),
            " FROM playbacks p JOIN videos v ON v.id = p.video_id",
            by_courses!("p.user_id"),
            " WHERE ",
            $which,
            " AND p.ended_at IS NULL AND p.expires_at > $1 AND NOT p.as_admin ORDER BY p.id"
        )
    };
}

const OF_VIEWERS: Sql = Sql::both(
    viewings!("p.video_id IN (SELECT unhex(value) FROM json_each($2))"),
    viewings!("p.video_id = ANY (ARRAY(SELECT json_array_elements_text($2::json)::uuid))"),
);
const OF_MEMBER: &str =
    viewings!("p.user_id = $2 AND p.video_id IN (SELECT video_id FROM course_items WHERE course_id = $3)");

macro_rules! sessions {
    ($which:literal) => {
        concat!(
            "SELECT id FROM playbacks WHERE ",
            $which,
            " AND ended_at IS NULL AND expires_at > $1 ORDER BY id"
        )
    };
}

/// Two changes at the same time, of two courses by which one person watches, must see each other. SQLite needs no lock: it
/// has one writer at a time.
const LOCK_OF_VIEWERS: Sql = Sql::both(
    sessions!("video_id IN (SELECT unhex(value) FROM json_each($2))"),
    concat!(
        sessions!("video_id = ANY (ARRAY(SELECT json_array_elements_text($2::json)::uuid))"),
        " FOR UPDATE"
    ),
);
const LOCK_OF_MEMBER: Sql = Sql::both(
    sessions!("user_id = $2 AND video_id IN (SELECT video_id FROM course_items WHERE course_id = $3)"),
    concat!(
        sessions!("user_id = $2 AND video_id IN (SELECT video_id FROM course_items WHERE course_id = $3)"),
        " FOR UPDATE"
    ),
);
const LOCK_COURSES: &str = "SELECT id FROM courses WHERE id = ANY (ARRAY(SELECT course_id FROM course_items \
    WHERE video_id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid)))) ORDER BY id FOR SHARE";

const LOCK_LECTURES: &str = "SELECT id FROM videos \
    WHERE id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid)) ORDER BY id FOR SHARE";

/// A row of the join: the owner, with whom it is shared, and one course if the lecture is in any.
struct Ground {
    owner: UserId,
    visibility: Visibility,
    share_key: Option<ShareKey>,
    course: Option<CourseGround>,
}

impl Ground {
    /// The grounds of a lecture of which this is the first row.
    fn begin(self) -> Grounds {
        Grounds {
            owner: self.owner,
            visibility: self.visibility,
            share_key: self.share_key,
            courses: self.course.into_iter().collect(),
        }
    }
}

impl Record for Ground {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        let status = row.named::<Option<String>>("status")?;
        let access = row.named::<Option<String>>("access")?;
        let role = row.named::<Option<String>>("role")?;
        let (opens_at, ends_at) = (row.named("opens_at")?, row.named("ends_at")?);
        let module_opens_at = row.named("module_opens_at")?;
        // A status, an access or a role that only a newer version knows lets nobody watch.
        let course = row.named::<Option<CourseId>>("course_id")?;
        let course = course.zip(row.named::<Option<i64>>("sequence")?);
        let known: Option<(CourseStatus, CourseAccess)> =
            status.and_then(|status| Some((status.parse().ok()?, access?.parse().ok()?)));
        let course = known
            .zip(course)
            .map(|((status, access), (course, sequence))| CourseGround {
                course,
                sequence,
                status,
                access,
                opens_at,
                ends_at,
                module_opens_at,
                role: role.and_then(|role| role.parse().ok()),
            });
        // A visibility that only a newer version knows shares the lecture with nobody.
        let visibility = row.named::<String>("visibility")?.parse().unwrap_or_default();
        Ok(Self {
            owner: row.named("owner_id")?,
            visibility,
            share_key: row.named::<Option<String>>("share_key")?.map(ShareKey::kept),
            course,
        })
    }
}

/// A row of a pair.
struct PairRow {
    place: i64,
    version: (i64, i64),
    policy: Option<i64>,
    ground: Ground,
}

impl Record for PairRow {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        let is_deleted = row.named::<Option<Timestamp>>("deleted_at")?.is_some();
        let policy = row.named("policy_version")?;
        Ok(Self {
            place: row.named("place")?,
            version: (row.named("version")?, row.named("changes")?),
            policy: Some(policy).filter(|_| !is_deleted),
            ground: Ground::read(row)?,
        })
    }
}

struct ListedRow {
    video: VideoId,
    status: String,
    ground: Ground,
}

impl Record for ListedRow {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        Ok(Self {
            video: row.named("id")?,
            status: row.named("video_status")?,
            ground: Ground::read(row)?,
        })
    }
}

struct ViewingRow {
    playback: PlaybackId,
    user: UserId,
    key: Option<String>,
    expires_at: Timestamp,
    ground: Ground,
}

impl Record for ViewingRow {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        Ok(Self {
            playback: row.named("id")?,
            user: row.named("user_id")?,
            key: row.named("brought")?,
            expires_at: row.named("expires_at")?,
            ground: Ground::read(row)?,
        })
    }
}

/// A lecture of a course, in the order of its outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The lecture.
    pub video: VideoId,
    /// The lecture's status, by name.
    pub status: String,
    /// What the viewer's right rests on, by this course alone.
    pub grounds: Grounds,
}

/// A lecture and a viewer of it, or nobody.
pub type Pair = (VideoId, Option<UserId>);

/// What a viewer's right rests on, and the lecture at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// What the right rests on.
    pub grounds: Grounds,
    /// The lecture's numbers of edits and of changes.
    pub version: (i64, i64),
    /// The version of the lecture's policy; none of a lecture that is deleted.
    pub policy: Option<i64>,
}

/// Reads what rights rest on.
#[derive(Clone)]
pub struct GroundsRepository {
    db: Db,
    pairs: Gather<Pair, Option<Situation>>,
}

impl GroundsRepository {
    /// A repository on content's schema.
    #[must_use]
    pub fn new(db: Db, spawner: Spawner) -> Self {
        let read = db.clone();
        let pairs = Gather::new(spawner, move |pairs: Vec<Pair>| {
            let db = read.clone();
            Box::pin(async move {
                let rows = db.read().all::<PairRow>(OF_LECTURES, args![texts(&pairs)]).await?;
                Ok(situations(rows, pairs.len()))
            })
        });
        Self { db, pairs }
    }

    /// How a viewer stands to a lecture, deleted or not; those who ask at the same time share a statement.
    pub async fn of(&self, video: VideoId, viewer: Option<UserId>) -> Result<Option<Situation>, DbError> {
        self.pairs.ask((video, viewer)).await
    }

    /// The lectures of a course in the order of its outline, each with a viewer's grounds.
    pub async fn of_course(&self, course: CourseId, viewer: Option<UserId>) -> Result<Vec<Listed>, DbError> {
        let rows = self.db.read().all::<ListedRow>(OF_COURSE, args![course, viewer]);
        let listed = rows.await?.into_iter().map(|row| Listed {
            video: row.video,
            status: row.status,
            grounds: row.ground.begin(),
        });
        Ok(listed.collect())
    }
}

/// How viewers stand to lectures; nothing that this rests on changes until the caller's transaction ends.
///
/// Shape: one for each pair, in their order; none where there is no such lecture
pub async fn held(tx: &mut Tx, pairs: &[Pair]) -> Result<Vec<Option<Situation>>, DbError> {
    let videos: Value = pairs.iter().map(|(video, _)| video.0.as_simple().to_string()).collect();
    // Statements of their own: the next one sees what those who held these before have committed.
    tx.lock(LOCK_COURSES, args![videos.clone()]).await?;
    tx.lock(LOCK_LECTURES, args![videos]).await?;
    let rows = tx.all::<PairRow>(OF_LECTURES, args![texts(pairs)]).await?;
    Ok(situations(rows, pairs.len()))
}

fn texts(pairs: &[Pair]) -> Value {
    let text = |(video, viewer): &Pair| {
        let viewer = viewer.map(|user| user.0.as_simple().to_string());
        format!("{}{}", video.0.as_simple(), viewer.unwrap_or_default())
    };
    pairs.iter().map(text).collect()
}

fn situations(rows: Vec<PairRow>, pairs: usize) -> Vec<Option<Situation>> {
    let mut all: Vec<Option<Situation>> = vec![None; pairs];
    for row in rows {
        let place = usize::try_from(row.place - 1).ok();
        match place.and_then(|place| all.get_mut(place)) {
            None => {}
            Some(Some(situation)) => situation.grounds.courses.extend(row.ground.course),
            Some(empty) => {
                *empty = Some(Situation {
                    grounds: row.ground.begin(),
                    version: row.version,
                    policy: row.policy,
                });
            }
        }
    }
    all
}

/// The open sessions that a change may end, each with its grounds after the change; in the transaction that makes it.
///
/// Shape: without the sessions that admins have opened as admins
pub async fn viewings(tx: &mut Tx, affected: &Affected, now: Timestamp) -> Result<Vec<Viewing>, DbError> {
    let (lock, of, values) = match affected {
        Affected::Nobody => return Ok(Vec::new()),
        Affected::Viewers(videos) => {
            let ids: Value = videos.iter().map(|id| id.0.as_simple().to_string()).collect();
            (LOCK_OF_VIEWERS, OF_VIEWERS, args![now, ids])
        }
        Affected::Member(course, user) => (LOCK_OF_MEMBER, OF_MEMBER.into(), args![now, *user, *course]),
    };
    tx.all::<(PlaybackId,)>(lock, values.clone()).await?;
    let mut all: Vec<Viewing> = Vec::new();
    for row in tx.all::<ViewingRow>(of, values).await? {
        match all.last_mut() {
            Some(last) if last.playback == row.playback => last.grounds.courses.extend(row.ground.course),
            _ => all.push(Viewing {
                playback: row.playback,
                user: row.user,
                key: row.key,
                expires_at: row.expires_at,
                grounds: row.ground.begin(),
            }),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
