//! The server's address, and the addresses that it returns.

use anyhow::{Context, Result, ensure};
use reqwest::Url;

/// A server's base address.
#[derive(Debug, Clone)]
pub(super) struct Server {
    base: Url,
}

impl Server {
    /// Parses an address as a person writes it.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let base = Url::parse(&whole).with_context(|| format!("{text} is not an address"))?;
        ensure!(
            matches!(base.scheme(), "http" | "https"),
            "{text}: only http and https are supported"
        );
        Ok(Self { base })
    }

    /// An address below the base, or one that the server returned without its host.
    pub(super) fn join(&self, path: &str) -> Result<Url> {
        let url = self
            .base
            .join(path)
            .with_context(|| format!("the server returned an invalid address: {path}"))?;
        ensure!(
            url.origin() == self.base.origin(),
            "the server redirected the upload to another host, {}",
            url.authority()
        );
        Ok(url)
    }

    /// The page that plays a lecture.
    pub(super) fn lecture(&self, video_id: &str) -> String {
        self.join(&format!("/lectures/{video_id}"))
            .map_or_else(|_| video_id.to_owned(), String::from)
    }

    /// The address as text.
    pub(super) fn as_str(&self) -> &str {
        self.base.as_str()
    }
}
