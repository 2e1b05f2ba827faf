//! The cookies that keep a browser's refresh token, the token by which an account knows the browser, and a sign-in that was
//! begun with a provider, where no script can read them.

use crate::models::sessions::public_address::PublicAddress;
use crate::services::tokens::refresh_token::RefreshToken;
use crate::services::tokens::secret_token::DeviceToken;
use http::header::{COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// A cookie's names.
struct Name {
    secure: &'static str,
    /// Browsers accept the `__Host-` prefix only with `Secure`, which plain http can't set.
    plain: &'static str,
}

const TOKEN: Name = Name {
    secure: "__Host-moocflix",
    plain: "moocflix",
};
const DEVICE: Name = Name {
    secure: "__Host-moocflix-device",
    plain: "moocflix-device",
};
const BEGUN: Name = Name {
    secure: "__Host-moocflix-sign-in",
    plain: "moocflix-sign-in",
};
/// How long a browser is known without a sign-in. Browsers keep no cookie for longer than 400 days.
const DEVICE_LIFE: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Why a cookie is refused, with the key that is missing behind a proxy.
pub(crate) const NOT_OURS: &str = "the cookie is accepted only with the page's own Origin; behind a proxy, the key \
    `public_url` must be the address that browsers use";

/// The header that sets the cookie of the refresh token.
pub(crate) fn keep(address: &PublicAddress, token: &SecretString, life: Duration) -> Option<HeaderValue> {
    header(address, &TOKEN, token.expose_secret(), life)
}

/// The header that sets the cookie of the device.
pub(crate) fn keep_device(address: &PublicAddress, token: &DeviceToken) -> Option<HeaderValue> {
    header(address, &DEVICE, token.text().expose_secret(), DEVICE_LIFE)
}

/// The header that sets the cookie of a sign-in that was begun with a provider.
pub(crate) fn keep_begun(address: &PublicAddress, text: &str, life: Duration) -> Option<HeaderValue> {
    header(address, &BEGUN, text, life)
}

/// The header that deletes the cookie of a sign-in that was begun.
pub(crate) fn clear_begun(address: &PublicAddress) -> Option<HeaderValue> {
    header(address, &BEGUN, "", Duration::ZERO)
}

/// What the request's cookie keeps of a sign-in that was begun with a provider.
pub(crate) fn read_begun<'a>(address: &PublicAddress, headers: &'a HeaderMap) -> Option<&'a str> {
    value(address, &BEGUN, headers)
}

/// The header that deletes the cookie of the refresh token.
pub(crate) fn clear(address: &PublicAddress) -> Option<HeaderValue> {
    header(address, &TOKEN, "", Duration::ZERO)
}

/// Whether the request carries the cookie of the refresh token.
pub(crate) fn is_there(address: &PublicAddress, headers: &HeaderMap) -> bool {
    value(address, &TOKEN, headers).is_some()
}

/// The refresh token in the request's cookie.
pub(crate) fn read(address: &PublicAddress, headers: &HeaderMap) -> Option<RefreshToken> {
    RefreshToken::parse(value(address, &TOKEN, headers)?)
}

/// The token of the device in the request's cookie.
pub(crate) fn read_device(address: &PublicAddress, headers: &HeaderMap) -> Option<DeviceToken> {
    DeviceToken::parse(value(address, &DEVICE, headers)?)
}

/// Whether the request comes from the page itself: its `Origin` is the public address or the request's own host.
pub(crate) fn is_ours(address: &PublicAddress, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (Some(Ok(origin)), None) = (origins.next().map(HeaderValue::to_str), origins.next()) else {
        return false;
    };
    if address.origin.as_deref() == Some(origin) {
        return true;
    }
    // The edge has put there what HTTP/2 calls the authority.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = origin
        .strip_prefix(address.scheme())
        .and_then(|rest| rest.strip_prefix("://"));
    host.is_some() && authority == host
}

impl Name {
    fn at(&self, address: &PublicAddress) -> &'static str {
        if address.is_secure() { self.secure } else { self.plain }
    }
}

fn header(address: &PublicAddress, name: &Name, value: &str, life: Duration) -> Option<HeaderValue> {
    let secure = if address.is_secure() { "; Secure" } else { "" };
    let (name, seconds) = (name.at(address), life.as_secs());
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn value<'a>(address: &PublicAddress, name: &Name, headers: &'a HeaderMap) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name.at(address) && !value.is_empty()).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_the_pages_own_origin_is_accepted() {
        let address = PublicAddress::new(Some("https://mooc.example/")).unwrap();
        for (headers, ours) in [
            (
                asked(&[("origin", "https://mooc.example"), ("host", "10.0.0.1:8080")]),
                true,
            ),
            (
                asked(&[("origin", "https://eve.example"), ("host", "mooc.example")]),
                false,
            ),
            (
                asked(&[("origin", "http://mooc.example"), ("host", "mooc.example")]),
                false,
            ),
            (asked(&[("origin", "null"), ("host", "mooc.example")]), false),
            (
                asked(&[("origin", "https://mooc.example.eve.example"), ("host", "mooc.example")]),
                false,
            ),
            (asked(&[("host", "mooc.example")]), false),
        ] {
            assert_eq!(is_ours(&address, &headers), ours, "{headers:?}");
        }
        let local = PublicAddress::new(None).unwrap();
        assert!(is_ours(
            &local,
            &asked(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")])
        ));
        assert!(!is_ours(
            &local,
            &asked(&[("origin", "http://127.0.0.1:9090"), ("host", "127.0.0.1:8080")])
        ));
    }

    #[test]
    fn over_tls_the_cookie_is_bound_to_its_host() {
        let token = SecretString::from("token");
        let life = Duration::from_secs(60);
        let secure = PublicAddress::new(Some("https://mooc.example")).unwrap();
        assert_eq!(
            keep(&secure, &token, life).unwrap(),
            "__Host-moocflix=token; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        let plain = PublicAddress::new(None).unwrap();
        assert_eq!(
            keep(&plain, &token, life).unwrap(),
            "moocflix=token; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }
}
