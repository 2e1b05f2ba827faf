//! What admins did to others' courses, and whom teachers enrolled.

use backing::db::{Db, DbError};
use contracts::AuditId;
use runtime::audit::{self, AuditPage};
use runtime::page::PageRequest;

/// The audit in the database; the transactions of the acts write it.
#[derive(Clone)]
pub struct AuditRepository {
    db: Db,
}

impl AuditRepository {
    /// The audit of this database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// A page of the audit, the latest entries first.
    ///
    /// Errors: what the database reports
    pub async fn page(&self, request: &PageRequest<AuditId>) -> Result<AuditPage, DbError> {
        audit::page(self.db.read(), request).await
    }
}
