//! The members of a course: listing them, their roles, and their leaving.

use super::access_service::{Act, Granted, belonging, granted};
use super::course_service::{CourseService, version};
use super::enrolment_limits::EnrolmentLimits;
use super::error::EnrolmentError;
use crate::models::enrolments::enrolment::Enrolment;
use crate::repositories::enrolments::enrolment_repository::EnrolmentRepository;
use crate::repositories::enrolments::member_repository::MemberRepository;
use crate::repositories::rows::NotDone;
use contracts::questions::{Directory, Person};
use contracts::{CourseRole, EnrolmentId, UserId};
use runtime::conditional::IfMatch;
use runtime::page::{Page, PageRequest};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// A member with their name; none if the account no longer exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) enrolment: Enrolment,
    pub(crate) name: Option<String>,
}

/// Works on members.
#[derive(Clone)]
pub(crate) struct MemberService {
    courses: CourseService,
    enrolments: EnrolmentRepository,
    members: MemberRepository,
    directory: Arc<dyn Directory>,
    limits: EnrolmentLimits,
}

impl MemberService {
    pub(crate) fn new(
        courses: CourseService,
        (enrolments, members): (EnrolmentRepository, MemberRepository),
        directory: Arc<dyn Directory>,
        limits: EnrolmentLimits,
    ) -> Self {
        Self {
            courses,
            enrolments,
            members,
            directory,
            limits,
        }
    }

    /// The members of a course for its teachers, in the order in which they joined.
    pub(crate) async fn list(
        &self,
        act: Act<'_>,
        page: &PageRequest<EnrolmentId>,
    ) -> Result<Page<Member>, EnrolmentError> {
        self.granted(act, CourseRole::Assistant).await?;
        let found = self.members.list(act.0, page.after, page.one_more()).await?;
        let Page { items, next_cursor } = page.cut(found, |enrolment| enrolment.id);
        let items = self.with_names(items).await?;
        Ok(Page { items, next_cursor })
    }

    /// Ends a membership: everybody may leave, also a course that they don't see while it is not published; assistants and
    /// editors remove learners, and the owner removes all others.
    pub(crate) async fn end(&self, (id, asker): Act<'_>, user: UserId) -> Result<(), EnrolmentError> {
        let is_self = user == asker.user;
        let granted = if is_self {
            belonging(self.courses.find(id, asker.user).await?, asker)?
        } else {
            self.granted((id, asker), CourseRole::Assistant).await?
        };
        let member = self.members.find(id, user).await?.ok_or(EnrolmentError::NoMember)?;
        if member.role == CourseRole::Owner {
            return Err(EnrolmentError::OwnerStays);
        }
        let (most, granted) = if is_self {
            (CourseRole::Editor, granted)
        } else if member.role == CourseRole::Learner {
            (CourseRole::Learner, granted)
        } else {
            (CourseRole::Editor, self.granted((id, asker), CourseRole::Owner).await?)
        };
        if is_self {
            let counted = self.limits.change(user).await;
            counted.map_err(EnrolmentError::TooManyChanges)?;
        }
        let audit = granted.audited(asker, "remove_member", json!({"user_id": user}));
        let now = self.courses.clock.now();
        let ended = self.enrolments.end(id, user, (asker.user, most), audit.as_ref(), now);
        if ended.await? {
            Ok(())
        } else {
            Err(EnrolmentError::NoMember)
        }
    }

    /// Gives a member another role; `owner` hands the course over, and its owner becomes an editor.
    pub(crate) async fn set_role(
        &self,
        (id, asker): Act<'_>,
        user: UserId,
        (role, if_match): (CourseRole, &IfMatch),
    ) -> Result<Member, EnrolmentError> {
        let granted = self.granted((id, asker), CourseRole::Owner).await?;
        let version = version(&granted, if_match).map_err(|_| EnrolmentError::Stale)?;
        let member = self.members.find(id, user).await?.ok_or(EnrolmentError::NoMember)?;
        if member.role != role {
            if member.role == CourseRole::Owner {
                return Err(EnrolmentError::OwnerStays);
            }
            let details = json!({"user_id": user, "before": member.role, "after": role});
            let audit = granted.audited(asker, "set_course_role", details);
            let now = self.courses.clock.now();
            if role == CourseRole::Owner {
                self.demand_teacher(user).await?;
                let heir = (user, self.courses.owned);
                let handed = self.members.hand_over((id, version), heir, audit.as_ref(), now).await;
                handed.map_err(|error| match error {
                    NotDone::Db(error) => EnrolmentError::from(error),
                    NotDone::Stale => EnrolmentError::Stale,
                    NotDone::TooMany(_, most) => EnrolmentError::TooManyOwned(most),
                    _ => EnrolmentError::NoMember,
                })?;
            } else if !self.members.set_role(id, user, role, audit.as_ref(), now).await? {
                return Err(EnrolmentError::NoMember);
            }
        }
        let now = self.members.find(id, user).await?.ok_or(EnrolmentError::NoMember)?;
        let named = self.with_names(vec![now]).await?;
        named.into_iter().next().ok_or(EnrolmentError::NoMember)
    }

    async fn granted(&self, (id, asker): Act<'_>, least: CourseRole) -> Result<Granted, EnrolmentError> {
        let found = self.courses.find(id, asker.user).await?;
        Ok(granted(found, asker, least)?)
    }

    /// Whether somebody may own courses.
    async fn demand_teacher(&self, user: UserId) -> Result<(), EnrolmentError> {
        let found = self.directory.people(&[user]).await?;
        if found
            .iter()
            .any(|it| it.id == user && it.is_active && it.roles.may_teach())
        {
            Ok(())
        } else {
            Err(EnrolmentError::BadField(
                "role",
                "can only be `owner` for an instructor",
            ))
        }
    }

    async fn with_names(&self, enrolments: Vec<Enrolment>) -> Result<Vec<Member>, EnrolmentError> {
        let ids: Vec<UserId> = enrolments.iter().map(|enrolment| enrolment.user_id).collect();
        let people = self.directory.people(&ids).await?;
        let mut names: HashMap<UserId, String> = people.into_iter().map(|Person { id, name, .. }| (id, name)).collect();
        let member = |enrolment: Enrolment| Member {
            name: names.remove(&enrolment.user_id),
            enrolment,
        };
        Ok(enrolments.into_iter().map(member).collect())
    }
}
