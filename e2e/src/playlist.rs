//! Reads playlists as far as the scenarios need; another parser checks whether they are valid.

use crate::api::Api;
use anyhow::{Context, Result};

/// A media playlist with everything that it lists, as paths on the server.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// `source`, `audio`, …
    pub name: String,
    /// The media playlist.
    pub playlist: String,
    /// The initialization segment.
    pub init: String,
    /// The media segments in order.
    pub segments: Vec<String>,
}

/// Resolves a relative address from a playlist to a path on the server.
#[must_use]
pub fn beside(playlist: &str, uri: &str) -> String {
    let folder = playlist.rsplit_once('/').map_or("", |(folder, _)| folder);
    if uri.starts_with('/') {
        uri.to_owned()
    } else {
        format!("{folder}/{uri}")
    }
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

/// The media playlists that a multivariant playlist lists, variants first.
#[must_use]
pub fn renditions(path: &str, text: &str) -> Vec<String> {
    let variants = text.lines().filter(|it| !it.is_empty() && !it.starts_with('#'));
    let groups = text
        .lines()
        .filter(|it| it.starts_with("#EXT-X-MEDIA:"))
        .filter_map(|it| attribute(it, "URI"));
    variants.chain(groups).map(|it| beside(path, it)).collect()
}

/// Reads a media playlist.
pub fn media(path: &str, text: &str) -> Result<Rendition> {
    let map = text
        .lines()
        .find(|it| it.starts_with("#EXT-X-MAP:"))
        .and_then(|it| attribute(it, "URI"));
    let uris = text.lines().filter(|it| !it.is_empty() && !it.starts_with('#'));
    let name = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
    Ok(Rendition {
        name,
        playlist: path.to_owned(),
        init: beside(path, map.context("no EXT-X-MAP")?),
        segments: uris.map(|it| beside(path, it)).collect(),
    })
}

/// Fetches a multivariant playlist and every playlist that it lists.
pub async fn open(api: &Api, hls_url: &str) -> Result<Vec<Rendition>> {
    let index = api.fetch(hls_url).await?.expect(200)?;
    let mut all = Vec::new();
    for path in renditions(hls_url, &index.text()) {
        let answer = api.fetch(&path).await?.expect(200)?;
        all.push(media(&path, &answer.text()).with_context(|| answer.text())?);
    }
    anyhow::ensure!(!all.is_empty(), "no renditions in {}", index.text());
    Ok(all)
}
