//! What has changed since somebody asked last: the last event of each course and of each membership.

use crate::repositories::published::{Membership, OutlineRow, courses, membership_columns, outline};
use backing::db::{ColumnError, Db, DbError, Record, Row, Sql, Value as Argument};
use backing::{args, record};
use contracts::events::CourseDeleted;
use contracts::questions::{ChangePosition, LastEvent};
use contracts::{CourseId, EnrolmentId, EventData, Timestamp, UserId};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// The next aggregates that have changed, each kind by its own index.
const CHANGED: &str = "SELECT kind, id, changed_at FROM ( \
    SELECT * FROM (SELECT 'course' AS kind, id, updated_at AS changed_at FROM courses \
        WHERE (updated_at, id) > ($1, $2) ORDER BY updated_at, id LIMIT $3) AS c \
    UNION ALL SELECT * FROM (SELECT 'deletion' AS kind, id, deleted_at AS changed_at FROM deleted_courses \
        WHERE (deleted_at, id) > ($1, $2) ORDER BY deleted_at, id LIMIT $3) AS d \
    UNION ALL SELECT * FROM (SELECT 'enrolment' AS kind, id, changed_at FROM enrolments \
        WHERE (changed_at, id) > ($1, $2) ORDER BY changed_at, id LIMIT $3) AS e \
    ) AS changes ORDER BY changed_at, id LIMIT $3";

/// A state and the sequence of the event that says it are from one moment, because one statement reads both. The lists are
/// JSON, so that one statement serves lists of any length.
macro_rules! outlines {
    ($ids:literal) => {
        outline!(
            ", (SELECT a.sequence FROM outbox_aggregates a WHERE a.subject = c.id) AS sequence",
            $ids
        )
    };
}
macro_rules! memberships {
    ($ids:literal) => {
        concat!(
            "SELECT id, ",
            membership_columns!(),
            ", a.sequence FROM enrolments JOIN outbox_aggregates a ON a.subject = id WHERE id ",
            $ids
        )
    };
}
macro_rules! deletions {
    ($ids:literal) => {
        concat!(
            "SELECT id, owner_id, a.sequence FROM deleted_courses JOIN outbox_aggregates a ON a.subject = id WHERE id ",
            $ids
        )
    };
}
const COURSES: Sql = Sql::both(
    outlines!("WHERE c.id IN (SELECT unhex(value) FROM json_each($1))"),
    outlines!("WHERE c.id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))"),
);
const MEMBERSHIPS: Sql = Sql::both(
    memberships!("IN (SELECT unhex(value) FROM json_each($1))"),
    memberships!("= ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))"),
);
const DELETIONS: Sql = Sql::both(
    deletions!("IN (SELECT unhex(value) FROM json_each($1))"),
    deletions!("= ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))"),
);
/// How many modules and items courses have.
macro_rules! parts {
    ($ids:literal) => {
        concat!(
            "SELECT c.id, (SELECT COUNT(*) FROM modules m WHERE m.course_id = c.id) \
             + (SELECT COUNT(*) FROM items i WHERE i.course_id = c.id) FROM courses c WHERE c.id ",
            $ids
        )
    };
}
const PARTS: Sql = Sql::both(
    parts!("IN (SELECT unhex(value) FROM json_each($1))"),
    parts!("= ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))"),
);
const OF_USER: &str = "SELECT id FROM enrolments WHERE course_id = $1 AND user_id = $2";

record! {
    struct Changed {
        kind: String,
        id: Uuid,
        changed_at: Timestamp,
    }
}

struct Numbered<T> {
    row: T,
    sequence: i64,
}

impl<T: Record> Record for Numbered<T> {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        Ok(Self {
            sequence: row.named("sequence")?,
            row: T::read(row)?,
        })
    }
}

struct Identified<T> {
    id: Uuid,
    row: T,
}

impl<T: Record> Record for Identified<T> {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        Ok(Self {
            id: row.named("id")?,
            row: T::read(row)?,
        })
    }
}

record! {
    struct Deleted {
        owner_id: UserId,
    }
}

/// Reads what has changed.
#[derive(Clone)]
pub struct ChangeRepository {
    db: Db,
}

impl ChangeRepository {
    /// A repository on this service's schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The last events of the next aggregates that have changed, and where those after them begin; none if there are no
    /// more. They are at most `most`, and their courses have at most `parts` modules and items, unless the first one alone
    /// has more.
    pub async fn changed_after(
        &self,
        ChangePosition { at, id }: ChangePosition,
        most: i64,
        parts: i64,
    ) -> Result<(Vec<LastEvent>, Option<ChangePosition>), DbError> {
        let mut changed = self.db.read().all::<Changed>(CHANGED, args![at, id, most]).await?;
        let fitting = self.fitting(&changed, parts).await?;
        let has_more = fitting < changed.len() || i64::try_from(changed.len()).unwrap_or(i64::MAX) >= most;
        changed.truncate(fitting);
        let next = changed.last().filter(|_| has_more).map(|last| ChangePosition {
            at: last.changed_at,
            id: last.id,
        });
        let mut events = self.courses(&of_kind("course", &changed)).await?;
        events.extend(self.deletions(&of_kind("deletion", &changed)).await?);
        events.extend(self.memberships(&of_kind("enrolment", &changed)).await?);
        Ok((events, next))
    }

    /// How many of these, from the first one on, have no more parts than that together; at least one.
    async fn fitting(&self, changed: &[Changed], most: i64) -> Result<usize, DbError> {
        let parts = self.read::<(Uuid, i64)>(PARTS, &of_kind("course", changed)).await?;
        let parts: HashMap<Uuid, i64> = parts.into_iter().collect();
        let mut sum = 0;
        let fits = changed.iter().take_while(|it| {
            sum += parts.get(&it.id).copied().unwrap_or(0);
            sum <= most
        });
        Ok(fits.count().max(1))
    }

    /// The last events of a course and of a user's membership in it, as far as there are any.
    pub async fn last_events(&self, course: CourseId, user: UserId) -> Result<Vec<LastEvent>, DbError> {
        let membership = self.db.read().one::<(EnrolmentId,)>(OF_USER, args![course, user]);
        let membership: Vec<Uuid> = membership.await?.into_iter().map(|(id,)| id.0).collect();
        let mut events = self.courses(&[course.0]).await?;
        events.extend(self.deletions(&[course.0]).await?);
        events.extend(self.memberships(&membership).await?);
        Ok(events)
    }

    async fn courses(&self, ids: &[Uuid]) -> Result<Vec<LastEvent>, DbError> {
        let rows = self.read::<Numbered<OutlineRow>>(COURSES, ids).await?;
        let sequences: HashMap<CourseId, i64> = rows.iter().map(|it| (it.row.id, it.sequence)).collect();
        let outlines = courses(rows.into_iter().map(|it| it.row).collect());
        let events = outlines.into_iter().filter_map(|(id, course)| {
            Some(LastEvent {
                subject: id.0,
                sequence: *sequences.get(&id)?,
                data: course.into(),
            })
        });
        Ok(events.collect())
    }

    async fn deletions(&self, ids: &[Uuid]) -> Result<Vec<LastEvent>, DbError> {
        let rows = self.read::<Identified<Numbered<Deleted>>>(DELETIONS, ids).await?;
        let deleted = |row: Deleted| {
            let owner_id = row.owner_id;
            EventData::from(CourseDeleted { owner_id })
        };
        Ok(rows.into_iter().map(|it| event(it, deleted)).collect())
    }

    async fn memberships(&self, ids: &[Uuid]) -> Result<Vec<LastEvent>, DbError> {
        let rows = self.read::<Identified<Numbered<Membership>>>(MEMBERSHIPS, ids).await?;
        Ok(rows.into_iter().map(|it| event(it, EventData::from)).collect())
    }

    async fn read<T: Record>(&self, sql: Sql, ids: &[Uuid]) -> Result<Vec<T>, DbError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.db.read().all::<T>(sql, list(ids)).await
    }
}

fn of_kind(kind: &str, changed: &[Changed]) -> Vec<Uuid> {
    changed.iter().filter(|it| it.kind == kind).map(|it| it.id).collect()
}

fn event<T>(it: Identified<Numbered<T>>, data: impl Fn(T) -> EventData) -> LastEvent {
    LastEvent {
        subject: it.id,
        sequence: it.row.sequence,
        data: data(it.row.row),
    }
}

fn list(ids: &[Uuid]) -> Vec<Argument> {
    let ids: Value = ids.iter().map(|id| id.as_simple().to_string()).collect();
    args![ids]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::courses::course::{Joining, NewCourse};
    use crate::repositories::courses::course_repository::CourseRepository;
    use crate::repositories::outline::outline_repository::OutlineRepository;
    use crate::{MIGRATIONS, NAME};
    use contracts::CourseAccess;
    use testing::databases;

    /// A course with so many modules, which last changed at this time.
    async fn course(db: &Db, modules: usize, now: Timestamp) -> Uuid {
        let new = NewCourse {
            id: CourseId::generate(),
            owner_id: UserId::generate(),
            title: "Graphs".to_owned(),
            description: String::new(),
            access: CourseAccess::Enrolled,
            joining: Joining::Closed,
            code: None,
            opens_at: None,
            ends_at: None,
            completed_share: None,
        };
        let courses = CourseRepository::new(db.clone());
        let id = courses.create(&new, None, 10, now).await.unwrap();
        let outlines = OutlineRepository::new(db.clone());
        for _ in 0..modules {
            let added = outlines.add_module(id, ("One", None), (None, None), (now, None));
            added.await.unwrap();
        }
        id.0
    }

    #[tokio::test]
    async fn an_answer_has_fewer_courses_if_they_are_large() {
        for test in databases(NAME, MIGRATIONS).await.unwrap() {
            let mut all = Vec::new();
            for (second, modules) in (1..).zip([2, 2, 9, 0]) {
                all.push(course(&test.db, modules, Timestamp::from_seconds(second)).await);
            }
            let changes = ChangeRepository::new(test.db.clone());
            let (at, id) = (Timestamp(0), Uuid::nil());
            let (mut position, mut answers) = (Some(ChangePosition { at, id }), Vec::new());
            while let Some(begin) = position {
                let (events, next) = changes.changed_after(begin, 10, 4).await.unwrap();
                let subjects = events.iter().map(|it| it.subject).filter(|it| all.contains(it));
                answers.push(subjects.collect::<Vec<_>>());
                position = next;
            }
            let expected = [all[..2].to_vec(), vec![all[2]], vec![all[3]]];
            assert_eq!(answers, expected, "{}", test.name);
        }
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        let (at, id) = (Timestamp::from_seconds(1), Uuid::now_v7());
        for test in databases(NAME, MIGRATIONS).await.unwrap() {
            for (what, sql, values) in [
                ("changes", CHANGED.into(), args![at, id, 10_i64]),
                ("courses", COURSES, list(&[id])),
                ("parts", PARTS, list(&[id])),
                ("memberships", MEMBERSHIPS, list(&[id])),
                ("deletions", DELETIONS, list(&[id])),
                ("a user", OF_USER.into(), args![id, id]),
            ] {
                let plan = test.plan(sql, values).await;
                let is_scan = |line: &&str| {
                    let scans = ["json_each", "SCAN c", "SCAN d", "SCAN e"];
                    let derived = scans.iter().any(|it| line.contains(it)) && !line.contains("courses");
                    line.contains("Seq Scan") || line.contains("SCAN ") && !derived
                };
                assert_eq!(plan.lines().find(is_scan), None, "{} of {what}: {plan}", test.name);
            }
        }
    }
}
