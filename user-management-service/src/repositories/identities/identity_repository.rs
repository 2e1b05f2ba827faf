//! People of other issuers: which account and which sign-in their tokens belong to.

use crate::models::accounts::actor::Actor;
use crate::models::accounts::user::{NewUser, User};
use crate::repositories::accounts::user_repository::{entry, insert_in, lock, set_roles_in};
use crate::repositories::rows::{self, NotDone, user_in};
use backing::db::{Db, DbError, Tx};
use backing::{args, record};
use contracts::questions::{ExternalIdentity, LocalAccount};
use contracts::{Role, Roles, SessionId, Timestamp, UserId, text};
use passwords::email::EmailAddress;
use serde_json::json;
use std::time::Duration;

/// The text that reads an identity with its sign-in and its account.
pub const OF_IDENTITY: &str = "SELECT i.user_id, i.session_id, i.refused_until, i.newest, i.granted, i.granted_at, s.expires_at, s.ended_at, u.roles, u.version, \
    u.deactivated_at FROM identities i JOIN users u ON u.id = i.user_id LEFT JOIN sessions s ON s.id = i.session_id \
    WHERE i.issuer = $1 AND i.subject = $2";
/// How often a person is looked for again who came twice at once.
const TRIES: usize = 3;

record! {
    struct KnownRow {
        user_id: UserId,
        session_id: SessionId,
        refused_until: Option<Timestamp>,
        newest: Option<Timestamp>,
        granted: String,
        granted_at: Timestamp,
        expires_at: Option<Timestamp>,
        ended_at: Option<Timestamp>,
        roles: String,
        version: i64,
        deactivated_at: Option<Timestamp>,
    }
}

/// What the platform decides about people of other issuers.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The role of a new account.
    pub signup_role: Role,
    /// How long a sign-in lasts at most.
    pub session_life: Duration,
    /// How long tokens may still be valid that the platform has signed itself.
    pub longest_access: Duration,
}

/// What a known identity's token is worth.
enum Standing {
    Good(LocalAccount),
    Refused,
    /// Something must be written first.
    Changed,
}

/// People of other issuers in the database.
#[derive(Clone)]
pub struct IdentityRepository {
    db: Db,
    terms: Terms,
}

impl IdentityRepository {
    /// Identities of this database.
    #[must_use]
    pub const fn new(db: Db, terms: Terms) -> Self {
        Self { db, terms }
    }

    /// The account and the sign-in that a token belongs to; makes the account at first sight, and gives and takes roles as
    /// the token says. None if the account is deactivated, or the sign-in has ended since the token was issued.
    ///
    /// Errors: what the database reports
    pub async fn account_of(
        &self,
        identity: &ExternalIdentity,
        now: Timestamp,
    ) -> Result<Option<LocalAccount>, NotDone> {
        let of = args![identity.issuer.as_str(), identity.subject.as_str()];
        let known = self.db.read().one::<KnownRow>(OF_IDENTITY, of).await?;
        if let Some(row) = known {
            match row.standing(identity, now) {
                Standing::Good(account) => return Ok(Some(account)),
                Standing::Refused => return Ok(None),
                Standing::Changed => (),
            }
        }
        let mut tried = 1;
        loop {
            match self.renew(identity, now).await {
                Err(NotDone::EmailTaken | NotDone::Db(DbError::Unique(_))) if tried < TRIES => tried += 1,
                done => return done,
            }
        }
    }

    /// The account that somebody signs in to by the page, made at first sight; deactivated accounts included.
    ///
    /// Errors: what the database reports
    pub async fn user_of(&self, identity: &ExternalIdentity, now: Timestamp) -> Result<User, NotDone> {
        let mut tried = 1;
        loop {
            let mut tx = self.db.write().await?;
            let id = match known_in(&mut tx, identity).await? {
                Some(row) => row.user_id,
                None => match self.insert(&mut tx, identity, now).await {
                    Err(NotDone::EmailTaken | NotDone::Db(DbError::Unique(_))) if tried < TRIES => {
                        tried += 1;
                        continue;
                    }
                    inserted => inserted?,
                },
            };
            self.note(&mut tx, identity, id, now).await?;
            let user = user_in(&mut tx, id).await?;
            tx.commit().await?;
            return Ok(user);
        }
    }

    async fn renew(&self, identity: &ExternalIdentity, now: Timestamp) -> Result<Option<LocalAccount>, NotDone> {
        let mut tx = self.db.write().await?;
        let known = known_in(&mut tx, identity).await?;
        let standing = known.as_ref().map(|row| row.standing(identity, now));
        if let Some(Standing::Refused) = standing {
            return Ok(None);
        }
        if let Some(Standing::Good(account)) = standing {
            return Ok(Some(account));
        }
        let id = match &known {
            Some(row) => row.user_id,
            None => self.insert(&mut tx, identity, now).await?,
        };
        if let Some(row) = known.filter(|row| row.is_over(now)) {
            self.open(&mut tx, identity, row.user_id, now).await?;
        }
        self.note(&mut tx, identity, id, now).await?;
        let row = known_in(&mut tx, identity).await?.ok_or(NotDone::Missing)?;
        tx.commit().await?;
        Ok(Some(row.account()))
    }

    /// Makes the account, its identity and the sign-in of its tokens.
    async fn insert(&self, tx: &mut Tx, identity: &ExternalIdentity, now: Timestamp) -> Result<UserId, NotDone> {
        let email = identity
            .email
            .as_deref()
            .and_then(|email| EmailAddress::parse(email).ok());
        let email = match email {
            Some(email) if is_free(tx, &email).await? => Some(email),
            Some(_) | None => None,
        };
        let named = identity.name.as_deref().and_then(|name| text::title(name).ok());
        let name = named.or_else(|| email.as_ref().map(|email| email.local_key().to_owned()));
        let new = NewUser {
            id: UserId::generate(),
            email_verified: email.is_some(),
            email,
            name: name.unwrap_or_else(|| "New member".to_owned()),
            roles: self.terms.signup_role.into(),
            password_hash: None,
        };
        insert_in(tx, &new, now).await?;
        let session = SessionId::generate();
        tx.run(
            "INSERT INTO identities (issuer, subject, user_id, session_id, granted, granted_at, created_at) \
             VALUES ($1, $2, $3, $4, '', $5, $6)",
            args![
                identity.issuer.as_str(),
                identity.subject.as_str(),
                new.id,
                session,
                Timestamp(0),
                now
            ],
        )
        .await?;
        self.open(tx, identity, new.id, now).await?;
        Ok(new.id)
    }

    /// Opens the sign-in of the identity's tokens.
    async fn open(
        &self,
        tx: &mut Tx,
        identity: &ExternalIdentity,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let (session, ends_by) = (SessionId::generate(), now + self.terms.session_life);
        tx.run(
            "UPDATE identities SET session_id = $3, newest = NULL, refused_until = coalesce((SELECT CASE WHEN newest > ended_at \
             THEN newest ELSE ended_at END FROM sessions WHERE id = session_id), refused_until) \
             WHERE issuer = $1 AND subject = $2",
            args![identity.issuer.as_str(), identity.subject.as_str(), session],
        )
        .await?;
        rows::insert_session(tx, (session, user), (now, now), (ends_by, ends_by)).await
    }

    /// Notes the token if it is newer than all others, and gives and takes roles as it says; roles from elsewhere stay.
    async fn note(&self, tx: &mut Tx, identity: &ExternalIdentity, id: UserId, now: Timestamp) -> Result<(), NotDone> {
        let of = (identity.issuer.as_str(), identity.subject.as_str());
        let Some(row) = known_in(tx, identity).await? else {
            return Ok(());
        };
        if row.is_ahead(identity, now) {
            let sql = "UPDATE identities SET newest = $3 WHERE issuer = $1 AND subject = $2";
            tx.run(sql, args![of.0, of.1, identity.issued_at]).await?;
        }
        let Some(granted) = row.grants(identity) else {
            return Ok(());
        };
        let before = roles(&row.granted);
        if granted != before {
            lock(tx, id).await?;
            let user = user_in(tx, id).await?;
            let kept = user.roles.iter().filter(|role| !before.has(*role));
            let mut after: Roles = kept.chain(granted.iter()).collect();
            if after.iter().next().is_none() {
                after = self.terms.signup_role.into();
            }
            let details = json!({"issuer": identity.issuer, "before": user.roles, "after": after});
            let entry = entry(&Actor::machine(), "map_roles", id, details);
            set_roles_in(tx, user, &after, &entry, (now, now + self.terms.longest_access)).await?;
        }
        let sql = "UPDATE identities SET granted = $3, granted_at = $4 WHERE issuer = $1 AND subject = $2";
        tx.run(sql, args![of.0, of.1, granted.to_string(), identity.issued_at])
            .await?;
        Ok(())
    }
}

async fn known_in(tx: &mut Tx, identity: &ExternalIdentity) -> Result<Option<KnownRow>, DbError> {
    // The update locks the row: whoever comes at the same moment waits, and sees what was written.
    let locked = tx
        .run(
            "UPDATE identities SET granted = granted WHERE issuer = $1 AND subject = $2",
            args![identity.issuer.as_str(), identity.subject.as_str()],
        )
        .await?;
    if locked == 0 {
        return Ok(None);
    }
    let of = args![identity.issuer.as_str(), identity.subject.as_str()];
    tx.one::<KnownRow>(OF_IDENTITY, of).await
}

async fn is_free(tx: &mut Tx, email: &EmailAddress) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM users WHERE email_key = $1";
    Ok(tx.one::<(i64,)>(sql, args![email.key()]).await?.is_none())
}

/// A role that this version does not know gives no rights.
fn roles(text: &str) -> Roles {
    text.split(',').filter_map(|role| role.parse::<Role>().ok()).collect()
}

impl KnownRow {
    fn standing(&self, identity: &ExternalIdentity, now: Timestamp) -> Standing {
        let newest = self.ended_at.and(self.newest);
        let ends = [self.refused_until, self.ended_at, newest];
        let has_left = ends.into_iter().flatten().any(|end| identity.issued_at <= end);
        if self.deactivated_at.is_some() || has_left {
            return Standing::Refused;
        }
        if self.is_over(now) || self.is_ahead(identity, now) || self.grants(identity).is_some() {
            return Standing::Changed;
        }
        Standing::Good(self.account())
    }

    /// Whether the token is the newest one, of an issuer whose clock is ahead: the end of the sign-in has to refuse it, too.
    fn is_ahead(&self, identity: &ExternalIdentity, now: Timestamp) -> bool {
        identity.issued_at > now && self.newest.is_none_or(|newest| identity.issued_at > newest)
    }

    /// The roles that the token grants, if it is the newest one that says so; of two of the same second, the one that grants
    /// less counts.
    fn grants(&self, identity: &ExternalIdentity) -> Option<Roles> {
        let granted = identity.roles.as_ref()?;
        if identity.issued_at > self.granted_at {
            return Some(granted.clone());
        }
        let before = roles(&self.granted);
        let both: Roles = before.iter().filter(|role| granted.has(*role)).collect();
        (identity.issued_at == self.granted_at && both != before).then_some(both)
    }

    /// Whether the sign-in has ended, so that a newer token needs another.
    fn is_over(&self, now: Timestamp) -> bool {
        self.ended_at.is_some() || self.expires_at.is_none_or(|at| at <= now)
    }

    fn account(&self) -> LocalAccount {
        LocalAccount {
            user_id: self.user_id,
            session_id: self.session_id,
            roles: roles(&self.roles),
            version: self.version,
        }
    }
}
