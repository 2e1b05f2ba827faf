//! What has changed since somebody asked last: the courses, and what one of them has become.

use crate::repositories::published::{self, COURSE, Membership, OutlineRow, membership_columns};
use backing::db::{ColumnError, Db, DbError, Record, Row, Sql, Tx};
use backing::{args, record};
use contracts::events::CourseDeleted;
use contracts::questions::{ChangePosition, CourseHistory};
use contracts::{CourseId, EventData, Timestamp, UserId};
use uuid::Uuid;

/// The next changes of courses, each kind by its own index: of the course itself, its deletion, and of a membership.
const CHANGED: &str = "SELECT course_id, id, changed_at, a.sequence FROM ( \
    SELECT * FROM (SELECT id AS course_id, id, updated_at AS changed_at FROM courses \
        WHERE (updated_at, id) > ($1, $2) ORDER BY updated_at, id LIMIT $3) AS c \
    UNION ALL SELECT * FROM (SELECT id AS course_id, id, deleted_at AS changed_at FROM deleted_courses \
        WHERE (deleted_at, id) > ($1, $2) ORDER BY deleted_at, id LIMIT $3) AS d \
    UNION ALL SELECT * FROM (SELECT course_id, id, changed_at FROM enrolments \
        WHERE (changed_at, id) > ($1, $2) ORDER BY changed_at, id LIMIT $3) AS e \
    ) AS changes JOIN outbox_aggregates a ON a.subject = course_id ORDER BY changed_at, id LIMIT $3";

/// Whoever publishes an event of the course waits until the transaction ends. SQLite has one writer at a time.
const HOLD: Sql = Sql::both(
    "SELECT sequence FROM outbox_aggregates WHERE subject = $1",
    "SELECT sequence FROM outbox_aggregates WHERE subject = $1 FOR SHARE",
);

const MEMBERS: &str = concat!(
    "SELECT ",
    membership_columns!(),
    ", sequence FROM enrolments WHERE course_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
);

const DELETED: &str = "SELECT owner_id FROM deleted_courses WHERE id = $1";

record! {
    struct Changed {
        course_id: CourseId,
        id: Uuid,
        changed_at: Timestamp,
        sequence: i64,
    }
}

struct Numbered {
    member: Membership,
    sequence: i64,
}

impl Record for Numbered {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        Ok(Self {
            sequence: row.named("sequence")?,
            member: Membership::read(row)?,
        })
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

    /// The courses of the next changes, each once with the number of its last event, and where those after them begin; none
    /// if there are no more. They are at most `most`.
    pub async fn changed_after(
        &self,
        ChangePosition { at, id }: ChangePosition,
        most: usize,
    ) -> Result<(Vec<(CourseId, i64)>, Option<ChangePosition>), DbError> {
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let changed = self.db.read().all::<Changed>(CHANGED, args![at, id, limit]).await?;
        let next = changed
            .last()
            .filter(|_| changed.len() >= most)
            .map(|last| ChangePosition {
                at: last.changed_at,
                id: last.id,
            });
        let mut courses: Vec<_> = changed.iter().map(|it| (it.course_id, it.sequence)).collect();
        courses.sort_unstable();
        courses.dedup();
        Ok((courses, next))
    }

    /// What a course has become since the event `after`, in parts of at most `most` members: all parts are the course at one
    /// moment, because a member who changes meanwhile comes again in a later one, and the last part waits for those who
    /// change the course.
    ///
    /// Shape: none if the course never was
    pub async fn history(&self, course: CourseId, after: i64, most: usize) -> Result<Option<CourseHistory>, DbError> {
        let mut tx = self.db.write().await?;
        let Some((sequence,)) = tx.one::<(i64,)>(HOLD, args![course]).await? else {
            return Ok(None);
        };
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let members = tx.all::<Numbered>(MEMBERS, args![course, after, limit]).await?;
        let reached = members
            .last()
            .filter(|_| members.len() >= most)
            .map(|last| last.sequence);
        let mut events: Vec<EventData> = members.into_iter().map(|it| it.member.into()).collect();
        if let Some(sequence) = reached {
            return Ok(Some(CourseHistory {
                events,
                sequence,
                is_last: false,
            }));
        }
        let Some(now) = state(&mut tx, course).await? else {
            return Ok(None);
        };
        events.push(now);
        Ok(Some(CourseHistory {
            events,
            sequence,
            is_last: true,
        }))
    }
}

/// What an event would say of a course itself.
async fn state(tx: &mut Tx, course: CourseId) -> Result<Option<EventData>, DbError> {
    if let Some(changed) = published::course(tx.all::<OutlineRow>(COURSE, args![course]).await?) {
        return Ok(Some(changed.into()));
    }
    let deleted = tx.one::<(UserId,)>(DELETED, args![course]).await?;
    Ok(deleted.map(|(owner_id,)| CourseDeleted { owner_id }.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::courses::course::{Joining, NewCourse};
    use crate::repositories::courses::course_repository::CourseRepository;
    use crate::repositories::enrolments::enrolment_repository::EnrolmentRepository;
    use crate::repositories::outline::outline_repository::OutlineRepository;
    use crate::{MIGRATIONS, NAME};
    use contracts::events::EnrolmentEnded;
    use contracts::{CourseAccess, CourseRole};
    use testing::databases;

    /// A course with so many modules, which last changed at this time.
    async fn course(db: &Db, modules: usize, now: Timestamp) -> CourseId {
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
        id
    }

    #[tokio::test]
    async fn a_part_of_the_changes_has_each_course_once() {
        for test in databases(NAME, MIGRATIONS).await.unwrap() {
            let mut all = Vec::new();
            for (second, modules) in (1..).zip([2, 0, 1]) {
                all.push(course(&test.db, modules, Timestamp::from_seconds(second)).await);
            }
            let changes = ChangeRepository::new(test.db.clone());
            let (at, id) = (Timestamp(0), Uuid::nil());
            let (mut position, mut answers) = (Some(ChangePosition { at, id }), Vec::new());
            while let Some(begin) = position {
                let (courses, next) = changes.changed_after(begin, 4).await.unwrap();
                answers.push(courses);
                position = next;
            }
            // A course and its owner's membership are two changes and as many events; each module is one event more.
            let (first, second, third) = ((all[0], 4), (all[1], 2), (all[2], 3));
            let expected = [vec![first, second], vec![third]];
            assert_eq!(answers, expected, "{}", test.name);
        }
    }

    #[tokio::test]
    async fn the_parts_of_a_history_are_the_course_at_one_moment() {
        for test in databases(NAME, MIGRATIONS).await.unwrap() {
            let id = course(&test.db, 1, Timestamp::from_seconds(1)).await;
            let enrolments = EnrolmentRepository::new(test.db.clone());
            let members: Vec<_> = (0..5).map(|_| UserId::generate()).collect();
            for member in &members {
                enrolments.join(id, *member, Timestamp::from_seconds(2)).await.unwrap();
            }
            let changes = ChangeRepository::new(test.db.clone());
            let first = changes.history(id, i64::MIN, 4).await.unwrap().unwrap();
            assert!(!first.is_last && first.events.len() == 4, "{first:?}");
            // Somebody of the first part leaves before the second one is asked for.
            let by = (members[0], CourseRole::Assistant);
            let ended = enrolments.end(id, members[0], by, None, Timestamp::from_seconds(3));
            assert!(ended.await.unwrap());
            let second = changes.history(id, first.sequence, 4).await.unwrap().unwrap();
            assert!(second.is_last && second.sequence == 9, "{second:?}");
            let (course_id, user_id) = (id, members[0]);
            let ended = EventData::from(EnrolmentEnded { course_id, user_id });
            assert_eq!(
                second.events.len(),
                4,
                "two more members, the one who left, and the course: {second:?}"
            );
            assert!(second.events.contains(&ended));
            assert!(matches!(second.events[3], EventData::CourseChanged(_)));
            let nothing = changes.history(id, second.sequence, 4).await.unwrap().unwrap();
            assert!(nothing.is_last && nothing.events.len() == 1, "{nothing:?}");
            assert_eq!(changes.history(CourseId::generate(), 0, 4).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        let (at, id) = (Timestamp::from_seconds(1), Uuid::now_v7());
        for test in databases(NAME, MIGRATIONS).await.unwrap() {
            for (what, sql, values) in [
                ("changes", CHANGED.into(), args![at, id, 10_i64]),
                ("a number", HOLD, args![id]),
                ("members", MEMBERS.into(), args![id, 7_i64, 10_i64]),
                ("a deletion", DELETED.into(), args![id]),
            ] {
                let plan = test.plan(sql, values).await;
                // The parts of the union are read from their beginnings.
                let is_scan = |line: &&str| {
                    let table = line.split("SCAN ").nth(1).and_then(|it| it.split(' ').next());
                    line.contains("Seq Scan") || table.is_some_and(|table| !["c", "d", "e"].contains(&table))
                };
                assert_eq!(plan.lines().find(is_scan), None, "{} of {what}: {plan}", test.name);
            }
        }
    }
}
