//! The questions of services, asked over HTTP.

use super::peer::Peer;
use async_trait::async_trait;
use contracts::asked::{
    AccountAsked, AddressesAsked, ChangesAsked, HistoryAsked, LeaveAsked, LecturesAsked, LiveAsked, LivingAsked,
    MayPublishAsked, MayWatchAsked, PeopleAsked, RefusalsAsked, WatchedAsked, WithdrawnAsked,
};
use contracts::questions::live::{LiveDoor, PublishAsked, PublishGrant, Refused, Watch, WatchAsked, WatchGrant};
use contracts::questions::{
    Addressee, ChangePosition, Changes, CourseHistory, Courses, Directory, ExternalIdentity, Identities, Lecture,
    Lectures, LocalAccount, Person, Refusal, Refusals, Unanswered, Watched, Watching,
};
use contracts::{CourseId, Timestamp, UserId, VideoId};

#[async_trait]
impl Directory for Peer {
    async fn at_addresses(&self, addresses: &[String]) -> Result<Vec<Addressee>, Unanswered> {
        let addresses = addresses.to_vec();
        self.ask(&AddressesAsked { addresses }).await
    }

    async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>, Unanswered> {
        self.ask(&PeopleAsked { ids: ids.to_vec() }).await
    }
}

#[async_trait]
impl Identities for Peer {
    async fn account_of(&self, identity: &ExternalIdentity) -> Result<Option<LocalAccount>, Unanswered> {
        let identity = identity.clone();
        self.ask(&AccountAsked { identity }).await
    }
}

#[async_trait]
impl Refusals for Peer {
    async fn written_after(&self, since: Timestamp) -> Result<Vec<Refusal>, Unanswered> {
        self.ask(&RefusalsAsked { since }).await
    }
}

#[async_trait]
impl Lectures for Peer {
    async fn lectures(&self, ids: &[VideoId], user: UserId, is_admin: bool) -> Result<Vec<Lecture>, Unanswered> {
        let ids = ids.to_vec();
        self.ask(&LecturesAsked { ids, user, is_admin }).await
    }

    async fn live(&self) -> Result<Vec<VideoId>, Unanswered> {
        self.ask(&LiveAsked {}).await
    }
}

#[async_trait]
impl Watching for Peer {
    async fn watched(&self, users: &[UserId], videos: &[VideoId]) -> Result<Vec<Watched>, Unanswered> {
        let (users, videos) = (users.to_vec(), videos.to_vec());
        self.ask(&WatchedAsked { users, videos }).await
    }
}

#[async_trait]
impl Courses for Peer {
    async fn changed_after(&self, position: ChangePosition) -> Result<Changes, Unanswered> {
        self.ask(&ChangesAsked { position }).await
    }

    async fn history(&self, course: CourseId, after: i64) -> Result<Option<CourseHistory>, Unanswered> {
        self.ask(&HistoryAsked { course, after }).await
    }
}

#[async_trait]
impl LiveDoor for Peer {
    async fn publish(&self, asked: PublishAsked) -> Result<Result<PublishGrant, Refused>, Unanswered> {
        self.ask(&MayPublishAsked { asked }).await
    }

    async fn withdrawn(&self, grants: Vec<PublishGrant>) -> Result<Vec<usize>, Unanswered> {
        self.ask(&WithdrawnAsked { grants }).await
    }

    async fn watch(&self, asked: WatchAsked) -> Result<Result<WatchGrant, Refused>, Unanswered> {
        self.ask(&MayWatchAsked { asked }).await
    }

    async fn living(&self, watches: Vec<Watch>) -> Result<Vec<usize>, Unanswered> {
        self.ask(&LivingAsked { watches }).await
    }

    async fn leave(&self, watch: Watch) -> Result<(), Unanswered> {
        self.ask(&LeaveAsked { watch }).await
    }
}
