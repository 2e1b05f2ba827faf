//! What a group does with an event.

use crate::db::{DbError, Tx};
use async_trait::async_trait;
use contracts::Event;

/// Why a handler could not take an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The event comes again after a pause; after some tries it becomes a dead letter.
    #[error("{0}")]
    Later(String),
    /// The event becomes a dead letter at once: a stable code, and the reason in words.
    #[error("{0}: {1}")]
    Never(&'static str, String),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Later(error.to_string())
    }
}

/// What follows an effect in this process's memory once its transaction has committed.
///
/// A process that dies in between loses it together with that memory.
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

    /// This follows.
    #[must_use]
    pub fn then(work: impl FnOnce() + Send + 'static) -> Self {
        Self(vec![Box::new(work)])
    }

    /// Both follow, in this order.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(super) fn run(self) {
        for work in self.0 {
            work();
        }
    }
}

/// A group's effect.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Has the event's effect in the transaction in which the event is marked as handled.
    ///
    /// The caller commits, or rolls back when the event is refused. An event that was handled before does not come
    /// again; kinds that this version does not know are passed by.
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<After, Refused>;
}
