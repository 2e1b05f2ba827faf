//! What other services hear of courses and memberships, read from their rows.

use backing::db::{ColumnError, Record, Row};
use backing::record;
use contracts::events::{CourseChanged, CourseItem, CourseModule, EnrolmentChanged, EnrolmentEnded};
use contracts::{CourseAccess, CourseId, CourseRole, CourseStatus, EventData, ItemId, ModuleId, Timestamp, UserId};
use uuid::Uuid;

/// The columns of a membership.
macro_rules! membership_columns {
    () => {
        "course_id, user_id, role, (ended_at IS NOT NULL OR suspended_at IS NOT NULL) AS is_over"
    };
}
pub(crate) use membership_columns;

/// A course with its outline, in one statement, so that all of it is from one moment.
pub(crate) const COURSE: &str = "SELECT c.owner_id, c.status, c.access, c.opens_at, c.ends_at, m.id AS module_id, \
     m.opens_at AS module_opens_at, i.id AS item_id, i.kind, i.content_id \
     FROM courses c LEFT JOIN modules m ON m.course_id = c.id \
     LEFT JOIN items i ON i.module_id = m.id AND i.deleted_at IS NULL \
     WHERE c.id = $1 ORDER BY m.place, m.id, i.place, i.id";

/// A course, one of its modules and one of the module's items.
pub(crate) struct OutlineRow {
    course: CourseChanged,
    module: Option<(ModuleId, Option<Timestamp>)>,
    item: Option<CourseItem>,
}

impl Record for OutlineRow {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        let item = match row.named::<Option<ItemId>>("item_id")? {
            Some(id) => Some(CourseItem {
                id,
                kind: row.named("kind")?,
                content_id: row.named::<Uuid>("content_id")?,
            }),
            None => None,
        };
        let opens_at = row.named("module_opens_at")?;
        let (status, access) = (row.named::<String>("status")?, row.named::<String>("access")?);
        Ok(Self {
            // A name that only a newer version knows is read as the most restrictive one.
            course: CourseChanged {
                owner_id: row.named("owner_id")?,
                status: status.parse().unwrap_or(CourseStatus::Draft),
                access: access.parse().unwrap_or(CourseAccess::Enrolled),
                opens_at: row.named("opens_at")?,
                ends_at: row.named("ends_at")?,
                modules: Vec::new(),
            },
            module: row.named::<Option<ModuleId>>("module_id")?.map(|id| (id, opens_at)),
            item,
        })
    }
}

/// The course of these rows; none if there is no row.
pub(crate) fn course(rows: Vec<OutlineRow>) -> Option<CourseChanged> {
    let mut whole: Option<CourseChanged> = None;
    for row in rows {
        let course = whole.get_or_insert(row.course);
        let Some((id, opens_at)) = row.module else { continue };
        if course.modules.last().is_none_or(|module| module.id != id) {
            let items = Vec::new();
            course.modules.push(CourseModule { id, opens_at, items });
        }
        if let Some(module) = course.modules.last_mut() {
            module.items.extend(row.item);
        }
    }
    whole
}

record! {
    pub(crate) struct Membership {
        pub(crate) course_id: CourseId,
        user_id: UserId,
        role: String,
        is_over: bool,
    }
}

impl From<Membership> for EventData {
    fn from(row: Membership) -> Self {
        let (course_id, user_id) = (row.course_id, row.user_id);
        if row.is_over {
            return EnrolmentEnded { course_id, user_id }.into();
        }
        // A role that only a newer version knows gives the least rights.
        let role = row.role.parse().unwrap_or(CourseRole::Learner);
        EnrolmentChanged {
            course_id,
            user_id,
            role,
        }
        .into()
    }
}
