//! Which access tokens are refused before they run out.
//!
//! An entry ends when the last token that it could concern has run out by itself, so the sets stay
//! as small as the sign-outs of a few minutes.

use crate::Caller;
use backing::Clock;
use contracts::{SessionId, Timestamp, UserId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::broadcast;

/// How many entries may gather before those that have ended are looked for.
const SWEEP_FROM: usize = 1_024;

/// Sign-ins that ended and users whose older tokens are refused; clones share one set.
#[derive(Clone)]
pub struct Revocations {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    sets: RwLock<Sets>,
    listeners: broadcast::Sender<Revoked>,
}

#[derive(Default)]
struct Sets {
    sessions: HashMap<SessionId, Timestamp>,
    users: HashMap<UserId, (i64, Timestamp)>,
    sweep_at: usize,
}

/// News for those who hold something open for a sign-in or a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// This sign-in ended.
    Session(SessionId),
    /// This user's tokens below the version are refused.
    UserBelow(UserId, i64),
}

impl Revocations {
    /// An empty set.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let (listeners, _) = broadcast::channel(1_024);
        let sets = RwLock::new(Sets {
            sweep_at: SWEEP_FROM,
            ..Sets::default()
        });
        Self {
            inner: Arc::new(Inner { clock, sets, listeners }),
        }
    }

    /// Refuses the tokens of a sign-in until the given moment.
    pub fn end_session(&self, session: SessionId, until: Timestamp) {
        self.change(|sets| {
            let entry = sets.sessions.entry(session).or_insert(until);
            *entry = (*entry).max(until);
        });
        self.tell(Revoked::Session(session));
    }

    /// Refuses a user's tokens below a version until the given moment.
    pub fn end_user_below(&self, user: UserId, min_version: i64, until: Timestamp) {
        self.change(|sets| {
            let entry = sets.users.entry(user).or_insert((min_version, until));
            *entry = (entry.0.max(min_version), entry.1.max(until));
        });
        self.tell(Revoked::UserBelow(user, min_version));
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

    /// Hears of every entry from now on; a listener that lags is told so and looks again itself.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Revoked> {
        self.inner.listeners.subscribe()
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

    fn tell(&self, news: Revoked) {
        // Nobody listening is no fault.
        let _ = self.inner.listeners.send(news);
    }
}
