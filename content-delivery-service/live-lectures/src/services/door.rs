//! The door to live lectures: who may publish and watch.

use super::live_service::{LiveService, handles};
use async_trait::async_trait;
use backing::DbError;
use broadcasts::models::broadcast::{Broadcast, Phase};
use contracts::questions::Unanswered;
use contracts::questions::live::{
    LiveDoor, PublishAsked, PublishGrant, Publisher, Refused, Watch, WatchAsked, WatchGrant,
};
use runtime::Caller;

#[async_trait]
impl LiveDoor for LiveService {
    async fn publish(&self, asked: PublishAsked) -> Result<Result<PublishGrant, Refused>, Unanswered> {
        let named = match &asked.publisher {
            Publisher::Key(key) => match (self.0.keys.video(key), asked.video) {
                (Some(named), None) => Some(named),
                // a key of another lecture is no key of this one
                (named, Some(video)) => named.filter(|named| *named == video),
                (None, None) => None,
            },
            Publisher::Person(_) => asked.video,
        };
        let Some(video) = named else {
            return Ok(Err(Refused::Unauthenticated));
        };
        let Some(broadcast) = answered(self.0.broadcasts.find(video).await)? else {
            let is_key = matches!(asked.publisher, Publisher::Key(_));
            return Ok(Err(if is_key {
                Refused::Unauthenticated
            } else {
                Refused::NotFound
            }));
        };
        if let Err(refused) = self.may_publish(&broadcast, &asked.publisher).await? {
            return Ok(Err(refused));
        }
        if broadcast.is_deleted {
            return Ok(Err(Refused::Deleted));
        }
        if broadcast.phase() == Phase::Ended {
            return Ok(Err(Refused::Ended));
        }
        // A lecture that has begun goes on: nobody can give it again.
        if broadcast.phase() == Phase::Scheduled
            && let Err(refused) = self.0.gate.has_room(broadcast.owner_id).await?
        {
            return Ok(Err(refused));
        }
        Ok(Ok(PublishGrant {
            video,
            publisher: asked.publisher,
            key_version: broadcast.key_version,
        }))
    }

    async fn withdrawn(&self, grants: Vec<PublishGrant>) -> Result<Vec<usize>, Unanswered> {
        let mut withdrawn = Vec::new();
        for (at, grant) in grants.iter().enumerate() {
            let found = answered(self.0.broadcasts.find(grant.video).await)?;
            if !found.is_some_and(|broadcast| self.still(&broadcast, grant)) {
                withdrawn.push(at);
            }
        }
        Ok(withdrawn)
    }

    async fn watch(&self, asked: WatchAsked) -> Result<Result<WatchGrant, Refused>, Unanswered> {
        self.0.gate.watch(asked).await
    }

    async fn living(&self, watches: Vec<Watch>) -> Result<Vec<usize>, Unanswered> {
        self.0.gate.living(watches).await
    }

    async fn leave(&self, watch: Watch) -> Result<(), Unanswered> {
        self.0.gate.leave(watch).await
    }
}

impl LiveService {
    async fn may_publish(
        &self,
        broadcast: &Broadcast,
        publisher: &Publisher,
    ) -> Result<Result<(), Refused>, Unanswered> {
        let bearer = match publisher {
            Publisher::Key(key) => {
                let is_good = self.0.keys.is_good(key, broadcast.id, broadcast.key_version);
                return Ok(is_good.then_some(()).ok_or(Refused::Unauthenticated));
            }
            Publisher::Person(bearer) => bearer,
        };
        if handles(broadcast, bearer) {
            return Ok(Ok(()));
        }
        let seen = self.0.gate.sees(broadcast.id, bearer).await?;
        Ok(seen.and(Err(Refused::NotEntitled)))
    }

    /// Whether a grant is still in force.
    fn still(&self, broadcast: &Broadcast, grant: &PublishGrant) -> bool {
        let is_good = match &grant.publisher {
            Publisher::Key(_) => grant.key_version == broadcast.key_version,
            Publisher::Person(bearer) => !self.0.authenticator.refuses(&Caller::from(bearer)),
        };
        is_good && !broadcast.is_deleted && broadcast.phase() != Phase::Ended
    }
}

fn answered<T>(found: Result<T, DbError>) -> Result<T, Unanswered> {
    found.map_err(|error| Unanswered(format!("the content service can't answer: {error}")))
}
