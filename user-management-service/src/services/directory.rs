//! Answers what other services ask about people.

use crate::repositories::accounts::directory_repository::DirectoryRepository;
use async_trait::async_trait;
use backing::{Db, DbError};
use contracts::UserId;
use contracts::questions::{self, Addressee, Person, Unanswered};
use passwords::email::EmailAddress;

/// The answers of this service's own database.
#[derive(Clone)]
pub struct Directory {
    accounts: DirectoryRepository,
}

impl Directory {
    /// A directory of the accounts in this service's schema.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            accounts: DirectoryRepository::new(db),
        }
    }
}

#[async_trait]
impl questions::Directory for Directory {
    async fn at_addresses(&self, addresses: &[String]) -> Result<Vec<Addressee>, Unanswered> {
        let parsed: Vec<_> = addresses.iter().map(|text| EmailAddress::parse(text).ok()).collect();
        let keys: Vec<_> = parsed.iter().flatten().map(EmailAddress::key).collect();
        let found = self
            .accounts
            .active_by_email_keys(&keys)
            .await
            .map_err(|error| unanswered(&error))?;
        let answers = parsed.iter().map(|address| match address {
            None => Addressee::NoAddress,
            Some(address) => found
                .get(address.key())
                .map_or(Addressee::NoAccount, |id| Addressee::Person(*id)),
        });
        Ok(answers.collect())
    }

    async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>, Unanswered> {
        self.accounts.people(ids).await.map_err(|error| unanswered(&error))
    }
}

fn unanswered(error: &DbError) -> Unanswered {
    Unanswered(format!("the users' service can't answer: {error}"))
}
