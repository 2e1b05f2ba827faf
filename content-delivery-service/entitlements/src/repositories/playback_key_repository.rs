//! The key pairs that sign playback tokens, sealed.

use backing::{Db, DbError, args, record};
use contracts::Timestamp;

/// Sealed keys in the content database.
#[derive(Clone)]
pub struct PlaybackKeyRepository {
    db: Db,
}

record! {
    /// A key pair as it is stored.
    pub struct SealedKey {
        /// The key's name inside tokens.
        pub id: Vec<u8>,
        /// The pair, encrypted.
        pub sealed: Vec<u8>,
    }
}

impl PlaybackKeyRepository {
    /// Works on the content database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// All keys, the newest first.
    pub async fn all(&self) -> Result<Vec<SealedKey>, DbError> {
        let sql = "SELECT id, sealed FROM playback_keys ORDER BY created_at DESC, id";
        self.db.read().all(sql, args![]).await
    }

    /// Adds a key.
    pub async fn add(&self, key: &SealedKey, now: Timestamp) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        let sql = "INSERT INTO playback_keys (id, sealed, created_at) VALUES ($1, $2, $3)";
        tx.run(sql, args![key.id.clone(), key.sealed.clone(), now]).await?;
        tx.commit().await
    }
}
