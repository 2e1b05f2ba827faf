//! The audit of what admins do to others' lectures.

use super::error::Failure;
use backing::Db;
use contracts::AuditId;
use runtime::audit::{self, AuditPage};
use runtime::page::PageRequest;

/// Shows the audit; the acts themselves are recorded by the repositories that write them.
#[derive(Clone)]
pub(crate) struct AuditService {
    db: Db,
}

impl AuditService {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// A page of it, the latest first.
    pub(crate) async fn list(&self, page: &PageRequest<AuditId>) -> Result<AuditPage, Failure> {
        Ok(audit::page(self.db.read(), page).await?)
    }
}
