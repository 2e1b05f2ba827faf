//! An HTTP response, with assertions.

use crate::sure;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::fmt;

/// A response, read to its end.
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub bytes: Bytes,
    /// The body as text; invalid UTF-8 is replaced.
    pub text: String,
    /// The body as JSON; null if it is not JSON.
    pub json: Value,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text)
    }
}

impl Reply {
    /// Reads a response to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = sure(response.bytes().await);
        Self {
            status,
            headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            json: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
        }
    }

    /// A header's value; empty if the header is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| sure(value.to_str()))
    }

    /// The field `id` of the body.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> String {
        let id = self.json["id"].as_str();
        assert!(id.is_some(), "no id: {self:?}");
        id.unwrap_or_default().to_owned()
    }

    /// The names of the fields that a 422 reports.
    #[must_use]
    #[track_caller]
    pub fn fields(&self) -> Vec<&str> {
        let errors = self.json["errors"].as_array();
        assert!(errors.is_some(), "no errors: {self:?}");
        let errors = errors.into_iter().flatten();
        errors
            .map(|error| error["field"].as_str().unwrap_or_default())
            .collect()
    }

    /// Asserts the status.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Asserts a problem document with this status and code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.json["code"].as_str()),
            (status, Some(code)),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["type"], format!("urn:moocflix:problem:{code}"));
        assert!(self.json["request_id"].is_string(), "{self:?}");
    }
}
