//! Which access tokens are refused before they run out.
//!
//! An entry ends when the last token that it could concern has run out by itself, so the sets stay
//! as small as the sign-outs of a few minutes.

use crate::Caller;
use backing::Clock;
use contracts::questions::RefusedTokens;
use contracts::{ClientId, SessionId, Timestamp, UserId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use uuid::Uuid;

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

/// When a refusal ends, and its number in the order in which this process learned of them.
#[derive(Clone, Copy)]
struct Entry {
    until: Timestamp,
    number: u64,
}

#[derive(Default)]
struct Sets {
    /// The number of the last refusal.
    number: u64,
    sessions: HashMap<SessionId, Entry>,
    users: HashMap<UserId, (i64, Entry)>,
    clients: HashMap<ClientId, Entry>,
    /// Single tokens of clients, by their ids.
    tokens: HashMap<Uuid, Timestamp>,
    /// How many holds there are on each.
    held_sessions: HashMap<SessionId, usize>,
    held_users: HashMap<UserId, BTreeMap<i64, usize>>,
    sweep_at: usize,
}

impl Sets {
    fn len(&self) -> usize {
        self.sessions.len() + self.users.len() + self.clients.len() + self.tokens.len()
    }

    fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.users.is_empty() && self.held_sessions.is_empty() && self.held_users.is_empty()
    }

    /// A new refusal.
    fn entry(&mut self, until: Timestamp) -> Entry {
        self.number += 1;
        let number = self.number;
        Entry { until, number }
    }

    fn holds(&self, caller: &Caller) -> bool {
        let below = |versions: &BTreeMap<i64, usize>| versions.keys().any(|version| caller.version < *version);
        self.held_sessions.contains_key(&caller.session_id) || self.held_users.get(&caller.user_id).is_some_and(below)
    }
}

/// Which tokens are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Session(SessionId),
    Below(UserId, i64),
}

/// Refuses tokens until it is dropped, for an act that is in force but not stored yet.
#[must_use = "the tokens are accepted again as soon as it is dropped"]
pub struct Hold {
    inner: Arc<Inner>,
    held: Held,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut sets = self.inner.sets.write().unwrap_or_else(PoisonError::into_inner);
        match self.held {
            Held::Session(session) => release(&mut sets.held_sessions, session),
            Held::Below(user, version) => {
                let versions = sets.held_users.entry(user).or_default();
                if versions.get(&version).is_some_and(|count| *count > 1) {
                    versions.entry(version).and_modify(|count| *count -= 1);
                } else {
                    versions.remove(&version);
                }
                if versions.is_empty() {
                    sets.held_users.remove(&user);
                }
            }
        }
    }
}

fn release(held: &mut HashMap<SessionId, usize>, session: SessionId) {
    if let Some(count) = held.get_mut(&session) {
        *count -= 1;
        if *count == 0 {
            held.remove(&session);
        }
    }
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

    /// Whether this token of a client is refused.
    #[must_use]
    pub fn refuses_client(&self, client: ClientId, token: Uuid) -> bool {
        let sets = self.inner.sets.read().unwrap_or_else(PoisonError::into_inner);
        let now = self.inner.clock.now();
        let client = || sets.clients.get(&client).is_some_and(|entry| entry.until > now);
        let token = || sets.tokens.get(&token).is_some_and(|until| *until > now);
        client() || token()
    }

    /// The sign-ins, users and clients whose tokens are refused and that became known after the refusal of a number, which is 0
    /// at first; also returns the number for the next time.
    #[must_use]
    pub fn since(&self, number: u64) -> (u64, Vec<RefusedTokens>) {
        let sets = self.inner.sets.read().unwrap_or_else(PoisonError::into_inner);
        if sets.number == number {
            return (number, Vec::new());
        }
        let is_new = |entry: &Entry| entry.number > number;
        let sessions = sets.sessions.iter().filter(|(_, entry)| is_new(entry));
        let users = sets.users.iter().filter(|(_, (_, entry))| is_new(entry));
        let clients = sets.clients.iter().filter(|(_, entry)| is_new(entry));
        let sessions = sessions.map(|(id, _)| RefusedTokens::Session(*id));
        let users = users.map(|(id, (version, _))| RefusedTokens::Below(*id, *version));
        let clients = clients.map(|(id, _)| RefusedTokens::Client(*id));
        (sets.number, sessions.chain(users).chain(clients).collect())
    }

    /// Whether the caller's token is refused.
    #[must_use]
    pub fn refuses(&self, caller: &Caller) -> bool {
        let sets = self.inner.sets.read().unwrap_or_else(PoisonError::into_inner);
        if sets.is_empty() {
            return false;
        }
        let now = self.inner.clock.now();
        let session = sets.sessions.get(&caller.session_id);
        let session = session.is_some_and(|entry| entry.until > now);
        let user = sets.users.get(&caller.user_id);
        let user = user.is_some_and(|(version, entry)| entry.until > now && caller.version < *version);
        session || user || sets.holds(caller)
    }
}

impl RevocationFeed {
    /// Refuses a client's tokens until the given moment, when the last of them has run out.
    pub fn end_client(&self, client: ClientId, until: Timestamp) {
        self.change(|sets| {
            let new = sets.entry(until);
            let entry = sets.clients.entry(client).or_insert(new);
            entry.until = entry.until.max(until);
        });
    }

    /// Refuses one token of a client until the given moment.
    pub fn end_token(&self, token: Uuid, until: Timestamp) {
        self.change(|sets| {
            let entry = sets.tokens.entry(token).or_insert(until);
            *entry = (*entry).max(until);
        });
    }

    /// Refuses the tokens of a sign-in until the given moment.
    pub fn end_session(&self, session: SessionId, until: Timestamp) {
        self.change(|sets| {
            let new = sets.entry(until);
            let entry = sets.sessions.entry(session).or_insert(new);
            entry.until = entry.until.max(until);
        });
    }

    /// Refuses a user's tokens below a version until the given moment.
    pub fn end_user_below(&self, user: UserId, min_version: i64, until: Timestamp) {
        self.change(|sets| {
            let new = sets.entry(until);
            let (version, entry) = sets.users.entry(user).or_insert((min_version, new));
            if min_version > *version {
                (*version, entry.number) = (min_version, new.number);
            }
            entry.until = entry.until.max(until);
        });
    }

    /// Refuses the tokens of a sign-in as long as the hold exists.
    pub fn hold_session(&self, session: SessionId) -> Hold {
        self.change(|sets| *sets.held_sessions.entry(session).or_default() += 1);
        self.hold(Held::Session(session))
    }

    /// Refuses a user's tokens below a version as long as the hold exists.
    pub fn hold_user_below(&self, user: UserId, min_version: i64) -> Hold {
        self.change(|sets| {
            let versions = sets.held_users.entry(user).or_default();
            *versions.entry(min_version).or_default() += 1;
        });
        self.hold(Held::Below(user, min_version))
    }

    fn hold(&self, held: Held) -> Hold {
        Hold {
            inner: Arc::clone(&self.inner),
            held,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Sets)) {
        let mut sets = self.inner.sets.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut sets);
        if sets.len() > sets.sweep_at {
            let now = self.inner.clock.now();
            sets.sessions.retain(|_, entry| entry.until > now);
            sets.users.retain(|_, (_, entry)| entry.until > now);
            sets.clients.retain(|_, entry| entry.until > now);
            sets.tokens.retain(|_, until| *until > now);
            sets.sweep_at = SWEEP_FROM.max(sets.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Role;

    #[test]
    fn a_hold_refuses_until_it_is_dropped_and_no_older_refusal_ends_with_it() {
        let revocations = Revocations::new(Clock::fixed(Timestamp::from_seconds(1_800_000_000)));
        let feed = revocations.feed();
        let caller = |version: i64| Caller {
            user_id: UserId::from(uuid::Uuid::from_u128(1)),
            session_id: SessionId::from(uuid::Uuid::from_u128(2)),
            roles: Role::Learner.into(),
            auth_time: Timestamp::from_seconds(1_800_000_000),
            version,
        };
        let one = caller(1);
        let (first, second) = (feed.hold_session(one.session_id), feed.hold_session(one.session_id));
        drop(first);
        assert!(revocations.refuses(&one), "the other hold goes on");
        drop(second);
        assert!(!revocations.refuses(&one));

        let (below_two, below_three) = (
            feed.hold_user_below(one.user_id, 2),
            feed.hold_user_below(one.user_id, 3),
        );
        assert!(revocations.refuses(&caller(2)) && !revocations.refuses(&caller(3)));
        drop(below_three);
        assert!(revocations.refuses(&one) && !revocations.refuses(&caller(2)));
        feed.end_user_below(one.user_id, 2, Timestamp::from_seconds(1_800_000_300));
        drop(below_two);
        assert!(revocations.refuses(&one) && !revocations.refuses(&caller(2)));
    }

    #[test]
    fn each_refusal_is_new_once_however_often_it_is_learned() {
        let until = Timestamp::from_seconds(1_800_000_300);
        let revocations = Revocations::new(Clock::fixed(Timestamp::from_seconds(1_800_000_000)));
        let feed = revocations.feed();
        let session = SessionId::from(uuid::Uuid::from_u128(1));
        let user = UserId::from(uuid::Uuid::from_u128(2));
        assert_eq!(revocations.since(0), (0, Vec::new()));
        feed.end_session(session, until);
        let (number, new) = revocations.since(0);
        assert_eq!(new, [RefusedTokens::Session(session)]);
        feed.end_session(session, until);
        feed.end_user_below(user, 2, until);
        let (number, new) = revocations.since(number);
        assert_eq!(new, [RefusedTokens::Below(user, 2)]);
        feed.end_user_below(user, 2, until);
        feed.end_user_below(user, 1, until);
        let (number, new) = revocations.since(number);
        assert!(new.is_empty(), "{new:?}");
        feed.end_user_below(user, 3, until);
        assert_eq!(revocations.since(number).1, [RefusedTokens::Below(user, 3)]);
    }
}
