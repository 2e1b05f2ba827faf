//! The address that browsers reach the service by.

use url::Url;

/// The public address, as far as cookies depend on it.
#[derive(Debug, Clone)]
pub(crate) struct PublicAddress {
    /// The origin of the public address, if one is configured.
    pub(crate) origin: Option<String>,
    secure: bool,
}

impl PublicAddress {
    /// Reads the public address; without one, browsers are assumed to use plain http.
    pub(crate) fn new(public_url: Option<&str>) -> Result<Self, String> {
        let Some(text) = public_url.filter(|text| !text.is_empty()) else {
            return Ok(Self {
                origin: None,
                secure: false,
            });
        };
        let url = Url::parse(text).map_err(|error| format!("public_url = {text}: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("public_url = {text}: must begin with http:// or https://"));
        }
        Ok(Self {
            origin: Some(url.origin().ascii_serialization()),
            secure: url.scheme() == "https",
        })
    }

    /// Whether browsers use TLS.
    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}
