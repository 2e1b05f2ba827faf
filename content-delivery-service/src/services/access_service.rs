//! Rights to lectures: one question, answered by one rule.

use super::error::{Denied, Failure};
use crate::models::videos::video::Video;
use backing::{Clock, DbError};
use contracts::questions::Directory;
use contracts::{CourseId, Role, Timestamp, UserId, VideoId};
use entitlements::models::rights::{Asker, Basis, Entitlement, Right, Visit, by_course, entitlement, handling};
use entitlements::repositories::grounds_repository::{GroundsRepository, Situation};
use std::sync::Arc;

/// The lecture, if it exists and the asker has at least this right by owning it or as an admin.
///
/// Errors: `NotFound` in both cases
pub(crate) fn granted(video: Option<Video>, asker: Asker, least: Right) -> Result<Video, Denied> {
    video
        .filter(|video| asker.right(video.owner_id) >= least)
        .ok_or(Denied::NotFound)
}

/// Fails unless the asker may see everybody's lectures.
pub(crate) fn must_see_all(asker: Asker) -> Result<(), Denied> {
    if asker.is_admin {
        Ok(())
    } else {
        Err(Denied::AdminRequired)
    }
}

/// Whether somebody may watch a lecture, for those who ask about others.
pub(crate) struct Answer {
    pub(crate) is_allowed: bool,
    /// A stable code.
    pub(crate) reason: &'static str,
    pub(crate) until: Option<Timestamp>,
}

impl Answer {
    pub(crate) fn refused(reason: &'static str) -> Self {
        Self {
            is_allowed: false,
            reason,
            until: None,
        }
    }
}

/// Answers who may do what with lectures.
#[derive(Clone)]
pub(crate) struct AccessService {
    grounds: GroundsRepository,
    directory: Arc<dyn Directory>,
    clock: Clock,
}

impl AccessService {
    pub(crate) fn new(grounds: GroundsRepository, directory: Arc<dyn Directory>, clock: Clock) -> Self {
        Self {
            grounds,
            directory,
            clock,
        }
    }

    /// Whether a user may watch a lecture; without an active account, they have what everybody has.
    pub(crate) async fn answer(&self, lecture: (VideoId, UserId), user: UserId) -> Result<Answer, Failure> {
        let people = self.directory.people(&[user]).await?;
        let person = people.into_iter().find(|person| person.id == user);
        let (asker, otherwise) = match person {
            None => (None, "no_account"),
            Some(person) if !person.is_active => (None, "account_deactivated"),
            Some(person) => {
                let asker = Asker::of_question(user, person.roles.has(Role::Admin));
                (Some(asker), "nothing")
            }
        };
        let found = self.entitlement(lecture, asker.into()).await?;
        let reason = match (found.right, found.basis) {
            (Right::None, _) | (_, Basis::Nothing) => otherwise,
            (Right::Know, _) => "not_open",
            (_, Basis::Ownership) => "owner",
            (_, Basis::Administration) => "admin",
            (_, Basis::Course) => "course",
            (_, Basis::Sharing) => "shared",
        };
        Ok(Answer {
            is_allowed: found.right >= Right::Watch,
            reason,
            until: found.until,
        })
    }

    /// Whether somebody's account is deactivated; who has none here is not.
    pub(crate) async fn is_deactivated(&self, user: UserId) -> Result<bool, Failure> {
        let people = self.directory.people(&[user]).await?;
        Ok(people.iter().any(|person| person.id == user && !person.is_active))
    }

    /// What somebody may do with a lecture; no course is looked at for those who may administer it.
    pub(crate) async fn entitlement(
        &self,
        (video, owner): (VideoId, UserId),
        visit: Visit<'_>,
    ) -> Result<Entitlement, DbError> {
        let handling = handling(owner, visit.asker);
        if handling.right >= Right::Administer {
            return Ok(handling);
        }
        let situation = self.grounds.of(video, visit.asker.map(|asker| asker.user)).await?;
        Ok(situation.map_or(handling, |it| entitlement(&it.grounds, visit, self.clock.now())))
    }

    /// The lectures of a course that somebody may watch, in the order of its outline, each with its status and the right;
    /// this course, ownership and being an admin are the grounds that count.
    pub(crate) async fn watched_of_course(
        &self,
        course: CourseId,
        asker: Asker,
    ) -> Result<Vec<(VideoId, String, Right)>, DbError> {
        let (listed, now) = (
            self.grounds.of_course(course, Some(asker.user)).await?,
            self.clock.now(),
        );
        let watched = listed.into_iter().filter_map(|it| {
            let courses = it.grounds.courses.iter().map(|course| by_course(course, true, now));
            let right = courses
                .fold(handling(it.grounds.owner, Some(asker)), Entitlement::or)
                .right;
            (right >= Right::Watch).then_some((it.video, it.status, right))
        });
        Ok(watched.collect())
    }

    /// How somebody stands to a lecture that they may watch, and what they may do with it.
    ///
    /// Errors: those of [`may_watch`], or the database's
    pub(crate) async fn may_watch<E: From<Denied> + From<DbError>>(
        &self,
        video: VideoId,
        visit: Visit<'_>,
    ) -> Result<(Situation, Entitlement), E> {
        let viewer = visit.asker.map(|asker| asker.user);
        let Some(situation) = self.grounds.of(video, viewer).await? else {
            return Err(unseen(visit.asker).into());
        };
        let entitlement = entitlement(&situation.grounds, visit, self.clock.now());
        may_watch(entitlement.right, visit.asker)?;
        Ok((situation, entitlement))
    }
}

/// Checks that a right suffices to watch.
///
/// Errors: `NotEntitled` for those who know of the lecture, `Unauthenticated` without a sign-in, else `NotFound`
fn may_watch(right: Right, asker: Option<Asker>) -> Result<(), Denied> {
    match right {
        Right::Own | Right::Administer | Right::Watch => Ok(()),
        Right::Know if asker.is_some() => Err(Denied::NotEntitled),
        Right::Know | Right::None => Err(unseen(asker)),
    }
}

/// What there is to say of a lecture that does not exist, or not for the asker.
fn unseen(asker: Option<Asker>) -> Denied {
    if asker.is_some() {
        Denied::NotFound
    } else {
        Denied::Unauthenticated
    }
}
