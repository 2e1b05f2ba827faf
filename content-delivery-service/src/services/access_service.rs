//! Rights to lectures: one question, answered by one rule.

use super::error::Denied;
use crate::models::videos::video::Video;
use backing::audit::NewEntry;
use contracts::{UserId, VideoId};
use runtime::{Caller, RequestId};
use uuid::Uuid;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) user: UserId,
    is_admin: bool,
    may_teach: bool,
    /// Under which request their acts are recorded.
    request: Option<Uuid>,
}

/// What an asker may do with a lecture; a greater right includes the lesser ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    /// Nothing: to the asker, the lecture does not exist.
    None,
    /// See, watch, change and delete it.
    Administer,
    /// Continue its upload, too.
    Own,
}

impl Asker {
    /// Somebody on whose behalf another service asks; what only a sign-in shows is missing.
    pub(crate) fn of_question(user: UserId, is_admin: bool) -> Self {
        Self {
            user,
            is_admin,
            may_teach: false,
            request: None,
        }
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
    pub(crate) fn by(caller: &Caller, request: &RequestId) -> Self {
        Self {
            request: Uuid::try_parse(request.as_str()).ok(),
            ..Self::from(caller)
        }
    }

    /// Whether the asker may upload.
    pub(crate) fn may_teach(self) -> bool {
        self.may_teach
    }

    /// The audit's entry for an act on this owner's lecture; none for an act on one's own.
    pub(crate) fn audited(
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

    /// The asker's right to a lecture of this owner.
    pub(crate) fn right(self, owner: UserId) -> Right {
        if owner == self.user {
            Right::Own
        } else if self.is_admin {
            Right::Administer
        } else {
            Right::None
        }
    }
}

/// The lecture, if it exists and the asker has at least this right.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
