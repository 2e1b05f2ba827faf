//! The fields of a request to one of OAuth 2.0's endpoints.
//!
//! Source: RFC 6749 §3.2: unknown fields are ignored, empty ones count as absent, and none may be repeated

use super::documents::TokenError;
use axum::body::{Body, to_bytes};
use http::HeaderMap;
use runtime::{accept, object_from_slice};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const MAX_BODY: usize = 64 * 1_024;

/// The fields of a form, or of a JSON object with the same names.
#[derive(Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads a request's body.
    pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, TokenError> {
        let refused = |why| TokenError::new("invalid_request", why);
        let bytes = to_bytes(body, MAX_BODY)
            .await
            .map_err(|_| refused("the body is too long or incomplete"))?;
        match accept::content_type(headers).as_str() {
            _ if bytes.is_empty() => Ok(Self::default()),
            "application/x-www-form-urlencoded" => Self::of_form(&bytes),
            "application/json" => {
                Self::of_json(&bytes).ok_or_else(|| refused("the body is no valid JSON object of texts"))
            }
            _ => Err(refused("the body must be application/x-www-form-urlencoded")),
        }
    }

    fn of_form(body: &[u8]) -> Result<Self, TokenError> {
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if fields.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(TokenError::new("invalid_request", "a parameter is repeated"));
            }
        }
        Ok(Self(fields))
    }

    fn of_json(body: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = object_from_slice(body).ok()?;
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Bool(is) => Some(is.to_string()),
            Value::Null => Some(String::new()),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let fields = object.into_iter().map(|(name, value)| Some((name, text(value)?)));
        fields.collect::<Option<_>>().map(Self)
    }

    /// A field, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A field that is `true` or `false`, the latter if it is absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, TokenError> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => {
                let why = format!("{name} must be true or false");
                Err(TokenError::new("invalid_request", &why))
            }
        }
    }
}
