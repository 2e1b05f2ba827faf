//! What tokens of other issuers say of people.
//!
//! Source: OpenID Connect Core 1.0 §2 and §5.1, RFC 7519 §4.1

use contracts::questions::ExternalIdentity;
use contracts::{Role, Roles, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far another issuer's clock may be apart from this one.
const LEEWAY_SECONDS: i64 = 60;
/// Longer subjects are refused: OpenID Connect allows none.
const MAX_SUBJECT: usize = 255;

/// The names of claims.
#[derive(Debug, Clone, Default)]
pub struct ClaimNames {
    /// Holds the e-mail address; it counts where `email_verified` is true.
    pub email: String,
    /// Holds the name that other people see.
    pub name: String,
    /// Holds the issuer's roles: a text, words in a text, or a list of texts. Where no claim has this name, its parts between
    /// dots name claims in claims, such as `realm_access.roles`.
    pub roles: Option<String>,
    /// The roles here, by the issuer's.
    pub mapped: BTreeMap<String, Role>,
    /// Whether bearers may lack `typ`.
    pub untyped: bool,
}

/// What a token of another issuer says, once its signature is checked.
#[derive(Debug, Clone)]
pub struct ExternalClaims {
    /// Who it names.
    pub identity: ExternalIdentity,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// The value that the sign-in which asked for the token had chosen.
    pub nonce: Option<String>,
    /// The client that it was made for, if it says so.
    pub(crate) party: Option<String>,
}

impl ExternalClaims {
    /// When the token is refused because it has run out, the other clock's error allowed for.
    pub(crate) fn refused_from(&self) -> Timestamp {
        self.expires_at + Duration::from_secs(LEEWAY_SECONDS.unsigned_abs())
    }
}

/// Reads the claims of a token that this issuer has signed for this audience; none if they aren't in order.
pub(crate) fn read(
    claims: &Map<String, Value>,
    (issuer, audience): (&str, &str),
    names: &ClaimNames,
    now: Timestamp,
) -> Option<ExternalClaims> {
    let latest = now.seconds() + LEEWAY_SECONDS;
    let (issued_at, expires_at) = (moment(claims, "iat")??, moment(claims, "exp")??);
    let auth_time = moment(claims, "auth_time")?;
    let begun = [Some(issued_at), moment(claims, "nbf")?, auth_time];
    if begun.into_iter().flatten().any(|at| at > latest) || expires_at <= issued_at {
        return None;
    }
    let is_addressed = match claims.get("aud")? {
        Value::String(one) => *one == audience,
        // Whoever else is named may hold the token, too; they must not be able to use it here unless it was made for us.
        Value::Array(all) => all.iter().all(Value::is_string) && all.iter().any(|one| *one == audience),
        _ => false,
    };
    let subject = claims.get("sub")?.as_str()?;
    let is_subject = (1..=MAX_SUBJECT).contains(&subject.len()) && !subject.chars().any(char::is_control);
    if !is_addressed || !is_subject {
        return None;
    }
    Some(ExternalClaims {
        identity: ExternalIdentity {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            issued_at: Timestamp::from_seconds(issued_at),
            auth_time: auth_time.map(Timestamp::from_seconds),
            email: verified_email(claims, names),
            name: text(claims, &names.name),
            roles: names.roles.as_deref().map(|claim| roles(named(claims, claim), names)),
        },
        expires_at: Timestamp::from_seconds(expires_at),
        nonce: text(claims, "nonce"),
        party: text(claims, "azp"),
    })
}

/// The e-mail address that claims hold, if they say that it is verified.
pub fn verified_email(claims: &Map<String, Value>, names: &ClaimNames) -> Option<String> {
    let is_verified = claims.get("email_verified") == Some(&Value::Bool(true));
    text(claims, &names.email).filter(|_| is_verified)
}

/// A claim that is a text and not empty.
fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = claims.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Seconds since 1970; the outer `None` stands for what is no such number.
///
/// Source: RFC 7519 §2 (`NumericDate`), which allows fractions
fn moment(claims: &Map<String, Value>, name: &str) -> Option<Option<i64>> {
    /// The year 9999, the last that the database can keep.
    const LAST: i64 = 253_402_300_799;
    let Some(value) = claims.get(name) else {
        return Some(None);
    };
    let whole = value.as_i64().or_else(|| whole_seconds(value.as_f64()?));
    whole.filter(|at| (0..=LAST).contains(at)).map(Some)
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
fn whole_seconds(seconds: f64) -> Option<i64> {
    (0.0..1e12).contains(&seconds).then_some(seconds as i64)
}

/// The claim of a name, or of a path of names.
fn named<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        named(claims.get(first)?.as_object()?, rest)
    })
}

fn roles(claim: Option<&Value>, names: &ClaimNames) -> Roles {
    let words: Vec<&str> = match claim {
        Some(Value::String(text)) => std::iter::once(text.as_str()).chain(text.split_whitespace()).collect(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    words
        .into_iter()
        .filter_map(|word| names.mapped.get(word).copied())
        .collect()
}
