//! Carries refusals to this process's authenticator: at once those made here, within seconds those
//! made by another node or by the command line.

use crate::models::sessions::revocation::{Refused, Revocation};
use crate::repositories::sessions::revocation_repository::RevocationRepository;
use backing::db::DbError;
use contracts::Timestamp;
use runtime::Revocations;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How far back each look goes, so that a slow transaction or another node's clock hides nothing.
const OVERLAP: Duration = Duration::from_secs(60);

/// Applies refusals, each once; clones share what was applied.
#[derive(Clone)]
pub(crate) struct RevocationService {
    repository: RevocationRepository,
    revocations: Revocations,
    applied: Arc<Mutex<HashMap<Uuid, Timestamp>>>,
}

impl RevocationService {
    pub(crate) fn new(repository: RevocationRepository, revocations: Revocations) -> Self {
        Self {
            repository,
            revocations,
            applied: Arc::default(),
        }
    }

    /// Refuses at once what the database has just been told to refuse.
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
        }
    }

    /// Applies everything that is still in force, at the start.
    pub(crate) async fn load(&self, now: Timestamp) -> Result<(), DbError> {
        self.look(Timestamp(i64::MIN), now).await
    }

    /// Applies what was written since the last look.
    pub(crate) async fn catch_up(&self, last: Timestamp, now: Timestamp) -> Result<(), DbError> {
        self.look(last - OVERLAP, now).await
    }

    /// Forgets what no token can be hit by any more, here and in the database.
    pub(crate) async fn forget(&self, now: Timestamp) -> Result<(), DbError> {
        self.applied().retain(|_, until| *until > now);
        self.repository.forget(now).await.map(|_| ())
    }

    async fn look(&self, since: Timestamp, now: Timestamp) -> Result<(), DbError> {
        for revocation in self.repository.live(since, now).await? {
            self.apply(&revocation);
        }
        Ok(())
    }

    fn applied(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Timestamp>> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
