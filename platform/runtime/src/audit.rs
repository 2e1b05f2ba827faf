//! The audit as every service shows it to administrators.

use crate::page::{Page, PageRequest};
use backing::DbError;
use backing::audit::{RecordedEntry, entries};
use backing::db::Reader;
use contracts::{AuditId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An act of an administrator on what is not theirs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// The entry's own id.
    id: AuditId,
    /// When it happened.
    at: Timestamp,
    /// Who did it; null for a command on the machine.
    actor_id: Option<UserId>,
    /// What was done, a stable code such as `delete_video`.
    act: String,
    /// What it was done to.
    subject: AuditSubject,
    /// What else is known of the act, such as the names of the fields that changed.
    #[schema(value_type = Object)]
    details: serde_json::Value,
    /// The id of the request, as in its answer's `x-request-id` and in the logs; null for a command on the machine.
    request_id: Option<String>,
}

/// What an act was done to; it may not exist any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditSubject {
    /// `video` or `user`.
    kind: String,
    /// Its id.
    id: Uuid,
    /// Whose it was; null if it is a user.
    owner_id: Option<UserId>,
}

/// One page of an audit, latest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    items: Vec<AuditEntry>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

impl From<RecordedEntry> for AuditEntry {
    fn from(entry: RecordedEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor_id: entry.actor_id,
            act: entry.act,
            subject: AuditSubject {
                kind: entry.subject_kind,
                id: entry.subject_id,
                owner_id: entry.owner_id,
            },
            details: entry.details,
            request_id: entry.request_id,
        }
    }
}

/// Reads a page of a service's audit.
pub async fn page(reader: Reader<'_>, request: &PageRequest<AuditId>) -> Result<AuditPage, DbError> {
    let found = entries(reader, request.after, request.one_more()).await?;
    let Page { items, next_cursor } = request.cut(found, |entry| entry.id);
    Ok(AuditPage {
        items: items.into_iter().map(AuditEntry::from).collect(),
        next_cursor,
    })
}
