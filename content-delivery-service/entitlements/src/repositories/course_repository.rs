//! Courses and their members, as the last event of each says.
//!
//! Whoever changes a course or a membership of it holds the course's row until the commit; [`super::grounds_repository`]
//! locks it in the same way when a session opens.

use crate::models::change::{Affected, Change};
use backing::args;
use backing::db::{DbError, Sql, Tx};
use contracts::events::CourseChanged;
use contracts::{CourseId, CourseRole, EnrolmentId, EventData, UserId, VideoId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The status of a course that is gone; its row stays, so that no late event brings it back.
const DELETED: &str = "deleted";
/// More than any course has items.
const MOST_ITEMS: i64 = 1 << 20;
/// The kind of items that are lectures.
const VIDEO: &str = "video";

/// A course of which only a membership is known gets a row that lets nobody watch.
const LOCK: &str = "INSERT INTO courses (id, sequence, status, access) VALUES ($1, 0, 'draft', 'enrolled') \
                    ON CONFLICT (id) DO UPDATE SET sequence = courses.sequence RETURNING sequence, status";

/// The list is JSON, so that one statement serves lists of any length.
const ADD_ITEMS: Sql = Sql::both(
    "INSERT INTO course_items (course_id, place, video_id, opens_at) \
     SELECT $1, value ->> 'place', unhex(value ->> 'video'), value ->> 'opens_at' FROM json_each($2)",
    "INSERT INTO course_items (course_id, place, video_id, opens_at) \
     SELECT $1, (item ->> 'place')::bigint, (item ->> 'video')::uuid, (item ->> 'opens_at')::bigint \
     FROM json_array_elements($2::json) AS item",
);

/// Takes in an event of a course or of a membership, unless it is not newer than what is known; in the caller's transaction.
pub async fn take_in(tx: &mut Tx, subject: Uuid, sequence: i64, data: &EventData) -> Result<Change, DbError> {
    match data {
        EventData::CourseChanged(changed) => change_course(tx, subject.into(), sequence, changed).await,
        EventData::CourseDeleted(_) => delete_course(tx, subject.into(), sequence).await,
        EventData::EnrolmentChanged(now) => {
            let of = (now.course_id, now.user_id);
            change_member(tx, (subject.into(), sequence), of, Some(now.role)).await
        }
        EventData::EnrolmentEnded(ended) => {
            let of = (ended.course_id, ended.user_id);
            change_member(tx, (subject.into(), sequence), of, None).await
        }
        _ => Ok(Change::KNOWN),
    }
}

/// Locks a course; returns its last event's sequence, or none if it is gone.
async fn lock(tx: &mut Tx, course: CourseId) -> Result<Option<i64>, DbError> {
    let row = tx.one::<(i64, String)>(LOCK, args![course]).await?;
    Ok(row
        .filter(|(_, status)| status != DELETED)
        .map(|(sequence, _)| sequence))
}

async fn change_course(
    tx: &mut Tx,
    course: CourseId,
    sequence: i64,
    changed: &CourseChanged,
) -> Result<Change, DbError> {
    let Some(before) = lock(tx, course).await?.filter(|before| *before < sequence) else {
        return Ok(Change::KNOWN);
    };
    let sql = "UPDATE courses SET sequence = $2, status = $3, access = $4, opens_at = $5, ends_at = $6 WHERE id = $1";
    let values = args![
        course,
        sequence,
        changed.status.as_str(),
        changed.access.as_str(),
        changed.opens_at,
        changed.ends_at
    ];
    tx.run(sql, values).await?;
    let mut videos = replace_items(tx, course, sequence).await?;
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
    Ok(Change {
        affected: Affected::Viewers(videos.into_iter().collect()),
        is_gap: sequence > before + 1,
    })
}

async fn delete_course(tx: &mut Tx, course: CourseId, sequence: i64) -> Result<Change, DbError> {
    let Some(before) = lock(tx, course).await?.filter(|before| *before < sequence) else {
        return Ok(Change::KNOWN);
    };
    let sql = "UPDATE courses SET sequence = $2, status = $3, opens_at = NULL, ends_at = NULL WHERE id = $1";
    tx.run(sql, args![course, sequence, DELETED]).await?;
    let videos = remove_items(tx, course).await?;
    tx.run("DELETE FROM course_members WHERE course_id = $1", args![course])
        .await?;
    Ok(Change {
        affected: Affected::Viewers(videos.into_iter().collect()),
        is_gap: sequence > before + 1,
    })
}

/// Removes the items of a course before it gets those of an event, and returns their lectures. Deleted lectures stay, before
/// the others: who could watch one learns that it was deleted.
async fn replace_items(tx: &mut Tx, course: CourseId, sequence: i64) -> Result<BTreeSet<VideoId>, DbError> {
    let sql = "DELETE FROM course_items WHERE course_id = $1 AND NOT EXISTS (SELECT 1 FROM videos \
               WHERE videos.id = course_items.video_id AND videos.status = 'deleted') RETURNING video_id";
    let removed = tx.all::<(VideoId,)>(sql, args![course]).await?;
    // Places before all others, in which no earlier event has put anything.
    let sql = "UPDATE course_items SET place = place - $2 WHERE course_id = $1 AND place > 0";
    let most = sequence.saturating_mul(MOST_ITEMS);
    tx.run(sql, args![course, most]).await?;
    Ok(removed.into_iter().map(|(video,)| video).collect())
}

/// Removes the items of a course, and returns their lectures.
async fn remove_items(tx: &mut Tx, course: CourseId) -> Result<BTreeSet<VideoId>, DbError> {
    let sql = "DELETE FROM course_items WHERE course_id = $1 RETURNING video_id";
    let removed = tx.all::<(VideoId,)>(sql, args![course]).await?;
    Ok(removed.into_iter().map(|(video,)| video).collect())
}

/// Notes a member's role; none once the membership has ended.
async fn change_member(
    tx: &mut Tx,
    (id, sequence): (EnrolmentId, i64),
    (course, user): (CourseId, UserId),
    role: Option<CourseRole>,
) -> Result<Change, DbError> {
    if lock(tx, course).await?.is_none() {
        return Ok(Change::KNOWN);
    }
    let sql = "SELECT sequence FROM course_members WHERE id = $1";
    let before = tx.one::<(i64,)>(sql, args![id]).await?.map_or(0, |(before,)| before);
    if before >= sequence {
        return Ok(Change::KNOWN);
    }
    let sql = "INSERT INTO course_members (id, course_id, user_id, role, sequence) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (id) DO UPDATE SET role = excluded.role, sequence = excluded.sequence";
    let role = role.map(|role| role.as_str().to_owned());
    tx.run(sql, args![id, course, user, role, sequence]).await?;
    Ok(Change {
        affected: Affected::Member(course, user),
        is_gap: sequence > before + 1,
    })
}
