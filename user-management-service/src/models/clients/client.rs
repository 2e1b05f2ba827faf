//! A client: another service that has credentials of its own.

use contracts::{ClientId, Timestamp};

/// What clients may be allowed to do.
pub const SCOPES: &[&str] = &["content:access", "content:read", "content:stream", "courses:read"];

/// A stored client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id, by which it signs in.
    pub id: ClientId,
    /// The name that admins know it by.
    pub name: String,
    /// What it may do, each once and in order.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it got its present secret.
    pub renewed_at: Timestamp,
}

/// The scopes of a list, each once and in order.
///
/// Errors: what is wrong with the list
pub fn scopes(listed: &[String]) -> Result<Vec<String>, &'static str> {
    if listed.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
        return Err("may hold content:access, content:read, content:stream and courses:read");
    }
    let mut scopes = listed.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err("must name at least one scope");
    }
    Ok(scopes)
}

impl Client {
    /// The scopes of a token that asks for these, or for all that the client has; `None` if it has not all of them.
    ///
    /// Shape: words with a space between two of them
    /// Source: RFC 6749 §3.3
    #[must_use]
    pub fn granted(&self, wanted: Option<&str>) -> Option<String> {
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
            return Some(self.scopes.join(" "));
        };
        let mut granted: Vec<&str> = wanted.split(' ').collect();
        granted.sort_unstable();
        granted.dedup();
        let has = |scope: &&str| self.scopes.iter().any(|own| own == scope);
        granted.iter().all(has).then(|| granted.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_scopes_that_it_asks_for_and_has() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let client = Client {
            id: ClientId::generate(),
            name: "Campus".to_owned(),
            scopes: scopes(&words("courses:read content:read courses:read")).unwrap(),
            created_at: Timestamp(0),
            renewed_at: Timestamp(0),
        };
        assert_eq!(client.granted(None).unwrap(), "content:read courses:read");
        assert_eq!(client.granted(Some("")).unwrap(), "content:read courses:read");
        assert_eq!(client.granted(Some("courses:read")).unwrap(), "courses:read");
        for refused in [
            "content:stream",
            "courses:read content:stream",
            "courses",
            " ",
            "courses:read ",
        ] {
            assert_eq!(client.granted(Some(refused)), None, "{refused:?}");
        }
        assert!(scopes(&words("content:write")).is_err() && scopes(&[]).is_err());
    }
}
