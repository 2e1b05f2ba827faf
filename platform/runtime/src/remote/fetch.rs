//! Asks other servers for small JSON documents.
//!
//! Nothing that they answer makes this process go elsewhere, read without end, or wait for long.

use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use serde::de::DeserializeOwned;
use std::time::Duration;
use url::{Host, Url};

/// How long an answer may take, from the connection to its last byte.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// Longer answers are refused.
const MAX_BYTES: usize = 64 * 1_024;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The other server can't be reached, or is too slow.
    #[error("{0} does not answer: {1}")]
    NoAnswer(String, String),
    /// It answers with an error or a redirection, which is not followed.
    #[error("{0} answers {1}")]
    Refused(String, StatusCode),
    /// Its answer is too long, or not the document that was asked for.
    #[error("{0} answers with something else: {1}")]
    Garbage(String, String),
}

/// A client of other servers; clones share its connections.
#[derive(Debug, Clone)]
pub struct Fetch {
    client: Client,
}

/// A document with what its server says of it.
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    /// How long it may be kept, if the server says so.
    pub(crate) max_age: Option<Duration>,
}

impl Fetch {
    /// A client without connections.
    ///
    /// Errors: TLS can't be set up
    pub fn new() -> Result<Self, String> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            .connect_timeout(CONNECT)
            .user_agent(concat!("moocflix/", env!("CARGO_PKG_VERSION")));
        let client = client.build().map_err(|error| error.to_string())?;
        Ok(Self { client })
    }

    /// A `GET` of this address.
    pub fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    /// A `POST` to this address.
    pub fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Sends a request and reads the JSON document that answers it.
    ///
    /// Errors: there is none
    pub async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, FetchError> {
        let (url, fetched) = self.bytes(request).await?;
        serde_json::from_slice(&fetched.bytes).map_err(|error| FetchError::Garbage(url, error.to_string()))
    }

    /// Sends a request and reads the answer's body; the text is the address that was asked.
    pub(crate) async fn bytes(&self, request: RequestBuilder) -> Result<(String, Fetched), FetchError> {
        let request = request.build().map_err(|error| no_answer("the address", &error))?;
        // Without a query, where secrets may stand.
        let url = format!(
            "{}{}",
            request.url().origin().ascii_serialization(),
            request.url().path()
        );
        let sent = self.client.execute(request).await;
        let mut answer = sent.map_err(|error| no_answer(&url, &error))?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Refused(url, answer.status()));
        }
        let max_age = answer.headers().get(http::header::CACHE_CONTROL).and_then(max_age);
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| no_answer(&url, &error))? {
            if bytes.len() + part.len() > MAX_BYTES {
                return Err(FetchError::Garbage(url, format!("it is longer than {MAX_BYTES} bytes")));
            }
            bytes.extend_from_slice(&part);
        }
        Ok((url, Fetched { bytes, max_age }))
    }
}

fn no_answer(url: &str, error: &reqwest::Error) -> FetchError {
    // The innermost cause says what has happened; the outer ones repeat the address.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    FetchError::NoAnswer(url.to_owned(), cause.to_string())
}

fn max_age(header: &http::HeaderValue) -> Option<Duration> {
    let words = header.to_str().ok()?.split(',').map(str::trim);
    let seconds = words.filter_map(|word| word.strip_prefix("max-age=")).next()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// Whether what is sent to an address stays between the two servers: by TLS, or on this machine.
#[must_use]
pub fn is_safe_url(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || url.scheme() == "http" && is_here
}
