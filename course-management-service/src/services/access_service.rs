//! Rights in courses: who sees a course, and what role an act takes.

use super::error::Denied;
use crate::models::courses::course::{Course, CourseOf, Joining};
use backing::audit::NewEntry;
use contracts::{CourseAccess, CourseId, CourseRole, CourseStatus, Timestamp, UserId};
use runtime::{Caller, RequestId};
use uuid::Uuid;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) user: UserId,
    pub(crate) is_admin: bool,
    /// Under which request their acts are recorded.
    request: String,
}

impl Asker {
    /// Who asks by this request.
    pub(crate) fn by(caller: &Caller, request: &RequestId) -> Self {
        Self {
            user: caller.user_id,
            is_admin: caller.is_admin(),
            request: request.as_str().to_owned(),
        }
    }

    /// A client that may read: it sees what admins see, and belongs to no course.
    pub(crate) fn of_client() -> Self {
        Self {
            user: UserId::from(Uuid::nil()),
            is_admin: true,
            request: String::new(),
        }
    }

    /// The audit's entry for an act in a course.
    pub(crate) fn entry(&self, act: &'static str, course: &Course, details: serde_json::Value) -> NewEntry {
        NewEntry {
            actor: Some(self.user),
            act,
            subject_kind: "course",
            subject: course.id.into(),
            owner: Some(course.owner_id),
            details,
            request: Some(self.request.clone()).filter(|id| !id.is_empty()),
        }
    }
}

/// A course in which the asker has the right that an act takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Granted {
    pub(crate) course: Course,
    /// The asker's role in the course.
    pub(crate) role: Option<CourseRole>,
    /// Whether the right comes from being an admin and not from a role in the course.
    as_admin: bool,
}

impl Granted {
    /// The audit's entry for an act that only an admin's right allows; none for what a role in the course allows.
    pub(crate) fn audited(&self, asker: &Asker, act: &'static str, details: serde_json::Value) -> Option<NewEntry> {
        self.as_admin.then(|| asker.entry(act, &self.course, details))
    }
}

/// Whether somebody (nobody without a sign-in) may know of a course.
pub(crate) fn sees(found: &CourseOf, asker: Option<&Asker>) -> bool {
    let course = &found.course;
    let teaches = found.role >= Some(CourseRole::Assistant);
    if teaches || asker.is_some_and(|asker| asker.is_admin) {
        return true;
    }
    let is_listed = match asker {
        Some(_) => course.joining != Joining::Closed || course.access != CourseAccess::Enrolled,
        None => course.access == CourseAccess::Public,
    };
    match course.status {
        CourseStatus::Draft => false,
        CourseStatus::Published => found.role.is_some() || is_listed,
        CourseStatus::Archived => found.role.is_some(),
    }
}

/// Whether somebody may watch the lectures of a course, in modules that are open.
pub(crate) fn may_watch(found: &CourseOf, asker: Option<&Asker>, now: Timestamp) -> bool {
    let course = &found.course;
    if found.role >= Some(CourseRole::Assistant) || asker.is_some_and(|asker| asker.is_admin) {
        return true;
    }
    let is_open = course.opens_at.is_none_or(|opens| opens <= now) && !course.has_ended(now);
    let may = match course.access {
        CourseAccess::Enrolled => found.role.is_some(),
        CourseAccess::Open => asker.is_some(),
        CourseAccess::Public => true,
    };
    course.status == CourseStatus::Published && is_open && may
}

/// The course, if it exists and the asker may know of it.
///
/// Errors: `NotFound`; `Unauthenticated` for somebody without a sign-in, whether it exists or not
pub(crate) fn seen(found: Option<CourseOf>, asker: Option<&Asker>) -> Result<CourseOf, Denied> {
    let denied = if asker.is_some() {
        Denied::NotFound
    } else {
        Denied::Unauthenticated
    };
    found.filter(|found| sees(found, asker)).ok_or(denied)
}

/// The course, if the asker has at least this role in it or is an admin.
///
/// Errors: `NotFound` for those who may not know of it, else `RoleRequired`
pub(crate) fn granted(found: Option<CourseOf>, asker: &Asker, least: CourseRole) -> Result<Granted, Denied> {
    let CourseOf { course, role } = seen(found, Some(asker))?;
    let by_role = role >= Some(least);
    if !by_role && !asker.is_admin {
        return Err(Denied::RoleRequired(least));
    }
    Ok(Granted {
        course,
        role,
        as_admin: !by_role,
    })
}

/// The course, if the asker belongs to it, whether or not they see it at present.
///
/// Errors: for others, those of [`granted`]
pub(crate) fn belonging(found: Option<CourseOf>, asker: &Asker) -> Result<Granted, Denied> {
    match found {
        Some(CourseOf { course, role }) if role.is_some() => Ok(Granted {
            course,
            role,
            as_admin: false,
        }),
        other => granted(other, asker, CourseRole::Learner),
    }
}

/// The id of a course that an act is about, with who acts.
pub(crate) type Act<'a> = (CourseId, &'a Asker);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(100);

    fn found(status: CourseStatus, access: CourseAccess, joining: Joining, role: Option<CourseRole>) -> CourseOf {
        let course = Course {
            id: CourseId::generate(),
            owner_id: UserId::generate(),
            title: "Graphs".to_owned(),
            description: String::new(),
            status,
            access,
            joining,
            code: None,
            opens_at: None,
            ends_at: None,
            completed_share: None,
            version: 1,
            created_at: NOW,
            updated_at: NOW,
        };
        CourseOf { course, role }
    }

    fn asker(is_admin: bool) -> Asker {
        Asker {
            user: UserId::generate(),
            is_admin,
            request: String::new(),
        }
    }

    const STATUSES: [CourseStatus; 3] = [CourseStatus::Draft, CourseStatus::Published, CourseStatus::Archived];
    const ACCESSES: [CourseAccess; 3] = [CourseAccess::Enrolled, CourseAccess::Open, CourseAccess::Public];
    const JOININGS: [Joining; 3] = [Joining::Oneself, Joining::Code, Joining::Closed];

    #[test]
    fn teachers_and_admins_see_and_watch_everything_and_nobody_else_a_draft() {
        for (status, access, joining) in STATUSES
            .into_iter()
            .flat_map(|s| ACCESSES.into_iter().flat_map(move |a| JOININGS.map(|j| (s, a, j))))
        {
            for role in [CourseRole::Assistant, CourseRole::Editor, CourseRole::Owner] {
                let it = found(status, access, joining, Some(role));
                assert!(sees(&it, Some(&asker(false))) && may_watch(&it, Some(&asker(false)), NOW));
            }
            for role in [None, Some(CourseRole::Learner)] {
                let it = found(status, access, joining, role);
                assert!(sees(&it, Some(&asker(true))) && may_watch(&it, Some(&asker(true)), NOW));
                let watches = may_watch(&it, Some(&asker(false)), NOW);
                assert!(!watches || status == CourseStatus::Published);
                assert!(
                    !watches || sees(&it, Some(&asker(false))),
                    "what may be watched is seen: {it:?}"
                );
                assert!(status != CourseStatus::Draft || !sees(&it, Some(&asker(false))));
            }
            let strangers = found(status, access, joining, None);
            let is_public = status == CourseStatus::Published && access == CourseAccess::Public;
            assert_eq!(sees(&strangers, None), is_public);
            assert_eq!(may_watch(&strangers, None, NOW), is_public);
        }
    }

    #[test]
    fn learners_watch_between_the_opening_and_the_end() {
        let learner = Some(CourseRole::Learner);
        let mut it = found(
            CourseStatus::Published,
            CourseAccess::Enrolled,
            Joining::Closed,
            learner,
        );
        assert!(may_watch(&it, Some(&asker(false)), NOW));
        it.course.opens_at = Some(Timestamp::from_seconds(101));
        assert!(!may_watch(&it, Some(&asker(false)), NOW));
        it.course.opens_at = Some(NOW);
        it.course.ends_at = Some(Timestamp::from_seconds(101));
        assert!(may_watch(&it, Some(&asker(false)), NOW));
        it.course.ends_at = Some(NOW);
        assert!(!may_watch(&it, Some(&asker(false)), NOW) && sees(&it, Some(&asker(false))));
        it.role = None;
        assert!(!sees(&it, Some(&asker(false))), "a closed course is not listed");
    }

    #[test]
    fn an_act_takes_a_role_and_an_admin_s_act_without_it_is_audited() {
        let course = |role| {
            Some(found(
                CourseStatus::Published,
                CourseAccess::Open,
                Joining::Oneself,
                role,
            ))
        };
        let editor = granted(course(Some(CourseRole::Editor)), &asker(true), CourseRole::Editor).unwrap();
        assert!(
            editor
                .audited(&asker(true), "update_course", serde_json::json!({}))
                .is_none()
        );
        let admin = granted(course(None), &asker(true), CourseRole::Editor).unwrap();
        assert!(
            admin
                .audited(&asker(true), "update_course", serde_json::json!({}))
                .is_some()
        );
        let learner = granted(course(Some(CourseRole::Learner)), &asker(false), CourseRole::Assistant);
        assert_eq!(learner, Err(Denied::RoleRequired(CourseRole::Assistant)));
        assert_eq!(granted(None, &asker(true), CourseRole::Editor), Err(Denied::NotFound));
        assert_eq!(seen(None, None), Err(Denied::Unauthenticated));
    }
}
