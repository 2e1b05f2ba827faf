//! Which access tokens are refused before they run out.
//!
//! An entry ends when the last token that it could concern has run out by itself, so the sets stay
//! as small as the sign-outs of a few minutes.

use crate::Caller;
use backing::Clock;
use contracts::{SessionId, Timestamp, UserId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many entries may gather before those that have ended are looked for.
const SWEEP_FROM: usize = 1_024;

/// Sign-ins that ended and users whose older tokens are refused; clones share one set.
#[derive(Clone)]
pub struct Revocations {
    inner: Arc<Inner>,
}

/// Adds to a set of revocations, in whichever process they were made.
#[derive(Clone)]
pub struct RevocationFeed {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    sets: RwLock<Sets>,
}

#[derive(Default)]
struct Sets {
    sessions: HashMap<SessionId, Timestamp>,
    users: HashMap<UserId, (i64, Timestamp)>,
    sweep_at: usize,
}

impl Revocations {
    /// An empty set.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let sets = RwLock::new(Sets {
            sweep_at: SWEEP_FROM,
            ..Sets::default()
        });
        Self {
            inner: Arc::new(Inner { clock, sets }),
        }
    }

    /// What adds to this set.
    #[must_use]
    pub fn feed(&self) -> RevocationFeed {
        RevocationFeed {
            inner: Arc::clone(&self.inner),
        }
    }

    /// Whether the caller's token is refused.
    #[must_use]
    pub fn refuses(&self, caller: &Caller) -> bool {
        let sets = self.inner.sets.read().unwrap_or_else(PoisonError::into_inner);
        if sets.sessions.is_empty() && sets.users.is_empty() {
            return false;
        }
        let now = self.inner.clock.now();
        let session = sets.sessions.get(&caller.session_id).is_some_and(|until| *until > now);
        let user = sets
            .users
            .get(&caller.user_id)
            .is_some_and(|(version, until)| *until > now && caller.version < *version);
        session || user
    }
}

impl RevocationFeed {
    /// Refuses the tokens of a sign-in until the given moment.
    pub fn end_session(&self, session: SessionId, until: Timestamp) {
        self.change(|sets| {
            let entry = sets.sessions.entry(session).or_insert(until);
            *entry = (*entry).max(until);
        });
    }

    /// Refuses a user's tokens below a version until the given moment.
    pub fn end_user_below(&self, user: UserId, min_version: i64, until: Timestamp) {
        self.change(|sets| {
            let entry = sets.users.entry(user).or_insert((min_version, until));
            *entry = (entry.0.max(min_version), entry.1.max(until));
        });
    }

    fn change(&self, change: impl FnOnce(&mut Sets)) {
        let mut sets = self.inner.sets.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut sets);
        if sets.sessions.len() + sets.users.len() > sets.sweep_at {
            let now = self.inner.clock.now();
            sets.sessions.retain(|_, until| *until > now);
            sets.users.retain(|_, (_, until)| *until > now);
            sets.sweep_at = SWEEP_FROM.max((sets.sessions.len() + sets.users.len()) * 2);
        }
    }
}
