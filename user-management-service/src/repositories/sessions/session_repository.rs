//! Sign-ins and their refresh tokens.

use crate::models::accounts::user::User;
use crate::models::sessions::revocation::{Refused, Revocation};
use crate::models::sessions::session::{NewSession, Rotation, Session, Successor, TokenHash};
use crate::repositories::rows::{self, NotDone, locked_user, user_in};
use crate::repositories::sessions::devices;
use backing::db::{Db, DbError, Tx};
use backing::{args, outbox, record};
use contracts::events::UserSessionEnded;
use contracts::{NewEvent, SessionId, Timestamp, UserId};
use std::time::Duration;

/// The text that reads sign-ins; the argument is its condition.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, user_id, created_at, expires_at, ends_by, ended_at FROM sessions ",
            $which
        )
    };
}

/// The live sign-ins of a user, but for the newest ones. Ids follow the time; a provider may have asked its person long ago.
const SURPLUS: &str =
    select!("WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY id DESC LIMIT 100 OFFSET $3");
/// How many live sign-ins an account has at most; a further one ends the oldest.
const MOST_LIVE: i64 = 50;

/// How many sign-ins are removed in one transaction. Each has up to some thousand refresh tokens, and meanwhile nobody can
/// sign in on SQLite.
const REMOVED_AT_ONCE: i64 = 50;

const OF_ID: &str = select!("WHERE id = $1");
const OF_TOKEN: &str = select!("WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)");

record! {
    pub(crate) struct SessionRow {
        pub(crate) id: SessionId,
        pub(crate) user_id: UserId,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Timestamp,
        pub(crate) ends_by: Timestamp,
        pub(crate) ended_at: Option<Timestamp>,
    }
}

record! {
    struct TokenRow {
        pub(crate) used_at: Option<Timestamp>,
        pub(crate) successor_sealed: Option<Vec<u8>>,
        pub(crate) successor_used_at: Option<Timestamp>,
    }
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            created_at: row.created_at,
            expires_at: row.expires_at,
            ends_by: row.ends_by,
            ended_at: row.ended_at,
        }
    }
}

/// Sign-ins in the database.
#[derive(Clone)]
pub struct SessionRepository {
    db: Db,
}

impl SessionRepository {
    /// Sign-ins of this database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Stores a sign-in with its first refresh token, unless the account's version has changed, and ends the oldest where
    /// the account has too many; returns the account and the revocations of those.
    ///
    /// Shape: `until` is when a revocation may be forgotten
    ///
    /// Errors: `Stale` when password, roles or state changed since `version` was read, `Missing`, or what the database reports
    pub async fn open(
        &self,
        session: &NewSession,
        version: i64,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<(User, Vec<Revocation>), NotDone> {
        let mut tx = self.db.write().await?;
        // The lock keeps the password from changing between the check and the insert.
        let user = locked_user(&mut tx, session.user_id).await?;
        if user.version != version || user.deactivated_at.is_some() {
            return Err(NotDone::Stale);
        }
        rows::insert_session(
            &mut tx,
            (session.id, session.user_id),
            (session.created_at, now),
            (session.expires_at, session.ends_by),
        )
        .await?;
        insert_token(&mut tx, session.token, session.id, now).await?;
        if let Some(device) = session.device {
            devices::remember(&mut tx, user.id, device, now).await?;
        }
        let surplus = tx.all::<SessionRow>(SURPLUS, args![user.id, now, MOST_LIVE]).await?;
        let mut ended = Vec::new();
        for row in surplus {
            ended.extend(end(&mut tx, &row.into(), now, until).await?);
        }
        tx.commit().await?;
        Ok((user, ended))
    }

    /// Whether the account of an address's key knows a device.
    ///
    /// Errors: what the database reports
    pub async fn knows_device(&self, device: TokenHash, email_key: &str) -> Result<bool, DbError> {
        let sql = "SELECT 1 FROM devices d JOIN users u ON u.id = d.user_id WHERE d.hash = $1 AND u.email_key = $2";
        let found = self
            .db
            .read()
            .one::<(i64,)>(sql, args![bytes(device), email_key])
            .await?;
        Ok(found.is_some())
    }

    /// The sign-in of an id, ended ones included.
    ///
    /// Errors: what the database reports
    pub async fn by_id(&self, id: SessionId) -> Result<Option<Session>, DbError> {
        Ok(self
            .db
            .read()
            .one::<SessionRow>(OF_ID, args![id])
            .await?
            .map(Session::from))
    }

    /// The sign-in that a refresh token belongs to, ended ones included.
    ///
    /// Errors: what the database reports
    pub async fn by_token(&self, token: TokenHash) -> Result<Option<Session>, DbError> {
        Ok(self
            .db
            .read()
            .one::<SessionRow>(OF_TOKEN, args![bytes(token)])
            .await?
            .map(Session::from))
    }

    /// Presents a refresh token: the successor replaces it, or its sign-in ends if it was used before.
    ///
    /// Shape: `idle` is how long the sign-in lasts from now, `grace` how long an unused successor is returned again,
    /// `until` when a revocation may be forgotten
    ///
    /// Errors: what the database reports
    pub async fn rotate(
        &self,
        presented: TokenHash,
        successor: &Successor,
        now: Timestamp,
        (idle, grace): (Duration, Duration),
        until: Timestamp,
    ) -> Result<Rotation, NotDone> {
        let mut tx = self.db.write().await?;
        // The update locks the sign-in's row: a concurrent request waits here and sees the outcome.
        let live = tx
            .run(
                "UPDATE sessions SET last_used_at = $2 \
                 WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1) \
                 AND ended_at IS NULL AND expires_at > $2 AND ends_by > $2",
                args![bytes(presented), now],
            )
            .await?;
        if live == 0 {
            return Ok(Rotation::Refused);
        }
        let (session, token) = presented_in(&mut tx, presented).await?;
        let user = user_in(&mut tx, session.user_id).await?;
        if user.deactivated_at.is_some() {
            return Ok(Rotation::Refused);
        }
        let rotation = match (token.used_at, token.successor_sealed, token.successor_used_at) {
            (None, _, _) => {
                succeed(&mut tx, presented, &session, successor, now).await?;
                let expires_at = (now + idle).min(session.ends_by);
                tx.run(
                    "UPDATE sessions SET expires_at = $2 WHERE id = $1",
                    args![session.id, expires_at],
                )
                .await?;
                Rotation::Rotated(session, user)
            }
            (Some(used_at), Some(sealed), None) if now.since(used_at) <= grace => {
                Rotation::Again(session, user, sealed)
            }
            _ => {
                let revocation = end(&mut tx, &session, now, until).await?;
                Rotation::Reused(session, revocation)
            }
        };
        tx.commit().await?;
        Ok(rotation)
    }

    /// Ends a sign-in; returns `None` if it is unknown or has ended.
    ///
    /// Errors: what the database reports
    pub async fn end(&self, id: SessionId, now: Timestamp, until: Timestamp) -> Result<Option<Revocation>, DbError> {
        let mut tx = self.db.write().await?;
        let Some(session) = tx.one::<SessionRow>(OF_ID, args![id]).await?.map(Session::from) else {
            return Ok(None);
        };
        let revocation = end(&mut tx, &session, now, until).await?;
        tx.commit().await?;
        Ok(revocation)
    }

    /// Removes sign-ins that ended before `before`, with their refresh tokens; returns how many. The last one of an identity
    /// stays, because its end refuses the identity's older tokens.
    ///
    /// Errors: what the database reports
    pub async fn forget(&self, before: Timestamp) -> Result<u64, DbError> {
        let sql = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions s WHERE (expires_at < $1 OR ended_at < $1) \
                   AND NOT EXISTS (SELECT 1 FROM identities WHERE session_id = s.id) LIMIT $2)";
        let mut all = 0;
        loop {
            let mut tx = self.db.write().await?;
            let gone = tx.run(sql, args![before, REMOVED_AT_ONCE]).await?;
            tx.commit().await?;
            all += gone;
            if gone < REMOVED_AT_ONCE.unsigned_abs() {
                return Ok(all);
            }
        }
    }
}

fn bytes(token: TokenHash) -> Vec<u8> {
    token.0.to_vec()
}

async fn presented_in(tx: &mut Tx, presented: TokenHash) -> Result<(Session, TokenRow), NotDone> {
    let session = tx.one::<SessionRow>(OF_TOKEN, args![bytes(presented)]).await?;
    let token = tx
        .one::<TokenRow>(
            "SELECT t.used_at, t.successor_sealed, s.used_at AS successor_used_at FROM refresh_tokens t \
             LEFT JOIN refresh_tokens s ON s.hash = t.successor_hash WHERE t.hash = $1",
            args![bytes(presented)],
        )
        .await?;
    session.map(Session::from).zip(token).ok_or(NotDone::Missing)
}

async fn insert_token(tx: &mut Tx, hash: TokenHash, session: SessionId, now: Timestamp) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO refresh_tokens (hash, session_id, issued_at) VALUES ($1, $2, $3)",
        args![bytes(hash), session, now],
    )
    .await
    .map(|_| ())
}

async fn succeed(
    tx: &mut Tx,
    presented: TokenHash,
    session: &Session,
    successor: &Successor,
    now: Timestamp,
) -> Result<(), DbError> {
    tx.run(
        "UPDATE refresh_tokens SET used_at = $2, successor_hash = $3, successor_sealed = $4 WHERE hash = $1",
        args![bytes(presented), now, bytes(successor.hash), successor.sealed.clone()],
    )
    .await?;
    insert_token(tx, successor.hash, session.id, now).await
}

async fn end(tx: &mut Tx, session: &Session, now: Timestamp, until: Timestamp) -> Result<Option<Revocation>, DbError> {
    let ended = tx
        .run(
            "UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL",
            args![session.id, now],
        )
        .await?;
    if ended == 0 {
        return Ok(None);
    }
    let ended = UserSessionEnded { session_id: session.id };
    outbox::push(tx, &NewEvent::of_user(session.user_id, ended.into()), now).await?;
    let revocation = Revocation::new(session.user_id, Refused::Session(session.id), until);
    rows::insert_revocation(tx, &revocation, now).await?;
    Ok(Some(revocation))
}
