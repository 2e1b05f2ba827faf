//! What the page may load and connect to.

use http::HeaderValue;
use url::{Host, Url};

/// The page's Content-Security-Policy.
#[derive(Debug, Clone)]
pub(crate) struct Policy(HeaderValue);

/// The nodes of live lectures can't be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of a node that a page may connect to")]
pub struct Unnameable(String);

impl Policy {
    /// Scripts and styles load from this origin only, and no string becomes code: an injected tag or text has no effect.
    /// The player passes media to the browser as `blob:`. Where several nodes serve live lectures, the page also connects to
    /// those: `live` is the address of one of them, and the names of the others differ from it in the first label alone.
    pub(crate) fn with(live: Option<&str>) -> Result<Self, Unnameable> {
        let nodes = live.map(|live| nodes(live).ok_or_else(|| Unnameable(live.to_owned())));
        let nodes = nodes.transpose()?.unwrap_or_default();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'{nodes}; \
             media-src 'self' blob:; worker-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types \
             svelte-trusted-html moocflix-worker"
        );
        let header = HeaderValue::from_str(&policy);
        header
            .map(Self)
            .map_err(|_| Unnameable(live.unwrap_or_default().to_owned()))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// The nodes beside this one, at any port. A domain right below a top-level one has only strangers beside it.
fn nodes(live: &str) -> Option<String> {
    let url = Url::parse(live).ok()?;
    let host = match url.host()? {
        Host::Domain(name) => match name.split_once('.') {
            Some((_, rest)) if rest.contains('.') => format!("*.{rest}"),
            _ => name.to_owned(),
        },
        address => address.to_string(),
    };
    Some(format!(" {}://{host}:*", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connects(live: Option<&str>) -> String {
        let policy = Policy::with(live).unwrap().header();
        let policy = policy.to_str().unwrap();
        let mut rules = policy.split("; ");
        let rule = rules.find(|rule| rule.starts_with("connect-src"));
        rule.unwrap().to_owned()
    }

    #[test]
    fn the_page_connects_to_its_own_origin_and_to_the_nodes_of_live_lectures() {
        for (live, expected) in [
            (None, "connect-src 'self'"),
            (
                Some("https://live1.example.org"),
                "connect-src 'self' https://*.example.org:*",
            ),
            (
                Some("https://example.org:8443"),
                "connect-src 'self' https://example.org:*",
            ),
            (Some("http://node"), "connect-src 'self' http://node:*"),
            (Some("http://127.0.0.1:8080"), "connect-src 'self' http://127.0.0.1:*"),
        ] {
            assert_eq!(connects(live), expected);
        }
        assert!(Policy::with(Some("nowhere")).is_err());
    }
}
