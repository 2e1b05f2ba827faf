//! What an operator says of an OpenID Connect provider.

use super::fetch::is_safe_url;
use crate::ClaimNames;
use contracts::Role;
use jsonwebtoken::Algorithm;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// The keys of `[users.providers.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// The exact `iss` of its tokens; its metadata are below this address.
    pub issuer: Option<String>,
    /// What the page calls it; without one, the name of the section.
    pub label: Option<String>,
    /// The exact `aud` of tokens that apps send as bearers; without one, no such token is accepted.
    pub audience: Option<String>,
    /// This platform's name at the provider; without one, the page offers no sign-in with it.
    pub client_id: Option<String>,
    /// This platform's secret at the provider; a public client has none.
    pub client_secret: Option<SecretString>,
    /// What the page's sign-in asks for: words with a space between two of them.
    pub scopes: String,
    /// What its tokens may be signed with.
    pub algorithms: Vec<String>,
    /// Where its keys are, if its metadata don't say so.
    pub jwks_url: Option<String>,
    /// Whether the bearers that it makes may lack `typ`.
    pub untyped_bearers: bool,
    /// The claim with the e-mail address.
    pub email_claim: String,
    /// The claim with the name.
    pub name_claim: String,
    /// The claim with its roles, if they mean something here.
    pub roles_claim: Option<String>,
    /// What they mean here.
    ///
    /// Shape: `theirs=ours`, ours one of learner and instructor
    pub roles: Vec<String>,
}

/// A configuration that was checked.
pub(crate) struct Checked {
    pub(crate) issuer: String,
    pub(crate) jwks_url: Option<Url>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) claims: ClaimNames,
}

impl ProviderConfig {
    /// Checks all keys.
    ///
    /// Errors: the key that is wrong, and what it must be
    pub fn validate(&self, name: &str) -> Result<(), String> {
        self.check(name).map(|_| ())
    }

    /// What the keys mean.
    pub(crate) fn check(&self, name: &str) -> Result<Checked, String> {
        let wrong = |key: &str, must: &str| Err(format!("users.providers.{name}.{key}: {must}"));
        let Some(issuer) = &self.issuer else {
            return wrong("issuer", "must be set");
        };
        if !is_address(issuer) {
            return wrong("issuer", ADDRESS);
        }
        let named = [&self.audience, &self.client_id, &self.jwks_url, &self.roles_claim];
        if named
            .into_iter()
            .flatten()
            .chain([issuer])
            .any(|text| text.trim() != text)
        {
            return wrong("issuer", "must not begin or end with a space, nor must the other names");
        }
        if self.client_secret.is_some() && self.client_id.is_none() {
            return wrong("client_id", "must be set with client_secret");
        }
        if self.audience.is_none() && self.client_id.is_none() {
            return wrong("audience", "must be set, or client_id, or both");
        }
        let jwks_url = match self.jwks_url.as_deref().map(Url::parse) {
            None => None,
            Some(Ok(url)) if is_safe_url(&url) => Some(url),
            Some(_) => return wrong("jwks_url", ADDRESS),
        };
        let algorithms: Option<Vec<_>> = self.algorithms.iter().map(|name| algorithm(name)).collect();
        let Some(algorithms) = algorithms.filter(|all| !all.is_empty()) else {
            return wrong("algorithms", ALGORITHMS);
        };
        if !self.scopes.split(' ').any(|scope| scope == "openid") {
            return wrong("scopes", "must contain openid");
        }
        let mapped: Option<BTreeMap<_, _>> = self.roles.iter().map(|line| mapping(line)).collect();
        let Some(mapped) = mapped else {
            return wrong("roles", ROLES);
        };
        if self.roles_claim.is_some() == mapped.is_empty() {
            return wrong("roles", "and roles_claim go together: set both, or none");
        }
        Ok(Checked {
            issuer: issuer.clone(),
            jwks_url,
            algorithms,
            claims: ClaimNames {
                email: self.email_claim.clone(),
                name: self.name_claim.clone(),
                roles: self.roles_claim.clone(),
                mapped,
                untyped: self.untyped_bearers,
            },
        })
    }
}

const ADDRESS: &str = "must be an address with https://; with http:// on this machine alone";
const ALGORITHMS: &str = "must be some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA";
const ROLES: &str = "must be entries theirs=ours, ours learner or instructor; an admin is made on the machine";

fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        is_safe_url(&url) && url.username().is_empty() && url.query().is_none() && url.fragment().is_none()
    })
}

/// An algorithm whose keys can be published; a shared secret would let its holders make tokens.
fn algorithm(name: &str) -> Option<Algorithm> {
    let read: Algorithm = name.parse().ok()?;
    (!matches!(read, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)).then_some(read)
}

fn mapping(line: &str) -> Option<(String, Role)> {
    // Their names may contain the sign, ours don't.
    let (theirs, ours) = line.rsplit_once('=')?;
    let ours: Role = ours.trim().parse().ok()?;
    let theirs = theirs.trim();
    (ours != Role::Admin && !theirs.is_empty()).then(|| (theirs.to_owned(), ours))
}
