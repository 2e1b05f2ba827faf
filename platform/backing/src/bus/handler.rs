//! A group's effect of an event.

use crate::db::{DbError, Tx};
use async_trait::async_trait;
use contracts::Event;

/// Why a handler refused an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The event is retried after a pause; after some attempts it becomes a dead letter.
    #[error("{0}")]
    Later(String),
    /// The event becomes a dead letter at once, with a stable code and the reason in words.
    #[error("{0}: {1}")]
    Never(&'static str, String),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Later(error.to_string())
    }
}

/// An effect in this process's memory, which follows once the transaction has committed.
///
/// A process that dies in between loses it together with its memory.
#[derive(Default)]
pub struct After(Vec<Box<dyn FnOnce() + Send>>);

impl std::fmt::Debug for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("After").field(&self.0.len()).finish()
    }
}

impl After {
    /// Nothing follows.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Runs this after the commit.
    #[must_use]
    pub fn then(work: impl FnOnce() + Send + 'static) -> Self {
        Self(vec![Box::new(work)])
    }

    /// Runs both after the commit, in this order.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Runs all of it; only after the commit.
    pub fn run(self) {
        for work in self.0 {
            work();
        }
    }
}

/// A group's effect.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Applies the event's effect in the transaction that marks the event as handled.
    ///
    /// The caller commits, or rolls back if the event is refused. An event that was handled before does not come
    /// again, and events of unknown kinds are skipped.
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<After, Refused>;

    /// Whether each event needs a transaction of its own, because effects of several together would hold rows in any order.
    fn is_alone(&self) -> bool {
        false
    }
}
