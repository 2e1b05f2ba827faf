//! Rows that transactions of several subjects read or write; each function takes the caller's transaction.

use crate::models::accounts::user::User;
use crate::models::sessions::revocation::{Refused, Revocation};
use backing::db::{DbError, Tx};
use backing::{args, record};
use contracts::{Role, SessionId, Timestamp, UserId};

macro_rules! user_columns {
    () => {
        "id, email, name, bio, locale, roles, password_hash, email_verified, version, revision, created_at, updated_at, \
         deactivated_at"
    };
}
pub(crate) use user_columns;

/// The text that reads accounts; the argument is its condition.
macro_rules! select_users {
    ($which:literal) => {
        concat!(
            "SELECT ",
            $crate::repositories::rows::user_columns!(),
            " FROM users ",
            $which
        )
    };
}
pub(crate) use select_users;

record! {
    pub(crate) struct UserRow {
        pub(crate) id: UserId,
        pub(crate) email: String,
        pub(crate) name: String,
        pub(crate) bio: Option<String>,
        pub(crate) locale: Option<String>,
        pub(crate) roles: String,
        pub(crate) password_hash: String,
        pub(crate) email_verified: bool,
        pub(crate) version: i64,
        pub(crate) revision: i64,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
        pub(crate) deactivated_at: Option<Timestamp>,
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: given(row.email),
            name: row.name,
            bio: row.bio,
            locale: row.locale,
            // A role that this version does not know gives no rights.
            roles: row
                .roles
                .split(',')
                .filter_map(|role| role.parse::<Role>().ok())
                .collect(),
            password_hash: given(row.password_hash),
            email_verified: row.email_verified,
            version: row.version,
            revision: row.revision,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deactivated_at: row.deactivated_at,
        }
    }
}

/// Where the table has an empty text, the account has none: versions before could not do without.
fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Why a change of an account was refused.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// No account has this id.
    #[error("there is no such account")]
    Missing,
    /// Another account has the address.
    #[error("the address belongs to another account")]
    EmailTaken,
    /// The account changed since the caller read it.
    #[error("the account has changed since it was read")]
    Stale,
    /// The platform would have no admin left.
    #[error("the platform needs at least one admin")]
    LastAdmin,
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The account as this transaction sees it.
///
/// Errors: `Missing`, or what the database reports
pub(crate) async fn user_in(tx: &mut Tx, id: UserId) -> Result<User, NotDone> {
    let sql = select_users!("WHERE id = $1");
    tx.one::<UserRow>(sql, args![id])
        .await?
        .map(User::from)
        .ok_or(NotDone::Missing)
}

/// An account, which nobody else changes before the end of the transaction.
pub(crate) async fn locked_user(tx: &mut Tx, id: UserId) -> Result<User, NotDone> {
    let sql = concat!(
        "UPDATE users SET version = version WHERE id = $1 RETURNING ",
        user_columns!()
    );
    let locked = tx.one::<UserRow>(sql, args![id]).await?;
    locked.map(User::from).ok_or(NotDone::Missing)
}

/// Makes transactions that decide about many rows wait for each other.
pub(crate) async fn take_turn(tx: &mut Tx, name: &'static str) -> Result<(), DbError> {
    tx.run("UPDATE turns SET turn = turn + 1 WHERE name = $1", args![name])
        .await
        .map(|_| ())
}

/// Stores a revocation.
pub(crate) async fn insert_revocation(tx: &mut Tx, revocation: &Revocation, now: Timestamp) -> Result<(), DbError> {
    let (mut session, mut version, mut client, mut token) = (None, None, None, None);
    match revocation.refused {
        Refused::Session(id) => session = Some(id),
        Refused::Below(below) => version = Some(below),
        Refused::Client(id) => client = Some(id),
        Refused::Token(id) => token = Some(id),
    }
    tx.run(
        "INSERT INTO revocations (id, user_id, session_id, min_version, client_id, token_id, created_at, refused_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            revocation.id,
            revocation.user_id,
            session,
            version,
            client,
            token,
            now,
            revocation.until
        ],
    )
    .await
    .map(|_| ())
}

/// Stores a sign-in without refresh tokens.
pub(crate) async fn insert_session(
    tx: &mut Tx,
    (id, user): (SessionId, UserId),
    (created_at, now): (Timestamp, Timestamp),
    (expires_at, ends_by): (Timestamp, Timestamp),
) -> Result<(), DbError> {
    tx.run(
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, ends_by) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![id, user, created_at, now, expires_at, ends_by],
    )
    .await
    .map(|_| ())
}

/// Ends all sign-ins of a user, or all but `keep`, and forgets the user's devices.
pub(crate) async fn end_all(tx: &mut Tx, user: UserId, keep: Option<SessionId>, now: Timestamp) -> Result<(), DbError> {
    // No sign-in has the nil id, so one statement serves both cases.
    let keep = keep.unwrap_or(SessionId::from(uuid::Uuid::nil()));
    tx.run(
        "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL AND id <> $3",
        args![user, now, keep],
    )
    .await?;
    tx.run("DELETE FROM devices WHERE user_id = $1", args![user])
        .await
        .map(|_| ())
}
