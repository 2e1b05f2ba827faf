//! Many events of some users, for tests that kill processes.

use crate::{TestDatabase, sure};
use backing::bus::dead_letters;
use backing::{Clock, Db, args, outbox};
use contracts::events::UserDeactivated;
use contracts::{EventId, NewEvent, UserId};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Events of some users, each user's numbered from 1.
pub struct Load {
    users: Vec<UserId>,
    each: i64,
}

impl Load {
    /// A load of as many users, without events yet.
    #[must_use]
    pub fn new(users: i64) -> Self {
        Self {
            users: (0..users).map(|_| UserId::generate()).collect(),
            each: 0,
        }
    }

    /// Pushes so many events of each user into an outbox.
    pub async fn push(&mut self, db: &Db, count: i64) {
        let clock = Clock::system();
        for user in &self.users {
            let mut tx = sure(db.write().await);
            for version in self.each + 1..=self.each + count {
                let event = NewEvent::of_user(*user, UserDeactivated { version }.into());
                sure(outbox::push(&mut tx, &event, clock.now()).await);
            }
            sure(tx.commit().await);
        }
        self.each += count;
    }

    /// The number of pushed events.
    #[must_use]
    pub fn pushed(&self) -> usize {
        self.users.len() * usize::try_from(self.each).unwrap_or_default()
    }

    /// Fails the test unless each event had one effect, in order per user, and none became a dead letter.
    pub async fn check(&self, database: &TestDatabase) {
        let name = database.name;
        let sql = "SELECT event_id, subject, sequence FROM effects ORDER BY n";
        let effects: Vec<(EventId, Uuid, i64)> = sure(database.db.read().all(sql, args![]).await);
        let ids: BTreeSet<EventId> = effects.iter().map(|(id, ..)| *id).collect();
        assert_eq!(ids.len(), self.pushed(), "{name}: lost");
        assert_eq!(ids.len(), effects.len(), "{name}: effects twice");
        let mut by_user: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
        for (_, user, sequence) in effects {
            by_user.entry(user).or_default().push(sequence);
        }
        for numbers in by_user.into_values() {
            assert!(numbers.into_iter().eq(1..=self.each), "{name}: out of order");
        }
        let letters = sure(dead_letters::list(&database.db).await);
        assert!(letters.is_empty(), "{name}: {letters:?}");
    }
}

/// The number of effects.
pub async fn effects(db: &Db) -> usize {
    let count: Option<(i64,)> = sure(db.read().one("SELECT COUNT(*) FROM effects", args![]).await);
    count
        .and_then(|(count,)| usize::try_from(count).ok())
        .unwrap_or_default()
}

/// The number of events that wait in the outbox or for their handler.
pub async fn waiting(db: &Db) -> i64 {
    let sql = "SELECT (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM deliveries)";
    let count: Option<(i64,)> = sure(db.read().one(sql, args![]).await);
    count.map_or(0, |(count,)| count)
}
