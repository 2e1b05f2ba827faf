//! Creates, shows, changes and deactivates accounts, and lists them for admins.

use super::act_service::ActService;
use super::error::{AccountError, Failure};
use super::session_service::SessionService;
use crate::metric;
use crate::models::accounts::actor::Actor;
use crate::models::accounts::profile::ProfileChange;
use crate::models::accounts::user::{NewUser, User};
use crate::repositories::accounts::user_repository::UserRepository;
use crate::repositories::audit::audit_repository::AuditRepository;
use crate::repositories::rows::NotDone;
use backing::Clock;
use backing::once::Request;
use contracts::{AuditId, Role, Roles, Timestamp, UserId, text};
use passwords::attempt::Attempt;
use passwords::email::EmailAddress;
use passwords::hasher::{Comparison, PasswordHasher};
use passwords::limiter::Limiter;
use passwords::rules::check_password;
use runtime::Caller;
use runtime::audit::AuditPage;
use runtime::page::{Page, PageRequest};
use secrecy::{ExposeSecret, SecretString};
use std::net::IpAddr;
use std::time::Duration;

/// How recent a sign-in must be for changes that could lock the owner out, and for credentials that outlive it.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// An account that a person asks for.
pub(crate) struct Applicant {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) password: SecretString,
}

/// Works on accounts.
#[derive(Clone)]
pub(crate) struct AccountService {
    users: UserRepository,
    audit: AuditRepository,
    hasher: PasswordHasher,
    limiter: Limiter,
    acts: ActService,
    clock: Clock,
    signup_role: Role,
}

impl AccountService {
    /// Shares the pool of hashes and the limits with the service of sign-ins.
    pub(crate) fn beside(sessions: &SessionService, audit: AuditRepository, signup_role: Role) -> Self {
        Self {
            users: sessions.users.clone(),
            audit,
            hasher: sessions.hasher.clone(),
            limiter: sessions.limiter.clone(),
            acts: sessions.acts.clone(),
            clock: sessions.clock.clone(),
            signup_role,
        }
    }

    /// Creates an account for a request over HTTP; a repeated request, known by its key, gets the same account.
    pub(crate) async fn sign_up(
        &self,
        applicant: Applicant,
        key: Option<&str>,
        address: IpAddr,
    ) -> Result<User, AccountError> {
        let (email, name) = check(&applicant)?;
        self.limiter.sign_up(address).await?;
        let request = key
            .map(|key| Request::new(email.key(), key, &[email.text(), &name]))
            .transpose()
            .map_err(|why| AccountError::Invalid(vec![("Idempotency-Key", why)]))?;
        let attempt = Attempt::new(email.key(), address);
        if let Some(user) = self.users.by_email_key(email.key()).await? {
            return self.again(user, request, applicant.password, &attempt).await;
        }
        let password_hash = self.hasher.hash(applicant.password.clone(), &attempt).await?;
        let roles = self.signup_role.into();
        let email_key = email.key().to_owned();
        let new = NewUser {
            id: UserId::generate(),
            email: Some(email),
            email_verified: false,
            name,
            roles,
            password_hash: Some(password_hash),
        };
        match self.users.insert(&new, request.as_ref(), self.clock.now()).await {
            Ok(user) => {
                metrics::counter!(metric::SIGNUPS).increment(1);
                Ok(user)
            }
            Err(NotDone::EmailTaken) => match self.users.by_email_key(&email_key).await? {
                Some(user) => self.again(user, request, applicant.password, &attempt).await,
                None => Err(AccountError::EmailTaken),
            },
            Err(other) => Err(other.into()),
        }
    }

    /// The account that an earlier request with the same key created.
    async fn again(
        &self,
        user: User,
        request: Option<Request>,
        password: SecretString,
        attempt: &Attempt,
    ) -> Result<User, AccountError> {
        let is_repeated = match &request {
            Some(request) => self.users.is_made_by(request, user.id).await?,
            None => false,
        };
        if !is_repeated || user.deactivated_at.is_some() {
            return Err(AccountError::EmailTaken);
        }
        let stored = user.password_hash.clone();
        match self.hasher.compare(password, stored, attempt).await? {
            Comparison::Wrong => Err(AccountError::EmailTaken),
            Comparison::Right | Comparison::Renewed(_) => Ok(user),
        }
    }

    /// The caller's own account.
    pub(crate) async fn profile(&self, caller: &Caller) -> Result<User, AccountError> {
        let user = self.users.by_id(caller.user_id).await?;
        user.filter(|user| user.deactivated_at.is_none())
            .ok_or(AccountError::Gone)
    }

    /// Changes the caller's profile; another address needs a fresh sign-in.
    pub(crate) async fn update(
        &self,
        caller: &Caller,
        revision: Option<i64>,
        change: &ProfileChange,
        address: IpAddr,
    ) -> Result<User, AccountError> {
        self.limiter.write(caller.user_id).await?;
        let before = self.profile(caller).await?;
        let email = change
            .email
            .as_ref()
            .filter(|email| Some(email.text()) != before.email.as_deref());
        if let Some(email) = email {
            self.demand_fresh(caller)?;
            // The reply shows whether the address is taken, as a sign-up's does; another spelling of the own one shows nothing.
            if email.key() != before.email_key() {
                self.limiter.change_address(before.id, address).await?;
            }
        }
        Ok(self
            .users
            .update_profile(before.id, revision, change, self.clock.now())
            .await?)
    }

    /// Deactivates the caller's account; all its sign-ins end at once.
    pub(crate) async fn deactivate(&self, caller: &Caller) -> Result<(), AccountError> {
        self.demand_fresh(caller)?;
        let user = self.profile(caller).await?;
        self.acts.deactivate(&user).await
    }

    /// Sets a new password; the other sign-ins end, this one continues with its refresh token.
    pub(crate) async fn change_password(
        &self,
        caller: &Caller,
        current: SecretString,
        new: SecretString,
        address: IpAddr,
    ) -> Result<(), AccountError> {
        self.demand_fresh(caller)?;
        self.limiter.write(caller.user_id).await?;
        let user = self.profile(caller).await?;
        let Some(stored) = user.password_hash.clone() else {
            return Err(AccountError::NoPassword);
        };
        let email = user.email.as_deref().unwrap_or_default();
        let email = EmailAddress::parse(email).map_err(|why| Failure::Internal(why.to_owned()))?;
        check_password(new.expose_secret(), &email)
            .map_err(|why| AccountError::Invalid(vec![("new_password", why)]))?;
        let attempt = Attempt::new(email.key(), address).in_session(caller.session_id);
        self.limiter.check(&attempt).await?;
        let comparison = self.hasher.compare(current, Some(stored), &attempt).await?;
        self.limiter.check(&attempt).await?;
        if comparison == Comparison::Wrong {
            self.limiter.failed(&attempt).await;
            return Err(AccountError::InvalidCredentials);
        }
        let hash = self.hasher.hash(new, &attempt).await?;
        let changed = self.acts.change_password(user, hash, caller.session_id).await;
        // Another request changed the password first: the given one is no longer the current one.
        changed.map_err(|why| match why {
            AccountError::Stale => AccountError::InvalidCredentials,
            other => other,
        })
    }

    /// Accounts whose address begins with `prefix`, starting after the cursor.
    pub(crate) async fn list(&self, prefix: &str, page: &PageRequest<String>) -> Result<Page<User>, AccountError> {
        let prefix = EmailAddress::prefix_key(prefix);
        let after = page.after.as_deref().unwrap_or_default();
        let users = self.users.list(&prefix, after, page.one_more()).await?;
        Ok(page.cut(users, User::email_key))
    }

    /// What admins and commands did to accounts, the latest first.
    pub(crate) async fn audit(&self, page: &PageRequest<AuditId>) -> Result<AuditPage, AccountError> {
        Ok(self.audit.page(page).await?)
    }

    /// Replaces an account's roles; this needs a fresh sign-in.
    pub(crate) async fn set_roles(
        &self,
        admin: &Caller,
        actor: Actor,
        id: UserId,
        roles: &Roles,
    ) -> Result<User, AccountError> {
        self.demand_fresh(admin)?;
        let (user, is_changed) = self.acts.set_roles(actor, id, roles).await?;
        if is_changed {
            tracing::info!(admin_id = %admin.user_id, user_id = %id, %roles, "an admin changed the roles of an account");
        }
        Ok(user)
    }

    fn demand_fresh(&self, caller: &Caller) -> Result<(), AccountError> {
        if is_fresh(caller, self.clock.now()) {
            Ok(())
        } else {
            Err(AccountError::ReauthenticationRequired)
        }
    }
}

/// Whether a caller has given their password lately.
pub(crate) fn is_fresh(caller: &Caller, now: Timestamp) -> bool {
    now.since(caller.auth_time) <= FRESH
}

/// Checks all fields at once, so that a person can correct them all together.
pub(crate) fn check(applicant: &Applicant) -> Result<(EmailAddress, String), AccountError> {
    let email = EmailAddress::parse(&applicant.email);
    let name = text::title(&applicant.name);
    // With an invalid address the password is still checked, against a stand-in.
    let stand_in = EmailAddress::parse("nobody@example.invalid");
    let password = match email.as_ref().or(stand_in.as_ref()) {
        Ok(email) => check_password(applicant.password.expose_secret(), email),
        Err(_) => Ok(()),
    };
    let mut wrong = Vec::new();
    if let Err(why) = &email {
        wrong.push(("email", *why));
    }
    if let Err(why) = password {
        wrong.push(("password", why));
    }
    if let Err(why) = &name {
        wrong.push(("name", *why));
    }
    match (email, name) {
        (Ok(email), Ok(name)) if wrong.is_empty() => Ok((email, name)),
        _ => Err(AccountError::Invalid(wrong)),
    }
}
