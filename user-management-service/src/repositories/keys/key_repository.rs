//! Signing keys.

use crate::models::keys::signing_key::SealedKey;
use crate::repositories::rows::take_turn;
use backing::db::{Db, DbError};
use backing::{args, record};
use contracts::Timestamp;

record! {
    struct KeyRow {
        pub(crate) kid: String,
        pub(crate) sealed: Vec<u8>,
        pub(crate) public_key: Vec<u8>,
        pub(crate) created_at: Timestamp,
        pub(crate) active_from: Timestamp,
    }
}

/// Signing keys in the database.
#[derive(Clone)]
pub struct KeyRepository {
    db: Db,
}

impl KeyRepository {
    /// Signing keys of this database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// All keys, the oldest first.
    ///
    /// Errors: what the database reports
    pub async fn all(&self) -> Result<Vec<SealedKey>, DbError> {
        let rows = self
            .db
            .read()
            .all::<KeyRow>(
                "SELECT kid, sealed, public_key, created_at, active_from FROM signing_keys ORDER BY active_from, kid",
                args![],
            )
            .await?;
        let key = |row: KeyRow| SealedKey {
            kid: row.kid,
            sealed: row.sealed,
            public_key: row.public_key,
            created_at: row.created_at,
            active_from: row.active_from,
        };
        Ok(rows.into_iter().map(key).collect())
    }

    /// Adds a key, unless another node has added one that starts to sign after `newest`.
    ///
    /// Errors: what the database reports
    pub async fn add(&self, key: &SealedKey, newest: Option<Timestamp>) -> Result<bool, DbError> {
        let mut tx = self.db.write().await?;
        take_turn(&mut tx, "signing_keys").await?;
        let added = tx
            .run(
                "INSERT INTO signing_keys (kid, sealed, public_key, created_at, active_from) \
                 SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE active_from > $6)",
                args![
                    key.kid.as_str(),
                    key.sealed.clone(),
                    key.public_key.clone(),
                    key.created_at,
                    key.active_from,
                    newest.unwrap_or(Timestamp(i64::MIN))
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(added > 0)
    }

    /// Removes a key that no token carries any more.
    ///
    /// Errors: what the database reports
    pub async fn remove(&self, kid: &str) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        tx.run("DELETE FROM signing_keys WHERE kid = $1", args![kid]).await?;
        tx.commit().await
    }
}
