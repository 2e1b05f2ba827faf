//! The members of courses and their roles.

use super::enrolment_repository::{EnrolmentRow, enrolment_columns};
use crate::models::enrolments::enrolment::Enrolment;
use crate::repositories::rows::{NotDone, begin_edit, demand_room, publish_course, publish_enrolment};
use backing::args;
use backing::audit::{self, NewEntry};
use backing::db::{Db, DbError, Tx, after};
use contracts::{CourseId, CourseRole, EnrolmentId, Timestamp, UserId};

const MEMBERS: &str = concat!(
    "SELECT ",
    enrolment_columns!(),
    " FROM enrolments WHERE course_id = $1 AND ended_at IS NULL AND id > $2 ORDER BY id LIMIT $3"
);

/// Members in the database.
#[derive(Clone)]
pub struct MemberRepository {
    db: Db,
}

impl MemberRepository {
    /// A repository on this service's schema.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The members of a course, in the order in which they first joined, after one of them.
    pub async fn list(
        &self,
        course: CourseId,
        last: Option<EnrolmentId>,
        limit: i64,
    ) -> Result<Vec<Enrolment>, DbError> {
        let rows = self
            .db
            .read()
            .all::<EnrolmentRow>(MEMBERS, args![course, after(last), limit])
            .await?;
        Ok(rows.into_iter().map(Enrolment::from).collect())
    }

    /// A member of a course.
    pub async fn find(&self, course: CourseId, user: UserId) -> Result<Option<Enrolment>, DbError> {
        let sql = concat!(
            "SELECT ",
            enrolment_columns!(),
            " FROM enrolments WHERE course_id = $1 AND user_id = $2 AND ended_at IS NULL"
        );
        let row = self.db.read().one::<EnrolmentRow>(sql, args![course, user]).await?;
        Ok(row.map(Enrolment::from))
    }

    /// Gives a member who is not the owner another role, which is not the owner's.
    ///
    /// Shape: `false` if there is no such member
    pub async fn set_role(
        &self,
        course: CourseId,
        user: UserId,
        role: CourseRole,
        audit: Option<&NewEntry>,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE enrolments SET role = $3 WHERE course_id = $1 AND user_id = $2 AND ended_at IS NULL \
                   AND role <> 'owner' RETURNING id";
        let changed = tx
            .one::<(EnrolmentId,)>(sql, args![course, user, role.as_str()])
            .await?;
        let Some((id,)) = changed else { return Ok(false) };
        publish_enrolment(&mut tx, id, now).await?;
        if let Some(entry) = audit {
            audit::record(&mut tx, entry, now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Hands a course over to another member, who owns fewer than `most`; its owner becomes an editor.
    ///
    /// Errors: `Missing`, `Stale`, `TooMany`, or what the database reports
    pub async fn hand_over(
        &self,
        (course, version): (CourseId, Option<i64>),
        (to, most): (UserId, i64),
        audit: Option<&NewEntry>,
        now: Timestamp,
    ) -> Result<(), NotDone> {
        let mut tx = self.db.write().await?;
        let owner = begin_edit(&mut tx, course, version, now).await?.owner_id;
        demand_room(&mut tx, to, most).await?;
        tx.run("UPDATE courses SET owner_id = $2 WHERE id = $1", args![course, to])
            .await?;
        let mut changed = Vec::new();
        for (user, role) in [(owner, CourseRole::Editor), (to, CourseRole::Owner)] {
            let sql = "UPDATE enrolments SET role = $3 WHERE course_id = $1 AND user_id = $2 AND ended_at IS NULL \
                       RETURNING id";
            let member = tx
                .one::<(EnrolmentId,)>(sql, args![course, user, role.as_str()])
                .await?;
            let (id,) = member.ok_or(NotDone::Missing("user"))?;
            changed.push(id);
        }
        publish_course(&mut tx, course, now).await?;
        for id in changed {
            publish_enrolment(&mut tx, id, now).await?;
        }
        if let Some(entry) = audit {
            audit::record(&mut tx, entry, now).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Whether an account's event is newer than those that were handled; notes it, in the caller's transaction.
async fn is_newer(tx: &mut Tx, user: UserId, sequence: i64) -> Result<bool, DbError> {
    let sql = "INSERT INTO account_events (user_id, sequence) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE \
               SET sequence = excluded.sequence WHERE account_events.sequence < excluded.sequence";
    Ok(tx.run(sql, args![user, sequence]).await? == 1)
}

/// Suspends all memberships of a deactivated account, in the caller's transaction; `sequence` is the event's.
pub(crate) async fn suspend(tx: &mut Tx, user: UserId, sequence: i64, now: Timestamp) -> Result<(), DbError> {
    if !is_newer(tx, user, sequence).await? {
        return Ok(());
    }
    let sql = "UPDATE enrolments SET suspended_at = $2 WHERE user_id = $1 AND suspended_at IS NULL \
               RETURNING course_id, id, ended_at";
    let changed = tx.all::<Resumed>(sql, args![user, now]).await?;
    publish_living(tx, changed, now).await
}

/// Lets the memberships of a reactivated account go on, in the caller's transaction; `sequence` is the event's.
pub(crate) async fn restore(tx: &mut Tx, user: UserId, sequence: i64, now: Timestamp) -> Result<(), DbError> {
    if !is_newer(tx, user, sequence).await? {
        return Ok(());
    }
    let sql = "UPDATE enrolments SET suspended_at = NULL WHERE user_id = $1 AND suspended_at IS NOT NULL \
               RETURNING course_id, id, ended_at";
    let changed = tx.all::<Resumed>(sql, args![user]).await?;
    publish_living(tx, changed, now).await
}

/// The course and the id of a membership that is suspended or goes on, and when it ended, if it did.
type Resumed = (CourseId, EnrolmentId, Option<Timestamp>);

async fn publish_living(tx: &mut Tx, mut changed: Vec<Resumed>, now: Timestamp) -> Result<(), DbError> {
    // The relay locks rows of the outbox in this order, too.
    changed.sort_unstable();
    for (_, id, ended_at) in changed {
        if ended_at.is_none() {
            publish_enrolment(tx, id, now).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MIGRATIONS, NAME};
    use testing::databases;

    #[tokio::test]
    async fn a_page_of_members_begins_at_its_bound() {
        for test in databases(NAME, MIGRATIONS).await.unwrap() {
            let values = args![CourseId::generate(), EnrolmentId::generate(), 20];
            test.pages_by_index("members", MEMBERS, values).await;
        }
    }
}
