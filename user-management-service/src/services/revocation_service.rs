//! Passes revocations to this process's authenticator: those made here at once, those of other nodes and of the
//! command line within seconds.

use crate::models::sessions::revocation::{Refused, Revocation};
use crate::repositories::sessions::revocation_repository::RevocationRepository;
use backing::db::DbError;
use contracts::Timestamp;
use runtime::RevocationFeed;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How far back each read goes, so that no slow transaction and no other node's clock hides a revocation.
const OVERLAP: Duration = Duration::from_secs(60);

/// Applies revocations, each once; clones share what was applied.
#[derive(Clone)]
pub(crate) struct RevocationService {
    repository: RevocationRepository,
    revocations: RevocationFeed,
    applied: Arc<Mutex<HashMap<Uuid, Timestamp>>>,
}

impl RevocationService {
    pub(crate) fn new(repository: RevocationRepository, revocations: RevocationFeed) -> Self {
        Self {
            repository,
            revocations,
            applied: Arc::default(),
        }
    }

    /// What refuses tokens in this process.
    pub(crate) const fn feed(&self) -> &RevocationFeed {
        &self.revocations
    }

    /// Applies a revocation that was just stored.
    pub(crate) fn apply(&self, revocation: &Revocation) {
        let before = self.applied().insert(revocation.id, revocation.until);
        if before.is_some() {
            return;
        }
        match revocation.refused {
            Refused::Session(session) => self.revocations.end_session(session, revocation.until),
            Refused::Below(version) => {
                self.revocations
                    .end_user_below(revocation.user_id, version, revocation.until);
            }
            Refused::Client(client) => self.revocations.end_client(client, revocation.until),
            Refused::Token(token) => self.revocations.end_token(token, revocation.until),
        }
    }

    /// Applies all revocations in force, at the start.
    pub(crate) async fn load(&self, now: Timestamp) -> Result<(), DbError> {
        self.read(Timestamp(i64::MIN), now).await
    }

    /// Applies the revocations that were stored since the last read.
    pub(crate) async fn catch_up(&self, last: Timestamp, now: Timestamp) -> Result<(), DbError> {
        self.read(last - OVERLAP, now).await
    }

    /// Forgets revocations whose tokens have expired, here and in the database.
    pub(crate) async fn forget(&self, now: Timestamp) -> Result<(), DbError> {
        self.applied().retain(|_, until| *until > now);
        self.repository.forget(now).await.map(|_| ())
    }

    async fn read(&self, since: Timestamp, now: Timestamp) -> Result<(), DbError> {
        for revocation in self.repository.live(since, now).await? {
            self.apply(&revocation);
        }
        Ok(())
    }

    fn applied(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Timestamp>> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
