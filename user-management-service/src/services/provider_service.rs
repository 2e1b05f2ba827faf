//! Signs people in by their OpenID Connect provider.
//!
//! What a sign-in has to remember while the person is at the provider is in their browser's cookie, sealed: the server
//! keeps nothing of sign-ins that were begun, and no other browser can finish one.
//!
//! Source: OpenID Connect Core 1.0 §3.1, RFC 7636 (PKCE), RFC 9207 (`iss` in the answer)

use super::error::{Failure, ProviderError, SessionError};
use super::session_service::{SessionService, SignedIn};
use crate::models::sessions::return_path;
use crate::repositories::identities::identity_repository::IdentityRepository;
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::Timestamp;
use contracts::questions::ExternalIdentity;
use runtime::remote::{FetchError, Metadata, Provider};
use runtime::secrets::{SealError, Sealer, derive};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

const KEY: &str = "moocflix sign-in with a provider 1";
/// How long a person may stay at the provider.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How old a sign-in at the provider may be that opens one here; asking makes providers say how old it is.
const OLDEST: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How far the provider's clock may be apart.
const LEEWAY: Duration = Duration::from_secs(60);

/// Where a provider sends browsers back to, by the platform's address and the provider's name.
pub(crate) type Callback = fn(&str, &str) -> String;

/// What the person wants of a sign-in.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Wish {
    /// Where to go then, a path of the page.
    pub(crate) return_to: Option<String>,
    /// Whether to restore a deactivated account.
    pub(crate) reactivate: bool,
    /// Whether the provider shall ask for the password again.
    pub(crate) fresh: bool,
}

/// A sign-in that was begun, in the browser's cookie.
#[derive(Serialize, Deserialize)]
struct Begun {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    at: Timestamp,
    wish: Wish,
}

/// What the provider sends the browser back with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Answer {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) iss: Option<String>,
    pub(crate) error: Option<String>,
}

/// The part of the token endpoint's answer that matters here.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// Signs people in by their providers.
#[derive(Clone)]
pub(crate) struct ProviderService {
    providers: Arc<Vec<Arc<Provider>>>,
    sealer: Arc<Sealer>,
    /// Where providers send browsers back to, by the platform's address and the provider's name.
    callback: Callback,
    identities: IdentityRepository,
    sessions: SessionService,
}

impl ProviderService {
    pub(crate) fn new(
        providers: Vec<Arc<Provider>>,
        secret: &[u8],
        identities: IdentityRepository,
        sessions: SessionService,
        callback: Callback,
    ) -> Result<Self, SealError> {
        Ok(Self {
            providers: Arc::new(providers),
            sealer: Arc::new(Sealer::new(&derive(secret, KEY))?),
            callback,
            identities,
            sessions,
        })
    }

    /// The providers that the page offers.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &Provider> {
        let all = self.providers.iter().map(AsRef::as_ref);
        all.filter(|provider| provider.config.client_id.is_some())
    }

    /// Begins a sign-in: where to send the browser, and the text that its cookie keeps meanwhile.
    pub(crate) async fn begin(&self, name: &str, wish: Wish) -> Result<(Url, String), ProviderError> {
        let provider = self.provider(name)?;
        if wish
            .return_to
            .as_deref()
            .is_some_and(|path| !return_path::is_ours(path))
        {
            return Err(ProviderError::Elsewhere);
        }
        let metadata = provider.metadata().await.map_err(|why| unanswered(provider, &why))?;
        let endpoint = metadata.authorization_endpoint.clone();
        let mut url = endpoint.ok_or_else(|| ProviderError::Wrong("it has no sign-in".to_owned()))?;
        let begun = Begun {
            provider: name.to_owned(),
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            at: self.sessions.clock.now(),
            wish,
        };
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, begun.verifier.as_bytes()));
        let oldest = if begun.wish.fresh { 0 } else { OLDEST.as_secs() };
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", provider.config.client_id.as_deref().unwrap_or_default())
            .append_pair("redirect_uri", &self.redirect_uri(provider))
            .append_pair("scope", &provider.config.scopes)
            .append_pair("state", &begun.state)
            .append_pair("nonce", &begun.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("max_age", &oldest.to_string());
        if begun.wish.fresh {
            url.query_pairs_mut().append_pair("prompt", "login");
        }
        let plain = serde_json::to_vec(&begun).map_err(|error| Failure::Internal(error.to_string()))?;
        let sealed = self.sealer.seal(KEY.as_bytes(), &plain)?;
        Ok((url, URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Ends a sign-in with what the provider has answered and the browser's cookie has kept; returns the wish in any case,
    /// if the cookie holds one.
    pub(crate) async fn finish(
        &self,
        name: &str,
        answer: Answer,
        kept: Option<&str>,
    ) -> (Option<Wish>, Result<SignedIn, ProviderError>) {
        let begun = kept
            .and_then(|text| self.open(text))
            .filter(|begun| begun.provider == name);
        let Some(begun) = begun else {
            return (None, self.provider(name).and(Err(ProviderError::Expired)));
        };
        let wish = begun.wish.clone();
        (Some(wish), self.sign_in(name, answer, begun).await)
    }

    async fn sign_in(&self, name: &str, answer: Answer, begun: Begun) -> Result<SignedIn, ProviderError> {
        let provider = self.provider(name)?;
        let now = self.sessions.clock.now();
        if now.since(begun.at) > PATIENCE || answer.state.as_deref() != Some(begun.state.as_str()) {
            return Err(ProviderError::Expired);
        }
        if answer.iss.is_some_and(|iss| iss != provider.issuer()) {
            return Err(ProviderError::Wrong("the answer is another provider's".to_owned()));
        }
        match (answer.error.as_deref(), answer.code) {
            (None, Some(code)) => {
                let identity = self.identify(provider, &code, &begun, now).await?;
                self.admit(identity, &begun.wish, now).await
            }
            (Some("access_denied"), _) => Err(ProviderError::Cancelled),
            (Some("temporarily_unavailable" | "server_error"), _) => {
                Err(ProviderError::Unavailable("it says so itself".to_owned()))
            }
            (Some(_), _) => Err(ProviderError::Wrong("it refuses the sign-in".to_owned())),
            (None, None) => Err(ProviderError::Wrong("there is no code".to_owned())),
        }
    }

    /// Exchanges the code, and reads who has signed in.
    async fn identify(
        &self,
        provider: &Provider,
        code: &str,
        begun: &Begun,
        now: Timestamp,
    ) -> Result<ExternalIdentity, ProviderError> {
        let metadata = provider.metadata().await.map_err(|why| unanswered(provider, &why))?;
        let tokens = self.exchange(provider, &metadata, code, &begun.verifier).await?;
        let issuer = provider.of_sign_ins().ok_or(ProviderError::NotFound)?;
        let claims = issuer.read_id_token(&tokens.id_token, now).await;
        let claims = claims.map_err(|why| ProviderError::Wrong(format!("its ID token: {why}")))?;
        if claims.nonce.as_deref() != Some(begun.nonce.as_str()) {
            return Err(ProviderError::Wrong(
                "its ID token belongs to another sign-in".to_owned(),
            ));
        }
        let mut identity = claims.identity;
        let oldest = if begun.wish.fresh { begun.at } else { now - OLDEST };
        if identity.auth_time.map_or(begun.wish.fresh, |at| at + LEEWAY < oldest) {
            return Err(ProviderError::Wrong(
                "it has not asked for the password again".to_owned(),
            ));
        }
        if let (None, Some(token), Some(url)) = (&identity.email, tokens.access_token, &metadata.userinfo_endpoint) {
            let asked = provider.fetch.get(url.clone()).bearer_auth(token);
            let more: Map<String, Value> = provider.fetch.json(asked).await.unwrap_or_else(|why| {
                // Only an address and a name were wanted.
                tracing::warn!(provider = provider.name, error = %why, "a provider's claims can't be read");
                Map::new()
            });
            match more.get("sub") {
                Some(sub) if sub.as_str() == Some(identity.subject.as_str()) => {
                    identity.email = runtime::verified_email(&more, provider.claims());
                    let name = more.get(&provider.claims().name).and_then(Value::as_str);
                    identity.name = identity.name.or_else(|| name.map(str::to_owned));
                }
                Some(_) => return Err(ProviderError::Wrong("its claims are another person's".to_owned())),
                None => (),
            }
        }
        Ok(identity)
    }

    async fn exchange(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> Result<Tokens, ProviderError> {
        let endpoint = metadata.token_endpoint.clone();
        let endpoint = endpoint.ok_or_else(|| ProviderError::Wrong("it gives no tokens".to_owned()))?;
        let client = provider.config.client_id.as_deref().unwrap_or_default();
        let redirect = self.redirect_uri(provider);
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", verifier),
        ];
        let mut request = provider.fetch.post(endpoint);
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let takes_basic = methods.is_none_or(|all| all.iter().any(|method| method == "client_secret_basic"));
        match &provider.config.client_secret {
            Some(secret) if takes_basic => {
                // RFC 6749 §2.3.1: both parts in form encoding.
                let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                request = request.basic_auth(encoded(client), Some(encoded(secret.expose_secret())));
            }
            Some(secret) => form.extend([("client_id", client), ("client_secret", secret.expose_secret())]),
            None => form.push(("client_id", client)),
        }
        let asked = provider.fetch.json(request.form(&form)).await;
        asked.map_err(|why| unanswered(provider, &why))
    }

    /// Opens a sign-in here for somebody whom the provider has identified.
    async fn admit(&self, identity: ExternalIdentity, wish: &Wish, now: Timestamp) -> Result<SignedIn, ProviderError> {
        let mut user = self.identities.user_of(&identity, now).await?;
        if self.sessions.acts.settle(user.id).await? {
            // A deactivation is stored now.
            user = self.identities.user_of(&identity, now).await?;
        }
        if user.deactivated_at.is_some() {
            if !wish.reactivate {
                return Err(ProviderError::Deactivated);
            }
            user = self.sessions.users.reactivate(user.id, now).await?;
        }
        // Somebody of whom the provider doesn't say when it asked for the password has not given it lately.
        let auth_time = identity.auth_time.unwrap_or(Timestamp(0));
        let opened = self.sessions.open(user, None, Some(auth_time)).await;
        opened.map_err(|why| match why {
            SessionError::Failed(failure) => ProviderError::Failed(failure),
            other => ProviderError::Failed(Failure::Internal(other.to_string())),
        })
    }

    fn provider(&self, name: &str) -> Result<&Provider, ProviderError> {
        self.offered()
            .find(|provider| provider.name == name)
            .ok_or(ProviderError::NotFound)
    }

    fn redirect_uri(&self, provider: &Provider) -> String {
        (self.callback)(self.sessions.issuer.name(), &provider.name)
    }

    fn open(&self, text: &str) -> Option<Begun> {
        let plain = self
            .sealer
            .open(KEY.as_bytes(), &URL_SAFE_NO_PAD.decode(text).ok()?)
            .ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// 256 random bits.
fn random() -> Result<String, SealError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| SealError)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn unanswered(provider: &Provider, why: &FetchError) -> ProviderError {
    tracing::warn!(provider = provider.name, error = %why, "a provider can't be asked");
    match why {
        FetchError::NoAnswer(..) => ProviderError::Unavailable(why.to_string()),
        FetchError::Refused(_, status) if status.is_server_error() => ProviderError::Unavailable(why.to_string()),
        FetchError::Refused(..) | FetchError::Garbage(..) => ProviderError::Wrong(why.to_string()),
    }
}
