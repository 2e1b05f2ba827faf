//! Courses.

use crate::models::courses::course::{Course, CourseChange, CourseOf, NewCourse};
use crate::repositories::rows::{CourseRow, NotDone, begin_edit, claimed, commit_edit, course_columns, demand_room};
use crate::repositories::rows::{publish_course, publish_enrolment};
use backing::audit::{self, NewEntry};
use backing::db::{ColumnError, Db, DbError, Record, Row, Sql, before};
use backing::once::Request;
use backing::{args, outbox};
use contracts::events::CourseDeleted;
use contracts::{CourseId, CourseRole, CourseStatus, EnrolmentId, NewEvent, Timestamp, UserId, VideoId};

macro_rules! with_role {
    () => {
        concat!(
            "SELECT ",
            course_columns!(),
            ", e.role AS my_role FROM courses c LEFT JOIN enrolments e ON e.course_id = c.id AND e.user_id = $1 \
             AND e.ended_at IS NULL "
        )
    };
}

/// The user's memberships lead to the courses, so that the list does not grow with those of others.
macro_rules! mine {
    ($found:literal) => {
        concat!(
            "SELECT ",
            course_columns!(),
            ", e.role AS my_role FROM enrolments e JOIN courses c ON c.id = e.course_id WHERE e.user_id = $1 \
             AND e.ended_at IS NULL AND (c.status <> 'draft' OR e.role <> 'learner') \
             AND e.course_id < $2 AND ($3 = '' OR ",
            $found,
            ") ORDER BY e.course_id DESC LIMIT $4"
        )
    };
}

macro_rules! catalogue {
    ($found:literal) => {
        concat!(
            with_role!(),
            "WHERE c.status = 'published' AND (c.joining <> 'closed' OR c.access <> 'enrolled' OR e.role IS NOT NULL) \
             AND c.id < $2 AND ($3 = '' OR ",
            $found,
            ") ORDER BY c.id DESC LIMIT $4"
        )
    };
}

/// The lecture's items lead to the courses.
const WITH_LECTURE: &str = concat!(
    with_role!(),
    "WHERE c.id IN (SELECT i.course_id FROM items i WHERE i.content_id = $2 AND i.deleted_at IS NULL) \
     AND c.id < $3 ORDER BY c.id DESC LIMIT $4"
);
const FIND: &str = concat!(with_role!(), "WHERE c.id = $2");
const MINE: Sql = Sql::both(
    mine!("instr(c.search_text, $3) > 0"),
    mine!("strpos(c.search_text, $3) > 0"),
);
const CATALOGUE: Sql = Sql::both(
    catalogue!("instr(c.search_text, $3) > 0"),
    catalogue!("strpos(c.search_text, $3) > 0"),
);

impl Record for CourseOf {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        let role = row.named::<Option<String>>("my_role")?;
        Ok(Self {
            course: CourseRow::read(row)?.into(),
            // A role that only a newer version knows gives the least rights.
            role: role.map(|role| role.parse().unwrap_or(CourseRole::Learner)),
        })
    }
}

/// Which courses to list.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Who asks.
    pub user: UserId,
    /// Only those in which they have a role; otherwise published ones.
    pub mine: bool,
    /// A part of title or description, in lower case; empty for all.
    pub text: String,
    /// Only those before this one, which is the last of the page before.
    pub before: Option<CourseId>,
    /// How many at most.
    pub limit: i64,
}

/// Courses in the database.
#[derive(Clone)]
pub struct CourseRepository {
    db: Db,
}

impl CourseRepository {
    /// A repository on this service's schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// A course, and the role that a user has in it.
    pub async fn find(&self, id: CourseId, user: Option<UserId>) -> Result<Option<CourseOf>, DbError> {
        self.db.read().one::<CourseOf>(FIND, args![user, id]).await
    }

    /// Courses, the latest first.
    pub async fn list(&self, wanted: &Listing) -> Result<Vec<CourseOf>, DbError> {
        let sql = if wanted.mine { MINE } else { CATALOGUE };
        let values = args![wanted.user, before(wanted.before), wanted.text.as_str(), wanted.limit];
        self.db.read().all::<CourseOf>(sql, values).await
    }

    /// The courses that have a lecture, with the role that a user has in each, the latest first: at most `limit`, only those
    /// before the last of the page before.
    pub async fn with_lecture(
        &self,
        video: VideoId,
        user: UserId,
        (last, limit): (Option<CourseId>, i64),
    ) -> Result<Vec<CourseOf>, DbError> {
        let values = args![user, video, before(last), limit];
        self.db.read().all::<CourseOf>(WITH_LECTURE, values).await
    }

    /// Stores a course and makes its owner its first member; returns the id of the course that this request, if it is
    /// repeated, has created before.
    ///
    /// Errors: `TooMany`, `KeyReused`, or what the database reports
    pub async fn create(
        &self,
        new: &NewCourse,
        request: Option<&Request>,
        most: i64,
        now: Timestamp,
    ) -> Result<CourseId, NotDone> {
        let mut tx = self.db.write().await?;
        if let Some(before) = claimed(&mut tx, request, new.id.into(), now).await? {
            return Ok(before.into());
        }
        demand_room(&mut tx, new.owner_id, most).await?;
        tx.run(
            "INSERT INTO courses (id, owner_id, title, description, search_text, status, access, joining, code, opens_at, \
             ends_at, completed_share, version, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, 'draft', $6, $7, $8, $9, $10, $11, 1, $12, $12)",
            args![
                new.id,
                new.owner_id,
                new.title.as_str(),
                new.description.as_str(),
                search_text(&new.title, &new.description),
                new.access.as_str(),
                new.joining.as_str(),
                new.code.clone(),
                new.opens_at,
                new.ends_at,
                new.completed_share,
                now
            ],
        )
        .await?;
        let enrolment = EnrolmentId::generate();
        tx.run(
            "INSERT INTO enrolments (id, course_id, user_id, role, joined_at) VALUES ($1, $2, $3, 'owner', $4)",
            args![enrolment, new.id, new.owner_id, now],
        )
        .await?;
        publish_course(&mut tx, new.id, now).await?;
        publish_enrolment(&mut tx, enrolment, now).await?;
        tx.commit().await?;
        Ok(new.id)
    }

    /// Changes a course; `code` is used if people join by code from now on.
    ///
    /// Errors: `Missing`, `Stale`, or what the database reports
    pub async fn update(
        &self,
        id: CourseId,
        version: Option<i64>,
        (change, code): (&CourseChange, &str),
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        let before = begin_edit(&mut tx, id, version, now).await?;
        let Course {
            title,
            description,
            access,
            joining,
            code,
            opens_at,
            ends_at,
            completed_share,
            ..
        } = change.applied(before, code);
        tx.run(
            "UPDATE courses SET title = $2, description = $3, search_text = $4, access = $5, joining = $6, code = $7, \
             opens_at = $8, ends_at = $9, completed_share = $10 WHERE id = $1",
            args![
                id,
                title.as_str(),
                description.as_str(),
                search_text(&title, &description),
                access.as_str(),
                joining.as_str(),
                code,
                opens_at,
                ends_at,
                completed_share
            ],
        )
        .await?;
        commit_edit(tx, id, audit, now).await
    }

    /// Replaces the code of a course that people join by code.
    ///
    /// Errors: `Missing` also for a course without a code, `Stale`, or what the database reports
    pub async fn renew_code(
        &self,
        id: CourseId,
        version: Option<i64>,
        code: &str,
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, id, version, now).await?;
        let sql = "UPDATE courses SET code = $2 WHERE id = $1 AND joining = 'code'";
        if tx.run(sql, args![id, code]).await? == 0 {
            return Err(NotDone::Missing("code"));
        }
        commit_edit(tx, id, audit, now).await
    }

    /// Gives a course another status.
    ///
    /// Errors: `Missing`, `Stale`, or what the database reports
    pub async fn set_status(
        &self,
        id: CourseId,
        version: Option<i64>,
        status: CourseStatus,
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, id, version, now).await?;
        let sql = "UPDATE courses SET status = $2 WHERE id = $1";
        tx.run(sql, args![id, status.as_str()]).await?;
        commit_edit(tx, id, audit, now).await
    }

    /// Deletes a course that is a draft, with its outline and its enrolments.
    ///
    /// Shape: `false` if it is no draft
    ///
    /// Errors: `Missing`, `Stale`, or what the database reports
    pub async fn delete_draft(
        &self,
        id: CourseId,
        version: Option<i64>,
        (now, audit): (Timestamp, Option<&NewEntry>),
    ) -> Result<bool, NotDone> {
        let mut tx = self.db.write().await?;
        begin_edit(&mut tx, id, version, now).await?;
        let sql = "DELETE FROM courses WHERE id = $1 AND status = 'draft' RETURNING owner_id";
        let Some((owner_id,)) = tx.one::<(UserId,)>(sql, args![id]).await? else {
            return Ok(false);
        };
        let sql = "INSERT INTO deleted_courses (id, owner_id, deleted_at) VALUES ($1, $2, $3)";
        tx.run(sql, args![id, owner_id, now]).await?;
        let event = NewEvent::of_course(id, CourseDeleted { owner_id }.into());
        outbox::push(&mut tx, &event, now).await?;
        if let Some(entry) = audit {
            audit::record(&mut tx, entry, now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }
}

fn search_text(title: &str, description: &str) -> String {
    format!("{title}\n{description}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MIGRATIONS, NAME};
    use testing::databases;

    #[tokio::test]
    async fn lists_begin_at_their_bound_and_are_not_sorted() {
        for test in databases(NAME, MIGRATIONS).await.unwrap() {
            for (what, sql, index) in [
                ("my courses", MINE, "enrolments_of_user"),
                ("the catalogue", CATALOGUE, "courses_published"),
            ] {
                let values = args![UserId::generate(), CourseId::generate(), "", 20_i64];
                let plan = test.pages_by_index(what, sql, values).await;
                // PostgreSQL chooses among equal indexes of an empty table
                assert!(test.db.is_postgres() || plan.contains(index), "{what}: {plan}");
            }
            let of_one = args![UserId::generate(), CourseId::generate()];
            test.reads_by_index("a course", FIND, of_one).await;
            let with = args![UserId::generate(), VideoId::generate(), CourseId::generate(), 20_i64];
            test.reads_by_index("courses with a lecture", WITH_LECTURE, with).await;
        }
    }
}
