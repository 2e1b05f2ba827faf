//! Chooses the stored encoding of a file that a client accepts.
//!
//! Source: RFC 9110 §12.5.3

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use runtime::accept;

/// An encoding that files are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// The suffix of a file's name in this encoding.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
            Self::Identity => "",
        }
    }

    /// The name in `Content-Encoding`; plain files have none.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// The encodings that the client accepts, smallest first; plain is always among them.
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
    fn the_smallest_encoding_that_a_client_accepts_comes_first() {
        use Encoding::{Brotli, Gzip, Identity};
        assert_eq!(forms("gzip, deflate, br, zstd"), [Brotli, Gzip, Identity]);
        assert_eq!(forms("GZIP;q=0.5"), [Gzip, Identity]);
        assert_eq!(forms("br;q=0, gzip; q=0.0, identity"), [Identity]);
        assert_eq!(accepted(&HeaderMap::new()).collect::<Vec<_>>(), [Identity]);
    }
}
