//! Conditional requests: which version of a resource a client has, or bases its change on.
//!
//! Source: RFC 9110 §8.8.3 (entity tags), §13

pub mod range;

use axum::extract::FromRequestParts;
use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::convert::Infallible;

/// The entity tag of a numbered version.
#[must_use]
pub fn version_tag(version: i64) -> HeaderValue {
    // Digits in quotes are always a header's value.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The entity tag of a resource that also changes without an edit.
///
/// Shape: edits, a dot, all changes; a change names the edits that it was based on, whatever else has happened since
#[must_use]
pub fn edits_tag(edits: i64, changes: i64) -> HeaderValue {
    let tag = format!("\"{edits}.{changes}\"");
    // Digits and a dot in quotes are always a header's value.
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The versions that a change may be made to (`If-Match`), an extractor; no header and `*` allow any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Tags);

/// The versions that the client has (`If-None-Match`), an extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(Tags);

impl IfMatch {
    /// Reads the header.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self(Tags::read(headers, &IF_MATCH))
    }

    /// Whether the change depends on the present version.
    #[must_use]
    pub fn names_versions(&self) -> bool {
        matches!(self.0, Tags::These(_))
    }

    /// Whether the change may be made after this many edits, by tags of [`edits_tag`]; other changes do not count.
    #[must_use]
    pub fn allows_edit(&self, edits: i64) -> bool {
        let begins = format!("\"{edits}.");
        match &self.0 {
            Tags::None | Tags::Any => true,
            Tags::These(tags) => tags.iter().any(|one| !one.weak && one.quoted.starts_with(&begins)),
        }
    }

    /// Whether the change may be made to the version of this tag; a weak tag names no bytes, so it never matches.
    #[must_use]
    pub fn allows(&self, tag: impl AsRef<[u8]>) -> bool {
        match &self.0 {
            Tags::None | Tags::Any => true,
            Tags::These(tags) => tags
                .iter()
                .any(|one| !one.weak && one.quoted.as_bytes() == tag.as_ref()),
        }
    }
}

impl IfNoneMatch {
    /// Reads the header.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self(Tags::read(headers, &IF_NONE_MATCH))
    }

    /// Whether the client has the version of this tag; weak tags are compared like strong ones.
    #[must_use]
    pub fn has(&self, tag: impl AsRef<[u8]>) -> bool {
        match &self.0 {
            Tags::None => false,
            Tags::Any => true,
            Tags::These(tags) => tags.iter().any(|one| one.quoted.as_bytes() == tag.as_ref()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// Whether a `Range` is to be honoured for the version of this tag; a date in `If-Range` matches nothing.
#[must_use]
pub fn range_applies(headers: &HeaderMap, tag: impl AsRef<[u8]>) -> bool {
    headers
        .get(IF_RANGE)
        .is_none_or(|value| value.as_bytes() == tag.as_ref())
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// There is no such header.
    None,
    /// `*`.
    Any,
    These(Vec<Tag>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    weak: bool,
    quoted: String,
}

impl Tags {
    fn read(headers: &HeaderMap, name: &HeaderName) -> Self {
        let mut values = headers.get_all(name).iter().peekable();
        if values.peek().is_none() {
            return Self::None;
        }
        let mut tags = Vec::new();
        for value in values {
            let text = value.to_str().unwrap_or_default().trim();
            if text == "*" {
                return Self::Any;
            }
            tags.extend(list(text));
        }
        Self::These(tags)
    }
}

/// The tags of one header, up to what is no tag; a tag may hold commas.
fn list(mut text: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    loop {
        text = text.trim_start_matches([' ', '\t', ',']);
        let (weak, rest) = text.strip_prefix("W/").map_or((false, text), |rest| (true, rest));
        let Some(end) = rest.strip_prefix('"').and_then(|inner| inner.find('"')) else {
            return tags;
        };
        let (quoted, behind) = rest.split_at(end + 2);
        tags.push(Tag {
            weak,
            quoted: quoted.to_owned(),
        });
        text = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn an_edit_is_allowed_whatever_else_has_changed() {
        let matching = |value| IfMatch::of(&headers(&IF_MATCH, &[value]));
        assert_eq!(edits_tag(3, 17), "\"3.17\"");
        assert!(matching("\"3.17\"").allows_edit(3));
        assert!(matching("\"2.1\", \"3.99\"").allows_edit(3));
        assert!(matching("*").allows_edit(3));
        assert!(!matching("\"3.17\"").allows_edit(4));
        assert!(!matching("\"33.1\"").allows_edit(3));
        assert!(!matching("W/\"3.17\"").allows_edit(3));
        assert!(!matching("3.17").allows_edit(3));
    }

    #[test]
    fn a_change_is_allowed_to_the_versions_that_if_match_names() {
        let allows = |values: &[&'static str]| IfMatch::of(&headers(&IF_MATCH, values)).allows("\"7\"");
        for values in [
            &[][..],
            &["*"],
            &[" * "],
            &["\"7\""],
            &["\"6\", \"7\""],
            &["\"6\" ,,\"7\""],
            &["\"6\"", "\"7\""],
            &["\"a,b\", \"7\""],
        ] {
            assert!(allows(values), "{values:?}");
        }
        for values in [
            &[""][..],
            &["7"],
            &["\"6\""],
            &["W/\"7\""],
            &["\"7"],
            &["\"6, \"7\""],
            &["\"6\", *"],
        ] {
            assert!(!allows(values), "{values:?}");
        }
        assert!(IfMatch::of(&headers(&IF_MATCH, &["nonsense"])).names_versions());
        assert!(!IfMatch::of(&headers(&IF_MATCH, &["*"])).names_versions());
        assert!(!IfMatch::of(&HeaderMap::new()).names_versions());
    }

    #[test]
    fn a_client_has_the_versions_that_if_none_match_names() {
        let has = |values: &[&'static str]| IfNoneMatch::of(&headers(&IF_NONE_MATCH, values)).has("\"7\"");
        for values in [
            &["*"][..],
            &["\"7\""],
            &["W/\"7\""],
            &["\"a\", W/\"7\""],
            &["\"a\"", "\"7\""],
        ] {
            assert!(has(values), "{values:?}");
        }
        for values in [&[][..], &[""], &["7"], &["\"6\""], &["w/\"7\""]] {
            assert!(!has(values), "{values:?}");
        }
    }

    #[test]
    fn a_range_applies_to_the_version_that_the_client_has_the_beginning_of() {
        let applies = |values: &[&'static str]| range_applies(&headers(&IF_RANGE, values), "\"7\"");
        assert!(applies(&[]) && applies(&["\"7\""]));
        assert!(!applies(&["\"6\""]) && !applies(&["W/\"7\""]) && !applies(&["Wed, 25 Nov 2026 10:00:00 GMT"]));
    }

    #[test]
    fn a_version_is_its_own_tag() {
        assert_eq!(version_tag(7), "\"7\"");
        assert!(IfMatch::of(&headers(&IF_MATCH, &["\"7\""])).allows(version_tag(7)));
    }
}
