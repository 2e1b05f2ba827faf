//! How a role shows another one that a question comes from a process of the same installation.
//!
//! Each question is signed with a key of the asking role, which both sides derive from the installation's secret. The
//! signature covers the question and the time, so that whoever sees one can neither change it nor use it for long.

use crate::secrets::{DerivedKey, derive};
use aws_lc_rs::hmac;
use backing::Clock;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// The name of the scheme.
const SCHEME: &str = "MoocFlix ";
/// How far apart the clocks of two processes may be, and how long a signature is good for.
const LEEWAY_SECONDS: i64 = 60;

/// Signs the questions of a process's roles, and checks those of others; clones share the secret.
#[derive(Clone)]
pub struct InternalKeys {
    secret: Arc<[u8]>,
    clock: Clock,
}

impl fmt::Debug for InternalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InternalKeys")
    }
}

/// Why a question is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotInternal {
    /// It is not signed, or not with a key of this installation, or too long ago.
    Unsigned,
    /// Another role asks than may.
    OtherRole,
}

/// The signature of a question whose body was not read yet.
#[derive(Debug)]
pub(crate) struct Signature {
    key: DerivedKey,
    head: String,
    tag: Vec<u8>,
}

impl InternalKeys {
    /// The keys that derive from an installation's secret.
    #[must_use]
    pub fn new(secret: &[u8], clock: Clock) -> Self {
        let secret = secret.into();
        Self { secret, clock }
    }

    /// The value of `Authorization` for a role's question.
    pub(crate) fn sign(&self, asker: &str, path: &str, body: &[u8]) -> String {
        let seconds = self.clock.now().seconds();
        let message = message(&head(asker, path, seconds), body);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.key(asker)), &message);
        format!("{SCHEME}{asker}.{seconds}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Looks at who asks and when, before the question is read.
    pub(crate) fn read(&self, headers: &HeaderMap, path: &str, askers: &[&str]) -> Result<Signature, NotInternal> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let mut parts = header
            .and_then(|text| text.strip_prefix(SCHEME))
            .unwrap_or_default()
            .split('.');
        let (Some(asker), Some(seconds), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotInternal::Unsigned);
        };
        let seconds: i64 = seconds.parse().map_err(|_| NotInternal::Unsigned)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| NotInternal::Unsigned)?;
        if seconds.abs_diff(self.clock.now().seconds()) > LEEWAY_SECONDS.unsigned_abs() {
            return Err(NotInternal::Unsigned);
        }
        if !askers.contains(&asker) {
            return Err(NotInternal::OtherRole);
        }
        let (key, head) = (self.key(asker), head(asker, path, seconds));
        Ok(Signature { key, head, tag })
    }

    fn key(&self, asker: &str) -> DerivedKey {
        derive(&self.secret, &format!("internal questions of {asker}"))
    }
}

impl Signature {
    /// Whether it is the question's.
    pub(crate) fn fits(&self, body: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        hmac::verify(&key, &message(&self.head, body), &self.tag).is_ok()
    }
}

fn head(asker: &str, path: &str, seconds: i64) -> String {
    format!("{asker}\n{path}\n{seconds}\n")
}

fn message(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), &Sha256::digest(body)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Timestamp;
    use std::time::Duration;

    const PATH: &str = "/internal/v1/users/people";
    const ASKERS: &[&str] = &["courses", "content"];

    fn keys(secret: &[u8], at: Timestamp) -> InternalKeys {
        InternalKeys::new(secret, Clock::fixed(at))
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn a_question_counts_if_a_role_that_may_ask_it_has_signed_it_just_now() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let (asking, answering) = (
            keys(b"one secret", now),
            keys(b"one secret", now + Duration::from_secs(50)),
        );
        let signed = headers(&asking.sign("courses", PATH, b"{}"));
        let signature = answering.read(&signed, PATH, ASKERS).unwrap();
        assert!(signature.fits(b"{}"));
        assert!(!signature.fits(b"{ }"), "another question");
        let elsewhere = answering.read(&signed, "/internal/v1/users/account", ASKERS).unwrap();
        assert!(!elsewhere.fits(b"{}"), "another address");
        let stranger = headers(&keys(b"another secret", now).sign("courses", PATH, b"{}"));
        assert!(!answering.read(&stranger, PATH, ASKERS).unwrap().fits(b"{}"));
        let other = headers(&asking.sign("web", PATH, b"{}"));
        assert_eq!(
            answering.read(&other, PATH, ASKERS).unwrap_err(),
            NotInternal::OtherRole
        );
        let renamed = asking.sign("web", PATH, b"{}").replace("web", "content");
        assert!(!answering.read(&headers(&renamed), PATH, ASKERS).unwrap().fits(b"{}"));
        for later in [61, 600] {
            let late = keys(b"one secret", now + Duration::from_secs(later));
            assert_eq!(late.read(&signed, PATH, ASKERS).unwrap_err(), NotInternal::Unsigned);
        }
        for other in [
            "Bearer x.y.z",
            "MoocFlix courses",
            "MoocFlix courses.1.x.y",
            "MoocFlix courses.now.x",
        ] {
            assert_eq!(
                answering.read(&headers(other), PATH, ASKERS).unwrap_err(),
                NotInternal::Unsigned
            );
        }
        assert_eq!(
            answering.read(&HeaderMap::new(), PATH, ASKERS).unwrap_err(),
            NotInternal::Unsigned
        );
    }
}
