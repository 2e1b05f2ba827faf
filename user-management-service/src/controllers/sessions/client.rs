//! The credentials of a client at OAuth 2.0's endpoints.
//!
//! Source: RFC 6749 §2.3.1

use super::documents::TokenError;
use super::fields::Fields;
use crate::controllers::state::Api;
use crate::models::clients::client::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The client that a request shows the credentials of, in the header `Authorization: Basic` or in its fields; `None` if it
/// shows no secret.
///
/// Errors: `invalid_client`, or `invalid_request` for credentials in both places
pub(crate) async fn authenticated(
    api: &Api,
    headers: &HeaderMap,
    fields: &Fields,
) -> Result<Option<Client>, TokenError> {
    let in_fields = (fields.get("client_id"), fields.get("client_secret"));
    let (id, secret) = match (basic(headers), in_fields) {
        (Some(_), (_, Some(_))) => {
            let why = "the client's credentials are in the header and in the body";
            return Err(TokenError::new("invalid_request", why));
        }
        (Some(shown), _) => shown.ok_or_else(|| TokenError::invalid_client("these are no credentials"))?,
        (None, (Some(id), Some(secret))) => (id.to_owned(), secret.to_owned()),
        (None, (None, Some(_))) => return Err(TokenError::new("invalid_request", "client_id is needed")),
        (None, (_, None)) => return Ok(None),
    };
    if fields.get("client_id").is_some_and(|other| other != id) {
        return Err(TokenError::new("invalid_request", "client_id is another client's"));
    }
    Ok(Some(api.clients.authenticate(&id, &secret).await?))
}

/// The id and the secret of `Authorization: Basic`, each in form encoding; the inner `None` stands for what is none of it.
fn basic(headers: &HeaderMap) -> Option<Option<(String, String)>> {
    let mut shown = headers.get_all(AUTHORIZATION).iter().filter_map(|header| {
        let (scheme, text) = header.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then_some(text)
    });
    let text = shown.next()?;
    let read = || {
        let pair = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some((decoded(id)?, decoded(secret)?))
    };
    Some(read().filter(|_| shown.next().is_none()))
}

fn decoded(text: &str) -> Option<String> {
    let line = format!("text={text}");
    let mut pairs = url::form_urlencoded::parse(line.as_bytes());
    let (_, value) = pairs.next()?;
    pairs.next().is_none().then(|| value.into_owned())
}
