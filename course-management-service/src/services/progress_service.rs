//! How far people are with courses, by what they have watched.

use super::access_service::{Act, Asker, seen};
use super::course_service::CourseService;
use super::error::{CourseError, EnrolmentError, Failure};
use super::member_service::{Member, MemberService};
use crate::models::progress::summary::{CourseProgress, Part, Totals, nothing, of_many, of_one, videos};
use crate::repositories::outline::outline_repository::OutlineRepository;
use contracts::questions::{Lectures, Watching};
use contracts::{CourseId, EnrolmentId, UserId};
use futures::{Stream, stream};
use runtime::page::{Page, PageRequest};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// How many members are asked about at once for the list of all.
const MEMBERS_AT_ONCE: usize = 100;
/// For how many pairs of a member and a lecture content is asked at once: as many lines of an answer come in time.
const PAIRS_AT_ONCE: usize = 10_000;

/// A member with how far they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberProgress {
    pub(crate) member: Member,
    pub(crate) totals: Totals,
}

/// What there is to complete in a course.
struct Goal {
    parts: Vec<Part>,
    /// How much of a lecture completes it.
    share: f64,
}

/// Asks how far people are.
#[derive(Clone)]
pub(crate) struct ProgressService {
    courses: CourseService,
    members: MemberService,
    outlines: OutlineRepository,
    lectures: Arc<dyn Lectures>,
    watching: Arc<dyn Watching>,
}

impl ProgressService {
    pub(crate) fn new(
        (courses, members): (CourseService, MemberService),
        outlines: OutlineRepository,
        (lectures, watching): (Arc<dyn Lectures>, Arc<dyn Watching>),
    ) -> Self {
        Self {
            courses,
            members,
            outlines,
            lectures,
            watching,
        }
    }

    /// How far the asker is with a course that they may see.
    pub(crate) async fn of_asker(&self, (id, asker): Act<'_>) -> Result<CourseProgress, EnrolmentError> {
        let found = seen(self.courses.find(id, asker.user).await?, Some(asker))?;
        let parts = self.parts(id).await?;
        let videos = videos(&parts);
        let (mut lectures, mut watched) = (Vec::new(), Vec::new());
        if !videos.is_empty() {
            // How long a lecture lasts is the same for everybody.
            let nobody = UserId::from(Uuid::nil());
            lectures = self.lectures.lectures(&videos, nobody, false).await?;
            watched = self.watching.watched(&[asker.user], &videos).await?;
        }
        let mut progress = of_one(&parts, self.courses.share(&found.course), lectures, watched);
        self.hide(&mut progress, (id, asker)).await?;
        Ok(progress)
    }

    /// Leaves out what the course's page doesn't show either: which lectures it has that the asker may not watch yet.
    async fn hide(&self, progress: &mut CourseProgress, (id, asker): Act<'_>) -> Result<(), EnrolmentError> {
        let view = self.courses.view(id, Some(asker)).await.map_err(|why| match why {
            CourseError::Denied(denied) => EnrolmentError::from(denied),
            CourseError::Failed(failure) => EnrolmentError::Failed(failure),
            other => EnrolmentError::Failed(Failure::Internal(other.to_string())),
        })?;
        let shown = view.modules.iter().filter(|module| view.shows(module.opens_at));
        let shown: BTreeSet<_> = shown.flat_map(|module| &module.items).map(|item| item.id).collect();
        for item in progress.items.iter_mut().filter(|item| !shown.contains(&item.item)) {
            (item.video, item.duration) = (None, None);
        }
        Ok(())
    }

    /// How far the members of a course are, for its teachers, in the order in which they joined.
    pub(crate) async fn of_members(
        &self,
        act: Act<'_>,
        page: &PageRequest<EnrolmentId>,
    ) -> Result<Page<MemberProgress>, EnrolmentError> {
        let Page { items, next_cursor } = self.members.list(act, page).await?;
        let goal = self.goal(act).await?;
        let items = self.with_progress(items, &goal).await?;
        Ok(Page { items, next_cursor })
    }

    /// The same for all members, a hundred at a time, so that a large course takes no more memory than a small one.
    pub(crate) fn of_all_members(
        &self,
        id: CourseId,
        asker: Asker,
    ) -> impl Stream<Item = Result<Vec<MemberProgress>, EnrolmentError>> + Send + use<> {
        let first = PageRequest {
            limit: MEMBERS_AT_ONCE,
            after: None,
        };
        let begin = (self.clone(), asker, Some(first), None);
        stream::try_unfold(begin, move |(service, asker, page, goal)| async move {
            let Some(mut page) = page else { return Ok(None) };
            let found = service.members.list((id, &asker), &page).await?;
            let goal = match goal {
                Some(goal) => goal,
                None => service.goal((id, &asker)).await?,
            };
            page.after = found.items.last().map(|member| member.enrolment.id);
            let members = service.with_progress(found.items, &goal).await?;
            let next = found.next_cursor.map(|_| page);
            Ok(Some((members, (service, asker, next, Some(goal)))))
        })
    }

    async fn with_progress(
        &self,
        members: Vec<Member>,
        Goal { parts, share }: &Goal,
    ) -> Result<Vec<MemberProgress>, EnrolmentError> {
        let users: Vec<UserId> = members.iter().map(|member| member.enrolment.user_id).collect();
        let videos = videos(parts);
        let users_at_once = (PAIRS_AT_ONCE / videos.len().max(1)).max(1);
        let mut watched = Vec::new();
        for users in users.chunks(users_at_once) {
            watched.extend(self.watching.watched(users, &videos).await?);
        }
        let (totals, nothing) = (of_many(parts, *share, &watched), nothing(parts));
        let progress = |member: Member| MemberProgress {
            totals: totals.get(&member.enrolment.user_id).copied().unwrap_or(nothing),
            member,
        };
        Ok(members.into_iter().map(progress).collect())
    }

    async fn goal(&self, (id, asker): Act<'_>) -> Result<Goal, EnrolmentError> {
        let found = seen(self.courses.find(id, asker.user).await?, Some(asker))?;
        Ok(Goal {
            parts: self.parts(id).await?,
            share: self.courses.share(&found.course),
        })
    }

    async fn parts(&self, id: CourseId) -> Result<Vec<Part>, EnrolmentError> {
        let (modules, items) = self.outlines.outline(id).await?;
        let in_order = modules.iter().flat_map(|module| {
            let items = items.iter().filter(|item| item.module_id == module.id);
            items.map(|item| Part {
                item: item.id,
                video: item.content_id,
                lives: item.deleted_at.is_none(),
            })
        });
        Ok(in_order.collect())
    }
}
