//! Requests that clients may repeat: the name that a client gave to one (`Idempotency-Key`), and what it created.
//!
//! A record stands in the schema of the service that created something, written by the same transaction.

use crate::db::{Db, DbError, Reader, Tx};
use crate::{args, record};
use contracts::Timestamp;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use uuid::Uuid;

/// How long a repetition is known as one.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Longest key, in bytes.
const LONGEST: usize = 255;

/// A request that its client has named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose request it is and under which key.
    name: [u8; 32],
    /// What it asks for.
    print: [u8; 32],
}

impl Request {
    /// A request under `key`. `scope` says whose keys these are: equal keys of two scopes are two requests. `parts` are
    /// what a repetition has in common with the first request.
    ///
    /// Errors: what is wrong with the key
    pub fn new(scope: &str, key: &str, parts: &[&str]) -> Result<Self, &'static str> {
        if key.is_empty() || key.len() > LONGEST || !key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err("must have 1 to 255 printable ASCII characters");
        }
        Ok(Self {
            name: digest(&[scope, key]),
            print: digest(parts),
        })
    }

    /// A request of which only the digest of what it asks for is known.
    #[must_use]
    pub fn with_print(scope: &str, key: &str, print: [u8; 32]) -> Self {
        Self {
            name: digest(&[scope, key]),
            print,
        }
    }
}

/// Each part with its length before it, so that no two lists have the same digest.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_string());
        hash.update(":");
        hash.update(part);
    }
    hash.finalize().into()
}

/// What is known of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// It came for the first time.
    First,
    /// It is repeated; this is what it created.
    Again(Uuid),
    /// Its client has used the key for another request.
    Other,
}

record! {
    struct Row {
        print: Vec<u8>,
        made: Uuid,
    }
}

impl Row {
    fn once(self, request: &Request) -> Once {
        if self.print == request.print {
            Once::Again(self.made)
        } else {
            Once::Other
        }
    }
}

const FIND: &str = "SELECT print, made FROM once WHERE name = $1";

/// Records that a request creates `made`, unless its key was used before.
///
/// Of two at the same moment, one is first, and the other waits for that one's transaction.
pub async fn claim(tx: &mut Tx, request: &Request, made: Uuid, now: Timestamp) -> Result<Once, DbError> {
    let sql = "INSERT INTO once (name, print, made, made_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    if tx.run(sql, args![request.name, request.print, made, now]).await? == 1 {
        return Ok(Once::First);
    }
    let row = tx.one::<Row>(FIND, args![request.name]).await?;
    Ok(row.map_or(Once::First, |row| row.once(request)))
}

/// Records what a request has created, in place of what its key stood for before.
///
/// For what another constraint creates only once, such as the account of an address.
pub async fn record(tx: &mut Tx, request: &Request, made: Uuid, now: Timestamp) -> Result<(), DbError> {
    let sql = "INSERT INTO once (name, print, made, made_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (name) DO UPDATE SET print = excluded.print, made = excluded.made, made_at = excluded.made_at";
    tx.run(sql, args![request.name, request.print, made, now]).await?;
    Ok(())
}

/// Forgets the request that created `made`, so that it can be repeated.
///
/// For a creation that failed later and left nothing.
pub async fn release(tx: &mut Tx, made: Uuid) -> Result<(), DbError> {
    tx.run("DELETE FROM once WHERE made = $1", args![made]).await?;
    Ok(())
}

/// What is known of a request, without recording anything.
pub async fn find(reader: Reader<'_>, request: &Request) -> Result<Once, DbError> {
    let row = reader.one::<Row>(FIND, args![request.name]).await?;
    Ok(row.map_or(Once::First, |row| row.once(request)))
}

/// Forgets requests that are too old to be repeated.
pub(crate) async fn forget(db: &Db, now: Timestamp) -> Result<(), DbError> {
    let old = "SELECT 1 FROM once WHERE made_at < $1 LIMIT 1";
    if db.read().one::<(i64,)>(old, args![now - KEPT]).await?.is_some() {
        let mut tx = db.write().await?;
        tx.run("DELETE FROM once WHERE made_at < $1", args![now - KEPT]).await?;
        tx.commit().await?;
    }
    Ok(())
}
