//! Checks growing playlists: compares each version with the previous ones.

use crate::api::Api;
use crate::ladder::extinf;
use crate::playlist;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::time::Instant;

/// The history of one media playlist.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The latest version.
    pub text: String,
    /// The number of versions.
    pub versions: usize,
    /// Whether the playlist has ended.
    pub ended: bool,
    /// How far it reached at which time, in order.
    pub reached: Vec<(Instant, f64)>,
}

/// Watches everything that a multivariant playlist lists.
#[derive(Debug, Default)]
pub struct Growing {
    /// Media playlists by path.
    pub seen: BTreeMap<String, Seen>,
}

fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|it| it.strip_prefix(name))
}

/// For how many seconds a response may be cached.
fn max_age(cache_control: &str) -> Option<f64> {
    let (_, rest) = cache_control.split_once("max-age=")?;
    rest.split(',').next()?.trim().parse().ok()
}

impl Seen {
    /// The total duration in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        extinf(&self.text).iter().sum()
    }

    fn next(&mut self, text: &str, cache_control: &str) -> Result<()> {
        let target: f64 = tag(text, "#EXT-X-TARGETDURATION:")
            .and_then(|it| it.parse().ok())
            .with_context(|| format!("no target: {text}"))?;
        let long = extinf(text).into_iter().find(|it| it.round() > target);
        ensure!(long.is_none(), "{long:?} s are more than {target}");
        let ended = text.lines().any(|it| it == "#EXT-X-ENDLIST");
        let kind = tag(text, "#EXT-X-PLAYLIST-TYPE:");
        if ended {
            ensure!(kind == Some("VOD") || kind == Some("EVENT"), "{kind:?} at its end");
        } else {
            ensure!(kind == Some("EVENT"), "{kind:?} while it grows");
            let start = tag(text, "#EXT-X-START:").with_context(|| format!("no start: {text}"))?;
            ensure!(
                start
                    .split(',')
                    .any(|it| it.strip_prefix("TIME-OFFSET=").and_then(|it| it.parse().ok()) == Some(0.0)),
                "EXT-X-START:{start}"
            );
            let age = max_age(cache_control).unwrap_or_default();
            ensure!(
                age <= target / 2.0 && (age > 0.0 || !cache_control.is_empty()),
                "a growing playlist may be cached: {cache_control}, target {target}"
            );
        }
        if self.versions > 0 {
            ensure!(
                tag(&self.text, "#EXT-X-TARGETDURATION:") == tag(text, "#EXT-X-TARGETDURATION:"),
                "the target changed"
            );
            ensure!(
                tag(&self.text, "#EXT-X-MAP:") == tag(text, "#EXT-X-MAP:"),
                "the init segment changed"
            );
            let before = entries(&self.text);
            let now = entries(text);
            ensure!(
                now.starts_with(&before),
                "listed segments have changed:\n{}\nbecame\n{text}",
                self.text
            );
            ensure!(!self.ended || self.text == text, "it continued after its end");
        }
        if self.text != text {
            self.versions += 1;
        }
        self.ended = ended;
        text.clone_into(&mut self.text);
        self.reached.push((Instant::now(), self.seconds()));
        Ok(())
    }
}

/// The segments of a playlist with all tags of each.
fn entries(text: &str) -> Vec<&str> {
    let lines = text.lines().skip_while(|it| !it.starts_with("#EXTINF:"));
    lines.filter(|it| *it != "#EXT-X-ENDLIST" && !it.is_empty()).collect()
}

impl Growing {
    /// Fetches everything that is listed by now; returns whether all playlists have ended.
    pub async fn look(&mut self, api: &Api, hls_url: &str) -> Result<bool> {
        let index = api.fetch(hls_url).await?.expect(200)?.text();
        let mut ended = true;
        for path in playlist::renditions(hls_url, &index) {
            let answer = api.fetch(&path).await?.expect(200)?;
            let seen = self.seen.entry(path.clone()).or_default();
            let name = path.rsplit('/').nth(1).unwrap_or_default();
            seen.next(&answer.text(), answer.header("cache-control"))
                .with_context(|| name.to_owned())?;
            ended &= seen.ended;
        }
        // a rendition that was listed once must remain for players that started with it
        for (path, seen) in self.seen.iter_mut().filter(|(path, _)| !index.contains(&tail(path))) {
            let answer = api.fetch(path).await?.expect(200).context("it is no longer listed")?;
            seen.next(&answer.text(), answer.header("cache-control"))?;
        }
        Ok(ended)
    }

    /// A rendition by its name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Seen> {
        let found = self.seen.iter().find(|(path, _)| path.rsplit('/').nth(1) == Some(name));
        found.map(|(_, seen)| seen)
    }
}

/// A media playlist's path, as the multivariant playlist lists it.
fn tail(path: &str) -> String {
    let parts: Vec<&str> = path.rsplitn(4, '/').collect();
    parts.iter().take(3).rev().copied().collect::<Vec<_>>().join("/")
}
