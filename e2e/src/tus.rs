//! tus 1.0.0 request by request, so that scenarios can send wrong ones, too.

use crate::api::{Answer, Api};
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Method, RequestBuilder};

/// An unfinished upload.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The video's id, which is the upload's.
    pub id: String,
    /// The path with its key.
    pub url: String,
}

/// A request with the protocol's version.
pub fn request(api: &Api, method: Method, url: &str) -> RequestBuilder {
    api.request(method, url).header("Tus-Resumable", "1.0.0")
}

/// Requests an upload of some length.
pub async fn ask(api: &Api, token: &str, length: &str) -> Result<Answer> {
    let metadata = format!(
        "filename {},filetype {}",
        STANDARD.encode("a.mp4"),
        STANDARD.encode("video/mp4")
    );
    let request = request(api, Method::POST, "/api/v1/content/upload").bearer_auth(token);
    api.send(
        request
            .header("Upload-Length", length)
            .header("Upload-Metadata", metadata),
    )
    .await
}

/// Creates an upload.
pub async fn create(api: &Api, token: &str, length: u64) -> Result<Upload> {
    let answer = ask(api, token, &length.to_string()).await?.expect(201)?;
    let url = answer.header("location").to_owned();
    let key = url.rsplit_once("?k=").with_context(|| format!("no key in {url}"))?.1;
    api.secret(key);
    let id = answer.json()["id"].as_str().context("an id")?.to_owned();
    Ok(Upload { id, url })
}

/// Requests the state of an upload.
pub async fn head(api: &Api, url: &str) -> Result<Answer> {
    api.send(request(api, Method::HEAD, url)).await
}

/// The offset of an upload.
pub async fn offset(api: &Api, url: &str) -> Result<u64> {
    let answer = head(api, url).await?.expect(200)?;
    answer
        .header("upload-offset")
        .parse()
        .with_context(|| format!("{:?}", answer.headers))
}

/// A PATCH, not yet sent.
pub fn patch(api: &Api, url: &str, offset: u64, bytes: impl Into<Body>) -> RequestBuilder {
    let request = request(api, Method::PATCH, url).header("Upload-Offset", offset);
    request
        .header(CONTENT_TYPE, "application/offset+octet-stream")
        .body(bytes)
}

/// Sends bytes from an offset.
pub async fn send(api: &Api, url: &str, offset: u64, bytes: impl Into<Body>) -> Result<Answer> {
    api.send(patch(api, url, offset, bytes)).await
}
