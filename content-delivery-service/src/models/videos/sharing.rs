//! Edits of what people say of a lecture, and of whom they share it with.

use aws_lc_rs::error::Unspecified;
use entitlements::models::sharing::{ShareKey, Visibility};

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

/// A change of what people say of a lecture; an absent field stays.
#[derive(Debug, Clone, Default)]
pub struct VideoEdit {
    /// One line.
    pub title: Option<String>,
    /// May have several lines, may be empty.
    pub description: Option<String>,
    /// Who may watch it.
    pub visibility: Option<NewVisibility>,
}

impl VideoEdit {
    /// The names of the fields that it changes.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        [
            ("title", self.title.is_some()),
            ("description", self.description.is_some()),
            ("visibility", self.visibility.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, changes)| changes.then_some(name))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
