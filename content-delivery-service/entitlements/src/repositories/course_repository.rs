//! Courses and their members, as their events say.
//!
//! A course and its members have one history, whose events are numbered without gaps. What is here of a course is what it
//! was at one event: the next one is taken in, and one that comes too early takes nothing in but what it ends; then
//! course-management has to be asked for the history in between. So a right rests on a course and a membership of the same
//! moment, in whatever order events arrive (ADR 25).
//!
//! Whoever changes a course or a membership of it holds the course's row until the commit; [`super::grounds_repository`]
//! locks it in the same way when a session opens.

use crate::models::change::{Affected, Change};
use backing::args;
use backing::db::{ColumnError, Db, DbError, Record, Row, Sql, Tx};
use contracts::events::CourseChanged;
use contracts::{CourseId, CourseRole, CourseStatus, EventData, UserId, VideoId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// The status of a course that is gone; its row stays, so that no late event brings it back.
const DELETED: &str = "deleted";
/// More than any course has items.
const MOST_ITEMS: i64 = 1 << 20;
/// The kind of items that are lectures.
const VIDEO: &str = "video";
/// The number after which a history begins at its beginning.
const BEGINNING: i64 = i64::MIN;

/// A course of which nothing is known gets a row that lets nobody watch.
const LOCK: &str = "INSERT INTO courses (id, sequence, status, access) VALUES ($1, 0, 'draft', 'enrolled') \
                    ON CONFLICT (id) DO UPDATE SET sequence = courses.sequence RETURNING sequence, state_sequence, status";

/// The lists are JSON, so that one statement serves lists of any length.
const ADD_ITEMS: Sql = Sql::both(
    "INSERT INTO course_items (course_id, place, video_id, opens_at) \
     SELECT $1, value ->> 'place', unhex(value ->> 'video'), value ->> 'opens_at' FROM json_each($2)",
    "INSERT INTO course_items (course_id, place, video_id, opens_at) \
     SELECT $1, (item ->> 'place')::bigint, (item ->> 'video')::uuid, (item ->> 'opens_at')::bigint \
     FROM json_array_elements($2::json) AS item",
);
const SET_MEMBERS: Sql = Sql::both(
    "INSERT INTO course_members (course_id, user_id, role, sequence) \
     SELECT $1, unhex(value ->> 'user'), value ->> 'role', $2 FROM json_each($3) WHERE true \
     ON CONFLICT (user_id, course_id) DO UPDATE SET role = excluded.role, sequence = excluded.sequence \
     WHERE course_members.sequence <= excluded.sequence",
    "INSERT INTO course_members (course_id, user_id, role, sequence) \
     SELECT $1, (member ->> 'user')::uuid, member ->> 'role', $2 FROM json_array_elements($3::json) AS member \
     ON CONFLICT (user_id, course_id) DO UPDATE SET role = excluded.role, sequence = excluded.sequence \
     WHERE course_members.sequence <= excluded.sequence",
);
/// The rows of these courses; the list is JSON, so that one statement serves lists of any length.
const KNOWN: Sql = Sql::both(
    "SELECT id, sequence FROM courses WHERE id IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT id, sequence FROM courses WHERE id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))",
);

/// How far a course is known, while it is locked.
struct Held {
    /// The event up to which none is missing.
    sequence: i64,
    /// The last event of the course itself.
    state: i64,
    status: String,
}

impl Record for Held {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        Ok(Self {
            sequence: row.named("sequence")?,
            state: row.named("state_sequence")?,
            status: row.named("status")?,
        })
    }
}

/// Those of these courses, each with the number of its last event, that have later events than are known here; each with the
/// number after which its history is missing.
pub async fn behind(db: &Db, courses: &[(CourseId, i64)]) -> Result<Vec<(CourseId, i64)>, DbError> {
    let ids: Value = courses.iter().map(|(id, _)| id.0.as_simple().to_string()).collect();
    let known = db.read().all::<(CourseId, i64)>(KNOWN, args![ids]).await?;
    let known: HashMap<CourseId, i64> = known.into_iter().collect();
    let missing = courses.iter().filter_map(|(id, last)| match known.get(id) {
        Some(sequence) if sequence >= last => None,
        Some(0) | None => Some((*id, BEGINNING)),
        Some(sequence) => Some((*id, *sequence)),
    });
    Ok(missing.collect())
}

/// Takes in an event of a course or of a membership; in the caller's transaction.
pub async fn take_in(tx: &mut Tx, subject: Uuid, sequence: i64, data: &EventData) -> Result<Change, DbError> {
    let course = CourseId::from(subject);
    if let Some((of, ..)) = member(data)
        && of != course
    {
        return forget(tx, of).await;
    }
    let Some(held) = lock(tx, course).await?.filter(|held| held.sequence < sequence) else {
        return Ok(Change::KNOWN);
    };
    // After an early event of the course, its row mixes two moments: only the course's history can bring it up to date.
    let is_early = sequence > held.sequence + 1 || held.state > held.sequence;
    if is_early && !matches!(data, EventData::CourseDeleted(_)) {
        return end_early(tx, (course, sequence), &held, data).await;
    }
    let affected = match data {
        EventData::CourseChanged(changed) => Affected::Viewers(change_course(tx, course, sequence, changed).await?),
        EventData::CourseDeleted(_) => Affected::Viewers(delete_course(tx, course).await?),
        other => change_member(tx, (course, sequence), other).await?,
    };
    reach(tx, course, sequence).await?;
    let is_gap = false;
    Ok(Change { affected, is_gap })
}

/// Takes in the history of a course since an event up to which it is known, as course-management answers it: `events` are all
/// of its parts, `sequence` is the last one's.
pub async fn take_in_history(
    tx: &mut Tx,
    course: CourseId,
    sequence: i64,
    events: &[EventData],
) -> Result<Change, DbError> {
    let is_gone = events.iter().any(|event| matches!(event, EventData::CourseDeleted(_)));
    // An early event may be later than the answer; it has asked for another one.
    let is_news = |held: &Held| held.sequence < sequence && (held.state <= sequence || is_gone);
    if !lock(tx, course).await?.as_ref().is_some_and(is_news) {
        return Ok(Change::KNOWN);
    }
    // The last word on each member counts, so that one statement writes no row twice.
    let members: BTreeMap<UserId, Option<CourseRole>> = events
        .iter()
        .filter_map(member)
        .map(|(_, user, role)| (user, role))
        .collect();
    let members: Vec<Value> = members
        .into_iter()
        .map(|(user, role)| json!({"user": user.0.as_simple().to_string(), "role": role.map(CourseRole::as_str)}))
        .collect();
    tx.run(SET_MEMBERS, args![course, sequence, Value::from(members)])
        .await?;
    let mut videos = Vec::new();
    for event in events {
        match event {
            EventData::CourseChanged(changed) => videos = change_course(tx, course, sequence, changed).await?,
            EventData::CourseDeleted(_) => videos = delete_course(tx, course).await?,
            _ => {}
        }
    }
    reach(tx, course, sequence).await?;
    let (affected, is_gap) = (Affected::Viewers(videos), false);
    Ok(Change { affected, is_gap })
}

/// Asks for everything of a course again, and for every course that is behind: memberships once had histories of their own,
/// and an event of one is still on its way from then.
async fn forget(tx: &mut Tx, course: CourseId) -> Result<Change, DbError> {
    let sql = "UPDATE courses SET sequence = 0 WHERE id = $1 AND status <> $2";
    tx.run(sql, args![course, DELETED]).await?;
    tx.run("DELETE FROM course_changes_read", args![]).await?;
    let (affected, is_gap) = (Affected::Nobody, true);
    Ok(Change { affected, is_gap })
}

/// Locks a course; none if it is gone.
async fn lock(tx: &mut Tx, course: CourseId) -> Result<Option<Held>, DbError> {
    let row = tx.one::<Held>(LOCK, args![course]).await?;
    Ok(row.filter(|held| held.status != DELETED))
}

/// Notes that no event up to this one is missing.
async fn reach(tx: &mut Tx, course: CourseId, sequence: i64) -> Result<(), DbError> {
    let sql = "UPDATE courses SET sequence = $2 WHERE id = $1";
    tx.run(sql, args![course, sequence]).await.map(|_| ())
}

/// The course, the user and the role that an event of a membership tells of; no role once it has ended.
fn member(data: &EventData) -> Option<(CourseId, UserId, Option<CourseRole>)> {
    match data {
        EventData::EnrolmentChanged(now) => Some((now.course_id, now.user_id, Some(now.role))),
        EventData::EnrolmentEnded(ended) => Some((ended.course_id, ended.user_id, None)),
        _ => None,
    }
}

/// Takes of an event that comes before others what it ends: a membership, what a teacher may, the course's publication.
/// Less than what was true at an earlier event is no right that never was.
async fn end_early(
    tx: &mut Tx,
    (course, sequence): (CourseId, i64),
    held: &Held,
    data: &EventData,
) -> Result<Change, DbError> {
    let affected = match data {
        EventData::EnrolmentEnded(_) => change_member(tx, (course, sequence), data).await?,
        EventData::EnrolmentChanged(now) if now.role == CourseRole::Learner => {
            // The number stays: an end of the membership before this event is still to come, and counts.
            let sql = "UPDATE course_members SET role = $3 WHERE user_id = $1 AND course_id = $2 \
                       AND role <> $3 AND sequence < $4";
            let values = args![now.user_id, course, now.role.as_str(), sequence];
            let set = tx.run(sql, values).await?;
            if set == 0 {
                Affected::Nobody
            } else {
                Affected::Member(course, now.user_id)
            }
        }
        EventData::CourseChanged(changed)
            if held.state < sequence
                && held.status == CourseStatus::Published.as_str()
                && changed.status != CourseStatus::Published =>
        {
            let sql = "UPDATE courses SET status = $2, state_sequence = $3 WHERE id = $1";
            tx.run(sql, args![course, changed.status.as_str(), sequence]).await?;
            let sql = "SELECT DISTINCT video_id FROM course_items WHERE course_id = $1";
            let videos = tx.all::<(VideoId,)>(sql, args![course]).await?;
            Affected::Viewers(videos.into_iter().map(|(video,)| video).collect())
        }
        _ => Affected::Nobody,
    };
    let is_gap = true;
    Ok(Change { affected, is_gap })
}

/// Sets what a course is; returns the lectures that it has and had.
async fn change_course(
    tx: &mut Tx,
    course: CourseId,
    sequence: i64,
    changed: &CourseChanged,
) -> Result<Vec<VideoId>, DbError> {
    let sql =
        "UPDATE courses SET state_sequence = $2, status = $3, access = $4, opens_at = $5, ends_at = $6 WHERE id = $1";
    let values = args![
        course,
        sequence,
        changed.status.as_str(),
        changed.access.as_str(),
        changed.opens_at,
        changed.ends_at
    ];
    tx.run(sql, values).await?;
    let mut videos = replace_items(tx, course).await?;
    let modules = changed.modules.iter();
    let lectures = modules.flat_map(|module| {
        let lectures = module.items.iter().filter(|item| item.kind == VIDEO);
        lectures.map(move |item| (item.content_id, module.opens_at))
    });
    let items: Vec<Value> = (1..)
        .zip(lectures)
        .map(|(place, (video, opens_at))| {
            videos.insert(video.into());
            let opens_at = opens_at.map(|moment| moment.0);
            json!({"place": place, "video": video.as_simple().to_string(), "opens_at": opens_at})
        })
        .collect();
    tx.run(ADD_ITEMS, args![course, Value::from(items)]).await?;
    Ok(videos.into_iter().collect())
}

/// Ends a course for good; returns the lectures that it had.
async fn delete_course(tx: &mut Tx, course: CourseId) -> Result<Vec<VideoId>, DbError> {
    let sql = "UPDATE courses SET status = $2, opens_at = NULL, ends_at = NULL WHERE id = $1";
    tx.run(sql, args![course, DELETED]).await?;
    let sql = "DELETE FROM course_items WHERE course_id = $1 RETURNING video_id";
    let removed = tx.all::<(VideoId,)>(sql, args![course]).await?;
    tx.run("DELETE FROM course_members WHERE course_id = $1", args![course])
        .await?;
    let videos: BTreeSet<VideoId> = removed.into_iter().map(|(video,)| video).collect();
    Ok(videos.into_iter().collect())
}

/// Removes the items of a course before it gets those of an event, and returns their lectures. Deleted lectures stay, before
/// the others: who could watch one learns that it was deleted.
async fn replace_items(tx: &mut Tx, course: CourseId) -> Result<BTreeSet<VideoId>, DbError> {
    let sql = "DELETE FROM course_items WHERE course_id = $1 AND NOT EXISTS (SELECT 1 FROM videos \
               WHERE videos.id = course_items.video_id AND videos.status = 'deleted') RETURNING video_id";
    let removed = tx.all::<(VideoId,)>(sql, args![course]).await?;
    // Places before all others.
    let sql = "SELECT MIN(place) FROM course_items WHERE course_id = $1";
    let first = tx
        .one::<(Option<i64>,)>(sql, args![course])
        .await?
        .and_then(|(first,)| first);
    let sql = "UPDATE course_items SET place = place - $2 WHERE course_id = $1 AND place > 0";
    tx.run(sql, args![course, MOST_ITEMS - first.unwrap_or(0).min(0)])
        .await?;
    Ok(removed.into_iter().map(|(video,)| video).collect())
}

/// Notes what an event says of a member, unless a later one has said it.
async fn change_member(
    tx: &mut Tx,
    (course, sequence): (CourseId, i64),
    data: &EventData,
) -> Result<Affected, DbError> {
    let Some((_, user, role)) = member(data) else {
        return Ok(Affected::Nobody);
    };
    let sql = "INSERT INTO course_members (course_id, user_id, role, sequence) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (user_id, course_id) DO UPDATE SET role = excluded.role, sequence = excluded.sequence \
               WHERE course_members.sequence < excluded.sequence";
    let role = role.map(|role| role.as_str().to_owned());
    let set = tx.run(sql, args![course, user, role, sequence]).await?;
    Ok(if set == 0 {
        Affected::Nobody
    } else {
        Affected::Member(course, user)
    })
}
