//! Lists in pages: how many entries a request asks for, and where its page begins.
//!
//! A cursor is the key of the last entry that was shown, in base64url. It is a position and no secret: the list itself
//! shows a caller only what the caller may see.

use crate::{Problem, Query};
use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde::Deserialize;
use std::fmt::Display;
use std::str::FromStr;
use utoipa::IntoParams;

/// How many entries a page has unless the request says.
const USUAL: usize = 20;
/// How many entries a page has at most.
const MOST: usize = 100;

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParameters {
    /// The most entries to return; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// The page that a request asks for; an extractor, documented by [`PageParameters`].
///
/// Errors: 422 `invalid_request` for a limit outside of 1 to 100 and for a cursor that is no key of the list
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// How many entries the page has at most.
    pub limit: usize,
    /// The key of the last entry of the page before.
    pub after: Option<K>,
}

/// A part of a list, and how to ask for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// What the next page is asked for with; none on the last page.
    pub next_cursor: Option<String>,
}

impl<K: FromStr, S: Sync> FromRequestParts<S> for PageRequest<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(asked) = Query::<PageParameters>::from_request_parts(parts, state).await?;
        Self::read(asked.limit, asked.cursor.as_deref())
    }
}

impl<K: FromStr> PageRequest<K> {
    fn read(limit: Option<usize>, cursor: Option<&str>) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::invalid().field("limit", format!("must be 1 to {MOST}")));
        }
        let after = cursor
            .map(|cursor| key(cursor).ok_or_else(|| Problem::invalid().field("cursor", "is not a cursor of this list")))
            .transpose()?;
        Ok(Self { limit, after })
    }
}

impl<K> PageRequest<K> {
    /// One entry more than the page has: whether it exists says whether another page follows.
    #[must_use]
    pub fn one_more(&self) -> i64 {
        i64::try_from(self.limit.saturating_add(1)).unwrap_or(i64::MAX)
    }

    /// The page of `items`, which were read with [`PageRequest::one_more`] as their limit.
    #[must_use]
    pub fn cut<T, D: Display>(&self, mut items: Vec<T>, key: impl Fn(&T) -> D) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next_cursor = items
            .last()
            .filter(|_| more)
            .map(|last| URL_SAFE_NO_PAD.encode(key(last).to_string()));
        Page { items, next_cursor }
    }
}

/// The key in a cursor; a control character is in no key, and PostgreSQL takes no NUL.
fn key<K: FromStr>(cursor: &str) -> Option<K> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    if text.is_empty() || text.contains(char::is_control) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_entries_behind_its_page() {
        let first = PageRequest::<u32>::read(Some(2), None).unwrap();
        assert_eq!((first.limit, first.one_more(), first.after), (2, 3, None));
        let page = first.cut(vec![7, 8, 9], |item| *item);
        assert_eq!(page.items, [7, 8]);
        let next = PageRequest::<u32>::read(Some(2), page.next_cursor.as_deref()).unwrap();
        assert_eq!(next.after, Some(8));
        assert_eq!(next.cut(vec![9], |item| *item).next_cursor, None);
        assert_eq!(next.cut(vec![9, 10], |item| *item).next_cursor, None);
    }

    #[test]
    fn a_page_has_twenty_entries_by_default_and_a_hundred_at_most() {
        assert_eq!(PageRequest::<u32>::read(None, None).unwrap().limit, 20);
        assert_eq!(PageRequest::<u32>::read(Some(100), None).unwrap().limit, 100);
        for limit in [0, 101, usize::MAX] {
            let problem = PageRequest::<u32>::read(Some(limit), None).unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.code()), (422, "invalid_request"));
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        for cursor in ["", "!", "AAAA", "eA", "Nw=="] {
            assert!(PageRequest::<u32>::read(None, Some(cursor)).is_err(), "{cursor}");
        }
        for cursor in ["", "AA", "_w"] {
            assert!(PageRequest::<String>::read(None, Some(cursor)).is_err(), "{cursor}");
        }
        assert_eq!(
            PageRequest::<String>::read(None, Some("eA")).unwrap().after.as_deref(),
            Some("x")
        );
    }
}
