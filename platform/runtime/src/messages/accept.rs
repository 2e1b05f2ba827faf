//! What a client can take (`Accept`, `Accept-Encoding`), and what it sends (`Content-Type`).
//!
//! Source: RFC 9110 §8.3.1, §12.4.2, §12.5

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};

/// Whether a list such as `Accept` has `value` by its name and does not refuse it with `q=0`; ranges (`*/*`) name nothing.
#[must_use]
pub fn names(headers: &HeaderMap, list: &HeaderName, value: &str) -> bool {
    let lists = headers.get_all(list).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(value)) && !parts.any(is_zero_weight)
    })
}

fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("q") && weight.trim().parse::<f32>() == Ok(0.0)
}

/// The media type of a request's body, without its parameters and in lower case; empty where there is none.
#[must_use]
pub fn content_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    essence(kind.unwrap_or_default())
}

/// A media type without its parameters, in lower case.
#[must_use]
pub fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{ACCEPT, ACCEPT_ENCODING};

    #[test]
    fn a_value_is_asked_for_by_its_name() {
        let asks = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            names(&headers, &ACCEPT, "application/json")
        };
        assert!(asks("application/json") && asks("text/html, Application/JSON;q=0.5"));
        assert!(asks("application/json;q=0, application/json"));
        for accept in [
            "*/*",
            "application/*",
            "application/json;q=0",
            "application/json; Q = 0.0",
            "application/jsonx",
            "",
        ] {
            assert!(!asks(accept), "{accept}");
        }
        assert!(!names(&HeaderMap::new(), &ACCEPT_ENCODING, "gzip"));
    }

    #[test]
    fn a_media_type_is_read_without_its_parameters() {
        let mut headers = HeaderMap::new();
        assert_eq!(content_type(&headers), "");
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(" Text/HTML ; charset=utf-8"));
        assert_eq!(content_type(&headers), "text/html");
    }
}
