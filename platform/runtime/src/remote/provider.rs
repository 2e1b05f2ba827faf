//! An OpenID Connect provider whose people have accounts here.
//!
//! Source: OpenID Connect Discovery 1.0 §3 and §4

use super::fetch::{Fetch, FetchError, Fetched, is_safe_url};
use super::key_source::KeySource;
use super::provider_config::{Checked, ProviderConfig};
use crate::{ClaimNames, Issuer, KeyFeed, Keys, Shutdown};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use url::Url;

/// How long metadata are kept.
const KEPT: Duration = Duration::from_secs(3_600);
/// How long a provider that gave none is not asked again: strangers decide how often it would be.
const PAUSE: Duration = Duration::from_secs(5);

/// What a provider says of itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    /// Its exact name.
    pub issuer: String,
    /// Where its keys are.
    #[serde(default, deserialize_with = "address")]
    pub jwks_uri: Option<Url>,
    /// Where people sign in.
    #[serde(default, deserialize_with = "address")]
    pub authorization_endpoint: Option<Url>,
    /// Where a code is exchanged for tokens.
    #[serde(default, deserialize_with = "address")]
    pub token_endpoint: Option<Url>,
    /// Where an access token opens the claims of its person.
    #[serde(default, deserialize_with = "address")]
    pub userinfo_endpoint: Option<Url>,
    /// How clients may show their secret.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

fn address<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(source)?;
    text.map(|text| Url::parse(&text).map_err(D::Error::custom)).transpose()
}

/// How long keys are not fetched again after a token named one that is unknown, or after the provider gave none.
const REST: Duration = Duration::from_secs(30);

type Asked = Result<Arc<Metadata>, Arc<FetchError>>;

/// A provider.
pub struct Provider {
    /// The name in the configuration and in addresses.
    pub name: String,
    /// What the operator says of it.
    pub config: ProviderConfig,
    /// Asks it.
    pub fetch: Fetch,
    checked: Checked,
    keys: Keys,
    metadata: Mutex<Option<(Instant, Asked)>>,
}

impl Provider {
    /// A provider that was not asked anything yet, and what brings its keys.
    ///
    /// Errors: the key of the configuration that is wrong
    pub fn new(name: &str, config: ProviderConfig, fetch: Fetch) -> Result<(Arc<Self>, KeyFeed), String> {
        let checked = config.check(name)?;
        let (keys, feed) = Keys::from_elsewhere();
        let provider = Self {
            name: name.to_owned(),
            config,
            fetch,
            checked,
            keys,
            metadata: Mutex::default(),
        };
        Ok((Arc::new(provider), feed))
    }

    /// The exact `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.checked.issuer
    }

    /// How its claims are named.
    #[must_use]
    pub const fn claims(&self) -> &ClaimNames {
        &self.checked.claims
    }

    /// What checks the tokens that apps send as bearers, if they may.
    #[must_use]
    pub fn of_bearers(&self) -> Option<Issuer> {
        self.config
            .audience
            .as_deref()
            .map(|audience| self.issuer_for(audience))
    }

    /// What checks the tokens that the page's sign-in gets, if there is one.
    #[must_use]
    pub fn of_sign_ins(&self) -> Option<Issuer> {
        self.config.client_id.as_deref().map(|client| self.issuer_for(client))
    }

    fn issuer_for(&self, audience: &str) -> Issuer {
        Issuer {
            external: Some(self.checked.claims.clone()),
            algorithms: self.checked.algorithms.clone(),
            ..Issuer::own(self.issuer(), audience, self.keys.clone())
        }
    }

    /// What the provider says of itself; asked at most once an hour, and once for all who want to know.
    ///
    /// Errors: it doesn't answer, or with what can't be
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Arc<FetchError>> {
        let mut kept = self.metadata.lock().await;
        if let Some((at, asked)) = kept.as_ref()
            && at.elapsed() < if asked.is_ok() { KEPT } else { PAUSE }
        {
            return asked.clone();
        }
        let asked = self.ask().await.map(Arc::new).map_err(Arc::new);
        *kept = Some((Instant::now(), asked.clone()));
        asked
    }

    async fn ask(&self) -> Result<Metadata, FetchError> {
        let url = format!(
            "{}/.well-known/openid-configuration",
            self.issuer().trim_end_matches('/')
        );
        let garbage = |why: &str| FetchError::Garbage(url.clone(), why.to_owned());
        let address = Url::parse(&url).map_err(|error| garbage(&error.to_string()))?;
        let metadata: Metadata = self.fetch.json(self.fetch.get(address)).await?;
        if metadata.issuer != self.issuer() {
            return Err(garbage("its issuer is another"));
        }
        let named = [
            &metadata.jwks_uri,
            &metadata.authorization_endpoint,
            &metadata.token_endpoint,
            &metadata.userinfo_endpoint,
        ];
        if !named.into_iter().flatten().all(is_safe_url) {
            return Err(garbage("an address in it is not https"));
        }
        Ok(metadata)
    }

    /// Fetches the keys as long as the process runs. While the provider is away its keys stay good for a day.
    ///
    /// Errors: none; the result fits a task of the process
    pub async fn follow_keys(&self, feed: KeyFeed, shutdown: Shutdown) -> Result<(), String> {
        let source = KeySource {
            name: &self.name,
            rest: REST,
            fetch: || async move { self.keys().await.map_err(|why| why.to_string()) },
        };
        source.follow(feed, shutdown).await
    }

    /// Fetches the keys.
    async fn keys(&self) -> Result<Fetched, Arc<FetchError>> {
        let url = match &self.checked.jwks_url {
            Some(url) => url.clone(),
            None => {
                let found = self.metadata().await?.jwks_uri.clone();
                found.ok_or_else(|| FetchError::Garbage(self.issuer().to_owned(), "it names no keys".to_owned()))?
            }
        };
        let fetched = self.fetch.bytes(self.fetch.get(url)).await;
        fetched.map(|(_, fetched)| fetched).map_err(Arc::new)
    }
}
