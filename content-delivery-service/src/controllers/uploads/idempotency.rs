//! `Idempotency-Key` of requests that create lectures.

use super::errors::malformed_header;
use super::tus_headers::single;
use backing::once::Request;
use contracts::UserId;
use http::{HeaderMap, HeaderName};
use runtime::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request that its client has named. `parts` are what its repetitions have in common with it.
pub(super) fn named_request(headers: &HeaderMap, owner: UserId, parts: &[&str]) -> Result<Option<Request>, Problem> {
    single(headers, &IDEMPOTENCY_KEY)?
        .map(|key| Request::new(&owner.to_string(), key, parts))
        .transpose()
        .map_err(|what| malformed_header(format!("Idempotency-Key {what}")))
}
