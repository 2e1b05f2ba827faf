//! Answers which access tokens are refused.

use crate::models::sessions::revocation::{Refused, Revocation};
use crate::repositories::sessions::revocation_repository::RevocationRepository;
use async_trait::async_trait;
use backing::{Clock, Db};
use contracts::Timestamp;
use contracts::questions::{self, Refusal, RefusedTokens, Unanswered};

/// The answers of this service's own database.
#[derive(Clone)]
pub(crate) struct Refusals {
    revocations: RevocationRepository,
    clock: Clock,
}

impl Refusals {
    pub(crate) fn new(db: Db, clock: Clock) -> Self {
        let revocations = RevocationRepository::new(db);
        Self { revocations, clock }
    }
}

#[async_trait]
impl questions::Refusals for Refusals {
    async fn written_after(&self, since: Timestamp) -> Result<Vec<Refusal>, Unanswered> {
        let live = self.revocations.live(since, self.clock.now()).await;
        let live = live.map_err(|error| Unanswered(format!("the users' service can't answer: {error}")))?;
        Ok(live.iter().map(refusal).collect())
    }
}

fn refusal(revocation: &Revocation) -> Refusal {
    let refused = match revocation.refused {
        Refused::Session(session) => RefusedTokens::Session(session),
        Refused::Below(version) => RefusedTokens::Below(revocation.user_id, version),
        Refused::Client(client) => RefusedTokens::Client(client),
        Refused::Token(token) => RefusedTokens::Token(token),
    };
    let until = revocation.until;
    Refusal { refused, until }
}
