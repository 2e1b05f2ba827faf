//! The servers that help browsers to connect, with credentials of a few hours.
//!
//! Source: RFC 9725 §4.6, draft-uberti-behave-turn-rest

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::str::FromStr;
use url::Url;

/// How long credentials are valid.
const VALID_SECONDS: i64 = 6 * 3_600;

/// A STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IceServer {
    /// `stun:HOST:PORT`, `turn:HOST:PORT?transport=udp` and so on.
    ///
    /// Source: RFC 7064 §3.1, RFC 7065 §3.1
    uri: String,
    /// What a TURN server shares with us.
    secret: Option<String>,
}

impl FromStr for IceServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be stun://HOST:PORT, or turn://:SECRET@HOST:PORT?transport=udp (or tcp)".to_owned();
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_turn = matches!(url.scheme(), "turn" | "turns");
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let is_known = is_turn || matches!(url.scheme(), "stun" | "stuns");
        let secret = url.password().filter(|secret| !secret.is_empty());
        let transport = match url.query() {
            None => String::new(),
            Some(query @ ("transport=udp" | "transport=tcp")) if is_turn => format!("?{query}"),
            Some(_) => return Err(wrong()),
        };
        if !is_known || is_turn != secret.is_some() || !matches!(url.path(), "" | "/") {
            return Err(wrong());
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let secret = secret.map(percent_decoded);
        Ok(Self {
            uri: format!("{}:{host}{port}{transport}", url.scheme()),
            secret,
        })
    }
}

fn percent_decoded(text: &str) -> String {
    // A form's decoding would also make spaces of plus signs.
    let pairs = format!("s={}", text.replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(pairs.as_bytes()).next();
    decoded.map_or_else(|| text.to_owned(), |(_, value)| value.into_owned())
}

impl IceServer {
    /// The value of a `Link` header.
    pub(crate) fn link(&self, now_seconds: i64) -> String {
        let Some(secret) = &self.secret else {
            return format!("<{}>; rel=\"ice-server\"", self.uri);
        };
        let username = format!("{}:moocflix", now_seconds + VALID_SECONDS);
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let credential = STANDARD.encode(sign(&key, username.as_bytes()));
        format!(
            "<{}>; rel=\"ice-server\"; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\"",
            self.uri
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<IceServer, String> {
        text.parse()
    }

    #[test]
    fn a_turn_server_comes_with_credentials_that_expire() {
        let server = parsed("turn://:north@turn.example.org:3478?transport=udp").unwrap();
        let link = server.link(1_700_000_000);
        // printf 1700021600:moocflix | openssl dgst -sha1 -hmac north -binary | base64
        let expected = "<turn:turn.example.org:3478?transport=udp>; rel=\"ice-server\"; \
            username=\"1700021600:moocflix\"; credential=\"qiEo9hwKo67g4M1Epo5w6cHFsMo=\"; credential-type=\"password\"";
        assert_eq!(link, expected);
        let stun = parsed("stun://stun.example.org:3478").unwrap().link(0);
        assert_eq!(stun, "<stun:stun.example.org:3478>; rel=\"ice-server\"");
        let escaped = parsed("turns://:a%2Fb+c@turn.example.org?transport=tcp").unwrap();
        assert_eq!(escaped.secret.as_deref(), Some("a/b+c"));
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for wrong in [
            "",
            "stun.example.org",
            "http://example.org",
            "turn://turn.example.org:3478",
            "stun://:secret@stun.example.org",
            "turn://:s@h?transport=sctp",
            "turn://:s@h/path",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
