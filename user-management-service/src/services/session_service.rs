//! Opens, continues and ends sign-ins.

use super::act_service::{ActService, Leaving, Named};
use super::error::{Failure, SessionError};
use super::revocation_service::RevocationService;
use super::tokens::refresh_token::RefreshToken;
use super::tokens::secret_token::DeviceToken;
use super::tokens::token_issuer::TokenIssuer;
use crate::config::LONGEST_REFUSAL;
use crate::metric;
use crate::models::accounts::user::User;
use crate::models::sessions::session::{NewSession, Rotation, Session};
use crate::repositories::accounts::user_repository::UserRepository;
use crate::repositories::sessions::session_repository::SessionRepository;
use backing::Clock;
use contracts::{SessionId, Timestamp};
use passwords::attempt::Attempt;
use passwords::email::EmailAddress;
use passwords::hasher::{Comparison, PasswordHasher};
use passwords::limiter::Limiter;
use runtime::{AuthError, Authenticator, Principal};
use secrecy::SecretString;
use std::net::IpAddr;
use std::time::Duration;

/// How long a used token still gets its successor again, while that is unused.
const GRACE: Duration = Duration::from_secs(10);
/// How long an ended sign-in is kept, so that its refresh tokens are still recognised as used.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// What a person signs in with.
pub(crate) struct Credentials {
    pub(crate) email: String,
    pub(crate) password: SecretString,
    /// Whether to restore a deactivated account.
    pub(crate) reactivate: bool,
    /// The token of the device, if it has one.
    pub(crate) device: Option<DeviceToken>,
    /// Whether the account shall know the device from now on.
    pub(crate) remember: bool,
}

/// A sign-in with its tokens.
pub(crate) struct SignedIn {
    pub(crate) access_token: SecretString,
    pub(crate) expires_in: Duration,
    pub(crate) refresh_token: RefreshToken,
    /// How long the refresh token is valid.
    pub(crate) refresh_life: Duration,
    /// The token of the device that the account knows now.
    pub(crate) device: Option<DeviceToken>,
    pub(crate) user: User,
}

/// Signs people in and out.
#[derive(Clone)]
pub(crate) struct SessionService {
    pub(crate) users: UserRepository,
    pub(crate) sessions: SessionRepository,
    pub(crate) acts: ActService,
    pub(crate) hasher: PasswordHasher,
    pub(crate) limiter: Limiter,
    pub(crate) issuer: TokenIssuer,
    /// Checks the tokens of other issuers.
    pub(crate) authenticator: Authenticator,
    pub(crate) revocations: RevocationService,
    pub(crate) clock: Clock,
    /// How long a sign-in lasts without being used, and at most.
    pub(crate) lives: (Duration, Duration),
}

impl SessionService {
    /// Checks a password and opens a sign-in.
    pub(crate) async fn sign_in(&self, given: Credentials, address: IpAddr) -> Result<SignedIn, SessionError> {
        let signed_in = self.try_sign_in(given, address).await;
        let result = match &signed_in {
            Ok(_) => "ok",
            Err(SessionError::InvalidCredentials) => "wrong",
            Err(SessionError::Failed(Failure::Limited(_))) => "limited",
            Err(SessionError::Deactivated) => "deactivated",
            Err(SessionError::Failed(Failure::Busy)) => "busy",
            Err(_) => "error",
        };
        metrics::counter!(metric::LOGINS, "result" => result).increment(1);
        signed_in
    }

    async fn try_sign_in(&self, given: Credentials, address: IpAddr) -> Result<SignedIn, SessionError> {
        let email = EmailAddress::parse(&given.email).ok();
        let key = email.map_or_else(|| given.email.to_ascii_lowercase(), |email| email.key().to_owned());
        let (attempt, device) = self.attempt(&key, address, given.device).await?;
        self.hasher.demand_room(&attempt)?;
        self.limiter.check(&attempt).await?;
        let mut user = self.users.by_email_key(&key).await?;
        if let Some(id) = user.as_ref().map(|user| user.id)
            && self.acts.settle(id).await?
        {
            // A new password, or a deactivation, is stored now.
            user = self.users.by_id(id).await?;
        }
        let stored = user.as_ref().and_then(|user| user.password_hash.clone());
        let comparison = self.hasher.compare(given.password, stored, &attempt).await?;
        // Concurrent tries that passed the first check before they were counted stop here.
        self.limiter.check(&attempt).await?;
        let Some(mut user) = user.filter(|_| comparison != Comparison::Wrong) else {
            self.limiter.failed(&attempt).await;
            return Err(SessionError::InvalidCredentials);
        };
        if user.deactivated_at.is_some() {
            if !given.reactivate {
                return Err(SessionError::Deactivated);
            }
            user = self.users.reactivate(user.id, self.clock.now()).await?;
        }
        if let Comparison::Renewed(hash) = comparison {
            let old = user.password_hash.as_deref().unwrap_or_default();
            self.users.renew_hash(user.id, old, &hash).await?;
        }
        let device = match device {
            None if given.remember => Some(DeviceToken::generate()?),
            known => known,
        };
        // Counted before the database is asked: while it is busy, many would pass the check.
        self.limiter.succeeded(&attempt).await;
        self.open(user, device, None).await
    }

    /// The attempt on an account from an address, and the token of the device if the account knows it.
    async fn attempt(
        &self,
        key: &str,
        address: IpAddr,
        device: Option<DeviceToken>,
    ) -> Result<(Attempt, Option<DeviceToken>), SessionError> {
        let attempt = Attempt::new(key, address);
        match device {
            Some(device) if self.sessions.knows_device(device.hash(), key).await? => {
                Ok((attempt.on_device(device.hash().0), Some(device)))
            }
            Some(_) | None => Ok((attempt, None)),
        }
    }

    /// Opens a sign-in of somebody who has shown who they are: now, or to their provider at `auth_time`.
    pub(crate) async fn open(
        &self,
        user: User,
        device: Option<DeviceToken>,
        auth_time: Option<Timestamp>,
    ) -> Result<SignedIn, SessionError> {
        let now = self.clock.now();
        let token = RefreshToken::generate()?;
        let (idle, most) = self.lives;
        let new = NewSession {
            id: SessionId::generate(),
            user_id: user.id,
            created_at: auth_time.map_or(now, |at| at.min(now)),
            expires_at: now + idle.min(most),
            ends_by: now + most,
            token: token.hash(),
            device: device.as_ref().map(DeviceToken::hash),
        };
        let (user, ended) = self
            .sessions
            .open(&new, user.version, (now, now + LONGEST_REFUSAL))
            .await?;
        for revocation in &ended {
            self.revocations.apply(revocation);
        }
        let session = Session {
            id: new.id,
            user_id: new.user_id,
            created_at: new.created_at,
            expires_at: new.expires_at,
            ends_by: new.ends_by,
            ended_at: None,
        };
        let signed_in = self.signed_in(user, &session, token, now)?;
        Ok(SignedIn { device, ..signed_in })
    }

    /// Exchanges a refresh token for the next one and a new access token.
    pub(crate) async fn refresh(&self, presented: RefreshToken) -> Result<SignedIn, SessionError> {
        let session = self.sessions.by_token(presented.hash()).await?;
        let session = session.ok_or(SessionError::InvalidGrant)?;
        self.acts.settle(session.user_id).await?;
        self.limiter.check_refresh(session.id).await?;
        let now = self.clock.now();
        let (next, stored) = presented.successor()?;
        let lives = (self.lives.0, GRACE);
        let until = now + LONGEST_REFUSAL;
        match self
            .sessions
            .rotate(presented.hash(), &stored, now, lives, until)
            .await?
        {
            Rotation::Rotated(session, user) => {
                self.limiter.refreshed(session.id).await;
                self.signed_in(user, &session, next, now)
            }
            Rotation::Again(session, user, sealed) => {
                let next = presented.open(&sealed)?;
                self.signed_in(user, &session, next, now)
            }
            Rotation::Reused(session, revocation) => {
                tracing::warn!(user_id = %session.user_id, session_id = %session.id, "a refresh token was used twice; its sign-in was ended");
                if let Some(revocation) = revocation {
                    self.revocations.apply(&revocation);
                }
                Err(SessionError::InvalidGrant)
            }
            Rotation::Refused => Err(SessionError::InvalidGrant),
        }
    }

    /// Ends the sign-in that a refresh token belongs to, or all sign-ins of its user.
    pub(crate) async fn leave_by_token(&self, token: &RefreshToken, leaving: Leaving) -> Result<(), SessionError> {
        Ok(self.acts.leave(Named::Refresh(token.hash()), leaving).await?)
    }

    /// Ends the sign-in that an access token belongs to, or all sign-ins of its user; a token of another issuer must be
    /// valid.
    pub(crate) async fn leave_by_bearer(&self, token: &str, leaving: Leaving) -> Result<(), SessionError> {
        let named = match self.issuer.sign_in_of(token) {
            Some((user, session, version)) => Named::Bearer(user, session, version),
            None => match self.authenticator.verify(token).await {
                Ok(Principal::User(caller)) => Named::Bearer(caller.user_id, caller.session_id, caller.version),
                Err(AuthError::Unavailable) => return Err(Failure::NotStored.into()),
                Ok(Principal::Client { .. }) | Err(_) => return Ok(()),
            },
        };
        Ok(self.acts.leave(named, leaving).await?)
    }

    /// Removes sign-ins that ended or expired more than a day ago.
    pub(crate) async fn forget(&self) -> Result<(), SessionError> {
        self.sessions.forget(self.clock.now() - KEPT).await?;
        Ok(())
    }

    fn signed_in(
        &self,
        user: User,
        session: &Session,
        refresh_token: RefreshToken,
        now: Timestamp,
    ) -> Result<SignedIn, SessionError> {
        let (idle, _) = self.lives;
        Ok(SignedIn {
            access_token: self.issuer.issue(&user, session, now)?,
            expires_in: self.issuer.lifetime(),
            refresh_token,
            refresh_life: session.ends_by.since(now).min(idle),
            device: None,
            user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::accounts::user::NewUser;
    use crate::repositories::sessions::revocation_repository::RevocationRepository;
    use crate::{MIGRATIONS, NAME};
    use backing::cache::MemoryCache;
    use backing::db::Db;
    use contracts::{Role, UserId};
    use passwords::limiter::Limits;
    use runtime::Revocations;
    use std::sync::Arc;

    const EMAIL: &str = "ada@example.org";

    async fn service(folder: &tempfile::TempDir, failures_per_account: u64) -> SessionService {
        let url = format!("sqlite://{}", folder.path().display());
        let db = Db::open(&url, NAME, MIGRATIONS).await.unwrap();
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
        let limits = Limits {
            failures_per_account,
            failures_per_address: 0,
            signins_per_account: 0,
            signups_per_address: 0,
        };
        let cache = Arc::new(MemoryCache::new(clock.clone(), 1 << 20));
        let hasher = PasswordHasher::new(1);
        let users = UserRepository::new(db.clone());
        let attempt = Attempt::new(EMAIL, IpAddr::from([192, 0, 2, 1]));
        let hash = hasher.hash("a long enough password".into(), &attempt);
        let new = NewUser {
            id: UserId::generate(),
            email: EmailAddress::parse(EMAIL).ok(),
            name: "Ada".to_owned(),
            roles: Role::Learner.into(),
            password_hash: Some(hash.await.unwrap()),
            email_verified: false,
        };
        users.insert(&new, None, clock.now()).await.unwrap();
        let sessions = SessionRepository::new(db.clone());
        let refused = Revocations::new(clock.clone());
        let revocations = RevocationService::new(RevocationRepository::new(db), refused.feed());
        SessionService {
            acts: ActService::new(users.clone(), sessions.clone(), revocations.clone(), clock.clone()),
            users,
            sessions,
            hasher,
            limiter: Limiter::new(cache, clock.clone(), limits),
            issuer: TokenIssuer::new("https://mooc.test", "moocflix", Duration::from_secs(300)),
            authenticator: Authenticator::new(Vec::new(), refused, clock.clone()),
            revocations,
            clock,
            lives: (Duration::from_secs(60), Duration::from_secs(60)),
        }
    }

    /// How many hashes a failed sign-in costs.
    async fn cost(service: &SessionService, email: &str) -> u64 {
        let before = service.hasher.made();
        let given = Credentials {
            email: email.to_owned(),
            password: "wrong".into(),
            reactivate: false,
            device: None,
            remember: false,
        };
        assert!(service.sign_in(given, IpAddr::from([192, 0, 2, 1])).await.is_err());
        service.hasher.made() - before
    }

    #[tokio::test]
    async fn a_known_an_unknown_and_an_invalid_address_cost_one_hash_each() {
        let folder = tempfile::tempdir().unwrap();
        let service = service(&folder, 0).await;
        for email in [EMAIL, "eve@example.org", "no address"] {
            assert_eq!(cost(&service, email).await, 1, "{email}");
        }
    }

    #[tokio::test]
    async fn beyond_the_limit_no_hash_is_computed() {
        let folder = tempfile::tempdir().unwrap();
        let service = service(&folder, 2).await;
        for (email, costs) in [(EMAIL, [1, 1, 0]), ("eve@example.org", [1, 1, 0])] {
            for expected in costs {
                assert_eq!(cost(&service, email).await, expected, "{email}");
            }
        }
    }
}
