//! The requests that created lectures, as the version before kept them.

use backing::db::{DbError, Tx};
use backing::once::{self, Request};
use backing::{args, record};
use contracts::{Timestamp, UserId, VideoId};
use std::pin::Pin;

record! {
    struct Creation {
        id: VideoId,
        owner_id: UserId,
        creation_key: String,
        creation_print: Vec<u8>,
        created_at: Timestamp,
    }
}

/// Moves the keys that lectures were created under from their rows to the table that all services have.
pub(crate) fn fill(tx: &mut Tx) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + '_>> {
    Box::pin(async move {
        let sql = "SELECT id, owner_id, creation_key, creation_print, created_at FROM videos \
                   WHERE creation_key IS NOT NULL AND creation_print IS NOT NULL";
        for row in tx.all::<Creation>(sql, args![]).await? {
            if let Ok(print) = row.creation_print.try_into() {
                let request = Request::with_print(&row.owner_id.to_string(), &row.creation_key, print);
                once::claim(tx, &request, row.id.into(), row.created_at).await?;
            }
        }
        let sql = "UPDATE videos SET creation_key = NULL, creation_print = NULL WHERE creation_key IS NOT NULL";
        tx.run(sql, args![]).await?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::MIGRATIONS;
    use backing::Db;
    use backing::once::Once;
    use testing::databases;

    /// SHA-256 of `3:tus3:900`: the version before put each part behind its length.
    const PRINT: [u8; 32] = [
        0xe3, 0xbb, 0xb4, 0x07, 0x9a, 0x0d, 0x12, 0xda, 0x28, 0xdf, 0x37, 0x12, 0xe3, 0xa9, 0xc0, 0xf2, 0x8e, 0x03,
        0xd7, 0x37, 0xb3, 0xf7, 0xce, 0x9e, 0x97, 0x92, 0x2e, 0x42, 0xaf, 0x3d, 0xcd, 0xa7,
    ];

    #[tokio::test]
    async fn a_key_of_the_version_before_is_known_afterwards() {
        for engine in databases("content", &MIGRATIONS[..5]).await.unwrap() {
            let (video, owner) = (VideoId::generate(), UserId::generate());
            let mut tx = engine.db.write().await.unwrap();
            let sql = "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, \
                       generation, creation_key, creation_print, created_at, updated_at) \
                       VALUES ($1, $2, 'A', '', 'uploading', 1, 1, 0, 'key', $3, $4, $4)";
            let row = args![video, owner, PRINT, Timestamp::from_seconds(1_800_000_000)];
            tx.run(sql, row).await.unwrap();
            tx.commit().await.unwrap();
            let db = Db::open(&engine.url, "content", MIGRATIONS).await.unwrap();
            let request = |part| Request::new(&owner.to_string(), "key", &["tus", part]).unwrap();
            let known = once::find(db.read(), &request("900")).await.unwrap();
            assert_eq!(known, Once::Again(video.into()), "{}", engine.name);
            let other = once::find(db.read(), &request("901")).await.unwrap();
            assert_eq!(other, Once::Other, "{}", engine.name);
        }
    }
}
