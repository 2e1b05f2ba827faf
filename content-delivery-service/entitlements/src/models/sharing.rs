//! Whom a lecture's owner lets watch it, beside those whom courses admit.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{constant_time, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The random bytes of a link's key.
const KEY_BYTES: usize = 16;

/// Who may watch a lecture without a course.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Only its owner.
    #[default]
    Private,
    /// Everyone who is signed in.
    SignedIn,
    /// Everyone who has its link, signed in or not.
    Link,
}

impl Visibility {
    /// The name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::SignedIn => "signed_in",
            Self::Link => "link",
        }
    }
}

impl FromStr for Visibility {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Private, Self::SignedIn, Self::Link]
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or("must be `private`, `signed_in` or `link`")
    }
}

/// The secret in a lecture's link: 128 random bits in base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct ShareKey(String);

impl ShareKey {
    /// A key that nobody can guess.
    ///
    /// Errors: a machine without randomness
    pub fn generate() -> Result<Self, Unspecified> {
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// A key as the database keeps it.
    #[must_use]
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    /// The key as links carry it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a visitor has brought this key; takes the same time wherever the two differ.
    #[must_use]
    pub fn is(&self, brought: &str) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), brought.as_bytes()).is_ok()
    }
}

impl fmt::Debug for ShareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShareKey(hidden)")
    }
}

/// A visibility that a lecture gets, with a key for the link that it may need.
#[derive(Debug, Clone)]
pub struct NewVisibility {
    visibility: Visibility,
    key: ShareKey,
}

impl NewVisibility {
    /// A visibility with a new key.
    ///
    /// Errors: a machine without randomness
    pub fn new(visibility: Visibility) -> Result<Self, Unspecified> {
        let key = ShareKey::generate()?;
        Ok(Self { visibility, key })
    }

    /// What a lecture has after the change, whatever it had before: a link keeps its key, and who shares again gets
    /// another one.
    #[must_use]
    pub fn after(self, before: (Visibility, Option<ShareKey>)) -> (Visibility, Option<ShareKey>) {
        let key = match (before, self.visibility) {
            ((Visibility::Link, Some(kept)), Visibility::Link) => Some(kept),
            (_, Visibility::Link) => Some(self.key),
            (_, Visibility::Private | Visibility::SignedIn) => None,
        };
        (self.visibility, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_128_bits_is_its_own_and_is_not_shown_in_logs() {
        let (one, other) = (ShareKey::generate().unwrap(), ShareKey::generate().unwrap());
        assert_eq!(URL_SAFE_NO_PAD.decode(one.as_str()).map(|bytes| bytes.len()), Ok(16));
        assert!(one.is(one.as_str()) && !one.is(other.as_str()) && !one.is("") && !one.is(&one.as_str()[1..]));
        assert!(!format!("{one:?}").contains(one.as_str()));
    }

    #[test]
    fn a_visibility_is_read_as_it_is_written() {
        for it in [Visibility::Private, Visibility::SignedIn, Visibility::Link] {
            assert_eq!(it.as_str().parse(), Ok(it));
            assert_eq!(serde_json::to_value(it).unwrap(), it.as_str());
        }
        assert!("public".parse::<Visibility>().is_err());
    }

    #[test]
    fn a_link_lasts_until_it_is_taken_back_and_never_comes_again() {
        let change =
            |before: &(Visibility, Option<ShareKey>), to| NewVisibility::new(to).unwrap().after(before.clone());
        let link = (Visibility::Link, Some(ShareKey::generate().unwrap()));
        assert_eq!(change(&link, Visibility::Link), link);
        for other in [Visibility::Private, Visibility::SignedIn] {
            let between = change(&link, other);
            assert_eq!(between, (other, None));
            let (visibility, again) = change(&between, Visibility::Link);
            assert!(visibility == Visibility::Link && again.is_some() && again != link.1);
        }
    }
}
