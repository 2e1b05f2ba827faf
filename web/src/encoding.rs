//! Which of the stored forms of a file a client takes.
//!
//! Source: RFC 9110 §12.5.3

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use runtime::accept;

/// A form that files are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// What the file's name ends with in this form.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }

    /// The name in `Content-Encoding`; the plain form has none.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// The forms that the client takes, smallest first; the plain one is always among them.
pub(crate) fn accepted(headers: &HeaderMap) -> impl Iterator<Item = Encoding> {
    let taken = |encoding: Encoding| {
        encoding
            .name()
            .is_none_or(|name| accept::names(headers, &ACCEPT_ENCODING, name))
    };
    [Encoding::Brotli, Encoding::Gzip, Encoding::Identity]
        .into_iter()
        .filter(move |encoding| taken(*encoding))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(accept: &'static str) -> Vec<Encoding> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
        accepted(&headers).collect()
    }

    #[test]
    fn the_smallest_form_that_a_client_takes_comes_first() {
        use Encoding::{Brotli, Gzip, Identity};
        assert_eq!(forms("gzip, deflate, br, zstd"), [Brotli, Gzip, Identity]);
        assert_eq!(forms("GZIP;q=0.5"), [Gzip, Identity]);
        assert_eq!(forms("br;q=0, gzip; q=0.0, identity"), [Identity]);
        assert_eq!(accepted(&HeaderMap::new()).collect::<Vec<_>>(), [Identity]);
    }
}
