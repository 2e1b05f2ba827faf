//! Accounts.

use crate::models::accounts::actor::Actor;
use crate::models::accounts::profile::ProfileChange;
use crate::models::accounts::user::{NewUser, User, email_key};
use crate::models::sessions::revocation::{Refused, Revocation};
use crate::repositories::rows::{self, NotDone, UserRow, select_users, take_turn, user_in};
use backing::audit::{self, NewEntry};
use backing::db::{Db, DbError, Tx};
use backing::once::{self, Once, Request};
use backing::{args, outbox};
use contracts::events::{
    UserDeactivated, UserReactivated, UserRegistered, UserRolesChanged, UserSessionsEnded, UserUpdated,
};
use contracts::{EventData, NewEvent, Role, Roles, SessionId, Timestamp, UserId};
use passwords::email::EmailAddress;
use serde_json::json;

/// Accounts in the database.
#[derive(Clone)]
pub struct UserRepository {
    db: Db,
}

impl UserRepository {
    /// Accounts of this database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Stores a new account, and the request that it was created by where its client named it.
    ///
    /// Errors: `EmailTaken`, or what the database reports
    pub async fn insert(&self, new: &NewUser, request: Option<&Request>, now: Timestamp) -> Result<User, NotDone> {
        let mut tx = self.db.write().await?;
        let user = insert_in(&mut tx, new, now).await?;
        if let Some(request) = request {
            once::record(&mut tx, request, new.id.into(), now).await?;
        }
        tx.commit().await?;
        Ok(user)
    }

    /// Stores an account that a command on the machine creates, with its entry in the audit.
    ///
    /// Errors: `EmailTaken`, or what the database reports
    pub async fn insert_by_command(&self, new: &NewUser, now: Timestamp) -> Result<User, NotDone> {
        let mut tx = self.db.write().await?;
        let user = insert_in(&mut tx, new, now).await?;
        let details = json!({"roles": new.roles});
        let entry = entry(&Actor::machine(), "create_user", new.id, details);
        audit::record(&mut tx, &entry, now).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Whether this very request created the account.
    ///
    /// Errors: what the database reports
    pub async fn is_made_by(&self, request: &Request, id: UserId) -> Result<bool, DbError> {
        Ok(once::find(self.db.read(), request).await? == Once::Again(id.into()))
    }

    /// The account of an id.
    ///
    /// Errors: what the database reports
    pub async fn by_id(&self, id: UserId) -> Result<Option<User>, DbError> {
        let sql = select_users!("WHERE id = $1");
        Ok(self.db.read().one::<UserRow>(sql, args![id]).await?.map(User::from))
    }

    /// The account of an address, by the address's key.
    ///
    /// Errors: what the database reports
    pub async fn by_email_key(&self, key: &str) -> Result<Option<User>, DbError> {
        let sql = select_users!("WHERE email_key = $1");
        Ok(self.db.read().one::<UserRow>(sql, args![key]).await?.map(User::from))
    }

    /// Accounts whose address begins with `prefix`, sorted by address, starting after `after`.
    ///
    /// Errors: what the database reports
    pub async fn list(&self, prefix: &str, after: &str, limit: i64) -> Result<Vec<User>, DbError> {
        // One lower bound: SQLite would begin at the prefix and read all that was listed before.
        let (from, sql) = if after < prefix {
            (
                prefix,
                select_users!("WHERE email_key >= $1 AND email_key < $2 ORDER BY email_key LIMIT $3"),
            )
        } else {
            (
                after,
                select_users!("WHERE email_key > $1 AND email_key < $2 ORDER BY email_key LIMIT $3"),
            )
        };
        let beyond = format!("{prefix}\u{10ffff}");
        let rows = self.db.read().all::<UserRow>(sql, args![from, beyond, limit]).await?;
        Ok(rows.into_iter().map(User::from).collect())
    }

    /// Checks that the platform has an admin without this account, if the account is one and these roles (none for a
    /// deactivation) make it none. The acts themselves check it again in their transactions.
    ///
    /// Errors: `LastAdmin`, or what the database reports
    pub async fn keeps_an_admin(&self, user: &User, roles: Option<&Roles>) -> Result<(), NotDone> {
        if !user.roles.has(Role::Admin) || roles.is_some_and(|roles| roles.has(Role::Admin)) {
            return Ok(());
        }
        let others = self.db.read().one::<(i64,)>(OTHER_ADMINS, args![user.id]).await?;
        if others.is_some_and(|(count,)| count > 0) {
            Ok(())
        } else {
            Err(NotDone::LastAdmin)
        }
    }

    /// Changes a profile; with a `revision`, only if the account still has it.
    ///
    /// Errors: `Missing`, `Stale`, `EmailTaken`, or what the database reports
    pub async fn update_profile(
        &self,
        id: UserId,
        revision: Option<i64>,
        change: &ProfileChange,
        now: Timestamp,
    ) -> Result<User, NotDone> {
        let mut tx = self.db.write().await?;
        lock(&mut tx, id).await?;
        let before = user_in(&mut tx, id).await?;
        if revision.is_some_and(|revision| revision != before.revision) {
            return Err(NotDone::Stale);
        }
        let (after, fields) = changed(&before, change);
        if fields.is_empty() {
            return Ok(before);
        }
        tx.run(
            "UPDATE users SET name = $2, email = $3, email_key = $4, bio = $5, locale = $6, email_verified = $7, \
             revision = revision + 1, updated_at = $8 WHERE id = $1",
            args![
                id,
                after.name.as_str(),
                after.email.clone().unwrap_or_default(),
                after.email_key(),
                after.bio.clone(),
                after.locale.clone(),
                after.email_verified,
                now
            ],
        )
        .await
        .map_err(taken)?;
        publish(&mut tx, id, UserUpdated { fields }, now).await?;
        let user = user_in(&mut tx, id).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Replaces a hash with one of the same password at today's cost.
    ///
    /// Errors: what the database reports
    pub async fn renew_hash(&self, id: UserId, old: &str, new: &str) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        tx.run(
            "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
            args![id, old, new],
        )
        .await?;
        tx.commit().await
    }

    /// Sets a new password, ends every other sign-in, and refuses all access tokens from before. Where the account has this
    /// very hash, that was done before.
    ///
    /// Errors: `Stale` when the account has another hash by now, `Missing`, or what the database reports
    pub async fn change_password(
        &self,
        user: &User,
        hash: &str,
        keep: SessionId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Revocation, NotDone> {
        let mut tx = self.db.write().await?;
        let changed = tx
            .run(
                "UPDATE users SET password_hash = $3, version = version + 1, revision = revision + 1, \
                 updated_at = $4 WHERE id = $1 AND password_hash = $2",
                args![user.id, user.password_hash.clone().unwrap_or_default(), hash, now],
            )
            .await?;
        if changed == 0 {
            let user = user_in(&mut tx, user.id).await?;
            let is_done = user.password_hash.as_deref() == Some(hash);
            return is_done.then(|| refusal(&user, until)).ok_or(NotDone::Stale);
        }
        rows::end_all(&mut tx, user.id, Some(keep), now).await?;
        let version = user_in(&mut tx, user.id).await?.version;
        publish(&mut tx, user.id, UserSessionsEnded { version }, now).await?;
        let revocation = refuse_below(&mut tx, user.id, version, now, until).await?;
        tx.commit().await?;
        Ok(revocation)
    }

    /// Ends every sign-in of a user and refuses all access tokens from before.
    ///
    /// Errors: `Missing`, or what the database reports
    pub async fn end_sessions(&self, id: UserId, now: Timestamp, until: Timestamp) -> Result<Revocation, NotDone> {
        let mut tx = self.db.write().await?;
        let version = raise_version(&mut tx, id, now).await?.version;
        rows::end_all(&mut tx, id, None, now).await?;
        publish(&mut tx, id, UserSessionsEnded { version }, now).await?;
        let revocation = refuse_below(&mut tx, id, version, now, until).await?;
        tx.commit().await?;
        Ok(revocation)
    }

    /// Deactivates an account: every sign-in ends and all access tokens from before are refused. Of an account that is
    /// deactivated, nothing changes.
    ///
    /// Errors: `LastAdmin`, `Missing`, or what the database reports
    pub async fn deactivate(&self, id: UserId, now: Timestamp, until: Timestamp) -> Result<Revocation, NotDone> {
        let mut tx = self.db.write().await?;
        take_turn(&mut tx, "admins").await?;
        lock(&mut tx, id).await?;
        let before = user_in(&mut tx, id).await?;
        if before.deactivated_at.is_some() {
            return Ok(refusal(&before, until));
        }
        let user = raise_version(&mut tx, id, now).await?;
        if user.roles.has(Role::Admin) && other_admins(&mut tx, id).await? == 0 {
            return Err(NotDone::LastAdmin);
        }
        tx.run("UPDATE users SET deactivated_at = $2 WHERE id = $1", args![id, now])
            .await?;
        rows::end_all(&mut tx, id, None, now).await?;
        publish(&mut tx, id, UserDeactivated { version: user.version }, now).await?;
        let revocation = refuse_below(&mut tx, id, user.version, now, until).await?;
        tx.commit().await?;
        Ok(revocation)
    }

    /// Restores a deactivated account.
    ///
    /// Errors: `Missing`, or what the database reports
    pub async fn reactivate(&self, id: UserId, now: Timestamp) -> Result<User, NotDone> {
        let mut tx = self.db.write().await?;
        let changed = tx
            .run(
                "UPDATE users SET deactivated_at = NULL, revision = revision + 1, updated_at = $2 \
                 WHERE id = $1 AND deactivated_at IS NOT NULL",
                args![id, now],
            )
            .await?;
        let user = user_in(&mut tx, id).await?;
        if changed > 0 {
            publish(&mut tx, id, UserReactivated { version: user.version }, now).await?;
        }
        tx.commit().await?;
        Ok(user)
    }

    /// Replaces an account's roles, refuses access tokens with the old ones and adds the change to the audit; the same
    /// roles change nothing.
    ///
    /// Errors: `LastAdmin`, `Missing`, or what the database reports
    pub async fn set_roles(
        &self,
        actor: &Actor,
        id: UserId,
        roles: &Roles,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(User, Option<Revocation>), NotDone> {
        let mut tx = self.db.write().await?;
        take_turn(&mut tx, "admins").await?;
        lock(&mut tx, id).await?;
        let before = user_in(&mut tx, id).await?;
        if before.roles.has(Role::Admin) && !roles.has(Role::Admin) && other_admins(&mut tx, id).await? == 0 {
            return Err(NotDone::LastAdmin);
        }
        let details = json!({"before": before.roles, "after": roles});
        let entry = entry(actor, "change_roles", id, details);
        let done = set_roles_in(&mut tx, before, roles, &entry, (now, until)).await?;
        tx.commit().await?;
        Ok(done)
    }
}

/// Replaces an account's roles in the caller's transaction, which has locked the account.
pub(crate) async fn set_roles_in(
    tx: &mut Tx,
    before: User,
    roles: &Roles,
    entry: &NewEntry,
    (now, until): (Timestamp, Timestamp),
) -> Result<(User, Option<Revocation>), NotDone> {
    if before.roles == *roles {
        return Ok((before, None));
    }
    let id = before.id;
    tx.run(
        "UPDATE users SET roles = $2, is_admin = $3 WHERE id = $1",
        args![id, roles.to_string(), roles.has(Role::Admin)],
    )
    .await?;
    let user = raise_version(tx, id, now).await?;
    let changed = UserRolesChanged {
        roles: roles.clone(),
        version: user.version,
    };
    publish(tx, id, changed, now).await?;
    audit::record(tx, entry, now).await?;
    let revocation = refuse_below(tx, id, user.version, now, until).await?;
    Ok((user, Some(revocation)))
}

/// An act on an account, for the audit.
pub(crate) fn entry(actor: &Actor, act: &'static str, user: UserId, details: serde_json::Value) -> NewEntry {
    NewEntry {
        actor: actor.user,
        act,
        subject_kind: "user",
        subject: user.into(),
        owner: None,
        details,
        request: actor.request.clone(),
    }
}

/// Inserts an account and publishes it, in the caller's transaction.
pub(crate) async fn insert_in(tx: &mut Tx, new: &NewUser, now: Timestamp) -> Result<User, NotDone> {
    let email = new.email.as_ref().map(EmailAddress::text);
    tx.run(
        "INSERT INTO users (id, email, email_key, name, roles, is_admin, password_hash, email_verified, version, \
         revision, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, 1, $9, $9)",
        args![
            new.id,
            email.unwrap_or_default(),
            email_key(new.id, email),
            new.name.as_str(),
            new.roles.to_string(),
            new.roles.has(Role::Admin),
            new.password_hash.as_deref().unwrap_or_default(),
            new.email_verified,
            now
        ],
    )
    .await
    .map_err(taken)?;
    let registered = UserRegistered {
        roles: new.roles.clone(),
    };
    publish(tx, new.id, registered, now).await?;
    user_in(tx, new.id).await
}

/// The account after a change, and the names of the fields that differ.
fn changed(before: &User, change: &ProfileChange) -> (User, Vec<String>) {
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after.name.clone_from(name);
    }
    if let Some(email) = &change.email {
        after.email = Some(email.text().to_owned());
        after.email_verified &= email.key() == before.email_key();
    }
    if let Some(bio) = &change.bio {
        after.bio.clone_from(bio);
    }
    if let Some(locale) = &change.locale {
        after.locale.clone_from(locale);
    }
    let fields = [
        ("name", after.name != before.name),
        ("email", after.email != before.email),
        ("bio", after.bio != before.bio),
        ("locale", after.locale != before.locale),
    ];
    let named = fields
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name.to_owned());
    (after, named.collect())
}

fn taken(error: DbError) -> NotDone {
    match error {
        DbError::Unique(_) => NotDone::EmailTaken,
        other => NotDone::Db(other),
    }
}

async fn publish(tx: &mut Tx, id: UserId, data: impl Into<EventData>, now: Timestamp) -> Result<(), DbError> {
    outbox::push(tx, &NewEvent::of_user(id, data.into()), now)
        .await
        .map(|_| ())
}

/// Locks the row until the transaction ends; an update does that on both engines.
pub(crate) async fn lock(tx: &mut Tx, id: UserId) -> Result<(), DbError> {
    tx.run("UPDATE users SET revision = revision WHERE id = $1", args![id])
        .await
        .map(|_| ())
}

async fn raise_version(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<User, NotDone> {
    tx.run(
        "UPDATE users SET version = version + 1, revision = revision + 1, updated_at = $2 WHERE id = $1",
        args![id, now],
    )
    .await?;
    user_in(tx, id).await
}

const OTHER_ADMINS: &str = "SELECT count(*) FROM users WHERE is_admin AND deactivated_at IS NULL AND id <> $1";

async fn other_admins(tx: &mut Tx, id: UserId) -> Result<i64, DbError> {
    let row = tx.one::<(i64,)>(OTHER_ADMINS, args![id]).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// What refuses the tokens from before an account's present version, for an act that was stored earlier.
fn refusal(user: &User, until: Timestamp) -> Revocation {
    Revocation::new(user.id, Refused::Below(user.version), until)
}

async fn refuse_below(
    tx: &mut Tx,
    user_id: UserId,
    version: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<Revocation, DbError> {
    let revocation = Revocation::new(user_id, Refused::Below(version), until);
    rows::insert_revocation(tx, &revocation, now).await?;
    Ok(revocation)
}
