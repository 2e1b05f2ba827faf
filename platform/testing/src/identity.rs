//! The callers of a service under test, and the time.

use crate::{Person, Signer};
use backing::Clock;
use contracts::{ClientId, Timestamp};
use runtime::{Authenticator, Issuer, Keys, Revocations};
use serde_json::{Value, json};
use uuid::Uuid;

/// The issuer of all tokens.
pub const ISSUER: &str = "https://mooc.test";
/// The audience of all tokens.
pub const AUDIENCE: &str = "moocflix";

/// A manual clock, and what an [`Authenticator`] needs: an issuer's keys and revocations.
#[derive(Clone)]
pub struct Identity {
    /// Moves only when a test moves it.
    pub clock: Clock,
    /// Holds the public half of [`Signer::shared`].
    pub keys: Keys,
    /// Empty at first.
    pub revocations: Revocations,
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// A new identity with a clock of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::at(Clock::fixed(Timestamp::from_seconds(1_800_000_000)))
    }

    /// The identity in another process on the same machine: the same clock, its own keys and revocations.
    #[must_use]
    pub fn at(clock: Clock) -> Self {
        let keys = Keys::new();
        keys.publish(vec![Signer::shared().public()]);
        let revocations = Revocations::new(clock.clone());
        Self {
            clock,
            keys,
            revocations,
        }
    }

    /// The issuer of all tokens, with these keys.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        Issuer::own(ISSUER, AUDIENCE, self.keys.clone())
    }

    /// An authenticator over these keys and revocations.
    #[must_use]
    pub fn authenticator(&self) -> Authenticator {
        Authenticator::new(vec![self.issuer()], self.revocations.clone(), self.clock.clone())
    }

    /// The claims of a token that is valid for five minutes from now.
    #[must_use]
    pub fn claims(&self, person: &Person) -> Value {
        let now = self.clock.now().seconds();
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": person.id, "client_id": "web", "jti": "1",
            "sid": person.session, "ver": person.version, "roles": [person.role.as_str()],
            "auth_time": now, "iat": now, "exp": now + 300,
        })
    }

    /// The claims of a client's token that is good for five minutes from now.
    #[must_use]
    pub fn client_claims(&self, client: ClientId, token: Uuid, scope: &str) -> Value {
        let now = self.clock.now().seconds();
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": client, "client_id": client, "jti": token,
            "scope": scope, "iat": now, "exp": now + 300,
        })
    }

    /// A token with these claims.
    #[must_use]
    pub fn token(&self, person: &Person) -> String {
        Signer::shared().sign(&self.claims(person))
    }
}
