//! Memberships that begin and end.

use crate::models::enrolments::enrolment::{Enrolled, Enrolment};
use crate::repositories::rows::publish_enrolment;
use backing::audit::{self, NewEntry};
use backing::db::{Db, DbError, Sql, Tx};
use backing::{args, record};
use contracts::{CourseId, CourseRole, EnrolmentId, Timestamp, UserId};

record! {
    pub(crate) struct EnrolmentRow {
        id: EnrolmentId,
        course_id: CourseId,
        user_id: UserId,
        role: String,
        joined_at: Timestamp,
        is_suspended: bool,
    }
}

impl From<EnrolmentRow> for Enrolment {
    fn from(row: EnrolmentRow) -> Self {
        Self {
            id: row.id,
            course_id: row.course_id,
            user_id: row.user_id,
            // A role that only a newer version knows gives the least rights.
            role: row.role.parse().unwrap_or(CourseRole::Learner),
            joined_at: row.joined_at,
            is_suspended: row.is_suspended,
        }
    }
}

macro_rules! enrolment_columns {
    () => {
        "id, course_id, user_id, role, joined_at, suspended_at IS NOT NULL AS is_suspended"
    };
}
pub(crate) use enrolment_columns;

/// SQLite needs no lock: it has one writer at a time.
const END_OF: Sql = Sql::both(
    "SELECT ended_by FROM enrolments WHERE course_id = $1 AND user_id = $2 AND ended_at IS NOT NULL",
    "SELECT ended_by FROM enrolments WHERE course_id = $1 AND user_id = $2 AND ended_at IS NOT NULL FOR UPDATE",
);

/// Enrolments in the database.
#[derive(Clone)]
pub struct EnrolmentRepository {
    db: Db,
}

impl EnrolmentRepository {
    /// A repository on this service's schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Enrols somebody as a learner by their own wish, unless a teacher has removed them.
    pub async fn join(&self, course: CourseId, user: UserId, now: Timestamp) -> Result<Enrolled, DbError> {
        let mut tx = self.db.write().await?;
        let enrolled = enrol(&mut tx, course, (user, true), now).await?;
        publish_new(&mut tx, std::slice::from_ref(&enrolled), now).await?;
        tx.commit().await?;
        Ok(enrolled)
    }

    /// Enrols people as learners for a teacher; `audit` makes the entry from how it went, in their order.
    pub async fn enrol_all(
        &self,
        course: CourseId,
        users: &[UserId],
        audit: impl FnOnce(&[Enrolled]) -> NewEntry + Send,
        now: Timestamp,
    ) -> Result<Vec<Enrolled>, DbError> {
        let mut tx = self.db.write().await?;
        let mut all = Vec::with_capacity(users.len());
        for user in users {
            all.push(enrol(&mut tx, course, (*user, false), now).await?);
        }
        publish_new(&mut tx, &all, now).await?;
        audit::record(&mut tx, &audit(&all), now).await?;
        tx.commit().await?;
        Ok(all)
    }

    /// Ends a membership that is not the owner's.
    ///
    /// Shape: `false` if there is no such membership
    pub async fn end(
        &self,
        course: CourseId,
        user: UserId,
        (by, most): (UserId, CourseRole),
        audit: Option<&NewEntry>,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        // The role may have changed since it was read.
        let sql = if most == CourseRole::Learner {
            "UPDATE enrolments SET ended_at = $3, ended_by = $4 WHERE course_id = $1 AND user_id = $2 AND ended_at IS NULL \
             AND role = 'learner' RETURNING id"
        } else {
            "UPDATE enrolments SET ended_at = $3, ended_by = $4 WHERE course_id = $1 AND user_id = $2 AND ended_at IS NULL \
             AND role <> 'owner' RETURNING id"
        };
        let Some((id,)) = tx.one::<(EnrolmentId,)>(sql, args![course, user, now, by]).await? else {
            return Ok(false);
        };
        publish_enrolment(&mut tx, id, now).await?;
        if let Some(entry) = audit {
            audit::record(&mut tx, entry, now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Takes a number of lines out of what a teacher may enrol in a day, counted from 1970.
    ///
    /// Shape: `false` if fewer are left; then nothing is taken
    pub async fn take_lines(&self, teacher: UserId, (day, lines): (i64, i64), most: i64) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "INSERT INTO enrolment_lines (user_id, day, lines) VALUES ($1, $2, $3) \
                   ON CONFLICT (user_id) DO UPDATE SET day = excluded.day, lines = excluded.lines + \
                   CASE WHEN enrolment_lines.day = excluded.day THEN enrolment_lines.lines ELSE 0 END RETURNING lines";
        let taken = tx.one::<(i64,)>(sql, args![teacher, day, lines]).await?;
        if taken.is_none_or(|(taken,)| taken > most) {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}

/// Begins a membership, or lets one begin again that has ended: whom a teacher has removed comes back by a teacher alone.
async fn enrol(
    tx: &mut Tx,
    course: CourseId,
    (user, by_oneself): (UserId, bool),
    now: Timestamp,
) -> Result<Enrolled, DbError> {
    let id = EnrolmentId::generate();
    let sql = "INSERT INTO enrolments (id, course_id, user_id, role, joined_at) \
               SELECT $1, id, $3, 'learner', $4 FROM courses WHERE id = $2 ON CONFLICT (course_id, user_id) DO NOTHING";
    let mut is_new = tx.run(sql, args![id, course, user, now]).await? == 1;
    if !is_new && let Some((ended_by,)) = tx.one::<(UserId,)>(END_OF, args![course, user]).await? {
        if by_oneself && ended_by != user {
            return Ok(Enrolled::Removed);
        }
        let sql = "UPDATE enrolments SET role = 'learner', joined_at = $3, ended_at = NULL, ended_by = NULL \
                   WHERE course_id = $1 AND user_id = $2";
        is_new = tx.run(sql, args![course, user, now]).await? == 1;
    }
    let sql = concat!(
        "SELECT ",
        enrolment_columns!(),
        " FROM enrolments WHERE course_id = $1 AND user_id = $2 AND ended_at IS NULL"
    );
    let row = tx.one::<EnrolmentRow>(sql, args![course, user]).await?;
    let Some(enrolment) = row.map(Enrolment::from) else {
        return Ok(Enrolled::NoCourse);
    };
    if !is_new {
        return Ok(Enrolled::Already(enrolment));
    }
    Ok(Enrolled::New(enrolment))
}

/// Publishes the enrolments that are new among these.
async fn publish_new(tx: &mut Tx, enrolled: &[Enrolled], now: Timestamp) -> Result<(), DbError> {
    for it in enrolled {
        if let Enrolled::New(enrolment) = it {
            publish_enrolment(tx, enrolment.id, now).await?;
        }
    }
    Ok(())
}
