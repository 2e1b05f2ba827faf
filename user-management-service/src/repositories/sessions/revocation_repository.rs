//! Revocations in the database, from where other processes read them.

use crate::models::sessions::revocation::{Refused, Revocation};
use backing::db::{Db, DbError};
use backing::{args, record};
use contracts::{ClientId, SessionId, Timestamp, UserId};
use uuid::Uuid;

record! {
    struct RevocationRow {
        pub(crate) id: Uuid,
        pub(crate) user_id: UserId,
        pub(crate) session_id: Option<SessionId>,
        pub(crate) min_version: Option<i64>,
        pub(crate) client_id: Option<ClientId>,
        pub(crate) token_id: Option<Uuid>,
        pub(crate) refused_until: Timestamp,
    }
}

impl RevocationRow {
    /// Returns `None` for a row that names no token; no code writes one.
    fn read(self) -> Option<Revocation> {
        let refused = match (self.session_id, self.min_version, self.client_id, self.token_id) {
            (Some(session), ..) => Refused::Session(session),
            (None, Some(version), ..) => Refused::Below(version),
            (None, None, Some(client), _) => Refused::Client(client),
            (None, None, None, Some(token)) => Refused::Token(token),
            (None, None, None, None) => return None,
        };
        Some(Revocation {
            id: self.id,
            user_id: self.user_id,
            refused,
            until: self.refused_until,
        })
    }
}

/// Revocations in the database.
#[derive(Clone)]
pub struct RevocationRepository {
    db: Db,
}

impl RevocationRepository {
    /// Revocations of this database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The revocations in force that were written after `since`.
    ///
    /// Errors: what the database reports
    pub async fn live(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Revocation>, DbError> {
        let rows = self
            .db
            .read()
            .all::<RevocationRow>(
                "SELECT id, user_id, session_id, min_version, client_id, token_id, refused_until FROM revocations \
                 WHERE created_at > $1 AND refused_until > $2 ORDER BY created_at, id",
                args![since, now],
            )
            .await?;
        Ok(rows.into_iter().filter_map(RevocationRow::read).collect())
    }

    /// Removes revocations whose tokens have expired; returns how many.
    ///
    /// Errors: what the database reports
    pub async fn forget(&self, now: Timestamp) -> Result<u64, DbError> {
        let mut tx = self.db.write().await?;
        let gone = tx
            .run("DELETE FROM revocations WHERE refused_until <= $1", args![now])
            .await?;
        tx.commit().await?;
        Ok(gone)
    }
}
