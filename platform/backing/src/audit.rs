//! The audit: what administrators did to what is not theirs.
//!
//! Each service's schema has its own. An entry is written by the transaction of the act, so that neither exists without
//! the other, and the table refuses changes and deletions.

use crate::db::{DbError, Reader, Tx, before};
use crate::{args, record};
use contracts::{AuditId, Timestamp, UserId};
use uuid::Uuid;

/// An act to record.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// Who did it; none for a command on the machine.
    pub actor: Option<UserId>,
    /// What was done, a stable code such as `delete_video`.
    pub act: &'static str,
    /// The kind of thing that it was done to, such as `video`.
    pub subject_kind: &'static str,
    /// The id of that thing.
    pub subject: Uuid,
    /// Whose it is, unless the subject is the user.
    pub owner: Option<UserId>,
    /// What else is worth knowing; never a secret, and of people's texts only the name of what a deletion removed.
    pub details: serde_json::Value,
    /// The id of the request, as answers and logs have it.
    pub request: Option<String>,
}

record! {
    /// A recorded act.
    #[derive(Debug, Clone, PartialEq)]
    pub struct RecordedEntry {
        /// Its own id; a later entry has a greater one.
        pub id: AuditId,
        /// When it happened.
        pub at: Timestamp,
        /// Who did it; none for a command on the machine.
        pub actor_id: Option<UserId>,
        /// What was done.
        pub act: String,
        /// The kind of thing that it was done to.
        pub subject_kind: String,
        /// The id of that thing.
        pub subject_id: Uuid,
        /// Whose it was.
        pub owner_id: Option<UserId>,
        /// What else is worth knowing.
        pub details: serde_json::Value,
        /// The id of the request.
        pub request_id: Option<String>,
    }
}

/// Records an act in the caller's transaction.
pub async fn record(tx: &mut Tx, entry: &NewEntry, now: Timestamp) -> Result<(), DbError> {
    let sql = "INSERT INTO audit (id, at, actor_id, act, subject_kind, subject_id, owner_id, details, request_id) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = args![
        AuditId::generate(),
        now,
        entry.actor,
        entry.act,
        entry.subject_kind,
        entry.subject,
        entry.owner,
        &entry.details,
        entry.request.clone()
    ];
    tx.run(sql, values).await?;
    Ok(())
}

/// Recorded acts, the latest first; those before an entry, if one is given.
pub async fn entries(reader: Reader<'_>, last: Option<AuditId>, limit: i64) -> Result<Vec<RecordedEntry>, DbError> {
    let sql = "SELECT id, at, actor_id, act, subject_kind, subject_id, owner_id, details, request_id FROM audit \
               WHERE id < $1 ORDER BY id DESC LIMIT $2";
    reader.all::<RecordedEntry>(sql, args![before(last), limit]).await
}
