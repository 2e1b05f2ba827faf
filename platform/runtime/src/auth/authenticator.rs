//! Checks access tokens.
//!
//! Everything about a token is pinned: its issuer, and for that issuer its audience, algorithms and keys; its type, the
//! spelling of header and claims. A valid token is remembered by its hash, so that the signature is
//! checked once; its expiry and the revocations are looked at every time.
//!
//! Source: RFC 9068 (at+jwt), RFC 8725 (best current practices)

use crate::auth::token::Token;
use crate::{AuthError, Caller, Issuer, Principal, Revocations};
use backing::Clock;
use contracts::questions::{ExternalIdentity, Identities, LocalAccount, RefusedTokens};
use contracts::{ClientId, Timestamp};
use moka::future::Cache;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Longer tokens are not looked at.
const MAX_TOKEN_BYTES: usize = 8 * 1_024;
/// How far two clocks may be apart.
const LEEWAY_SECONDS: i64 = 30;
/// How many tokens one half of the memory holds.
const REMEMBERED: usize = 32 * 1_024;

/// How long an account that a token of another issuer belongs to is not looked at again: well below the second within which
/// its changes bite.
const LOOKED_UP: Duration = Duration::from_millis(500);

/// Checks bearers; clones share issuers, revocations and memory.
#[derive(Clone)]
pub struct Authenticator {
    inner: Arc<Inner>,
}

struct Inner {
    issuers: Vec<Issuer>,
    revocations: Revocations,
    clock: Clock,
    memory: Mutex<Memory>,
    /// Knows the accounts of people who come with tokens of other issuers.
    identities: Option<Arc<dyn Identities>>,
    /// Those accounts, by the tokens' hashes, for a moment.
    accounts: Cache<[u8; 32], Option<LocalAccount>>,
}

impl Authenticator {
    /// An authenticator that accepts the tokens of these issuers.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>, revocations: Revocations, clock: Clock) -> Self {
        Self::build(issuers, None, revocations, clock)
    }

    /// An authenticator that accepts tokens of other issuers, too, for the accounts that they belong to.
    #[must_use]
    pub fn with_identities(
        issuers: Vec<Issuer>,
        identities: Arc<dyn Identities>,
        revocations: Revocations,
        clock: Clock,
    ) -> Self {
        Self::build(issuers, Some(identities), revocations, clock)
    }

    fn build(
        issuers: Vec<Issuer>,
        identities: Option<Arc<dyn Identities>>,
        revocations: Revocations,
        clock: Clock,
    ) -> Self {
        let accounts = Cache::builder().max_capacity(REMEMBERED as u64).time_to_live(LOOKED_UP);
        Self {
            inner: Arc::new(Inner {
                issuers,
                revocations,
                clock,
                memory: Mutex::default(),
                identities,
                accounts: accounts.build(),
            }),
        }
    }

    /// Checks a token and returns whom it speaks for; may wait a moment for keys from elsewhere.
    pub async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::Invalid);
        }
        let (edition, hash) = (self.edition(), hash(token));
        let known = self.memory().find(edition, &hash);
        let known = match known {
            Some(known) => known,
            None => {
                let read = self.check(token).await?;
                self.memory().keep(edition, hash, read.clone());
                read
            }
        };
        if self.inner.clock.now().seconds() >= known.refused_from {
            return Err(AuthError::Expired);
        }
        let principal = match known.bearer {
            Bearer::Own(principal) => principal,
            Bearer::External(identity) => Principal::User(self.caller(hash, &identity).await?),
        };
        if self.is_revoked(&principal) {
            Err(AuthError::Revoked)
        } else {
            Ok(principal)
        }
    }

    /// Whom a token of our own issuer speaks for, if it was checked before and is still good; `None` says nothing about it.
    #[must_use]
    pub fn recognize(&self, token: &str) -> Option<Principal> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let known = self.memory().find(self.edition(), &hash(token))?;
        match known.bearer {
            Bearer::Own(principal)
                if self.inner.clock.now().seconds() < known.refused_from && !self.is_revoked(&principal) =>
            {
                Some(principal)
            }
            Bearer::Own(_) | Bearer::External(_) => None,
        }
    }

    /// A number that grows with each change of any issuer's keys.
    fn edition(&self) -> u64 {
        self.inner.issuers.iter().map(|issuer| issuer.keys.edition()).sum()
    }

    fn is_revoked(&self, principal: &Principal) -> bool {
        match principal {
            Principal::User(caller) => self.refuses(caller),
            Principal::Client { id, token, .. } => self.refuses_client(*id, *token),
        }
    }

    /// The person of another issuer's token, with what their account says now.
    async fn caller(&self, hash: [u8; 32], identity: &ExternalIdentity) -> Result<Caller, AuthError> {
        let identities = self.inner.identities.as_ref().ok_or(AuthError::Invalid)?;
        let account = self
            .inner
            .accounts
            .try_get_with(hash, identities.account_of(identity))
            .await;
        let account = account.map_err(|why| {
            tracing::error!(error = %why, "the account of another issuer's token can't be looked up");
            AuthError::Unavailable
        })?;
        let account = account.ok_or(AuthError::Revoked)?;
        Ok(Caller {
            user_id: account.user_id,
            session_id: account.session_id,
            roles: account.roles,
            // An issuer that says nothing of it has not checked a password for us.
            auth_time: identity.auth_time.unwrap_or(Timestamp::from_seconds(0)),
            version: account.version,
        })
    }

    /// Whether a caller who was let through has been signed out since.
    #[must_use]
    pub fn refuses(&self, caller: &Caller) -> bool {
        self.inner.revocations.refuses(caller)
    }

    /// Whether a client's token that was let through has been refused since.
    #[must_use]
    pub fn refuses_client(&self, client: ClientId, token: Uuid) -> bool {
        self.inner.revocations.refuses_client(client, token)
    }

    /// What has been refused since the refusal of a number; see [`Revocations::since`].
    #[must_use]
    pub fn refused_since(&self, number: u64) -> (u64, Vec<RefusedTokens>) {
        self.inner.revocations.since(number)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks signature and claims; the expiry is the caller's to look at.
    async fn check(&self, text: &str) -> Result<Known, AuthError> {
        let token = Token::read(text)?;
        let name = token.issuer()?;
        let issuers = &self.inner.issuers;
        let named = issuers.iter().find(|issuer| issuer.name == name);
        let issuer = named.or_else(|| issuers.iter().find(|issuer| issuer.may_be(&name)));
        let issuer = issuer.ok_or(AuthError::Invalid)?;
        let now = self.inner.clock.now();
        if issuer.external.is_some() {
            let claims = issuer.external_claims(&token, now).await?;
            return Ok(Known {
                refused_from: claims.refused_from().seconds(),
                bearer: Bearer::External(Arc::new(claims.identity)),
            });
        }
        issuer.check_signature(&token).await?;
        let claims = token.claims()?;
        let latest = now.seconds() + LEEWAY_SECONDS;
        let begun = claims.iat <= latest && claims.nbf.unwrap_or(claims.iat) <= latest;
        let sane = claims.iat >= 0 && claims.exp > claims.iat;
        if claims.aud != issuer.audience || !begun || !sane {
            return Err(AuthError::Invalid);
        }
        let refused_from = claims.exp.saturating_add(LEEWAY_SECONDS);
        Ok(Known {
            bearer: Bearer::Own(claims.principal()?),
            refused_from,
        })
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A token that was checked.
#[derive(Clone)]
struct Known {
    bearer: Bearer,
    /// When it has run out, in seconds since 1970.
    refused_from: i64,
}

/// Whom a token speaks for.
#[derive(Clone)]
enum Bearer {
    /// The own issuer says who it is.
    Own(Principal),
    /// Another issuer names somebody whose account is looked up for each request.
    External(Arc<ExternalIdentity>),
}

/// Tokens that were valid, in two halves: when the newer one is full, the older one is forgotten.
#[derive(Default)]
struct Memory {
    edition: u64,
    newer: HashMap<[u8; 32], Known>,
    older: HashMap<[u8; 32], Known>,
}

impl Memory {
    fn find(&mut self, edition: u64, hash: &[u8; 32]) -> Option<Known> {
        if self.edition != edition {
            *self = Self {
                edition,
                ..Self::default()
            };
        }
        self.newer.get(hash).or_else(|| self.older.get(hash)).cloned()
    }

    fn keep(&mut self, edition: u64, hash: [u8; 32], known: Known) {
        if self.edition != edition {
            return;
        }
        if self.newer.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(hash, known);
    }
}
