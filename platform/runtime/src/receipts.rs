//! Receipts of enrolments: a service that has not heard of an enrolment yet sees that it is worth asking about.
//!
//! A receipt gives no right. Course-management makes it, content reads it, and both derive its key from the installation's
//! secret.
//!
//! Shape: base64url of user 16, course 16, time 8 (seconds, big-endian), HMAC-SHA256 32

use crate::secrets::derive;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{CourseId, Timestamp, UserId};
use std::time::Duration;
use uuid::Uuid;

/// What the key is for.
const PURPOSE: &str = "enrolment receipts";
/// How long a receipt is worth asking about.
const FRESH: Duration = Duration::from_secs(120);
const CLAIMS: usize = 40;
const TAG: usize = 32;

/// Makes and reads receipts.
#[derive(Clone)]
pub struct Receipts {
    key: hmac::Key,
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receipts")
    }
}

impl Receipts {
    /// Receipts of the installation with this secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &derive(secret, PURPOSE)),
        }
    }

    /// Confirms that a user is a member of a course at this moment.
    #[must_use]
    pub fn issue(&self, course: CourseId, user: UserId, now: Timestamp) -> String {
        let mut bytes = Vec::with_capacity(CLAIMS + TAG);
        bytes.extend_from_slice(user.0.as_bytes());
        bytes.extend_from_slice(course.0.as_bytes());
        bytes.extend_from_slice(&now.seconds().to_be_bytes());
        let tag = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The course of a receipt, if it is this user's and not older than two minutes.
    #[must_use]
    pub fn read(&self, receipt: &str, user: UserId, now: Timestamp) -> Option<CourseId> {
        let mut bytes = [0; CLAIMS + TAG];
        let length = URL_SAFE_NO_PAD.decode_slice(receipt, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        let (claims, tag) = bytes.split_at(CLAIMS);
        hmac::verify(&self.key, claims, tag).ok()?;
        let (of, rest) = claims.split_first_chunk::<16>()?;
        let (course, seconds) = rest.split_first_chunk::<16>()?;
        let issued = Timestamp::from_seconds(i64::from_be_bytes(seconds.try_into().ok()?));
        let is_fresh = now.since(issued) <= FRESH && issued.since(now) <= FRESH;
        (UserId::from(Uuid::from_bytes(*of)) == user && is_fresh).then(|| CourseId::from(Uuid::from_bytes(*course)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    #[test]
    fn only_the_users_own_fresh_and_unchanged_receipt_is_read() {
        let (receipts, course, user) = (Receipts::new(b"secret"), CourseId::generate(), UserId::generate());
        let receipt = receipts.issue(course, user, NOW);
        assert_eq!(receipts.read(&receipt, user, NOW), Some(course));
        assert_eq!(receipts.read(&receipt, user, NOW + FRESH), Some(course));
        assert_eq!(
            receipts.read(&receipt, user, NOW + FRESH + Duration::from_secs(1)),
            None
        );
        assert_eq!(receipts.read(&receipt, UserId::generate(), NOW), None);
        assert_eq!(Receipts::new(b"other").read(&receipt, user, NOW), None);
        for other in ["", "x", &receipt[1..], &format!("{receipt}A")] {
            assert_eq!(receipts.read(other, user, NOW), None, "{other}");
        }
        for at in 0..receipt.len() {
            let mut changed = receipt.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(receipts.read(&changed, user, NOW), None, "{at}");
        }
    }
}
