//! Answers who the people of other issuers are here.

use crate::config::{Config, LONGEST_REFUSAL};
use crate::repositories::identities::identity_repository::{IdentityRepository, Terms};
use async_trait::async_trait;
use backing::{Clock, Db};
use contracts::questions::{self, ExternalIdentity, LocalAccount, Unanswered};

/// The answers of this service's own database.
#[derive(Clone)]
pub struct Identities {
    identities: IdentityRepository,
    clock: Clock,
}

impl Identities {
    /// The identities in this service's schema.
    #[must_use]
    pub fn new(db: Db, clock: Clock, config: &Config) -> Self {
        Self {
            identities: IdentityRepository::new(db, terms(config)),
            clock,
        }
    }
}

/// What the configuration decides about people of other issuers.
pub(crate) fn terms(config: &Config) -> Terms {
    Terms {
        signup_role: config.signup_role,
        session_life: config.session_life(),
        longest_access: LONGEST_REFUSAL,
    }
}

#[async_trait]
impl questions::Identities for Identities {
    async fn account_of(&self, identity: &ExternalIdentity) -> Result<Option<LocalAccount>, Unanswered> {
        let found = self.identities.account_of(identity, self.clock.now()).await;
        found.map_err(|error| Unanswered(format!("the users' service can't answer: {error}")))
    }
}
