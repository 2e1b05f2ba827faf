//! Carries out what takes rights away: logouts, deactivations, changes of passwords and of roles.
//!
//! Such an act is in force in this process before it is written: its tokens are refused at once. It is acknowledged once
//! it is stored; until then it waits here and is tried again, whether its client still listens or not. Nobody stores an act
//! while somebody else does.

use super::error::{AccountError, Failure};
use super::revocation_service::RevocationService;
use crate::config::LONGEST_REFUSAL;
use crate::metric;
use crate::models::accounts::actor::Actor;
use crate::models::accounts::user::User;
use crate::models::sessions::revocation::Revocation;
use crate::models::sessions::session::{Session, TokenHash};
use crate::repositories::accounts::user_repository::UserRepository;
use crate::repositories::rows::NotDone;
use crate::repositories::sessions::session_repository::SessionRepository;
use backing::Clock;
use contracts::{Roles, SessionId, UserId};
use runtime::Hold;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many acts wait whose user nobody knows while the database is away. Everybody's next sign-in waits for these, and those
/// who get an error keep what they wanted to end.
const MOST_UNKNOWN: usize = 1_000;

/// Which sign-ins a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// This sign-in.
    Here,
    /// All sign-ins of the user.
    Everywhere,
}

/// What a logout names its sign-in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// An access token of this user, sign-in and version.
    Bearer(UserId, SessionId, i64),
    /// A refresh token.
    Refresh(TokenHash),
}

/// The sign-in that a logout ends, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// This one.
    Session(SessionId),
    /// The one of a refresh token, while the database can't be read.
    Token(TokenHash),
}

/// An act that takes rights away.
#[derive(Clone)]
pub(crate) enum Act {
    /// A logout.
    Leave(Left, Leaving),
    /// The deactivation of an account by its owner.
    Deactivate(UserId),
    /// A new password, by its hash; the named sign-in stays.
    ChangePassword(User, String, SessionId),
    /// Other roles.
    SetRoles(Actor, UserId, Roles),
}

/// What a stored act has changed.
struct Done {
    revocation: Option<Revocation>,
    user: Option<User>,
}

/// Held by whoever stores an act.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// An act that is in force and not stored yet.
struct Waiting {
    number: u64,
    act: Act,
    /// Whose act it is; unknown while the database can't be read.
    user: Option<UserId>,
    turn: Turn,
    /// How often the database could not take it.
    failures: u32,
    _hold: Option<Hold>,
}

#[derive(Default)]
struct Acts {
    next: u64,
    waiting: Vec<Waiting>,
}

/// Carries out acts; clones share those that wait.
#[derive(Clone)]
pub(crate) struct ActService {
    users: UserRepository,
    sessions: SessionRepository,
    revocations: RevocationService,
    clock: Clock,
    acts: Arc<Mutex<Acts>>,
}

impl ActService {
    pub(crate) fn new(
        users: UserRepository,
        sessions: SessionRepository,
        revocations: RevocationService,
        clock: Clock,
    ) -> Self {
        Self {
            users,
            sessions,
            revocations,
            clock,
            acts: Arc::default(),
        }
    }

    /// Ends the named sign-in, or all of its user; one that is unknown or has ended is no error.
    pub(crate) async fn leave(&self, named: Named, leaving: Leaving) -> Result<(), Failure> {
        let left = match named {
            Named::Bearer(_, session, _) => Left::Session(session),
            Named::Refresh(token) => Left::Token(token),
        };
        let session = self.session_of(left).await;
        let (user, hold) = match (&session, named) {
            (Ok(None), _) => return Ok(()),
            (Ok(Some(session)), _) if session.ended_at.is_some() => return Ok(()),
            (Ok(Some(session)), _) => (Some(session.user_id), Some((session.user_id, session.id))),
            (Err(_), Named::Bearer(user, session, _)) => (Some(user), Some((user, session))),
            (Err(_), Named::Refresh(_)) => (None, None),
        };
        let hold = match (hold, leaving) {
            (Some((_, session)), Leaving::Here) => Some(self.revocations.feed().hold_session(session)),
            (Some((user, _)), Leaving::Everywhere) => Some(self.hold_all(user, named).await),
            (None, _) => None,
        };
        let left = session.ok().flatten().map_or(left, |session| Left::Session(session.id));
        let stored = self.carry_out(Act::Leave(left, leaving), user, hold).await;
        stored.map(|_| ()).map_err(|why| match why {
            AccountError::Failed(failure) => failure,
            other => Failure::Internal(other.to_string()),
        })
    }

    /// Deactivates an account; all its sign-ins end.
    pub(crate) async fn deactivate(&self, user: &User) -> Result<(), AccountError> {
        self.users.keeps_an_admin(user, None).await?;
        let hold = self.hold_below(user);
        self.carry_out(Act::Deactivate(user.id), Some(user.id), Some(hold))
            .await?;
        Ok(())
    }

    /// Sets a new password, by its hash; all sign-ins but one end.
    pub(crate) async fn change_password(&self, user: User, hash: String, keep: SessionId) -> Result<(), AccountError> {
        let (id, hold) = (user.id, self.hold_below(&user));
        let act = Act::ChangePassword(user, hash, keep);
        self.carry_out(act, Some(id), Some(hold)).await?;
        Ok(())
    }

    /// Replaces an account's roles; the second value is whether that changes them.
    pub(crate) async fn set_roles(
        &self,
        actor: Actor,
        id: UserId,
        roles: &Roles,
    ) -> Result<(User, bool), AccountError> {
        let user = self.users.by_id(id).await?.ok_or(AccountError::NotFound)?;
        self.users.keeps_an_admin(&user, Some(roles)).await?;
        let hold = (user.roles != *roles).then(|| self.hold_below(&user));
        let act = Act::SetRoles(actor, id, roles.clone());
        let done = self.carry_out(act, Some(id), hold).await?;
        let is_changed = done.revocation.is_some();
        Ok((done.user.unwrap_or(user), is_changed))
    }

    /// Makes sure that nothing of a user waits, before rights are given: what can't be stored now is an error. Returns
    /// whether something was stored.
    pub(crate) async fn settle(&self, user: UserId) -> Result<bool, Failure> {
        let concerns = |waiting: &Waiting| waiting.user.is_none_or(|of| of == user);
        if !self.acts().waiting.iter().any(concerns) {
            return Ok(false);
        }
        self.try_again(concerns).await?;
        Ok(true)
    }

    /// Tries all that waits again.
    pub(crate) async fn store_waiting(&self) {
        if self.acts().waiting.is_empty() {
            return;
        }
        // What fails stays, and was logged.
        let _ = self.try_again(|_| true).await;
    }

    async fn try_again(&self, which: impl Fn(&Waiting) -> bool) -> Result<(), Failure> {
        let mut from = 0;
        loop {
            let first = self.acts().first(from, &which);
            let Some((number, failures, turn)) = first else {
                return Ok(());
            };
            from = number + 1;
            let _turn = turn.lock().await;
            let Some((act, failed)) = self.acts().find(number) else {
                // It was stored, or replaced, meanwhile.
                continue;
            };
            if failed > failures {
                return Err(Failure::NotStored);
            }
            match self.finish(number, &act).await {
                Ok(_) => tracing::info!(act = act.name(), "a security act that waited is stored"),
                Err(AccountError::Failed(failure)) => return Err(failure),
                Err(error) => tracing::warn!(act = act.name(), %error, "a security act that waited was refused"),
            }
        }
    }

    async fn carry_out(&self, act: Act, user: Option<UserId>, hold: Option<Hold>) -> Result<Done, AccountError> {
        let turn = Turn::default();
        let _turn = Arc::clone(&turn).lock_owned().await;
        let number = loop {
            let (older, storing) = {
                let mut acts = self.acts();
                let Some(older) = acts.replaced_by(&act) else {
                    break acts.add(&act, user, turn, hold)?;
                };
                older
            };
            // It must not be stored after the act that replaces it.
            let _storing = storing.lock().await;
            self.drop_waiting(older);
        };
        self.finish(number, &act).await
    }

    /// Stores an act; one that the database can't take now goes on waiting.
    async fn finish(&self, number: u64, act: &Act) -> Result<Done, AccountError> {
        let stored = self.store(act).await;
        match stored {
            Ok(done) => {
                if let Some(revocation) = &done.revocation {
                    self.revocations.apply(revocation);
                }
                self.drop_waiting(number);
                Ok(done)
            }
            Err(NotDone::Db(error)) => {
                self.acts().has_failed(number);
                metrics::gauge!(metric::ACTS_WAITING).set(self.count());
                tracing::warn!(act = act.name(), %error, "a security act is in force but not stored; trying again");
                Err(Failure::NotStored.into())
            }
            Err(refused) => {
                self.drop_waiting(number);
                Err(refused.into())
            }
        }
    }

    async fn store(&self, act: &Act) -> Result<Done, NotDone> {
        let now = self.clock.now();
        let until = now + LONGEST_REFUSAL;
        let (revocation, user) = match act {
            Act::Leave(left, leaving) => {
                let session = self.session_of(*left).await?;
                let session = session.filter(|session| session.ended_at.is_none());
                match (session, leaving) {
                    (None, _) => (None, None),
                    (Some(session), Leaving::Here) => (self.sessions.end(session.id, now, until).await?, None),
                    (Some(session), Leaving::Everywhere) => {
                        (Some(self.users.end_sessions(session.user_id, now, until).await?), None)
                    }
                }
            }
            Act::Deactivate(user) => (Some(self.users.deactivate(*user, now, until).await?), None),
            Act::ChangePassword(user, hash, keep) => {
                let changed = self.users.change_password(user, hash, *keep, now, until);
                (Some(changed.await?), None)
            }
            Act::SetRoles(actor, user, roles) => {
                let (user, revocation) = self.users.set_roles(actor, *user, roles, now, until).await?;
                (revocation, Some(user))
            }
        };
        Ok(Done { revocation, user })
    }

    async fn session_of(&self, left: Left) -> Result<Option<Session>, NotDone> {
        Ok(match left {
            Left::Session(session) => self.sessions.by_id(session).await?,
            Left::Token(token) => self.sessions.by_token(token).await?,
        })
    }

    fn hold_below(&self, user: &User) -> Hold {
        self.revocations.feed().hold_user_below(user.id, user.version + 1)
    }

    /// Refuses all tokens that a user has now; without the database, those up to the version of the token at hand.
    async fn hold_all(&self, user: UserId, named: Named) -> Hold {
        let stored = self.users.by_id(user).await.ok().flatten();
        let shown = match named {
            Named::Bearer(_, _, version) => version,
            Named::Refresh(_) => 0,
        };
        let version = stored.map_or(shown, |user| user.version.max(shown));
        self.revocations.feed().hold_user_below(user, version + 1)
    }

    fn drop_waiting(&self, number: u64) {
        self.acts().waiting.retain(|waiting| waiting.number != number);
        metrics::gauge!(metric::ACTS_WAITING).set(self.count());
    }

    fn count(&self) -> u32 {
        u32::try_from(self.acts().waiting.len()).unwrap_or(u32::MAX)
    }

    fn acts(&self) -> MutexGuard<'_, Acts> {
        self.acts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acts {
    /// The first act from a number on that `which` chooses: its number, its failures, and what whoever stores it holds.
    fn first(&self, from: u64, which: impl Fn(&Waiting) -> bool) -> Option<(u64, u32, Turn)> {
        let mut waiting = self.waiting.iter();
        let first = waiting.find(|waiting| waiting.number >= from && which(waiting))?;
        Some((first.number, first.failures, Arc::clone(&first.turn)))
    }

    /// An act that still waits, and its failures.
    fn find(&self, number: u64) -> Option<(Act, u32)> {
        let found = self.waiting.iter().find(|waiting| waiting.number == number)?;
        Some((found.act.clone(), found.failures))
    }

    /// An act that this one replaces.
    fn replaced_by(&self, act: &Act) -> Option<(u64, Turn)> {
        let older = self.waiting.iter().find(|waiting| waiting.act.is_replaced_by(act))?;
        Some((older.number, Arc::clone(&older.turn)))
    }

    /// Adds an act whose turn the caller holds.
    ///
    /// Errors: `NotStored` if too many wait whose user is unknown
    fn add(&mut self, act: &Act, user: Option<UserId>, turn: Turn, hold: Option<Hold>) -> Result<u64, Failure> {
        let unknown = self.waiting.iter().filter(|waiting| waiting.user.is_none());
        if user.is_none() && unknown.count() >= MOST_UNKNOWN {
            return Err(Failure::NotStored);
        }
        let number = self.next;
        self.next += 1;
        self.waiting.push(Waiting {
            number,
            act: act.clone(),
            user,
            turn,
            failures: 0,
            _hold: hold,
        });
        Ok(number)
    }

    fn has_failed(&mut self, number: u64) {
        if let Some(failed) = self.waiting.iter_mut().find(|waiting| waiting.number == number) {
            failed.failures += 1;
        }
    }
}

impl Act {
    fn name(&self) -> &'static str {
        match self {
            Self::Leave(..) => "logout",
            Self::Deactivate(_) => "deactivation",
            Self::ChangePassword(..) => "change of a password",
            Self::SetRoles(..) => "change of roles",
        }
    }

    /// Whether `other` is the same wish again, a later one about the same thing, or one that includes it.
    fn is_replaced_by(&self, other: &Self) -> bool {
        match (self, other) {
            // A logout everywhere would find nobody signed in if the logout of its own sign-in were stored before.
            (Self::Leave(left, leaving), Self::Leave(other, more)) => {
                left == other && (leaving == more || *more == Leaving::Everywhere)
            }
            (Self::Deactivate(user), Self::Deactivate(other)) => user == other,
            (Self::ChangePassword(user, ..), Self::ChangePassword(other, ..)) => user.id == other.id,
            (Self::SetRoles(_, user, _), Self::SetRoles(_, other, _)) => user == other,
            (
                Self::Leave(..) | Self::Deactivate(_) | Self::ChangePassword(..) | Self::SetRoles(..),
                Self::Leave(..) | Self::Deactivate(_) | Self::ChangePassword(..) | Self::SetRoles(..),
            ) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::accounts::user::NewUser;
    use crate::models::sessions::session::NewSession;
    use crate::repositories::sessions::revocation_repository::RevocationRepository;
    use crate::{MIGRATIONS, NAME};
    use backing::db::Db;
    use contracts::{Role, Timestamp};
    use passwords::email::EmailAddress;
    use runtime::Revocations;
    use std::cell::Cell;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    async fn service(folder: &tempfile::TempDir) -> (ActService, Db) {
        let url = format!("sqlite://{}", folder.path().display());
        let db = Db::open(&url, NAME, MIGRATIONS).await.unwrap();
        let clock = Clock::fixed(NOW);
        let (users, sessions) = (UserRepository::new(db.clone()), SessionRepository::new(db.clone()));
        let feed = Revocations::new(clock.clone()).feed();
        let revocations = RevocationService::new(RevocationRepository::new(db.clone()), feed);
        (ActService::new(users, sessions, revocations, clock), db)
    }

    /// Somebody who has signed in.
    async fn somebody(acts: &ActService) -> (User, SessionId) {
        let new = NewUser {
            id: UserId::generate(),
            email: EmailAddress::parse("ada@example.org").ok(),
            name: "Ada".to_owned(),
            roles: Role::Learner.into(),
            password_hash: Some("hash".to_owned()),
            email_verified: false,
        };
        let user = acts.users.insert(&new, None, NOW).await.unwrap();
        let ends = NOW + Duration::from_secs(60);
        let session = NewSession {
            id: SessionId::generate(),
            user_id: user.id,
            created_at: NOW,
            expires_at: ends,
            ends_by: ends,
            token: TokenHash([1; 32]),
            device: None,
        };
        acts.sessions.open(&session, user.version, (NOW, ends)).await.unwrap();
        (user, session.id)
    }

    #[tokio::test]
    async fn what_a_request_stores_is_not_stored_again_by_the_job() {
        let folder = tempfile::tempdir().unwrap();
        let (acts, _) = service(&folder).await;
        let (user, session) = somebody(&acts).await;
        let has_left = Cell::new(false);
        let leave = async {
            let named = Named::Bearer(user.id, session, user.version);
            acts.leave(named, Leaving::Everywhere).await.unwrap();
            has_left.set(true);
        };
        let job = async {
            while !has_left.get() {
                acts.store_waiting().await;
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(leave, job);
        let version = acts.users.by_id(user.id).await.unwrap().unwrap().version;
        assert_eq!(version, user.version + 1, "the sign-ins ended once");
        assert_eq!(acts.count(), 0);
    }

    #[tokio::test]
    async fn sign_outs_with_made_up_tokens_stay_within_a_bound_while_the_database_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let (acts, db) = service(&folder).await;
        let (user, session) = somebody(&acts).await;
        db.close().await;
        let most = u32::try_from(MOST_UNKNOWN).unwrap();
        for number in 0..most + 10 {
            let mut token = [0; 32];
            token[..4].copy_from_slice(&number.to_be_bytes());
            let left = acts.leave(Named::Refresh(TokenHash(token)), Leaving::Here).await;
            assert!(matches!(left, Err(Failure::NotStored)), "{left:?}");
        }
        assert_eq!(acts.count(), most);
        let known = Named::Bearer(user.id, session, user.version);
        let left = acts.leave(known, Leaving::Here).await;
        assert!(matches!(left, Err(Failure::NotStored)), "{left:?}");
        assert_eq!(acts.count(), most + 1, "that of somebody known waits, too");
    }

    #[test]
    fn a_logout_everywhere_replaces_the_one_of_its_sign_in_and_never_the_other_way_round() {
        let session = Left::Session(SessionId::generate());
        let here = Act::Leave(session, Leaving::Here);
        let everywhere = Act::Leave(session, Leaving::Everywhere);
        let elsewhere = Act::Leave(Left::Session(SessionId::generate()), Leaving::Everywhere);
        assert!(here.is_replaced_by(&here) && here.is_replaced_by(&everywhere));
        assert!(!everywhere.is_replaced_by(&here) && !here.is_replaced_by(&elsewhere));
    }
}
