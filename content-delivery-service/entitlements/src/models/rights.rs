//! The rule: who may do what with a lecture.

use super::grounds::{CourseGround, Grounds, Viewing};
use super::sharing::Visibility;
use backing::audit::NewEntry;
use contracts::{CourseAccess, CourseRole, CourseStatus, Timestamp, UserId, VideoId};
use runtime::{Caller, RequestId};
use uuid::Uuid;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// Their account; nil for a client.
    pub user: UserId,
    /// Whether they are an admin.
    pub is_admin: bool,
    may_teach: bool,
    /// Under which request their acts are recorded.
    request: Option<Uuid>,
}

/// What an asker may do with a lecture; a greater right includes the lesser ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Nothing: to the asker, the lecture does not exist.
    None,
    /// Know that it exists, because they may watch it at another time.
    Know,
    /// See and watch it.
    Watch,
    /// See everything of it, change and delete it.
    Administer,
    /// Continue its upload, too.
    Own,
}

/// What the widest right of an asker rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Nothing.
    Nothing,
    /// The lecture is theirs.
    Ownership,
    /// They are an admin.
    Administration,
    /// A course has the lecture.
    Course,
    /// Its owner shares it.
    Sharing,
}

/// Who comes to a lecture: somebody or nobody, perhaps by its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit<'a> {
    /// Who comes; none without a sign-in.
    pub asker: Option<Asker>,
    /// The key of the link.
    pub key: Option<&'a str>,
}

impl From<Option<Asker>> for Visit<'_> {
    fn from(asker: Option<Asker>) -> Self {
        Self { asker, key: None }
    }
}

/// An asker's right to a lecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entitlement {
    /// The right.
    pub right: Right,
    /// When the right ends; none if it is not known to end.
    pub until: Option<Timestamp>,
    /// What it rests on.
    pub basis: Basis,
}

impl Entitlement {
    /// The wider one; of two equal ones, the one that lasts longer.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let lasts = |it: &Self| (it.right, it.until.is_none(), it.until);
        if lasts(&other) > lasts(&self) { other } else { self }
    }
}

impl Asker {
    /// Somebody on whose behalf another service asks; what only a sign-in shows is missing.
    #[must_use]
    pub fn of_question(user: UserId, is_admin: bool) -> Self {
        Self {
            user,
            is_admin,
            may_teach: false,
            request: None,
        }
    }

    /// A client that may read: it sees what admins see, and owns nothing.
    #[must_use]
    pub fn of_client() -> Self {
        Self::of_question(UserId::from(Uuid::nil()), true)
    }
}

impl From<&Caller> for Asker {
    fn from(caller: &Caller) -> Self {
        Self {
            user: caller.user_id,
            is_admin: caller.is_admin(),
            may_teach: caller.roles.may_teach(),
            request: None,
        }
    }
}

impl Asker {
    /// Who asks by this request.
    #[must_use]
    pub fn by(caller: &Caller, request: &RequestId) -> Self {
        Self {
            request: Uuid::try_parse(request.as_str()).ok(),
            ..Self::from(caller)
        }
    }

    /// Whether the asker may upload.
    #[must_use]
    pub fn may_teach(self) -> bool {
        self.may_teach
    }

    /// The audit's entry for an act on this owner's lecture; none for an act on one's own.
    #[must_use]
    pub fn audited(
        self,
        act: &'static str,
        (video, owner): (VideoId, UserId),
        details: serde_json::Value,
    ) -> Option<NewEntry> {
        (self.right(owner) < Right::Own).then(|| NewEntry {
            actor: Some(self.user),
            act,
            subject_kind: "video",
            subject: video.into(),
            owner: Some(owner),
            details,
            request: self.request.map(|id| id.to_string()),
        })
    }

    /// The asker's right to a lecture of this owner, by owning it or as an admin.
    #[must_use]
    pub fn right(self, owner: UserId) -> Right {
        if owner == self.user {
            Right::Own
        } else if self.is_admin {
            Right::Administer
        } else {
            Right::None
        }
    }
}

/// What somebody (nobody without a sign-in) may do with a lecture: of all their grounds, the widest counts.
#[must_use]
pub fn entitlement(grounds: &Grounds, visit: Visit<'_>, now: Timestamp) -> Entitlement {
    let courses = grounds.courses.iter();
    let by_courses = courses.map(|course| by_course(course, visit.asker.is_some(), now));
    let first = handling(grounds.owner, visit.asker).or(by_sharing(grounds, visit));
    by_courses.fold(first, Entitlement::or)
}

/// The right of those with whom the owner shares a lecture.
fn by_sharing(grounds: &Grounds, visit: Visit<'_>) -> Entitlement {
    let shares = match (grounds.visibility, &grounds.share_key) {
        (Visibility::SignedIn, _) => visit.asker.is_some(),
        (Visibility::Link, Some(key)) => visit.key.is_some_and(|brought| key.is(brought)),
        (Visibility::Private, _) | (Visibility::Link, None) => false,
    };
    Entitlement {
        right: if shares { Right::Watch } else { Right::None },
        until: None,
        basis: Basis::Sharing,
    }
}

/// The right of owners and admins, whatever courses and sharing give.
#[must_use]
pub fn handling(owner: UserId, asker: Option<Asker>) -> Entitlement {
    let right = asker.map_or(Right::None, |asker| asker.right(owner));
    Entitlement {
        right,
        until: None,
        basis: match right {
            Right::Own => Basis::Ownership,
            Right::Administer => Basis::Administration,
            Right::Watch | Right::Know | Right::None => Basis::Nothing,
        },
    }
}

/// The right that one course gives: to its teachers at any time, to others between its opening and its end.
#[must_use]
pub fn by_course(course: &CourseGround, is_signed_in: bool, now: Timestamp) -> Entitlement {
    let is_open = [course.opens_at, course.module_opens_at]
        .iter()
        .flatten()
        .all(|opens| *opens <= now);
    let has_ended = course.ends_at.is_some_and(|ends| ends <= now);
    let is_published = course.status == CourseStatus::Published;
    let admits = match course.access {
        CourseAccess::Enrolled => course.role.is_some(),
        CourseAccess::Open => is_signed_in,
        CourseAccess::Public => true,
    };
    let is_member_of = course.role.is_some() && course.status != CourseStatus::Draft;
    let (right, until) = if course.role >= Some(CourseRole::Assistant) {
        (Right::Watch, None)
    } else if is_published && admits && is_open && !has_ended {
        (Right::Watch, course.ends_at)
    } else if is_member_of || is_published && admits {
        (Right::Know, None)
    } else {
        (Right::None, None)
    };
    Entitlement {
        right,
        until,
        basis: Basis::Course,
    }
}

/// Whether a session's viewer may watch until it runs out.
#[must_use]
pub fn goes_on(viewing: &Viewing, now: Timestamp) -> bool {
    let asker = Some(viewing.user).filter(|user| !user.0.is_nil());
    let asker = asker.map(|user| Asker::of_question(user, false));
    let key = viewing.key.as_deref();
    let found = entitlement(&viewing.grounds, Visit { asker, key }, now);
    found.right >= Right::Watch && found.until.is_none_or(|until| until >= viewing.expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::sharing::ShareKey;
    use contracts::CourseId;

    #[test]
    fn owners_have_every_right_admins_all_but_the_upload_and_others_none() {
        let owner = UserId::generate();
        let asker = |user, is_admin| Asker {
            user,
            is_admin,
            may_teach: true,
            request: None,
        };
        for is_admin in [false, true] {
            assert_eq!(asker(owner, is_admin).right(owner), Right::Own);
        }
        assert_eq!(asker(UserId::generate(), true).right(owner), Right::Administer);
        assert_eq!(asker(UserId::generate(), false).right(owner), Right::None);
        assert!(Right::None < Right::Administer && Right::Administer < Right::Own);
    }

    const NOW: Timestamp = Timestamp::from_seconds(100);

    fn course(status: CourseStatus, access: CourseAccess, role: Option<CourseRole>) -> CourseGround {
        CourseGround {
            course: CourseId::from(Uuid::nil()),
            sequence: 1,
            status,
            access,
            opens_at: None,
            ends_at: None,
            module_opens_at: None,
            role,
        }
    }

    fn grounds(owner: UserId, courses: Vec<CourseGround>) -> Grounds {
        Grounds {
            owner,
            visibility: Visibility::Private,
            share_key: None,
            courses,
        }
    }

    #[test]
    fn a_lecture_is_shared_with_those_who_are_signed_in_or_bring_the_key_of_its_link() {
        let (key, other) = (ShareKey::generate().unwrap(), ShareKey::generate().unwrap());
        let asker = Some(Asker::of_question(UserId::generate(), false));
        let shared = |visibility, share_key| Grounds {
            visibility,
            share_key,
            ..grounds(UserId::generate(), Vec::new())
        };
        let link = shared(Visibility::Link, Some(key.clone()));
        let (signed_in, private) = (shared(Visibility::SignedIn, None), shared(Visibility::Private, None));
        for asker in [None, asker] {
            let right = |grounds: &Grounds, key| entitlement(grounds, Visit { asker, key }, NOW).right;
            assert_eq!(right(&link, Some(key.as_str())), Right::Watch);
            for brought in [None, Some(""), Some(other.as_str()), Some(&key.as_str()[1..])] {
                assert_eq!(right(&link, brought), Right::None);
            }
            assert_eq!(right(&private, Some(key.as_str())), Right::None);
            assert_eq!(right(&signed_in, None) == Right::Watch, asker.is_some());
        }
    }

    fn right(course: &CourseGround, is_signed_in: bool) -> Right {
        by_course(course, is_signed_in, NOW).right
    }

    const STATUSES: [CourseStatus; 3] = [CourseStatus::Draft, CourseStatus::Published, CourseStatus::Archived];
    const ACCESSES: [CourseAccess; 3] = [CourseAccess::Enrolled, CourseAccess::Open, CourseAccess::Public];

    #[test]
    fn a_course_gives_the_right_that_course_management_gives() {
        for (status, access) in STATUSES
            .into_iter()
            .flat_map(|status| ACCESSES.map(|access| (status, access)))
        {
            let is_published = status == CourseStatus::Published;
            let watches_if = |yes: bool, otherwise| if yes { Right::Watch } else { otherwise };
            for role in [CourseRole::Assistant, CourseRole::Editor, CourseRole::Owner] {
                let teaching = course(status, access, Some(role));
                assert_eq!(right(&teaching, true), Right::Watch, "{teaching:?}");
            }
            let learning = course(status, access, Some(CourseRole::Learner));
            let known = if status == CourseStatus::Draft {
                Right::None
            } else {
                Right::Know
            };
            assert_eq!(right(&learning, true), watches_if(is_published, known), "{learning:?}");
            let strange = course(status, access, None);
            let is_open = is_published && access != CourseAccess::Enrolled;
            assert_eq!(right(&strange, true), watches_if(is_open, Right::None), "{strange:?}");
            let is_public = is_published && access == CourseAccess::Public;
            assert_eq!(
                right(&strange, false),
                watches_if(is_public, Right::None),
                "{strange:?}"
            );
        }
    }

    #[test]
    fn learners_watch_between_the_openings_and_the_end_and_teachers_always() {
        let (soon, past) = (Some(Timestamp::from_seconds(101)), Some(NOW));
        let learning = course(
            CourseStatus::Published,
            CourseAccess::Enrolled,
            Some(CourseRole::Learner),
        );
        let closed = [
            CourseGround {
                opens_at: soon,
                ..learning
            },
            CourseGround {
                module_opens_at: soon,
                ..learning
            },
            CourseGround {
                ends_at: past,
                ..learning
            },
        ];
        for closed in closed {
            assert_eq!(right(&closed, true), Right::Know, "{closed:?}");
            let teaching = CourseGround {
                role: Some(CourseRole::Assistant),
                ..closed
            };
            assert_eq!(right(&teaching, true), Right::Watch, "{teaching:?}");
        }
        let open = CourseGround {
            opens_at: past,
            module_opens_at: past,
            ends_at: soon,
            ..learning
        };
        let given = by_course(&open, true, NOW);
        assert_eq!((given.right, given.until), (Right::Watch, soon));
    }

    #[test]
    fn the_widest_ground_counts_and_of_equal_ones_the_longest() {
        let (soon, later) = (Some(Timestamp::from_seconds(101)), Some(Timestamp::from_seconds(102)));
        let learning = course(
            CourseStatus::Published,
            CourseAccess::Enrolled,
            Some(CourseRole::Learner),
        );
        let ends = |ends_at| CourseGround { ends_at, ..learning };
        let asker = Asker::of_question(UserId::generate(), false);
        let over = CourseGround {
            status: CourseStatus::Archived,
            ..learning
        };
        let given = |courses: Vec<CourseGround>, owner| entitlement(&grounds(owner, courses), Some(asker).into(), NOW);
        let other = UserId::generate();
        assert_eq!(given(vec![], other).right, Right::None);
        assert_eq!(given(vec![over, ends(soon), over], other).until, soon);
        assert_eq!(given(vec![ends(later), ends(soon)], other).until, later);
        assert_eq!(given(vec![ends(later), ends(None), ends(soon)], other).until, None);
        let owned = given(vec![ends(soon)], asker.user);
        assert_eq!(
            (owned.right, owned.until, owned.basis),
            (Right::Own, None, Basis::Ownership)
        );
    }
}
