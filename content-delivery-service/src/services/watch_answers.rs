//! Answers what other services ask about what people have watched.

use async_trait::async_trait;
use backing::Db;
use contracts::questions::{Unanswered, Watched, Watching};
use contracts::{UserId, VideoId};
use watching::repositories::watch_repository::WatchRepository;

/// The answers of this service's own database.
#[derive(Clone)]
pub struct WatchAnswers {
    watches: WatchRepository,
}

impl WatchAnswers {
    /// Answers from this service's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            watches: WatchRepository::new(db),
        }
    }
}

#[async_trait]
impl Watching for WatchAnswers {
    async fn watched(&self, users: &[UserId], videos: &[VideoId]) -> Result<Vec<Watched>, Unanswered> {
        let found = self.watches.of_many(users, videos).await;
        found.map_err(|error| Unanswered(format!("the content service can't answer: {error}")))
    }
}
